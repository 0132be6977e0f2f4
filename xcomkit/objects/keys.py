"""Object keys read as XComs.

Airflow 3.1 to 3.3 write ``<prefix>/<dag>/<run>/<task>/<uuid4>[.suffix]``, Airflow 3.4
``.../<task>/ti-<uuid>|write-<uuid>/<quoted key or sha256>.json[.suffix]`` (``store_value``), where
``ti-`` names the try of the task and ``write-`` one write into another task's XCom.
"""

import re
from dataclasses import replace
from typing import Literal

from xcomkit.findings.model import Codec, StoredObject, StoredXCom

# Airflow's own rule for Dag and task ids: no slash, so both ends of a key are unambiguous even
# where [scheduler] allowed_run_id_pattern was widened and a run id holds slashes.
_ID = re.compile(r"[\w.-]{1,250}")
_HEX = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_SUFFIX = r"(?:\.(?P<suffix>zip|gz|bz2|lzma|xz))?"
_UUID_NAME = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}" + _SUFFIX
)
_KEY_NAME = re.compile(r".+\.json" + _SUFFIX)
_INSTANCE = re.compile(rf"ti-(?P<id>{_HEX})|write-{_HEX}")
_CODECS: dict[str | None, Codec] = {
    None: "none",
    "zip": "zip",
    "gz": "gzip",
    "bz2": "bz2",
    "lzma": "lzma",
    "xz": "xz",
}


def codec_of(key: str) -> Codec:
    """Return the codec that fsspec infers from a key's suffix; a run id's dots are no suffix."""
    return _CODECS.get(key.rpartition("/")[2].rpartition(".")[2], "none")


def parse_key(stored: StoredObject, *, prefix: str) -> StoredXCom:
    """Return the object as an XCom; a key in neither layout is ``foreign``, never an error."""
    base = f"{prefix}/" if prefix else ""
    parts = stored.key.removeprefix(base).split("/") if stored.key.startswith(base) else []
    if len(parts) >= 4 and (name := _UUID_NAME.fullmatch(parts[-1])):
        return _xcom(stored, parts[:-1], layout="uuid", suffix=name["suffix"])
    if (
        len(parts) >= 5
        and (instance := _INSTANCE.fullmatch(parts[-2]))
        and (name := _KEY_NAME.fullmatch(parts[-1]))
    ):
        found = _xcom(stored, parts[:-2], layout="key", suffix=name["suffix"])
        return replace(found, task_instance=instance["id"] or "")
    return _foreign(stored)


def _foreign(stored: StoredObject) -> StoredXCom:
    return StoredXCom(key=stored.key, size=stored.size, modified=stored.modified, layout="foreign")


def _xcom(
    stored: StoredObject, parts: list[str], *, layout: Literal["uuid", "key"], suffix: str | None
) -> StoredXCom:
    """Return the XCom of ``<dag>/<run, which may hold slashes>/<task>``."""
    dag_id, *run, task_id = parts
    ids_hold = _ID.fullmatch(dag_id) and _ID.fullmatch(task_id)
    run_holds = all(part.isprintable() and part not in ("", ".", "..") for part in run)
    if not (ids_hold and run_holds):
        return _foreign(stored)
    return StoredXCom(
        key=stored.key,
        size=stored.size,
        modified=stored.modified,
        layout=layout,
        dag_id=dag_id,
        run_id="/".join(run),
        task_id=task_id,
        codec=_CODECS[suffix],
    )
