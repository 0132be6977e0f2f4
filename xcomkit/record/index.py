"""``runs/index.html``: all records below a folder, newest first, each with what changed.

One self-contained page without script or request. What is no record, or cannot be read, is named
and does no harm; names and texts of records are hostile input.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from xcomkit import evidence, show
from xcomkit.errors import InputError
from xcomkit.record.differences import compare, cut, summarise, target_of
from xcomkit.record.page import CSP, encodable
from xcomkit.record.reading import NAME, Record, read_record

FILE = "index.html"
_MARK = '<meta name="generator" content="xcomkit index">'
_MOST = 900_000  # bytes of all rows
_MOST_READ = 3_000  # records, those whose directory's name is the newest
_NO_RECORD = "No record: walked through in notebooks, broken off, or still running"
_MOST_NAMED = 20  # directories that could not be read


@dataclass(frozen=True, slots=True)
class Entry:
    """A record in its directory, and when it was written."""

    directory: Path
    record: Record
    written: datetime


def write_index(runs: Path) -> Path:
    """Write the page of all records in the folder and in folders one level below it.

    Raises:
        InputError: there is an index.html that is not ours, or the folder cannot be written to.
    """
    path = runs / FILE
    try:
        if path.exists() and _MARK not in path.read_bytes()[:2_000].decode(errors="replace"):
            raise InputError(
                f"{path.parent.name}/{FILE} is somebody else's, so it was left as it is.",
                hint="move it away, or name another folder with --out.",
            )
        evidence.write_text(path, render(runs))
    except OSError as error:
        raise InputError(
            f"{path.parent.name}/{FILE} cannot be written ({error.strerror}).",
            hint="the record itself is whole.",
        ) from None
    return path


def render(runs: Path) -> str:
    """Return the page of all records in the folder and in folders one level below it."""
    found, unfinished = _find(runs)
    entries, broken = _read(found[:_MOST_READ])
    rows: list[str] = []
    hidden = len(found[_MOST_READ:])
    room = _MOST
    for entry, before in _with_previous(entries):
        row = encodable(_row(entry, before, runs=runs))
        room -= len(row.encode())
        if room < 0:
            hidden += len(entries) - len(rows)
            break
        rows.append(row)
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    headers = ("record", "verdict", "target", "when (UTC)", "since the one before")
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in headers)
    caption = f"Records: {len(entries)}"
    told = f"<p>{hidden} older records are not shown.</p>" if hidden else ""
    return encodable(
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CSP}">{_MARK}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>XCom runbook records</title><style>{style}</style></head><body>"
        "<header><h1>XCom runbook records</h1><p>Newest first, as the records themselves say;"
        " <code>xcomkit verify-record</code> tells whether one was changed, and"
        " <code>xcomkit diff-records</code> all that is different between two. Compared is each"
        " with the one before it of the same target.</p></header>"
        f"<main><table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table>{told}"
        f"{_named(_NO_RECORD, unfinished)}"
        f"{_named('Records that cannot be read', broken)}</main></body></html>\n"
    )


def _find(runs: Path) -> tuple[list[Path], list[str]]:
    """Return the directories with a record, newest name first, and names of runs without one."""
    found, unfinished = [], []
    for directory in _folders(runs):
        inner = [directory] if _is_run(directory) else _folders(directory)
        for one in inner:
            if _has_record(one):
                found.append(one)
            elif _is_run(one):
                unfinished.append(one.relative_to(runs).as_posix())
    # Run directories begin with the time of their run.
    return sorted(found, key=lambda path: path.name, reverse=True), sorted(unfinished, reverse=True)


def _is_run(directory: Path) -> bool:
    try:
        return _has_record(directory) or (directory / "evidence").is_dir()
    except OSError:  # a folder of somebody else, closed to us
        return False


def _has_record(directory: Path) -> bool:
    """Tell whether there is a file to read; a pipe would never end."""
    try:
        return (directory / NAME).is_file()
    except OSError:
        return False


def _folders(directory: Path) -> list[Path]:
    """Return the folders in a folder; none of one that cannot be read."""
    try:
        with os.scandir(directory) as entries:
            return [Path(e.path) for e in entries if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _read(found: Iterable[Path]) -> tuple[list[Entry], list[str]]:
    """Return the records, newest first, and a sentence for each that cannot be read."""
    entries, broken = [], []
    for directory in found:
        try:
            record = read_record(directory)
        except InputError as error:
            broken.append(str(error))
        else:
            entries.append(Entry(directory, record, _when(record.written)))
    return sorted(entries, key=lambda e: (e.written, e.directory.name), reverse=True), broken


def _when(written: str) -> datetime:
    """Return a time; what is none is the oldest."""
    try:
        found = datetime.fromisoformat(written)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return datetime.min.replace(tzinfo=UTC)


def _with_previous(entries: Sequence[Entry]) -> Iterator[tuple[Entry, Entry | None]]:
    """Yield each entry with the next older one of the same target."""
    older: dict[int, Entry] = {}
    newest: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(entries):
        target = target_of(entry.record)
        if target in newest:
            older[newest[target]] = entry
        newest[target] = index
    for index, entry in enumerate(entries):
        yield entry, older.get(index)


def _row(entry: Entry, before: Entry | None, *, runs: Path) -> str:
    record = entry.record
    page = entry.directory / "record.html"
    place = (page if page.is_file() else entry.directory / NAME).relative_to(runs)
    name = entry.directory.relative_to(runs).as_posix()
    changed = summarise(compare(before.record, record)) if before else "the first of this target"
    when = entry.written.isoformat(sep=" ", timespec="seconds")[:19]
    told = when.replace(" ", "<br>") if entry.written.year > 1 else "unknown"
    return (
        f'<tr><th scope="row"><a href="{quote(os.fsencode(place))}">{escape(cut(name, 120))}</a>'
        f"</th>{show.status_cell(record.verdict).to_html()}"
        f"<td>{escape(cut(record.target, 120))}<br>{escape(cut(record.where, 60))}</td>"
        f'<td style="white-space: nowrap">{told}</td><td>{escape(changed)}</td></tr>'
    )


def _named(heading: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    items = "".join(f"<li>{escape(cut(name, 200))}</li>" for name in names[:_MOST_NAMED])
    more = f"<li>and {len(names) - _MOST_NAMED} more</li>" if len(names) > _MOST_NAMED else ""
    return f"<h2>{escape(heading)}: {len(names)}</h2><ul>{items}{more}</ul>"
