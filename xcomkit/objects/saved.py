"""Sums on disk: JSON that a listing goes on from, and Parquet for whoever counts further."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check, StoredObject, StoredXCom
from xcomkit.objects.keys import parse_key
from xcomkit.objects.listing import Listing
from xcomkit.objects.summary import Summary
from xcomkit.objects.sums import Examples, Sums

_PARTS = ("beside", "deletion", "orphans", "scan", "state_store")
"""What is there, as null, where it was not asked for."""
_TALLIES = ("days", "sizes", "ages")
_EXAMPLES = ("empty", "past", "foreign", "state")
_GROUP = ("dag_id", "task_id", "layout", "codec", "objects", "bytes")


def to_json(
    listing: Listing, *, summary: Summary, checks: Iterable[Check], more: Mapping[str, Any]
) -> str:
    """Return what a listing found, for tools, and what else was asked for."""
    found = {
        "schema": 1,
        "bucket": listing.bucket,
        "prefix": listing.sums.prefix,
        "summary": summary,
        **dict.fromkeys(_PARTS),
        **more,
        "checks": list(checks),
    }
    return json.dumps(found, indent=1, sort_keys=True, default=_plain)


def write(listing: Listing, *, path: Path) -> None:
    """Write the sums, as Parquet where the file is named so: a row per Dag, task and codec.

    Raises:
        InputError: the file cannot be written.
    """
    try:
        if path.suffix == ".parquet":
            _write_parquet(listing.sums, path=path)
        else:
            unfinished = path.with_name(f"{path.name}.part")
            text = json.dumps(_to_document(listing), indent=1, default=_plain)
            unfinished.write_text(f"{text}\n", encoding="utf-8")
            unfinished.replace(path)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}.", hint="name a file in a folder of yours."
        ) from error


def read(path: Path) -> Listing:
    """Return the listing whose sums were written as JSON.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        return _from_document(json.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} holds no sums: {type(error).__name__}.",
            hint="name the .json file that xcomkit inspect --save wrote.",
        ) from error


def _to_document(listing: Listing) -> dict[str, Any]:
    sums = listing.sums
    return {
        "schema": 1,
        "bucket": listing.bucket,
        "reached": listing.reached,
        "folders": listing.folders,
        "missing": listing.missing,
        "prefix": sums.prefix,
        "now": sums.now,
        "retention_days": sums.retention_days,
        "groups": [[*group, *tally] for group, tally in sums.groups.items()],
        **{name: getattr(sums, name) for name in _TALLIES},
        **{name: asdict(getattr(sums, name)) for name in _EXAMPLES},
        "largest": [_stored(one) for *_, one in sums.largest],
        **{name: one and _stored(one) for name, one in _edges(sums)},
    }


def _from_document(document: Mapping[str, Any]) -> Listing:
    prefix = str(document["prefix"])
    sums = Sums(prefix, datetime.fromisoformat(document["now"]), int(document["retention_days"]))
    sums.in_groups.add_named(
        ((dag, task, layout, codec), int(count), int(size))
        for dag, task, layout, codec, count, size in document["groups"]
    )
    for name in _TALLIES:
        tallies = {int(number): tally for number, tally in document[name].items()}
        setattr(sums, name, tallies)
    for name in _EXAMPLES:
        setattr(sums, name, Examples(**document[name]))
    sums.consider(_read_stored(one, prefix=prefix) for one in document["largest"])
    for name, _ in _edges(sums):
        one = document[name]
        setattr(sums, name, one and _read_stored(one, prefix=prefix))
    folders = {str(name): last for name, last in document["folders"].items()}
    missing = str(document.get("missing", ""))
    return Listing(str(document["bucket"]), sums, document["reached"], folders, missing=missing)


def _write_parquet(sums: Sums, *, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        dict(zip(_GROUP, (*group, *tally), strict=True)) for group, tally in sums.groups.items()
    ]
    kinds = [*[pa.string()] * 4, *[pa.int64()] * 2]
    schema = pa.schema(zip(_GROUP, kinds, strict=True))
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)


def _stored(one: StoredXCom) -> tuple[str, int, str]:
    return one.key, one.size, one.modified.isoformat()


def _read_stored(one: Sequence[Any], *, prefix: str) -> StoredXCom:
    key, size, modified = one
    return parse_key(
        StoredObject(str(key), int(size), datetime.fromisoformat(modified)), prefix=prefix
    )


def _edges(sums: Sums) -> tuple[tuple[str, StoredXCom | None], ...]:
    return ("oldest", sums.oldest), ("newest", sums.newest)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"sums hold no {type(value).__name__}")
