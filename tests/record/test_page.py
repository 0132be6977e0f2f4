import json
import re
from html import unescape

from small_books import judged

from xcomkit.record.manifest import find_differences
from xcomkit.record.write import write_record
from xcomkit.steps.opening import STEPS

HOSTILE = "<script>window.hit=1</script><img src=x onerror=hit()>"
FIRST = STEPS[0]


def record(run_notebooks, *sources, **kwargs):
    run = run_notebooks({FIRST: [*sources, judged(FIRST, **kwargs)]})
    return write_record(run).read_text(), run


def test_record_is_one_page_without_script_or_request(run_notebooks):
    html, _ = record(run_notebooks, "'plain'")

    assert "<script" not in html
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert "url(" not in html
    assert "default-src 'none'" in html


def test_hostile_text_is_inert_wherever_it_comes_from(run_notebooks):
    html, _ = record(
        run_notebooks,
        f"from IPython.display import HTML; HTML({HOSTILE!r})",
        f"from IPython.display import Markdown; Markdown({HOSTILE!r})",
        f"print({HOSTILE!r})",
        f"{HOSTILE!r}",
        "from IPython.display import Javascript; Javascript('window.hit=1')",
        "from IPython.display import SVG; SVG('<svg onload=\"hit()\"></svg>')",
        observed=HOSTILE,
    )

    assert "<script" not in html
    assert "<svg" not in html
    assert not re.search(r"<[^>]*\son\w+\s*=", html)
    assert not re.search(r"(?i)javascript:", html.replace("text/javascript", ""))


def test_cover_names_verdict_target_versions_and_what_was_not_proved(run_notebooks):
    html, run = record(run_notebooks, "1", holds=False)

    assert "Not usable as it is" in html
    assert "s3://some-bucket/xcom" in html
    assert "apache-airflow" in html
    assert "What this run did not prove" in html
    assert run.directory.name in html


def test_record_json_says_the_same_as_the_page(run_notebooks):
    _, run = record(run_notebooks, "1", holds=False)

    body = json.loads((run.directory / "record.json").read_text())

    assert (body["schema"], body["verdict"], body["good"]) == (1, "fail", False)
    assert body["steps"][0]["checks"][0]["id"] == "XC201"


def test_manifest_covers_every_file_of_the_run(run_notebooks):
    _, run = record(run_notebooks, "1")

    names = (run.directory / "manifest.sha256").read_text()

    assert "record.html" in names
    assert f"notebooks/{FIRST}.ipynb" in names
    assert find_differences(run.directory) == ()


def test_record_carries_no_path_of_this_machine(run_notebooks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, run = record(run_notebooks, "1")

    page = (run.directory / "record.html").read_text()

    assert str(tmp_path) not in page


def test_picture_stays_in_the_record_and_no_other_data_does(run_notebooks):
    code = (
        "from IPython.display import HTML\n"
        "HTML('<img src=\"data:image/png;base64,iVBORw0KGgo=\">'\n"
        " '<img src=\"data:image/svg+xml;base64,PHN2Zy8+\">'\n"
        ' \'<img alt="spy" src="https://example.com/a.png">\'\n'
        ' \'<a href="data:text/html,evil">a</a><img src="data:image/svg+xml,evil">\')'
    )

    html, _ = record(run_notebooks, code)

    tags = re.findall(r"<(?:img|a)\b[^>]*", html)  # those in shown code are escaped
    for picture in ("data:image/png;base64,iVBORw0KGgo=", "data:image/svg+xml;base64,PHN2Zy8+"):
        assert [tag for tag in tags if f'src="{picture}"' in tag]
    assert not [tag for tag in tags if re.search(r"example\.com|data:text|evil", tag)]


def test_link_to_data_is_taken_away_however_it_is_spelled(run_notebooks):
    links = (
        "data:text/html,evil", " data:text/html,evil", "DATA:text/html,evil",
        "&#9;da&#10;ta:text/html,evil", "&#1;data:text/html,evil", "d&#97ta:text/html,evil",
        "da&Tab;ta&colon;text/html,evil", "https://example.com/data:", "http://example.com",
        "#data:", "notes.ipynb",
    )  # fmt: skip
    code = "".join(f'<a href="{link}">link</a>' for link in links)

    html, _ = record(run_notebooks, f"from IPython.display import HTML; HTML({code!r})")

    left = [unescape(found) for found in re.findall(r'<a href="([^"]*)">link<', html)]
    assert left == list(links[-4:])


def test_what_the_keyboard_and_the_dark_need_survives_the_cleaning(run_notebooks):
    code = (
        "from xcomkit.notebook import show\n"
        "row = [show.status_cell('pass'), *map(show.Cell, 'abcd')]\n"
        "show.Table('Wide', tuple('vwxyz'), (tuple(row),))"
    )

    html, _ = record(run_notebooks, code)

    (table,) = re.findall(r'<div [^>]*aria-label="Wide".*?</table>', html, re.DOTALL)
    for kept in (
        'role="region"', 'tabindex="0"', "overflow-x: auto", ">Wide</caption>",
        'scope="row"', 'scope="col"', "background-color: #1a7f37", "color: #ffffff", "padding:",
    ):  # fmt: skip
        assert kept in table


def test_output_that_is_markdown_alone_is_shown_as_its_text(run_notebooks):
    """It would become HTML after the sanitizer had its turn."""
    code = (
        "from IPython.display import Markdown\n"
        "Markdown('[x](javascript:alert%281%29) ![y](http://example.com/x.png)')"
    )

    html, _ = record(run_notebooks, code)

    assert "[x](javascript:alert%281%29) ![y](http://example.com/x.png)" in html
    assert 'href="javascript' not in html
    assert 'src="http' not in html


def test_markdown_is_never_shown_in_place_of_html_that_is_too_large(run_notebooks):
    code = (
        "from IPython.display import display\n"
        "display({'text/html': 'h' * 400_000, 'text/markdown': '[x](https://example.com)',"
        " 'text/plain': 'plain'}, raw=True)"
    )

    html, _ = record(run_notebooks, code)

    assert 'href="https://example.com"' not in html
    assert "<pre>plain</pre>" in html
