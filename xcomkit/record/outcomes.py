"""Executes one notebook in a kernel of its own and says how it ended.

papermill marks the cells of a dead kernel ``completed``; what counts here is the exception, error
outputs and execution counts.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from xcomkit.record.record import Outcome
from xcomkit.steps.opening import KERNEL_PYTHON

_LONGEST_PARENT = 80
"""Characters of a folder's path that leave room for a socket's name: systems end at 104 or 108."""

_SLOW_EXTRAS = ("azure", "boto3", "gcsfs", "pyarrow")
"""What papermill imports where it is there, in seconds; nothing here uses it."""


@contextmanager
def open_kernel() -> Iterator[Any]:
    """Start a kernel, which imports what every step does; it ends with all its files.

    Sockets lie in a private folder, not at loopback ports that all users of the machine can reach.
    So do temporary files: a kernel that is killed cannot remove its own, and tokens of the worker
    lie there.
    """
    from jupyter_client import AsyncKernelManager

    parent = os.environ.get("TMPDIR") or tempfile.gettempdir()
    if len(parent) > _LONGEST_PARENT:
        parent = "/tmp"  # noqa: S108 - what is made there is private, and its name not foreseeable
    with tempfile.TemporaryDirectory(
        prefix="xcomkit-", dir=parent, ignore_cleanup_errors=True
    ) as folder:
        kernel = AsyncKernelManager(
            kernel_name="python3", transport="ipc", ip=f"{folder}/k",
            connection_file=f"{folder}/kernel.json",
        )  # fmt: skip
        try:
            _finish(
                kernel.start_kernel(
                    # a kernelspec can shadow another's, so the kernel is told which it must be
                    env={**os.environ, "TMPDIR": folder, KERNEL_PYTHON: sys.executable},
                    extra_arguments=[
                        "--HistoryManager.hist_file=:memory:",
                        "--IPKernelApp.exec_lines=import xcomkit.steps.opening, ipywidgets",
                    ],
                )
            )
            client = kernel.client()
            kernel.client = lambda: client  # nbclient does not close that of a kernel it is given
            try:
                yield kernel
            finally:
                client.stop_channels()
        finally:
            _finish(kernel.shutdown_kernel(now=True))


def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a loop of its own: in nbclient's, what Ctrl-C left would complain of a dead kernel.

    And in a thread of its own: a browser's loop may be running in this one.
    """
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


def execute(
    source: Path, output: Path, parameters: dict[str, Any], *, kernel: Any, seconds: int
) -> tuple[Outcome, str]:
    """Execute a notebook in a fresh kernel; return how it ended and, in one line, why."""
    papermill = _import_papermill()
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        with suppress(PapermillExecutionError):  # the error stands in the notebook
            papermill.execute_notebook(
                source, output, parameters, kernel_name="python3", progress_bar=False,
                log_output=False, execution_timeout=seconds, km=kernel,
            )  # fmt: skip
    except DeadKernelError:
        return "died", "the kernel died; the cells after it did not run"
    except CellTimeoutError:
        return "timed out", f"a cell took longer than step_timeout: {seconds} s"
    except RuntimeError as error:  # nbclient: the kernel did not start
        return "died", str(error)
    return read_outcome(output)


def _import_papermill() -> Any:
    """Import papermill as if its slow extras were not installed; they stay so for nobody else."""
    absent: Any = {name: None for name in _SLOW_EXTRAS if name not in sys.modules}
    sys.modules.update(absent)
    try:
        import papermill
    finally:
        for name in absent:
            del sys.modules[name]
    # It warns of each parameter that a step does not take, and repeats what an outcome says.
    papermill.log.logger.setLevel("CRITICAL")
    return papermill


def read_outcome(output: Path) -> tuple[Outcome, str]:
    """Return how an executed notebook ended and, in one line, why."""
    import nbformat

    cells = nbformat.read(output, as_version=4).cells
    for cell in cells:
        for one in cell.get("outputs", ()):
            if one.output_type == "error":
                if one.ename == "GateError":
                    return "red", str(one.evalue)
                return "crashed", f"{one.ename}: {one.evalue}".splitlines()[0]
    code = [cell for cell in cells if cell.cell_type == "code" and cell.source.strip()]
    silent = sum(cell.execution_count is None for cell in code)
    return ("crashed", f"{silent} cells did not run") if silent else ("done", "")
