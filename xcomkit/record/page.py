"""The HTML record: one self-contained page without script or request, hostile input inert."""

import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from xcomkit import show
from xcomkit.model import Status
from xcomkit.record.runner import Run
from xcomkit.step import read_commit, read_versions
from xcomkit.terms import TERMS

_CSP = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_ATTRIBUTES = ("alt", "class", "colspan", "href", "id", "rowspan", "scope", "src", "style")
_TAGS = (
    "a", "blockquote", "br", "caption", "code", "dd", "details", "div", "dl", "dt", "em", "h1",
    "h2", "h3", "h4", "hr", "img", "li", "ol", "p", "pre", "span", "strong", "summary", "sub",
    "sup", "table", "tbody", "td", "th", "thead", "tr", "ul", "wbr",
)  # fmt: skip
_VERDICTS: dict[Status, str] = {
    "pass": "Proved: every check that could be made passed.",
    "warn": "Usable, with warnings or accepted risks: read them below.",
    "fail": "Not usable as it is: at least one check failed.",
    "unknown": "Not proved: at least one thing could not be looked at.",
    "skip": "Nothing was checked.",
}


def verdict_sentence(status: Status) -> str:
    """Return the run's verdict in a sentence."""
    return _VERDICTS[status]


def render(run: Run) -> str:
    """Return the record of a run as one HTML page."""
    sections = [(result.name, _notebook(run.directory, result.name)) for result in run.results]
    contents = "".join(
        f'<li><a href="#{escape(name)}">{escape(name)}</a></li>' for name, _ in sections
    )
    body = "".join(
        f'<section id="{escape(name)}"><p class="step">{escape(name)}</p>{html}</section>'
        for name, html in sections
    )
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    title = f"XCom runbook record: {run.name}"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>"
        f"<header>{_cover(run, title)}</header>"
        f'<nav aria-label="Steps"><h2>Contents</h2><ol start="0">{contents}</ol></nav>'
        f"<main>{body}</main></body></html>\n"
    )


def _cover(run: Run, title: str) -> str:
    status = run.verdict
    word = f"{show.MARKS[status]} {status}"
    counted = Counter(check.status for _, check in run.checks)
    summary = ", ".join(f"{counted[s]} {s}" for s in show.MARKS if counted[s])
    facts = show.facts(
        {
            "target": f"{run.settings.place} ({run.settings.region})",
            "where": run.where,
            "when (UTC)": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            "run": run.directory.name,
            "commit of the runbook": read_commit() or "not in a git checkout",
            "checks": f"{len(run.checks)}: {summary}",
        },
        caption="Run",
    )
    steps = show.Table(
        "Steps",
        ("step", "outcome", "verdict", "seconds"),
        tuple(
            (
                show.Cell(r.name), show.Cell(r.outcome), show.status_cell(r.status),
                show.Cell(f"{r.seconds:.1f}"),
            )
            for r in run.results
        ),
    )  # fmt: skip
    checks = show.checks((c for _, c in run.checks), caption="All checks")
    store = TERMS[run.settings.cloud].store
    unproved = [("", f"What {store} itself answers", run.where)] if run.settings.is_embedded else []
    unproved += [
        (c.id, c.title, c.observed)
        for _, c in run.checks
        if c.status in ("skip", "unknown") or c.basis == "not-supported-here"
    ]
    missing = show.table(
        ("id", "check", "why it is not proved"), unproved, caption="What this run did not prove"
    )
    settings = run.settings.model_dump(mode="json", exclude={"run_dir"})
    parameters = show.facts(settings, caption="Parameters")
    versions = show.facts(read_versions(), caption="Versions")
    parts: Iterable[Any] = (facts, steps, missing, checks, parameters, versions)
    html = "".join(part._repr_html_() for part in parts)
    return (
        f'<h1>{escape(title)}</h1><p class="verdict {status}">'
        f"<strong>{escape(word)}</strong> {escape(verdict_sentence(status))}</p>{html}"
    )


def _may_stay(tag: str, name: str, value: str) -> bool:
    """Tell whether an attribute stays: data may only be a picture, and links lead no other way."""
    if name == "src":
        return tag == "img" and value.startswith("data:image/png;base64,")
    return name in _ATTRIBUTES and not (name == "href" and value.lower().startswith("data:"))


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
                    css_sanitizer=CSSSanitizer(allowed_css_properties=self.styles),
                    strip_comments=True,
                )
            )

    return Sanitizer()


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
    # The settings stand on the cover, once instead of twice in every step.
    hidden = {"parameters", "injected-parameters"}
    exporter.register_preprocessor(TagRemovePreprocessor(remove_cell_tags=hidden), enabled=True)
    notebook = nbformat.read(path, as_version=4)
    html, _ = exporter.from_notebook_node(notebook)
    # Ids of headings repeat from notebook to notebook; the contents link to the sections only.
    return re.sub(r'(<h[1-6]) id="[^"]*"', r"\1", html)
