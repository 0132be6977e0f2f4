"""Object keys read as XComs.

Airflow 3.1 to 3.3 write ``<prefix>/<dag>/<run>/<task>/<uuid4>[.suffix]``, Airflow 3.4
``.../<task>/ti-<uuid>|write-<uuid>/<quoted key or sha256>.json[.suffix]`` (``store_value``), where
``ti-`` names the try of the task and ``write-`` one write into another task's XCom. The state store
writes ``<dag>/<run>/[region=<uuid>/]<task>/<map index>/<key>[.suffix]`` and
``assets/<asset>/<key>[.suffix]``, every part quoted as in a URL.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import unquote

from xcomkit.findings.model import StoredCodec, StoredObject, StoredXCom

CODECS: dict[str, StoredCodec] = {
    "": "none",
    "zip": "zip",
    "gz": "gzip",
    "bz2": "bz2",
    "lzma": "lzma",
    "xz": "xz",
    "zst": "zstd",
    "lz4": "lz4",
}
"""The codec per suffix that fsspec registers; snappy has none."""

# Airflow's own rule for Dag and task ids: no slash, so both ends of a key are unambiguous even
# where [scheduler] allowed_run_id_pattern was widened and a run id holds slashes.
MAX_ID = 250
_ID = re.compile(rf"[\w.-]{{1,{MAX_ID}}}")
_HEX = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_SUFFIX = rf"(?:\.(?:{'|'.join(filter(None, CODECS))}))?"
_UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}" + _SUFFIX
_UUID_NAME = re.compile(_UUID4)
_KEY_NAME = re.compile(r".+\.json" + _SUFFIX)
_INSTANCE = re.compile(rf"ti-(?P<id>{_HEX})|write-{_HEX}")
# A folder with a number in it is no sign of the state store, unless Airflow named the run.
_RUN = re.compile(r"(manual|scheduled|backfill|dataset_triggered|asset_triggered|operator)\w*__.+")
_REGION = re.compile(rf"region={_HEX}")
_ESCAPED = re.compile(r"(?:\\+(?:u00|x)|%)(2d|3\d|[46][1-6])")
"""A character of a UUID as JSON, Python and URLs may write it."""
_QUOTED = re.compile(r"(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})+|" + _REGION.pattern)


def codec_of(key: str) -> StoredCodec:
    """Return the codec that fsspec infers from a key's suffix; a run id's dots are no suffix."""
    return CODECS.get(key.rpartition("/")[2].rpartition(".")[2], "none")


def parse_key(stored: StoredObject, *, prefix: str) -> StoredXCom:
    """Return the object as an XCom; a key in no layout is ``foreign``, never an error."""
    base = f"{prefix}/" if prefix else ""
    parts = stored.key.removeprefix(base).split("/") if stored.key.startswith(base) else []
    if len(parts) >= 4 and _UUID_NAME.fullmatch(parts[-1]):
        return _xcom(stored, parts[:-1], layout="uuid")
    if (
        len(parts) >= 5
        and (instance := _INSTANCE.fullmatch(parts[-2]))
        and _KEY_NAME.fullmatch(parts[-1])
    ):
        return replace(_xcom(stored, parts[:-2], layout="key"), task_instance=instance["id"] or "")
    return _state(stored, parts) or _foreign(stored)


def find_references(text: bytes, *, bucket: str, prefix: str) -> Iterator[str]:
    """Yield the keys of XComs that texts in JSON refer to, whose slashes may be escaped.

    A reference is what Airflow keeps in place of a value, ``<scheme>://<connection>@<bucket>/<key>``
    as a whole text.
    """
    below = f"{bucket}/{prefix}/" if prefix else f"{bucket}/"
    # The 1,024 bytes of a key are at most six times as many in JSON.
    pattern = rb'"[a-z0-9]{2,8}://(?:[^"/@\\]{1,250}@)?%b((?:[^"\\]|\\.){1,6144}")'
    for match in re.finditer(pattern % re.escape(below).encode(), text.replace(b"\\/", b"/")):
        with suppress(ValueError):  # no JSON
            key = below.removeprefix(f"{bucket}/") + json.loads(b'"' + match[1])
            key.encode()  # a lone surrogate is in no key
            stored = StoredObject(key, 0, datetime.fromtimestamp(0, UTC))
            if parse_key(stored, prefix=prefix).layout in ("uuid", "key"):
                yield key


def find_ids(text: str) -> set[str]:
    """Return the UUIDs in a text, escaped or not; every object of an XCom has one of its own."""
    text = text.lower()
    plain = _ESCAPED.sub(lambda one: chr(int(one[1], 16)).lower(), text)
    return {one for each in {text, plain} for one in re.findall(f"(?=({_HEX}))", each)}


def own_id(found: StoredXCom) -> str:
    """Return the UUID of an XCom's object; in Airflow 3.4 a try of a task has one."""
    *_, folder, name = found.key.split("/")
    return str(re.findall(_HEX, name if found.layout == "uuid" else folder)[0])


def strict_patterns(prefix: str) -> dict[Literal["uuid", "key"], str]:
    """Return patterns of RE2 for the keys of agents that nothing is odd about, per layout.

    What they match, ``parse_key`` reads as that layout, with the Dag first behind the prefix and
    the task before the name, unless one of these ids is longer than ``MAX_ID``, which would take
    RE2 ten times as long to judge. There are keys of XComs that they do not match.
    """
    base = f"{re.escape(prefix)}/" if prefix else ""
    below = rf"^{base}[\w.-]+/(?:[ -.0-~]{{3,}}/)+[\w.-]+/"
    return {
        "uuid": rf"{below}{_UUID4}$",
        "key": rf"{below}(?:ti|write)-{_HEX}/[ -.0-~]+\.json{_SUFFIX}$",
    }


def _state(stored: StoredObject, parts: list[str]) -> StoredXCom | None:
    """Return the object as one of the state store, ``None`` where its key does not say so."""
    if not all(_QUOTED.fullmatch(part) for part in parts):
        return None
    if len(parts) == 3 and parts[0] == "assets":
        dag_id, run_id, task_id = "", "", parts[1]
    elif len(parts) == 6 and _REGION.fullmatch(parts[2]):
        dag_id, run_id, _, task_id, _, _ = parts
    elif len(parts) == 5 and (parts[3] == "-1" or (parts[3].isdecimal() and _RUN.match(parts[1]))):
        dag_id, run_id, task_id, _, _ = parts
    else:
        return None
    dag_id, run_id, task_id = map(unquote, (dag_id, run_id, task_id))
    return _read(stored, layout="state", dag_id=dag_id, run_id=run_id, task_id=task_id)


def _foreign(stored: StoredObject) -> StoredXCom:
    return StoredXCom(key=stored.key, size=stored.size, modified=stored.modified, layout="foreign")


def _xcom(stored: StoredObject, parts: list[str], *, layout: Literal["uuid", "key"]) -> StoredXCom:
    """Return the XCom of ``<dag>/<run, which may hold slashes>/<task>``."""
    dag_id, *run, task_id = parts
    ids_hold = _ID.fullmatch(dag_id) and _ID.fullmatch(task_id)
    run_holds = all(part.isprintable() and part not in ("", ".", "..") for part in run)
    if not (ids_hold and run_holds):
        return _foreign(stored)
    return _read(stored, layout=layout, dag_id=dag_id, run_id="/".join(run), task_id=task_id)


def _read(
    stored: StoredObject,
    *,
    layout: Literal["uuid", "key", "state"],
    dag_id: str,
    run_id: str,
    task_id: str,
) -> StoredXCom:
    return StoredXCom(
        key=stored.key,
        size=stored.size,
        modified=stored.modified,
        layout=layout,
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        codec=codec_of(stored.key),
    )
