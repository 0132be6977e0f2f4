"""The JupyterLab of ``xcomkit lab``, and its notebooks as a person in a browser uses them."""

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import httpx
import psutil
from playwright.sync_api import Browser, Locator, Page

from xcomkit.cli.jupyterlab import open_lab
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.stand_ins.common.stand_in import VARIABLE

ROOT = Path(__file__).parents[2]
PATIENCE = 500  # seconds for one thing to happen, also a whole step beside others
_SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # All cells are in the page, not only those in view.
    "notebook-extension/tracker": {"windowingMode": "none"},
    # Nothing is written while a test looks, and no question about it is asked.
    "docmanager-extension/plugin": {"autosave": False},
}
_HAS_RUN = """(before) => {
    const texts = [...document.querySelectorAll('.jp-CodeCell .jp-InputArea-prompt')]
        .map((prompt) => prompt.innerText.trim());
    if (texts.some((text) => text === '[*]:')) return false;
    const numbers = texts.map((text) => Number(text.slice(1, -2)));
    const isFailed = document.querySelector('[data-mime-type="application/vnd.jupyter.stderr"]');
    return numbers.at(-1) > before || (isFailed !== null && Math.max(...numbers) > before);
}"""
_FITS = """() => new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => {
    const box = document.querySelector('.jp-NotebookPanel').getBoundingClientRect();
    tell(box.right <= innerWidth && box.right > innerWidth - 100);
})))"""


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook that is open in JupyterLab."""

    page: Page

    @property
    def panel(self) -> Locator:
        """Return the panel that holds all cells."""
        return self.page.locator(".jp-NotebookPanel:visible")

    @property
    def outputs(self) -> Locator:
        """Return what the cells have put out."""
        return self.panel.locator(".jp-OutputArea-output")

    @property
    def errors(self) -> list[str]:
        """Return what is shown in red: tracebacks, and what was written to stderr."""
        kind = '[data-mime-type="application/vnd.jupyter.stderr"]'
        return self.panel.locator(f".jp-OutputArea-output{kind}").all_inner_texts()

    def run_all(self) -> None:
        """Run all cells from the menu, and wait for the last one, or for an error."""
        self._run("Run All Cells")

    def run_below(self, text: str) -> None:
        """Run the cells from the first one with the text on, and wait for the last one."""
        # Not by a click: outputs above may still grow, and it would meet another cell.
        source = self.page.locator(".jp-InputArea-editor", has_text=text)
        self.panel.locator(".jp-CodeCell").filter(has=source).first.focus()
        self._run("Run Selected Cell and All Below")

    def _run(self, entry: str) -> None:
        prompts = self.panel.locator(".jp-CodeCell .jp-InputArea-prompt").all_inner_texts()
        before = max((int(n) for text in prompts for n in re.findall(r"\d+", text)), default=0)
        self.choose("Run", entry)
        self.page.wait_for_function(_HAS_RUN, arg=before, timeout=1000 * PATIENCE)

    def resize(self, width: int) -> None:
        """Make the window so wide, with the list of files open."""
        self.page.set_viewport_size({"width": width, "height": 900})
        files = self.page.locator("#jp-left-stack")
        if not files.is_visible():
            self.page.keyboard.press("ControlOrMeta+B")
            files.wait_for()
        self.page.wait_for_function(_FITS)

    def choose(self, menu: str, entry: str) -> None:
        """Choose an entry of the menu bar."""
        self.page.get_by_role("menuitem", name=menu, exact=True).click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()


@dataclass(frozen=True, slots=True)
class JupyterLab:
    """A running JupyterLab."""

    url: str
    token: str
    root: Path
    notebooks: Path

    @contextmanager
    def opened(self, browser: Browser, name: str, *, width: int = 1280) -> Iterator[Notebook]:
        """Open a notebook with its kernel; both are gone afterwards."""
        path = f"{self.notebooks}/{name}.ipynb"
        page = browser.new_page(viewport={"width": width, "height": 900}, base_url=self.url)
        page.set_default_timeout(60_000)
        # A workspace of its own: in a shared one the notebooks of earlier tests would open too.
        address = f"/lab/workspaces/{secrets.token_hex(4)}/tree/{path}"
        try:
            page.goto(f"{address}?token={self.token}")
            wait_until(lambda: self._is_ready(path), f"the kernel of {name}")
            notebook = Notebook(page)
            notebook.panel.locator(".jp-CodeCell").first.wait_for()
            yield notebook
        finally:
            page.close()
            for session in self._sessions(path):
                self._ask("DELETE", f"/api/sessions/{session['id']}")

    def _is_ready(self, path: str) -> bool:
        """Tell whether page and kernel know each other: the page itself says idle too early."""
        kernels = [session["kernel"] for session in self._sessions(path)]
        return any(k["execution_state"] == "idle" and k["connections"] for k in kernels)

    def _sessions(self, path: str) -> list[dict[str, Any]]:
        return [one for one in self._ask("GET", "/api/sessions").json() if one["path"] == path]

    def _ask(self, method: str, path: str) -> httpx.Response:
        headers = {"Authorization": f"token {self.token}"}
        answer = httpx.request(method, f"{self.url}{path}", headers=headers, timeout=60)
        return answer.raise_for_status()


@contextmanager
def running_lab(folder: Path, **parameters: object) -> Iterator[JupyterLab]:
    """Run ``xcomkit lab`` on copies of notebooks and parameters; all it writes is in the folder.

    Args:
        folder: an empty one.
        parameters: what the practice target on AWS is to have beside its own.
    """
    root, home = folder / "runbook", folder / "jupyter"
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns(".*"))
    target = root / "parameters/local-aws.yaml"
    added = "".join(f"{name}: {json.dumps(value)}\n" for name, value in parameters.items())
    target.write_text(target.read_text(encoding="utf-8") + added, encoding="utf-8")
    for name, setting in _SETTINGS.items():
        path = home / f"settings/@jupyterlab/{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(setting), encoding="utf-8")
    places = {
        "JUPYTER_CONFIG_DIR": home / "config", "JUPYTER_DATA_DIR": home / "data",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces", "IPYTHONDIR": home / "ipython",
    }  # fmt: skip
    with ExitStack() as opened:
        with patch.dict(os.environ, {name: str(place) for name, place in places.items()}):
            lab = opened.enter_context(open_lab(root, parameters=target, port=0))
        address = urlsplit(lab.url)
        (token,) = parse_qs(address.query)["token"]
        yield JupyterLab(f"http://{address.netloc}", token, root, Path(lab.start).parent)


def stand_in_beside() -> AwsStandIn:
    """Return the stand-in of the running JupyterLab; nobody else's environment names it."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, ProcessLookupError):
            if facts := process.environ().get(VARIABLE):
                with patch.dict(os.environ, {VARIABLE: facts}):
                    return AwsStandIn.attach()
    raise LookupError("there is no JupyterLab with a stand-in")


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for a condition, but not for ever."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {PATIENCE} s")
        time.sleep(0.1)
