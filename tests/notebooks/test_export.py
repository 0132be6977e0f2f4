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


@pytest.fixture(scope="module")
def green(tmp_path_factory):
    folder = tmp_path_factory.mktemp("green")
    assert run(folder)
    return export(folder / "out.ipynb")


@pytest.fixture(scope="module")
def red(tmp_path_factory):
    """The bucket is absent, and nothing may be made."""
    folder = tmp_path_factory.mktemp("red")
    assert not run(folder, apply=False)
    return export(folder / "out.ipynb")


@pytest.fixture(scope="module")
def accepted(tmp_path_factory):
    """The same, taken knowingly, for a reason that tries to break out of where it is shown."""
    folder = tmp_path_factory.mktemp("accepted")
    assert run(folder, apply=False, accepted=REASON)
    return export(folder / "out.ipynb")


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    assert not run(folder, accepted=f"XC205: {SCRIPT}")
    return export(folder / "out.ipynb")


@pytest.mark.parametrize("name", FORMATS)
class TestPage:
    def test_settings_plan_statuses_and_verdict_stand_in_words(self, green, name):
        page = words(green[name])

        for expected in (
            "Settings of this step",
            "s3://xcom-runbook-local/astro/xcom", "8 to change", "aws s3api create-bucket",
            "✔ pass", "Requests without TLS are refused", "The gate is open",
        ):  # fmt: skip
            assert expected in page

    def test_red_check_stands_with_its_remedy_and_the_closed_gate(self, red, name):
        page = words(red[name])

        assert "✖ fail" in page
        assert page.count("Run step 01 with apply: true, or choose another bucket name.") >= 2
        assert "GateError: 1 of 1 checks close the gate: XC201" in page

    def test_refusal_is_one_sentence(self, refused, name):
        assert "SettingsError: accepted: " in words(refused[name])

    def test_accepted_risk_stands_with_its_reason(self, accepted, name):
        page = words(accepted[name])

        assert "✖ fail (accepted)" in page
        assert "accepted: ours" in page

    def test_no_widget_and_no_traceback_stands_in_its_place(
        self, green, red, accepted, refused, name
    ):
        for pages in (green, red, accepted, refused):
            assert [found for found in NEVER_SHOWN if found in pages[name]] == []


def test_page_runs_nothing_but_the_scripts_of_nbconvert(empty, green, red, accepted, refused):
    for pages in (green, red, accepted, refused):
        assert active(pages["html"]) == active(empty["html"])


def test_hostile_text_stays_inert_in_markdown(accepted, refused):
    quoted = re.compile(r"^```python\n.*?^```$|^    \S.*$", re.MULTILINE | re.DOTALL)
    for pages in (accepted, refused):
        assert "alert(1)" in pages["markdown"]
        assert active(quoted.sub("", pages["markdown"])) == []
