"""The log of a task as Airflow's REST API describes it, turned into the lines of a text log."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from xcomkit.findings.redaction import redact

MOST_LINES = 500  # of one try
MAX_LINE = 2_000  # characters
_MOST_OF_EVENT = 100  # lines
_MOST_STACKS = 20
_DEEPEST = 3
_MOST_FIELDS = 20
_FIELD = 200  # characters
_MOST_SOURCES = 5
_GROUP = "::group::Log message source details"
_END_OF_GROUP = "::endgroup::"
# What the task instance or the line itself already says; ``ti`` is all of it once more.
_REPEATED = frozenset((
    "timestamp", "event", "level", "logger", "filename", "lineno", "error_detail", "exception",
    "dag_id", "run_id", "task_id", "map_index", "try_number", "ti_id", "ti",
))  # fmt: skip
_ERROR = re.compile(r"\[(?:error|critical) *\]|^Exception ignored")


def to_log(events: object, *, secrets: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the masked lines of a log, and the lines in which the server names its sources.

    An event becomes ``TIME [level    ] event [logger] key=value``, its exceptions the lines below
    it, the first cause first. What a task wrote to stderr stays as it wrote it: the level error
    there is the supervisor's. Of a log that is too long head, tail and errors are left, at most
    ``MOST_LINES`` lines of ``MAX_LINE`` characters.

    Source: StructuredLogMessage and structlog's ExceptionDictTransformer, Airflow 3.1 to 3.3.
    """
    given = events if isinstance(events, list) else []
    known = tuple(secrets)
    entries = [_bounded(_lines(event), secrets=known) for event in given]
    end = 0
    if given and _text(given[0]).startswith(_GROUP):
        texts = [_text(event) for event in given]
        end = texts.index(_END_OF_GROUP) + 1 if _END_OF_GROUP in texts else 1
    sources = [line for entry in entries[:end] for line in entry][:_MOST_SOURCES]
    return tuple(_cut([entry for entry in entries[end:] if entry])), tuple(sources)


def _text(event: Any) -> str:
    text = event.get("event") if isinstance(event, dict) else event
    return text if isinstance(text, str) else "" if text is None else repr(text)


def _lines(event: Any) -> Iterator[str]:
    text = _text(event)
    if not isinstance(event, dict) or event.get("logger") == "task.stderr":
        yield text
        return
    first, *more = text.split("\n")
    level, logger = event.get("level"), event.get("logger")
    parts = [
        str(event["timestamp"]) if event.get("timestamp") else "",
        f"[{level!s:<9}]" if level else "",
        first,
        f"[{logger}]" if logger else "",
        *(f"{key}={_short(value)}" for key, value in event.items() if key not in _REPEATED),
    ]
    yield " ".join(part for part in parts[: 4 + _MOST_FIELDS] if part)
    yield from more
    yield from _exceptions(event.get("error_detail"), depth=0)
    if isinstance(written := event.get("exception"), str):
        yield written


def _short(value: Any) -> str:
    return (value if isinstance(value, str) else repr(value)).replace("\n", " ")[:_FIELD]


def _exceptions(detail: Any, *, depth: int) -> Iterator[str]:
    """Yield exceptions without their frames, the one that was raised last as the last."""
    if not isinstance(detail, list) or depth > _DEEPEST:
        return
    for stack in reversed(detail[:_MOST_STACKS]):
        if isinstance(stack, dict):
            inner = stack.get("exceptions")
            for trace in inner[:_MOST_STACKS] if isinstance(inner, list) else ():
                stacks = trace.get("stacks") if isinstance(trace, dict) else trace
                yield from _exceptions(stacks, depth=depth + 1)
            value = stack.get("exc_value")
            yield f"{stack.get('exc_type')}: {value}" if value else str(stack.get("exc_type"))


def _bounded(texts: Iterable[str], *, secrets: tuple[str, ...]) -> list[str]:
    """Return the masked lines of an event, the middle left out where they are too many."""
    # no halves of characters, which no file takes
    whole = "\n".join(texts).encode("utf-8", "replace").decode()
    # Masked before it is split and cut: part of a secret would not be recognised.
    lines = [line[:MAX_LINE] for line in redact(whole, secrets=secrets).splitlines()]
    if len(lines) <= _MOST_OF_EVENT:
        return lines
    half = _MOST_OF_EVENT // 2
    return [*lines[:half], _left_out(len(lines) - 2 * half), *lines[-half:]]


def _left_out(count: int) -> str:
    return f"... {count} lines left out"


def _cut(entries: Sequence[list[str]]) -> Iterator[str]:
    """Yield the lines of entries: all of them, or of errors, of the head and of the tail."""
    order = range(len(entries))
    chosen = set(order)
    if sum(len(entry) for entry in entries) > MOST_LINES:
        errors = [i for i in order if any(_ERROR.search(line) for line in entries[i])]
        chosen, room = set(), MOST_LINES
        # errors, and outside in what else there is room for
        for i in (*errors, *sorted(order, key=lambda i: min(i, len(entries) - i))):
            if i not in chosen and len(entries[i]) <= room:
                chosen.add(i)
                room -= len(entries[i])
    left_out = 0
    for i in order:
        if i not in chosen:
            left_out += len(entries[i])
            continue
        if left_out:
            yield _left_out(left_out)
            left_out = 0
        yield from entries[i]
