"""The picture of a run: where values go, and what was proved on each way.

An SVG of our own, which the page holds as an image: an image runs no script and asks for nothing.
"""

import textwrap
from base64 import b64encode

from xcomkit.findings import questions
from xcomkit.findings.model import Check, worst
from xcomkit.notebook import show
from xcomkit.record.record import Record

_BOXES = (
    (8, 8, 366, 344, "#f6f8fa", "your account: execution plane"),
    (26, 40, 330, 72, "#ffffff", "agents: workers, Dag processor, triggerer"),
    (26, 244, 330, 100, "#ffffff", "bucket"),
    (534, 8, 158, 344, "#f6f8fa", "orchestration plane"),
    (540, 40, 146, 72, "#ffffff", "metadata database"),
)
_ARROWS = ((80, 114, 80, 238, 90, 134, "values"), (358, 66, 538, 66, 386, 58, "references only"))
_PLACES = (
    (40, 80, questions.AS_MEANT, "configured as meant?"),
    (90, 156, questions.ACCESS, "do they, and only they, read and write?"),
    (90, 198, questions.VALUES, "does every value come back as it was?"),
    (40, 284, questions.PRIVATE, "private and encrypted?"),
    (40, 320, questions.LEFT, "is anything left behind?"),
    (386, 88, questions.INSIDE, "does a value leave?"),
)
_WIDEST = {386: 22}  # letters that fit between the planes; in a box all do
_FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 700 360" font-family="sans-serif" \
font-size="12"><defs><marker id="end" markerWidth="8" markerHeight="8" refX="6" refY="3" \
orient="auto"><path d="M0 0L6 3L0 6z"/></marker></defs>{}</svg>"""


def draw(record: Record) -> tuple[str, str]:
    """Return the picture as the address of an image, and the same in words."""
    parts = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{fill}"'
        f' stroke="#8c959f"/><text x="{x + 10}" y="{y + 20}" font-weight="bold">{name}</text>'
        for x, y, width, height, fill, name in _BOXES
    ]
    parts += [
        f'<path d="M{x} {y}L{to_x} {to_y}" stroke="#1f2328" stroke-width="2"'
        f' marker-end="url(#end)"/><text x="{text_x}" y="{text_y}" font-weight="bold">{name}</text>'
        for x, y, to_x, to_y, text_x, text_y, name in _ARROWS
    ]
    words = []
    for x, y, question, text in _PLACES:
        found = [c for _, c in record.checks if questions.question_of(c.id) == question]
        status, answer = worst(found), show.counted(found)
        if status == "pass" and question != questions.AS_MEANT and not any(map(_is_seen, found)):
            status, answer = "skip", f"only read from files: {answer}"
        answer = answer if found else "not proved"
        parts.append(
            f'<text x="{x}" y="{y}" fill="{show.COLOURS[status]}">{show.MARKS[status]} {text}'
            + "".join(
                f'<tspan x="{x + 14}" dy="16">{line}</tspan>'
                for line in textwrap.wrap(answer, _WIDEST.get(x, 60))
            )
            + "</text>"
        )
        words.append(f"{question} {answer}.")
    svg = _FRAME.format("".join(parts)).encode()
    said = (
        "Agents write values to the bucket of your account, and references to the metadata database"
    )
    return (
        f"data:image/svg+xml;base64,{b64encode(svg).decode()}",
        f"{said} of the orchestration plane. {' '.join(words)}",
    )


def _is_seen(check: Check) -> bool:
    """Tell whether a check passed by more than what a file says."""
    return check.status == "pass" and check.basis != "rule"
