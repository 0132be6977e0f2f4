"""The HTML record: one self-contained page without script or request, hostile input inert."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

from xcomkit.notebook import show
from xcomkit.notebook.show.verdicts import HEAD
from xcomkit.record import cover, picture
from xcomkit.record.record import Record
from xcomkit.steps.opening import STEPS

_ATTRIBUTES = (
    "alt", "aria-label", "class", "colspan", "href", "id", "role", "rowspan", "scope", "src",
    "style", "tabindex",
)  # fmt: skip
_STYLES = (
    "border-left", "border-radius", "margin", "min-width", "overflow-wrap", "overflow-x", "padding",
)  # fmt: skip
"""Beside nbconvert's own."""
_TAGS = (
    "a", "blockquote", "br", "caption", "code", "dd", "details", "div", "dl", "dt", "em", "h1",
    "h2", "h3", "h4", "hr", "img", "li", "ol", "p", "pre", "span", "strong", "summary", "sub",
    "sup", "table", "tbody", "td", "th", "thead", "tr", "ul", "wbr",
)  # fmt: skip
_PICTURES = ("data:image/png;base64,", "data:image/svg+xml;base64,")  # an image runs no script
_UNSEEN = re.compile(r"[\s\x00-\x20\x7f-\xa0]+")  # a browser reads an address without these
_MOST = 4_800_000  # bytes of the page: it is mailed, and opened on a telephone
_MOST_OF_OUTPUT = 300_000  # characters of one output, so that one cannot push out all others
_MOST_OF_OUTPUTS = 1_500_000  # characters of all outputs of a notebook


def render(record: Record, *, notebooks: Path) -> str:
    """Return the record of a run, whose executed notebooks lie in a folder, as one HTML page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("xcomkit.record", "."),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    fill = partial(
        pages.get_template("page.html").render,
        style=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        record=record,
        marked=show.marked,
        picture=picture.draw(record),
        is_limited=record.practice or record.ran < len(STEPS),
        facts=cover.facts(record),
        faults=cover.faults(record),
        cover=cover.make_cover(record),
        parts=cover.make_parts(record),
    )
    room = _MOST - len(encodable(fill(sections=())).encode())
    return encodable(fill(sections=[*_sections(record, notebooks=notebooks, room=room)]))


def encodable(html: str) -> str:
    """Return a text that UTF-8 can hold: half a character of somebody's becomes its number."""
    return html.encode("utf-8", "backslashreplace").decode("utf-8")


def _sections(record: Record, *, notebooks: Path, room: int) -> Iterator[tuple[str, str | None]]:
    """Yield each step with its notebook, if that fits into the bytes that are left."""
    names = [step.name for step in record.steps]
    exporter = _exporter()
    for name in names:
        html = _notebook(notebooks / f"{name}.ipynb", exporter=exporter)
        html = _link_sections(html, names=names)
        size = len(encodable(html).encode())
        yield name, html if size <= room else None
        room -= size if size <= room else 0


def _link_sections(html: str, *, names: Collection[str]) -> str:
    """Return the HTML with links between notebooks leading to the sections of this page."""
    return re.sub(
        r'<a href="(0\d_[a-z_]+)\.ipynb"',
        lambda found: f'<a href="#{found[1]}"' if found[1] in names else "<a",
        html,
    )


def _may_stay(tag: str, name: str, value: str) -> bool:
    """Tell whether an attribute stays: data may only be a picture, and links lead no other way."""
    if name == "src":
        return tag == "img" and value.startswith(_PICTURES)
    address = _UNSEEN.sub("", unescape(value)).lower()
    return name in _ATTRIBUTES and not (name == "href" and address.startswith("data:"))


def _sanitizer() -> Any:
    """Return nbconvert's sanitizer, which by itself takes the source of every picture away."""
    import bleach
    from bleach.css_sanitizer import CSSSanitizer
    from nbconvert.preprocessors.sanitize import SanitizeHTML

    class Sanitizer(SanitizeHTML):  # type: ignore[misc] # nbconvert has no types
        def sanitize_html_tags(self, html_str: str) -> str:
            return str(
                bleach.clean(
                    html_str,
                    tags=_TAGS,
                    attributes=_may_stay,
                    protocols=("http", "https", "data"),
                    css_sanitizer=CSSSanitizer(allowed_css_properties=[*self.styles, *_STYLES]),
                    strip_comments=True,
                )
            )

    return Sanitizer()


def _bound(outputs: Iterable[dict[str, Any]]) -> None:
    """Leave out each output that is too large for the page; the notebook beside it has it whole.

    Checks are left out as well: the page has each of them once, before all notebooks.
    Markdown is displayed as the text it is: it would become HTML only after the sanitizer.
    """
    left = _MOST_OF_OUTPUTS
    for output in outputs:
        data = output.get("data", {})
        if data.get("text/html", "").startswith(HEAD):
            data["text/html"] = '<p><a href="#checks">The checks stand above.</a></p>'
        markdown = data.pop("text/markdown", "")
        if markdown and "text/html" not in data:
            data["text/plain"] = markdown
        if len(str(output)) > min(left, _MOST_OF_OUTPUT):
            text = "… left out: too much for this page; the notebook beside it has it whole"
            output.clear()
            output.update(output_type="stream", name="stdout", text=text)
        left -= len(str(output))


def _exporter() -> Any:
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import TagRemovePreprocessor

    exporter = HTMLExporter(template_name="basic")
    exporter.exclude_input_prompt = True
    exporter.exclude_output_prompt = True
    exporter.exclude_anchor_links = True
    exporter.register_preprocessor(_sanitizer(), enabled=True)
    # The form displays the parameters, and the cover how far the run came.
    left_out = {"parameters", "injected-parameters", "guide"}
    exporter.register_preprocessor(TagRemovePreprocessor(remove_cell_tags=left_out), enabled=True)
    return exporter


def _notebook(path: Path, *, exporter: Any) -> str:
    """Return an executed notebook as sanitised HTML; a step that was not run has none."""
    if not path.exists():
        return "<p>This step was not run.</p>"
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    _bound(output for cell in notebook.cells for output in cell.get("outputs", ()))
    html, _ = exporter.from_notebook_node(notebook)
    # Ids of headings repeat from notebook to notebook; the contents link to the sections only.
    return re.sub(r'(<h[1-6]) id="[^"]*"', r"\1", html)
