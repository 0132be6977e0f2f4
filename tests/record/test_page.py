"""The page on executed notebooks whose outputs are hostile, rich or too large."""

import json
import re
from html import unescape

import pytest
from record_samples import judged

from xcomkit.record.manifest import find_differences
from xcomkit.record.write import write_record
from xcomkit.steps.opening import STEPS

HOSTILE = "<script>window.hit=1</script><img src=x onerror=hit()>"
FIRST = STEPS[0]
LINKS = (
    "data:text/html,evil", " data:text/html,evil", "DATA:text/html,evil",
    "&#9;da&#10;ta:text/html,evil", "&#1;data:text/html,evil", "d&#97ta:text/html,evil",
    "da&Tab;ta&colon;text/html,evil", "https://example.com/data:", "http://example.com",
    "#data:", "notes.ipynb",
)  # fmt: skip
PICTURES = ("data:image/png;base64,iVBORw0KGgo=", "data:image/svg+xml;base64,PHN2Zy8+")
MARKDOWN = "[x](javascript:alert%281%29) ![y](http://example.com/x.png)"


@pytest.fixture
def record(run_notebooks):
    def make(*sources, **kwargs):
        run = run_notebooks({FIRST: [*sources, judged(FIRST, **kwargs)]})
        return write_record(run).read_text(), run

    return make


def test_record_is_one_page_that_names_verdict_and_versions_and_is_below_the_manifest(
    record, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    html, run = record("1", holds=False)
    written = json.loads((run.directory / "record.json").read_text())

    assert "<script" not in html
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "url(" not in html
    assert "default-src 'none'" in html
    assert str(tmp_path) not in html  # nor any other path of this machine
    assert "✖ fail: Partial run: 1 of 8 steps. 1 failed check (XC201)." in html
    assert "apache-airflow" in html.replace("<wbr>", "")
    assert run.directory.name in html
    assert (written["schema"], written["verdict"], written["good"]) == (1, "fail", False)
    assert find_differences(run.directory) == ()
    assert f"notebooks/{FIRST}.ipynb" in (run.directory / "manifest.sha256").read_text()


def test_hostile_text_is_inert_wherever_it_comes_from(record):
    html, _ = record(
        f"from IPython.display import HTML; HTML({HOSTILE!r})",
        f"from IPython.display import Markdown; Markdown({HOSTILE!r})",
        f"print({HOSTILE!r})",
        f"{HOSTILE!r}",
        "from IPython.display import Javascript; Javascript('window.hit=1')",
        "from IPython.display import SVG; SVG('<svg onload=\"hit()\"></svg>')",
        f"Markdown({MARKDOWN!r})",
        # never displayed in place of HTML that is too large
        "display({'text/html': 'h' * 400_000, 'text/markdown': '[x](https://example.com)',"
        " 'text/plain': 'text'}, raw=True)",
        observed=HOSTILE,
    )

    assert "<script" not in html
    assert "<svg" not in html
    assert not re.search(r"<[^>]*\son\w+\s*=", html)
    assert not re.search(r"(?i)(?:href|src)=.(?:javascript|http)", html)
    assert MARKDOWN in html  # as its text


def test_pictures_links_and_what_the_keyboard_needs_stay_and_no_other_data_does(record):
    pictures = "".join(f'<img src="{picture}">' for picture in PICTURES)
    spies = '<img alt="spy" src="https://example.com/a.png"><img src="data:image/svg+xml,evil">'
    links = "".join(f'<a href="{link}">link</a>' for link in LINKS)
    table = (
        "from xcomkit.notebook import show\n"
        "row = [show.status_cell('pass'), *map(show.Cell, 'abcd')]\n"
        "show.Table('Wide', tuple('vwxyz'), (tuple(row),))"
    )

    chart = "show.Chart(show.table('ab', (), caption='c'), (), 'bytes')"
    html, _ = record(
        f"from IPython.display import HTML; HTML({pictures + spies!r})", f"HTML({links!r})", table,
        chart,
    )  # fmt: skip

    tags = re.findall(r"<img\b[^>]*", html)  # those in displayed code are escaped
    assert all(any(f'src="{picture}"' in tag for tag in tags) for picture in PICTURES)
    assert not [tag for tag in tags if re.search(r"example\.com|evil", tag)]
    assert [tag for tag in tags if 'alt="Bar chart. c (bars: bytes). Nothing."' in tag]
    left = [unescape(found) for found in re.findall(r'<a href="([^"]*)">link<', html)]
    assert left == list(LINKS[-4:])
    (wide,) = re.findall(r'<div [^>]*aria-label="Wide".*?</table>', html, re.DOTALL)
    for part in (
        'role="region"', 'tabindex="0"', "overflow-x: auto", ">Wide</caption>",
        'scope="row"', 'scope="col"', "background-color: #1a7f37", "color: #ffffff", "padding:",
    ):  # fmt: skip
        assert part in wide
