"""Executes one notebook and says how it ended.

papermill marks the cells of a dead kernel ``completed``; what counts here is the exception, error
outputs and execution counts.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["done", "red", "crashed", "died", "timed out", "not run"]
_LONGEST_PARENT = 80
"""Characters of a folder's path that leave room for a socket's name: systems end at 104 or 108."""


def execute(
    source: Path, output: Path, parameters: dict[str, Any], *, seconds: int
) -> tuple[Outcome, str]:
    """Execute a notebook; return how it ended and, in one line, why."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    with _private_folder() as folder:
        # Sockets in a private folder, not loopback ports that all users of the machine can reach.
        sockets = Config({"KernelManager": {
            "transport": "ipc", "ip": f"{folder}/k", "connection_file": f"{folder}/kernel.json",
        }})  # fmt: skip
        try:
            papermill.execute_notebook(
                source, output, parameters, kernel_name="python3", progress_bar=False,
                log_output=False, execution_timeout=seconds, cwd=str(Path.cwd()), config=sockets,
                shutdown_kernel="immediate",
            )  # fmt: skip
        except PapermillExecutionError as error:
            if error.ename == "GateError":
                return "red", str(error.evalue)
            return "crashed", f"{error.ename}: {error.evalue}".splitlines()[0]
        except DeadKernelError:
            return "died", "the kernel died; the cells after it did not run"
        except CellTimeoutError:
            return "timed out", f"a cell took longer than step_timeout: {seconds} s"
        except RuntimeError as error:  # nbclient: the kernel did not start
            return "died", str(error)
    return read_outcome(output)


@contextmanager
def _private_folder() -> Iterator[str]:
    """Make the folder for sockets and all temporary files of a kernel, also of one that is killed.

    A kernel that is killed cannot remove its own, and tokens of the worker lie there.
    """
    before = os.environ.get("TMPDIR")
    parent = before or tempfile.gettempdir()
    if len(parent) > _LONGEST_PARENT:
        parent = "/tmp"  # noqa: S108 - what is made there is private, and its name not foreseeable
    with tempfile.TemporaryDirectory(
        prefix="xcomkit-", dir=parent, ignore_cleanup_errors=True
    ) as folder:
        os.environ["TMPDIR"] = folder
        try:
            yield folder
        finally:
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


def _count_silent_cells(path: Path) -> int:
    """Return how many code cells of an executed notebook did not run."""
    import nbformat

    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    return sum(1 for cell in code if cell.execution_count is None)


def read_outcome(output: Path) -> tuple[Outcome, str]:
    """Return how an executed notebook ended, and why."""
    import nbformat

    for cell in nbformat.read(output, as_version=4).cells:
        for one in cell.get("outputs", ()):
            if one.output_type == "error":
                told = f"{one.ename}: {one.evalue}".splitlines()[0]
                return ("red", str(one.evalue)) if one.ename == "GateError" else ("crashed", told)
    silent = _count_silent_cells(output)
    return ("crashed", f"{silent} cells did not run") if silent else ("done", "")
