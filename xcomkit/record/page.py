"""The HTML record: one self-contained page without script or request, hostile input inert."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

from xcomkit.notebook import show
from xcomkit.record import cover
from xcomkit.record.runner import Run

_ATTRIBUTES = (
    "alt", "aria-label", "class", "colspan", "href", "id", "role", "rowspan", "scope", "src",
    "style", "tabindex",
)  # fmt: skip
_STYLES = ("border-radius", "overflow-wrap", "overflow-x", "padding")  # beside nbconvert's own
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


def render(run: Run, about: cover.About) -> str:
    """Return the record of a run as one HTML page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("xcomkit.record", "."),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    fill = partial(
        pages.get_template("page.html").render,
        title=f"XCom runbook record: {run.name}",
        style=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        run=run,
        marked=show.marked,
        sentence=cover.verdict_sentence(run),
        parts=cover.make_parts(run, about),
    )
    room = _MOST - len(encodable(fill(sections=())).encode())
    return encodable(fill(sections=[*_sections(run, room=room)]))


def encodable(html: str) -> str:
    """Return a text that UTF-8 can hold: half a character of somebody's is shown as its number."""
    return html.encode("utf-8", "backslashreplace").decode("utf-8")


def _sections(run: Run, *, room: int) -> Iterator[tuple[str, str | None]]:
    """Yield each step with its notebook, if that fits into the bytes that are left."""
    for result in run.results:
        html = _link_sections(_notebook(run.directory, result.name), run=run)
        size = len(encodable(html).encode())
        yield result.name, html if size <= room else None
        room -= size if size <= room else 0


def _link_sections(html: str, *, run: Run) -> str:
    """Return the HTML with links between notebooks leading to the sections of this page."""

    def link(found: re.Match[str]) -> str:
        is_here = any(result.name == found[1] for result in run.results)
        return f'<a href="#{found[1]}"' if is_here else "<a"

    return re.sub(r'<a href="(0\d_[a-z_]+)\.ipynb"', link, html)


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
    """Cut outputs that are too large for the page; the notebook beside it keeps them whole.

    Markdown is shown as the text it is: it would become HTML only after the sanitizer.
    """
    left = _MOST_OF_OUTPUTS
    for output in outputs:
        data = output.get("data", {})
        markdown = data.pop("text/markdown", "")
        if markdown and "text/html" not in data:
            data["text/plain"] = markdown
        most = min(left, _MOST_OF_OUTPUT)
        left -= _bound_one(output, most=most)


def _bound_one(output: dict[str, Any], *, most: int) -> int:
    """Cut one output to so many characters, and return how many it has now."""
    told = "… left out: too much for this page; the notebook beside it has it whole"
    if len(output.get("text", "")) > most:
        output["text"] = f"{output['text'][:most]}\n{told}"
    data = output.get("data", {})
    large = [kind for kind, value in data.items() if len(str(value)) > most]
    for kind in large:
        del data[kind]
    if large and not data:
        data["text/plain"] = told
    if sum(map(len, output.get("traceback", ()))) > most:
        output["traceback"] = [told]
    sizes = (len(output.get("text", "")), *(len(str(value)) for value in data.values()),
             sum(map(len, output.get("traceback", ()))))  # fmt: skip
    return min(sum(sizes), most)


def _notebook(directory: Path, name: str) -> str:
    """Return an executed notebook as sanitised HTML; a step that was not run has none."""
    path = directory / "notebooks" / f"{name}.ipynb"
    if not path.exists():
        return "<p>This step was not run.</p>"
    import nbformat
    from nbconvert import HTMLExporter
    from nbconvert.preprocessors import TagRemovePreprocessor

    exporter = HTMLExporter(template_name="basic")
    exporter.exclude_input_prompt = True
    exporter.exclude_output_prompt = True
    exporter.exclude_anchor_links = True
    exporter.register_preprocessor(_sanitizer(), enabled=True)
    # The form shows the parameters, and the cover how far the run came.
    hidden = {"parameters", "injected-parameters", "guide"}
    exporter.register_preprocessor(TagRemovePreprocessor(remove_cell_tags=hidden), enabled=True)
    notebook = nbformat.read(path, as_version=4)
    _bound(output for cell in notebook.cells for output in cell.get("outputs", ()))
    html, _ = exporter.from_notebook_node(notebook)
    # Ids of headings repeat from notebook to notebook; the contents link to the sections only.
    return re.sub(r'(<h[1-6]) id="[^"]*"', r"\1", html)
