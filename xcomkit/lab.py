"""JupyterLab for a walkthrough: on loopback, with a token, beside the stand-in, ended with us.

The notebooks share one target (``xcomkit.shared_target``) and one stand-in, which each kernel
attaches to when it opens a step; JupyterLab itself never becomes the stand-in's administrator.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_urlsafe
from urllib.parse import quote

from xcomkit import shared_target
from xcomkit.airflow_plane.kept import Kept, Program, choose_home, keep
from xcomkit.errors import ProcessError
from xcomkit.evidence import stamp_now
from xcomkit.local.stand_in import VARIABLE as STAND_IN
from xcomkit.local.stand_in import stand_in_of
from xcomkit.opening import KERNEL_PYTHON
from xcomkit.parameter_file import read_parameters
from xcomkit.settings import Settings
from xcomkit.terms import EMBEDDED, TERMS

START = "notebooks/start.ipynb"
_NAME = "jupyterlab"
_SETTINGS = Path(__file__).with_name("lab_settings")  # nothing is asked of the makers of JupyterLab
_START_SECONDS, _CLOSE_SECONDS = 60.0, 15.0


@contextmanager
def open_lab(root: Path, *, parameters: Path, port: int) -> Iterator["Lab"]:
    """Keep a JupyterLab whose notebooks begin with the target of ``parameters``.

    Args:
        root: the folder of the runbook; it holds ``notebooks`` and ``parameters``.
        parameters: the file of the target; it may still have to be filled in.
        port: the first port to try on loopback.

    Raises:
        SettingsError: the file cannot be read.
        ProcessError: the stand-in or JupyterLab did not start.
    """
    given = read_parameters(parameters)
    home = choose_home("lab")
    token = token_urlsafe(24)
    environment = {**os.environ, **_private(home), KERNEL_PYTHON: sys.executable}
    with _stand_in(given) as variables:
        environment |= variables | {"JUPYTER_TOKEN": token}
        command = (
            sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={port}", f"--ServerApp.root_dir={root}",
            "--ServerApp.allow_root=True", f"--ServerApp.default_url=/lab/tree/{START}",
            f"--LabApp.app_settings_dir={_SETTINGS}",
        )  # fmt: skip
        with keep(home, (Program(_NAME, command, environment),)) as kept:
            shared_target.choose(parameters, folder=home)
            lab = Lab(kept, token)
            lab.wait_until_ready()
            try:
                yield lab
            finally:
                lab.close()


class Lab:
    """A running JupyterLab; made by ``open_lab``."""

    def __init__(self, kept: Kept, token: str) -> None:
        self._kept = kept
        self._token = token

    @property
    def url(self) -> str:
        """Return where it is, with the token that opens it."""
        port = self._server["port"]
        return f"http://127.0.0.1:{port}/lab/tree/{START}?token={quote(self._token)}"

    def wait_until_ready(self) -> None:
        """Return when it answers.

        Raises:
            ProcessError: it ended, or is not ready in time; the sentence quotes its log.
        """
        self._kept.wait_for(
            lambda: bool(self._server), what=lambda: "JupyterLab", blamed=lambda: _NAME,
            names=(_NAME,), timeout=_START_SECONDS,
        )  # fmt: skip

    def wait_until_closed(self) -> None:
        """Return when it was shut down from within, with *File > Shut Down*.

        Raises:
            ProcessError: it ended with an error.
        """
        self._kept.wait_for(
            self._is_closed, what=lambda: "the end", blamed=lambda: _NAME, names=(),
            timeout=float("inf"),
        )  # fmt: skip

    def close(self) -> None:
        """Have it shut its kernels down; what does not end in time is killed afterwards."""
        with suppress(KeyError, ProcessLookupError):
            os.kill(self._server["pid"], signal.SIGTERM)
            with suppress(ProcessError):
                self._kept.wait_for(
                    self._is_closed, what=lambda: "the end", blamed=lambda: _NAME, names=(),
                    timeout=_CLOSE_SECONDS,
                )  # fmt: skip

    def _is_closed(self) -> bool:
        return (self._kept.home / f"{_NAME}.exit").exists()

    @property
    def _server(self) -> dict[str, int]:
        """Return what it wrote down of itself once it listens: ``port`` and ``pid``."""
        for path in _runtime(self._kept.home).glob("jpserver-*.json"):
            with suppress(OSError, ValueError):
                return dict(json.loads(path.read_text(encoding="utf-8")))
        return {}


def _runtime(home: Path) -> Path:
    return home / "runtime"


def _private(home: Path) -> dict[str, str]:
    """Return the variables that keep connection files and temporary files in the private folder."""
    return {
        shared_target.VARIABLE: str(home),
        shared_target.SINCE: stamp_now(),
        "JUPYTER_RUNTIME_DIR": str(_runtime(home)),
        "TMPDIR": str(home),
    }


@contextmanager
def _stand_in(given: dict[str, object]) -> Iterator[dict[str, str]]:
    """Keep the stand-in of a practice target; yield the variable by which kernels find it."""
    cloud = given.get("cloud", Settings.model_fields["cloud"].default)
    if given.get("endpoint_url") != EMBEDDED or cloud not in tuple(TERMS):
        yield {}
        return
    with stand_in_of(cloud).start() as running:
        yield {STAND_IN: running.environment[STAND_IN]}
