"""Takes the pictures of README and docs anew, from a real run on the stand-in: make screenshots."""

import os
import sys
import tempfile
from pathlib import Path

from jupyter_lab import JupyterLab, running_lab
from playwright.sync_api import Browser
from system_browser import find_browser, running_browser

from xcomkit.record.runner import run_steps
from xcomkit.record.write import write_record
from xcomkit.settings.settings import Settings
from xcomkit.steps.opening import STEPS

DOCS = Path(__file__).parent
WIDTH = 1280
SHOWN = "01_create_bucket"


def main() -> None:
    """Take all of them."""
    program = find_browser()
    if program is None:
        sys.exit("screenshots: there is no browser. Next: apt-get install chromium")
    with tempfile.TemporaryDirectory() as name, running_browser(program) as browser:
        folder = Path(name)
        with running_lab(folder / "lab") as lab:
            save("jupyterlab", take_notebook(browser, lab))
        save("record", take_record(browser, make_record(folder / "runs")))


def make_record(out: Path) -> Path:
    """Run every step and return its record."""
    root = DOCS.parent
    os.chdir(root)
    run = run_steps(
        Settings.from_yaml(root / "parameters/local-aws.yaml"),
        name="local-aws",
        steps=STEPS,
        notebooks=root / "notebooks",
        out=out,
        progress=lambda result: sys.stdout.write(f"{result.name}: {result.status}\n"),
    )
    return write_record(run)


def take_record(browser: Browser, record: Path) -> bytes:
    """Return a picture of what a reader sees first."""
    page = browser.new_page(viewport={"width": WIDTH, "height": 1500})
    page.goto(record.as_uri())
    return page.screenshot()


def take_notebook(browser: Browser, lab: JupyterLab) -> bytes:
    """Return a picture of the end of the form and of what the cells below it found."""
    with lab.opened(browser, SHOWN, width=WIDTH) as notebook:
        notebook.run_all()
        notebook.page.set_viewport_size({"width": WIDTH, "height": 1400})
        table = notebook.outputs.filter(has_text="The bucket exists").last
        table.evaluate("(e) => e.scrollIntoView({block: 'end'})")
        return notebook.page.screenshot()


def save(name: str, picture: bytes) -> None:
    """Write a picture, and say how large it is."""
    path = DOCS / f"{name}.png"
    path.write_bytes(picture)
    sys.stdout.write(f"{path.relative_to(DOCS.parent)}: {len(picture) // 1000} kB\n")


if __name__ == "__main__":
    main()
