"""The log of a task as Airflow's REST API tells it, turned into the lines of a plain log."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from xcomkit.findings.redaction import redact

MOST_LINES = 500  # of one try
MAX_LINE = 2_000  # characters
_HEAD, _TROUBLED, _TAIL = 100, 150, 250
_MOST_OF_EVENT = 100  # lines
_MOST_FRAMES = 5
_MOST_STACKS = 20
_DEEPEST = 3
_MOST_FIELDS = 20
_FIELD = 200  # characters
_GROUP = "::group::Log message source details"
_END_OF_GROUP = "::endgroup::"
# What the task instance or the line itself already says; ``ti`` is all of it once more.
_SAID = frozenset((
    "timestamp", "event", "level", "logger", "filename", "lineno", "error_detail", "exception",
    "dag_id", "run_id", "task_id", "map_index", "try_number", "ti_id", "ti", "sources",
))  # fmt: skip
_TROUBLE = re.compile(r"\[(?:error|critical) *\]|^Exception ignored")


@dataclass(frozen=True, slots=True)
class TaskLog:
    """The masked lines of one try; ``sources`` says where the server read, or failed to read."""

    lines: tuple[str, ...] = field(repr=False)
    sources: tuple[str, ...] = field(repr=False)


def to_log(text: str, *, secrets: Iterable[str]) -> TaskLog:
    """Return an answer's log: at most ``MOST_LINES`` lines of ``MAX_LINE`` characters each.

    An event becomes ``TIME [level    ] event [logger] key=value``, its exceptions the lines below
    it, the first cause first. What a task wrote to stderr stays as it wrote it: the level error
    there is the supervisor's. Of a log that is too long head, tail and errors are kept.

    Source: StructuredLogMessage and structlog's ExceptionDictTransformer, Airflow 3.1 to 3.3.
    """
    events = _events(text)
    sources: list[str] = []
    if events and _said(events[0]).startswith(_GROUP):
        texts = [_said(event) for event in events]
        end = texts.index(_END_OF_GROUP) if _END_OF_GROUP in texts else 0
        sources = [*_old_sources(events[0]), *texts[1:end]]
        events = events[end + 1 :]
    known = tuple(secrets)
    entries = [_bounded(_lines(event), secrets=known) for event in events]
    return TaskLog(
        lines=tuple(_cut([entry for entry in entries if entry])),
        sources=tuple(redact(_plain(text), secrets=known)[:MAX_LINE] for text in sources[:5]),
    )


def _events(text: str) -> list[Any]:
    """Return the events of a JSON answer, of lines of JSON, or of a plain text."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return [_event(line) for line in text.splitlines()]
    content = document.get("content") if isinstance(document, dict) else document
    if isinstance(content, str):
        return list(content.splitlines())
    return content if isinstance(content, list) else []


def _event(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return line


def _said(event: Any) -> str:
    said = event.get("event") if isinstance(event, dict) else event
    return said if isinstance(said, str) else "" if said is None else repr(said)


def _old_sources(event: Any) -> list[str]:
    """Return the sources where they are a field of the group's head (Airflow 3.0 and 3.1)."""
    sources = event.get("sources") if isinstance(event, dict) else None
    return [str(source) for source in sources] if isinstance(sources, list) else []


def _lines(event: Any) -> Iterator[str]:
    said = _said(event)
    if not isinstance(event, dict) or event.get("logger") == "task.stderr":
        yield said
        return
    first, *more = said.split("\n")
    level, logger = event.get("level"), event.get("logger")
    parts = [
        str(event["timestamp"]) if event.get("timestamp") else "",
        f"[{level!s:<9}]" if level else "",
        first,
        f"[{logger}]" if logger else "",
        *(f"{key}={_short(value)}" for key, value in list(event.items()) if key not in _SAID),
    ]
    yield " ".join(part for part in parts[: 4 + _MOST_FIELDS] if part)
    yield from more
    yield from _stacks(event.get("error_detail"), depth=0)
    if isinstance(written := event.get("exception"), str):
        yield written


def _short(value: Any) -> str:
    return (value if isinstance(value, str) else repr(value)).replace("\n", " ")[:_FIELD]


def _stacks(detail: Any, *, depth: int) -> Iterator[str]:
    """Yield exceptions as Python prints them: the one that was raised last stands last."""
    if not isinstance(detail, list) or depth > _DEEPEST:
        return
    for stack in reversed(detail[:_MOST_STACKS]):
        if not isinstance(stack, dict):
            continue
        inner = stack.get("exceptions")
        for trace in inner[:_MOST_STACKS] if isinstance(inner, list) else ():
            stacks = trace.get("stacks") if isinstance(trace, dict) else trace
            yield from _stacks(stacks, depth=depth + 1)
        frames = stack.get("frames")
        for frame in frames[-_MOST_FRAMES:] if isinstance(frames, list) else ():
            if isinstance(frame, dict):
                place = f'"{frame.get("filename")}", line {frame.get("lineno")}'
                yield f"  File {place}, in {frame.get('name')}"
        value = stack.get("exc_value")
        yield f"{stack.get('exc_type')}: {value}" if value else str(stack.get("exc_type"))
        notes = stack.get("exc_notes")
        yield from (f"  {note}" for note in notes[:5]) if isinstance(notes, list) else ()


def _bounded(texts: Iterable[str], *, secrets: tuple[str, ...]) -> list[str]:
    """Return the masked lines of an event, the middle left out where they are too many."""
    # Masked before it is split and cut: part of a secret would not be recognised.
    whole = redact(_plain("\n".join(texts)), secrets=secrets)
    lines = [line[:MAX_LINE] for line in whole.splitlines()]
    if len(lines) <= _MOST_OF_EVENT:
        return lines
    half = _MOST_OF_EVENT // 2
    return [*lines[:half], _left_out(len(lines) - 2 * half), *lines[-half:]]


def _plain(text: str) -> str:
    """Return the text without halves of characters, which no file takes."""
    return text.encode("utf-8", "replace").decode()


def _left_out(count: int) -> str:
    return f"... {count} lines left out"


def _cut(entries: Sequence[list[str]]) -> Iterator[str]:
    """Yield the lines of entries: all of them, or head, tail and the first troubled between."""
    order = range(len(entries))
    kept = set(order)
    if sum(len(entry) for entry in entries) > MOST_LINES:
        troubled = [i for i in order if any(_TROUBLE.search(line) for line in entries[i])]
        kept = {
            *_fitting(order, entries, most=_HEAD),
            *_fitting(troubled, entries, most=_TROUBLED),
            *_fitting(reversed(order), entries, most=_TAIL),
        }
    left_out = 0
    for i in order:
        if i not in kept:
            left_out += len(entries[i])
            continue
        if left_out:
            yield _left_out(left_out)
            left_out = 0
        yield from entries[i]


def _fitting(order: Iterable[int], entries: Sequence[list[str]], *, most: int) -> Iterator[int]:
    for i in order:
        most -= len(entries[i])
        if most < 0:
            return
        yield i
