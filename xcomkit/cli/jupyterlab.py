"""JupyterLab for a walkthrough: on loopback, with a token, beside the stand-in, ended with us.

The notebooks share one target (``xcomkit.settings.shared_target``) and the stand-in of the cloud
they began with, which each kernel attaches to when it opens a step; JupyterLab itself never
becomes its administrator. Of another cloud each notebook practises on a stand-in of its own.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_urlsafe

from xcomkit.findings import evidence
from xcomkit.findings.errors import ProcessError
from xcomkit.plane.processes import Processes, Program, choose_home, supervise
from xcomkit.plane.supervisor import exit_file
from xcomkit.settings import shared_target
from xcomkit.settings.parameter_file import read_parameters
from xcomkit.settings.settings import Settings
from xcomkit.settings.terms import EMBEDDED, TERMS
from xcomkit.stand_ins.common.stand_in import VARIABLE as STAND_IN
from xcomkit.stand_ins.common.stand_in import stand_in_of
from xcomkit.steps.opening import KERNEL_PYTHON

NOTEBOOKS, START = "notebooks", "start.ipynb"
_NAME = "jupyterlab"
_SETTINGS = Path(__file__).with_name("lab_settings")  # nothing is asked of the makers of JupyterLab
_START_SECONDS, _CLOSE_SECONDS, _ANSWER_SECONDS = 60.0, 15.0, 10.0


@contextmanager
def open_lab(root: Path, *, parameters: Path, port: int) -> Iterator["Lab"]:
    """Keep a JupyterLab whose notebooks begin with the target of ``parameters``.

    Args:
        root: the folder of the runbook; it holds ``notebooks`` and ``parameters``. What is opened
            are copies below its ``runs``, so that a walk changes no file of a checkout.
        parameters: the file of the target; it may still have to be filled in.
        port: the first port to try on loopback.

    Raises:
        SettingsError: the file cannot be read, or the copies cannot be written.
        ProcessError: the stand-in or JupyterLab did not start.
    """
    given = read_parameters(parameters)
    start = copy_notebooks(root)
    home = choose_home("lab")
    token = token_urlsafe(24)
    with _stand_in(given) as variables:
        # Connection files and temporary files lie in the private folder.
        environment = {
            **os.environ,
            **variables,
            shared_target.VARIABLE: str(home),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "JUPYTER_TOKEN": token,
            "TMPDIR": str(home),
            KERNEL_PYTHON: sys.executable,
        }
        command = (
            sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}", f"--ServerApp.root_dir={root}",
            "--ServerApp.allow_root=True", f"--ServerApp.default_url=/lab/tree/{start}",
            f"--LabApp.app_settings_dir={_SETTINGS}",
            # a user's own configuration may be that of a server for others
            "--ServerApp.base_url=/", "--ServerApp.certfile=", "--ServerApp.keyfile=",
        )  # fmt: skip
        with supervise(home, (Program(_NAME, command, environment),)) as kept:
            shared_target.choose(parameters, folder=home)
            lab = Lab(kept, token, start)
            lab.wait_until_ready()
            try:
                yield lab
            finally:
                lab.close()


def copy_notebooks(root: Path) -> str:
    """Copy the notebooks into a new folder below ``runs``; return the path of the first to open.

    Each copy says what it is, and leads to its original.

    Raises:
        SettingsError: the copies cannot be written.
    """
    runs = root / "runs"
    with evidence.writing_to(runs):
        folder = evidence.make_new_folder(runs, name="lab")
        for path in sorted((root / NOTEBOOKS).glob("*.ipynb")):
            notebook = json.loads(path.read_text(encoding="utf-8"))
            original = f"../../{NOTEBOOKS}/{path.name}"
            note = f"\n\n*A copy for this walk; the original is [{path.name}]({original}).*"
            first = notebook["cells"][0]
            first["source"] = [*first["source"], note]
            (folder / path.name).write_text(json.dumps(notebook), encoding="utf-8")
    return f"{runs.name}/{folder.name}/{START}"


class Lab:
    """A running JupyterLab; made by ``open_lab``. ``start`` is the notebook that it opens first."""

    def __init__(self, kept: Processes, token: str, start: str) -> None:
        self.start = start
        self._kept = kept
        self._token = token
        self._exit = exit_file(kept.home, _NAME)

    @property
    def url(self) -> str:
        """Return where it is, with the token that opens it."""
        port = self._server["port"]
        return f"http://127.0.0.1:{port}/lab/tree/{self.start}?token={self._token}"

    @property
    def page(self) -> str:
        """Return the address of a file of ours that leads there: no list of processes shows it."""
        (path,) = self._kept.home.glob("runtime/jpserver-*-open.html")
        return path.as_uri()

    def wait_until_ready(self) -> None:
        """Return when it answers, and asks for the token.

        Raises:
            ProcessError: it ended, is not ready in time, or lets anybody in.
        """
        self._wait(lambda: self._status() != 0, seconds=_START_SECONDS, names=(_NAME,))
        if self._status() not in {401, 403}:
            raise ProcessError(
                "JupyterLab let somebody in without a token, so it was ended.",
                hint="take token and password out of your Jupyter configuration"
                " (jupyter --paths), or set JUPYTER_NO_CONFIG=1.",
            )

    def _status(self) -> int:
        """Return the status for somebody without a token; 0 while nobody answers.

        The file with its port is there before it listens.
        """
        import httpx

        if not (server := self._server):
            return 0
        address = f"http://127.0.0.1:{server['port']}/api/contents"
        try:
            return httpx.get(address, timeout=_ANSWER_SECONDS, trust_env=False).status_code
        except httpx.HTTPError:
            return 0

    def wait_until_closed(self) -> None:
        """Return when it was shut down from within, with *File > Shut Down*.

        Raises:
            ProcessError: it ended in another way; the sentence quotes its log.
        """
        self._wait(self._exit.exists, seconds=float("inf"))
        if self._exit.read_text(encoding="utf-8") != "0":
            self._kept.check_running(_NAME)

    def close(self) -> None:
        """Have it shut its kernels down; what does not end in time is killed afterwards."""
        with suppress(KeyError, ProcessLookupError, ProcessError):
            os.kill(self._server["pid"], signal.SIGTERM)
            self._wait(self._exit.exists, seconds=_CLOSE_SECONDS)

    def _wait(
        self, is_so: Callable[[], bool], *, seconds: float, names: tuple[str, ...] = ()
    ) -> None:
        self._kept.wait_for(
            is_so, what=lambda: "JupyterLab", blamed=lambda: _NAME, names=names, timeout=seconds
        )

    @property
    def _server(self) -> dict[str, int]:
        """Return what it wrote down of itself once it listens: ``port`` and ``pid``."""
        for path in self._kept.home.glob("runtime/jpserver-*.json"):
            with suppress(OSError, ValueError):
                return dict(json.loads(path.read_text(encoding="utf-8")))
        return {}


@contextmanager
def _stand_in(given: dict[str, object]) -> Iterator[dict[str, str]]:
    """Keep the stand-in of a practice target; yield the variable by which kernels find it."""
    cloud = given.get("cloud", Settings.model_fields["cloud"].default)
    if given.get("endpoint_url") != EMBEDDED or cloud not in tuple(TERMS):
        yield {}
        return
    with stand_in_of(cloud).start() as running:
        yield {STAND_IN: running.environment[STAND_IN]}
