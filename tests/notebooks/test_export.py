"""Stock nbconvert on a notebook that stock papermill ran gives a readable page."""

import re
from html import unescape
from pathlib import Path

import nbformat
import papermill
import pytest
from nbconvert import HTMLExporter, MarkdownExporter

from xcomkit.settings.parameter_file import read_parameters

ROOT = Path(__file__).parents[2]
FORMATS = {"html": HTMLExporter, "markdown": MarkdownExporter}
SCRIPT = "<script>alert(1)</script>"
REASON = "XC201: ours ' \" onload=alert(1) ``` <img src=x onerror=alert(1) "
NEVER_SHOWN = ("widget-view+json", "Loading widget", "VBox(", "Traceback (most recent call last)")


def run(folder: Path, **parameters: object) -> bool:
    """Run a notebook with papermill and tell whether it came to its end."""
    practice = read_parameters(ROOT / "parameters/local-aws.yaml")
    try:
        papermill.execute_notebook(
            ROOT / "notebooks/01_create_bucket.ipynb", folder / "out.ipynb", cwd=ROOT,
            parameters={**practice, "run_dir": str(folder / "run"), **parameters},
            progress_bar=False,
        )  # fmt: skip
    except papermill.PapermillExecutionError:
        return False
    return True


def export(notebook: Path) -> dict[str, str]:
    """Return the page per format, as nbconvert makes it where nobody configures it."""
    return {name: exporter().from_filename(notebook)[0] for name, exporter in FORMATS.items()}


def words(page: str) -> str:
    """Return the page's text without what lets it break or escapes it."""
    return unescape(re.sub(r"</?wbr ?/?>|\\", "", page))


def active(html: str) -> list[str]:
    """Return all that a browser would run."""
    return re.findall(r"(?is)<script.*?</script>|<[^<>]*\son\w+\s*=|javascript:", html)


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """The page that nbconvert makes of nothing, with nbconvert's own scripts."""
    path = tmp_path_factory.mktemp("empty") / "empty.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")]), path)
    return export(path)


CASES = {
    "green": ({}, True, (
        "Settings of this step", "s3://xcom-runbook-local/astro/xcom", "8 to change",
        "aws s3api create-bucket", "✔ pass", "Requests without TLS are refused", "The gate is open",
    )),
    "red": ({"apply": False}, False, (  # the bucket is absent, and nothing may be made
        "✖ fail", "Run step 01 with apply: true, or choose another bucket name.",
        "1 of 1 check closes the gate.", "Fix XC201 in ",
    )),
    "accepted": ({"apply": False, "accepted": REASON}, True, (
        "✖ fail (accepted)", "Accepted:</em> ours",
    )),
    "invalid": ({"accepted": f"XC205: {SCRIPT}"}, False, ("SettingsError: accepted: ",)),
}  # fmt: skip
"""Per run its parameters, whether it comes to its end, and what its page says."""


@pytest.fixture(scope="module", params=CASES)
def pages(request, tmp_path_factory):
    """The name of a run and its pages."""
    folder = tmp_path_factory.mktemp(request.param)
    parameters, is_good, _ = CASES[request.param]
    assert run(folder, **parameters) is is_good
    return request.param, export(folder / "out.ipynb")


@pytest.mark.parametrize("format_", FORMATS)
def test_page_says_it_in_words_without_widget_and_traceback(pages, format_):
    name, page = pages[0], pages[1][format_]

    for expected in CASES[name][2]:
        assert expected in words(page)
    assert [found for found in NEVER_SHOWN if found in page] == []


def test_page_runs_nothing_but_the_scripts_of_nbconvert(empty, pages):
    assert active(pages[1]["html"]) == active(empty["html"])


def test_hostile_text_stays_inert_in_markdown(pages):
    quoted = re.compile(r"^```python\n.*?^```$|^    \S.*$", re.MULTILINE | re.DOTALL)
    name, found = pages

    assert ("alert(1)" in found["markdown"]) is (name in ("accepted", "invalid"))
    assert active(quoted.sub("", found["markdown"])) == []
