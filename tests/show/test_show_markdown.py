"""Hostile texts in Markdown: what stock nbconvert makes of it says the same, and does nothing."""

import re
from html.parser import HTMLParser

import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter

from xcomkit import show
from xcomkit.model import Change, Measurement, Plan, Rule, Spread

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1)) ![y](https://example.com/a.png) [z]: javascript:alert(1)",
    "$x$ \\(y\\) \\begin{equation}z\\end{equation} \\$w\\$",
    "</code></details></td></table><b>",
    "`a` | b \\| c ``` | \\",
    "*a* __b__ ~~c~~ # d {{e}} <!-- f --> &lt;g&gt; &#60; \\*h",
    "https://example.com www.example.com a@example.com <https://example.com>",
    '" onload="alert(1)\' x',
    "1. a",
    "- a",
    "+ a",
    "# a",
    "--- | ---",
    "two\nlines\n\n> three",
    "東京 s3://bucket/a_b_c",
)
ALLOWED = {
    "p", "table", "thead", "tbody", "tr", "th", "td", "strong", "span", "code", "br", "div", "pre",
    "style", "img",
}  # fmt: skip


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th", "p", "pre"):
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


def export(exporter, **data: str) -> str:
    kinds = {f"text/{name}": text for name, text in data.items()}
    output = nbformat.v4.new_output("display_data", data=kinds)
    cell = nbformat.v4.new_code_cell("", outputs=[output])
    return exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))[0]


def page(shown) -> Page:
    """Return what a reader of Markdown alone sees."""
    return Page(export(HTMLExporter(template_name="basic"), markdown=shown._repr_markdown_()))


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("is_code", [False, True])
def test_hostile_text_says_what_it_says_and_does_nothing(text, is_code):
    words = " ".join(text.split())
    cell = show.Cell(text, is_code=is_code)
    for shown in (show.Table(text, (text, "b"), ((cell, cell),)), show.Text(text, is_code=is_code)):
        found = page(shown)

        assert {tag for tag, _ in found.tags} <= ALLOWED
        assert not [name for _, has in found.tags for name in has if name.startswith(("on", "hre"))]
        if not is_code:
            assert words in [" ".join(t.split()) for t in found.texts]


def test_no_formula_begins_in_what_a_page_shows():
    for shown in (show.Text("$x$ $y$"), show.facts({"$k$": "$v$ $w$"}, caption="$c$")):
        for html in (shown._repr_html_(), shown._repr_markdown_()):
            assert not re.search(r"\$[^<]*\$", html)


@pytest.mark.parametrize("text", HOSTILE)
def test_file_of_any_text_stays_within_its_block(text):
    body = f"{text}\n```\n~~~\n````\n{text}"

    found = page(show.Text(body, is_code=True))

    assert body.strip() in found.texts[-1]
    assert not {"a", "script", "img", "b"} & {tag for tag, _ in found.tags}


def test_picture_is_a_picture_with_its_words():
    found = page(show.Picture("<svg/>", 'a "b" ](javascript:c) <d>'))

    ((_, image),) = (one for one in found.tags if one[0] == "img")
    assert image["alt"] == 'a "b" ](javascript:c) <d>'
    assert image["src"].startswith("data:image/svg+xml;base64,")
    assert set(image) == {"alt", "src"}


def test_table_is_one_of_github_with_the_status_as_word_and_mark():
    rule = Rule("XC999", "A title", "fail", "because", "do this", "a page")
    check = rule.judge(False, expected="a", observed="b", how="c", basis="echo")

    lines = show.checks([check])._repr_markdown_().splitlines()

    assert lines[0] == "**Checks**"
    assert lines[2].startswith("| id | status |")
    assert set(lines[3]) == set("| -")
    assert lines[4].startswith("| XC999 | **✖ fail** | A title | a | b |")


def test_command_with_lines_is_code_in_its_cell():
    plan = Plan("p", (Change("r", "s", "a", "b", "create", "one | two\nthree"),))

    assert "<code>one &#124; two<br>three</code>" in show.plan(plan)._repr_markdown_()


def test_measurements_are_a_table_too():
    spread = Spread(1.0, 0.5, 2.0)
    one = Measurement("records", "none", 3, 1000, 500, spread, spread, spread, 4, None)

    shown = show.measurements([one], backend="stock")._repr_markdown_()

    assert "| records | none | 3 | 1,000 | 500 |" in shown


@pytest.mark.parametrize("exporter", [HTMLExporter, MarkdownExporter])
def test_stock_export_shows_the_html_and_not_both(exporter):
    told = export(exporter(), html="<p>as HTML</p>", markdown="as Markdown", plain="as text")

    assert "as HTML" in told
    assert "as Markdown" not in told
    assert "as text" not in told
