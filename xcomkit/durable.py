"""Backends for XComs and task state that lose no data: what was stored is there, or the task fails.

One file that needs nothing but Airflow 3.1 or newer and the filesystem of the store. Install this
package on the agents, or copy the file into their image and set ``xcomBackend`` to the path it has
there, from Airflow 3.3 ``stateStoreBackend`` as well. The classes read the same ``[common.io]
xcom_objectstorage_*`` and ``state_store_objectstorage_*`` settings as common-io's own backends, and
write the same keys, suffixes and references, so each reads what the other wrote.

What differs from ``airflow.providers.common.io.xcom.backend.XComObjectStorageBackend``, and why:

- A value is compressed in memory and written by one call of the filesystem. The stock class writes
  through the codec's wrapper and never closes the file below it: the upload happens in a finalizer,
  where Python drops every exception, or (gcsfs) in a thread that dies with the process.
- Name and size of the object are asked for and compared before the reference is returned, and the
  content where that same answer has an MD5 of it: on Cloud Storage, and on Blob Storage for objects
  that went there in one piece. S3's ETag is no MD5 under KMS; there the upload carries a checksum
  which the service verifies.
- ``zip`` deflates; fsspec opens a zip archive that only stores. ``gzip`` has level 6, not 9: a
  fourth of the time for 8 % more bytes. ``zstd`` works where the agents have ``backports.zstd``
  or ``zstandard``, all of them.
- A pull reads the object by one request, without seeking in it, so that a task that pushes the key
  again meanwhile cannot mix two values. A missing or damaged object raises; the stock class returns
  the reference string in place of the value.
- A reference has the configured scheme, or another name of it, and ends in one of Airflow's two key
  layouts; that of 3.4, which no value of a user's has, counts under every scheme. Any other text is
  a value of the user's own, wherever it leads. A reference that is not below the configured path
  raises: bucket, prefix or connection id have changed since it was written. Text that looks like a
  reference is stored as an object whatever its size, so it comes back as the text it was, and an
  object whose own reference could not be told from a value is not written.
- A refused delete raises; s3fs drops its error. Airflow 3.1 to 3.3 purge before they delete the
  row, so a task that is cleared cannot run again until the right is there; Airflow 3.4 deletes the
  row first, so it fails once and leaves an object to the bucket's lifecycle.
- Keys are unique by construction, so nobody asks whether one is free. An anonymous client of Blob
  Storage is told that every key exists, and the stock class tries another one for ever.
- A path without a scheme is refused; the stock class writes to a directory of the pod.
- JSON above 2 GiB is refused, at the push and while an object is unpacked.
- Objects are not reported as assets for lineage; every push, pull and purge has a timer,
  ``xcom_object_storage.push`` and so on.

Airflow 3.4 stores through ``store_value``, which tells the iterations of a task loop apart, Airflow
3.1 to 3.3 through ``serialize_value``; both end in the same function. A trigger pushes and pulls
in a thread on 3.4. It is no subclass of the stock class, and has none of its private methods. What
JSON itself does not keep, such as keys of a dict that are no texts, is not kept here either.

The state store's class differs from ``StateStoreObjectStorageBackend`` in the same ways: confirmed
writes, one request per read, deletes that raise. Its keys are no unique ones, and what follows:

- A reference without its object raises. The stock class returns ``None``, which means that nothing
  was ever stored: an operator submits its external job again, a watermark starts over.
- A key that ends like a codec's suffix, ``export.gz``, is packed by that codec, because readers of
  both classes go by the name. The stock class stores it as it is and cannot read it.
- A write of the same key by somebody else, between write and confirmation, is an error of the one
  that cannot confirm. That can only be tasks that share an asset; a retry writes again.
- Deletes find the object by the present codec; one under an earlier codec stays until ``clear``.

Memory: a text of 90 MB on S3 takes 1.5 times its JSON beside the value to push, 2.4 to 2.7 times
with the value to pull. Above 100 MiB s3fs copies every part it sends.
"""

import asyncio
import base64
import functools
import gzip
import hashlib
import io
import json
import logging
import os.path
import re
import uuid
import zipfile
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

import fsspec.utils
from airflow.sdk import ObjectStoragePath
from airflow.sdk.bases.xcom import BaseXCom
from airflow.utils.json import XComDecoder, XComEncoder
from fsspec.compression import compr

try:
    from airflow.sdk.configuration import conf
    from airflow.sdk.exceptions import AirflowException
    from airflow.sdk.observability.stats import Stats
except ImportError:  # Airflow 3.1
    from airflow.configuration import conf
    from airflow.exceptions import AirflowException
    from airflow.stats import Stats

try:
    from airflow.sdk.state import AssetScope, BaseStoreBackend
except ImportError:  # Airflow 3.1 and 3.2 have no state store
    AssetScope, BaseStoreBackend = object, object

_SECTION = "common.io"
_XCOM, _STATE = "xcom", "state_store"
"""What is stored: how its settings and timers begin."""
_WORDS = {_XCOM: "XCom object", _STATE: "state object"}
_MOST_KEY_BYTES = 1024  # S3's limit, which the stock class also applies to the whole reference
_MOST_JSON_BYTES = 2**31
_BLOCK = 2**20
_GZIP_LEVEL = 6
_HAS_ISAL = find_spec("isal") is not None  # which fsspec then uses for gzip, and is faster still
_SAME_STORE = ({"s3", "s3a", "s3n"}, {"gs", "gcs"}, {"abfs", "abfss", "adl"})
"""Schemes that are names of one store; the connection id decides which account is asked."""
_SUFFIXES = ("zip", "gz", "bz2", "lzma", "xz", "zst", "lz4")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_LAYOUT = re.compile(
    rf"(?:[^/]*/){{3,}}(?:{_UUID}|(?P<new>(?:ti|write)-{_UUID})/[^/]*\.json)"
    rf"(?:\.(?:{'|'.join(_SUFFIXES)}))?"
)
"""Both key layouts below the base path, ``<dag>/<run>/<task>/`` first; a run id may hold slashes.
Suffixes count whether or not their codec is installed: a reference is one on every agent."""


class XComObjectError(AirflowException):  # type: ignore[misc]
    """A value could not be stored, found or read; the task must not go on as if it had been."""


@functools.cache
def _setting(kind: str, name: str) -> str:
    """Return a setting, ``""`` if unset; read once per process, as by the stock classes."""
    return str(conf.get(_SECTION, f"{kind}_objectstorage_{name}", fallback="") or "")


@functools.cache
def _base_path(kind: str = _XCOM) -> Any:
    path = _setting(kind, "path").rstrip("/")
    if "://" not in path:
        where = "has no scheme, so values would stay in this pod"
        raise XComObjectError(f"{kind}_objectstorage_path {path!r} {where}")
    return ObjectStoragePath(path)


def _base(kind: str = _XCOM) -> str:
    """Return the base path as references begin; a bucket alone ends in a slash by itself."""
    return str(_base_path(kind)).rstrip("/")


@functools.cache
def _threshold(kind: str = _XCOM) -> int:
    default = {_XCOM: -1, _STATE: 0}[kind]
    return int(conf.getint(_SECTION, f"{kind}_objectstorage_threshold", fallback=default))


def _suffix(kind: str = _XCOM) -> str:
    """Return the suffix of the configured codec with its dot, empty without one."""
    codec = _setting(kind, "compression")
    for suffix, name in fsspec.utils.compressions.items():
        if name == codec:
            return f".{suffix}"
    if codec:
        raise ValueError(f"Compression {codec} is not supported. Make sure it is installed.")
    return ""


def _codec_of(name: str) -> str:
    """Return the codec that a name stands for, as fsspec infers it; ``""`` for none.

    Raises:
        ValueError: the codec is known, and no package for it is installed here.
    """
    suffix = os.path.splitext(name)[1].strip(".").lower()  # noqa: PTH122 - as fsspec does
    codec = fsspec.utils.compressions.get(suffix, "")
    if not codec and suffix in _SUFFIXES:
        raise ValueError(f"no package for .{suffix} is installed")
    return str(codec)


class _Buffer(io.BytesIO):
    """A buffer that outlives the codec that closes it."""

    def close(self) -> None:
        """Stay open."""


def _compress(text: bytes, codec: str) -> bytes:
    if codec == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("file", text)  # the member's name in fsspec's own archives
        return archive.getvalue()
    if codec == "gzip" and not _HAS_ISAL:
        return gzip.compress(text, _GZIP_LEVEL)
    buffer = _Buffer()
    with compr[codec](buffer, mode="wb") as packer:
        packer.write(text)
    return buffer.getvalue()


def _decompress(body: bytes, name: str) -> bytes | bytearray:
    """Return what an object holds, by the suffix of its name.

    Raises:
        Exception: the codec's own error for damaged data, or ValueError.
    """
    codec = _codec_of(name)
    if not codec:
        return body
    text = bytearray()
    with compr[codec](io.BytesIO(body), mode="rb") as packed:
        while block := packed.read(_BLOCK):
            text += block
            if len(text) > _MOST_JSON_BYTES:
                raise ValueError(f"it grows beyond {_MOST_JSON_BYTES} bytes")
    return text


def _stored_md5(info: Mapping[str, Any]) -> bytes:
    """Return the MD5 of an object that a filesystem's ``info`` brings along, else nothing."""
    if text := info.get("md5Hash"):  # gcsfs
        return base64.b64decode(text)
    return bytes((info.get("content_settings") or {}).get("content_md5") or b"")  # adlfs


def _write(path: Any, body: bytes) -> None:
    """Write an object and confirm it.

    Raises:
        XComObjectError: it is not there afterwards, or is not what was written.
        Exception: whatever the filesystem raises for a failed request.
    """
    if not any(path.protocol in schemes for schemes in _SAME_STORE):  # it has real directories
        path.parent.mkdir(parents=True, exist_ok=True)
    path.fs.pipe_file(path.path, body)
    path.fs.invalidate_cache(path.parent.path)  # gcsfs has noted the object there unseen
    try:
        info = path.fs.info(path.path)
    except FileNotFoundError:
        raise XComObjectError(f"{path} was written and is not there") from None
    if info["name"] != path.path:  # s3fs and adlfs read ?versionid= in an id as a version
        raise XComObjectError(f"{path} was written under another name, {info['name']}")
    if info["size"] != len(body):
        raise XComObjectError(
            f"{path} holds {info['size']} bytes of the {len(body)} written, or was overwritten"
        )
    stored = _stored_md5(info)
    if stored and stored != hashlib.md5(body, usedforsecurity=False).digest():
        raise XComObjectError(f"{path} holds other bytes than the {len(body)} written")


def _push(value: Any, make_path: Callable[[str], Any]) -> Any:
    """Store a value from the threshold up; return what the row in the database is to hold."""
    body = json.dumps(value, cls=XComEncoder).encode()
    is_large = 0 <= _threshold() <= len(body)
    if not is_large and not (isinstance(value, str) and _is_reference(value)):
        return BaseXCom.serialize_value(value)
    path = make_path(_suffix())
    found = _find_path(str(path))
    if found is None or found.path != path.path:
        raise XComObjectError(f"{path} would not be read back: change its codec or ids")
    _store(path, body, kind=_XCOM)
    return BaseXCom.serialize_value(str(path))


def _store(path: Any, body: bytes, *, kind: str) -> None:
    """Pack JSON by the codec that the name stands for, write it and confirm it."""
    if len(body) > _MOST_JSON_BYTES:
        raise XComObjectError(f"the value is {len(body)} bytes of JSON, at most {_MOST_JSON_BYTES}")
    with Stats.timer(f"{kind}_object_storage.push"):
        codec = _codec_of(path.path)
        _write(path, _compress(body, codec) if codec else body)


def _load(path: Any, *, kind: str, read: Callable[[str], Any], is_needed: bool = True) -> Any:
    """Return what ``read`` makes of an object's text, ``None`` of one not there and not needed.

    Raises:
        XComObjectError: it is missing or damaged.
        Exception: whatever the filesystem raises for a failed request.
    """
    with Stats.timer(f"{kind}_object_storage.pull"):
        # s3fs would ask for the size, and for parts of 50 MiB at the same time
        whole = {"max_concurrency": 1} if path.protocol.startswith("s3") else {}
        try:
            body = path.fs.cat_file(path.path, **whole)
        except FileNotFoundError:
            if not is_needed:
                return None
            reason = "is not there: expired, deleted, or lost when it was written"
            raise XComObjectError(f"{_WORDS[kind]} {path} {reason}") from None
        size = len(body)
        try:
            text = _decompress(body, path.path).decode()
            del body
            return read(text)
        except MemoryError:
            raise
        except Exception as error:
            reason = f"cannot be read, {size} bytes: {type(error).__name__}: {error}"
            raise XComObjectError(f"{_WORDS[kind]} {path} {reason}") from error


def _remove(path: Any, name: str, *, kind: str) -> None:
    """Delete an object; one that is not there is fine.

    Raises:
        XComObjectError: the delete was refused, or failed.
    """
    with Stats.timer(f"{kind}_object_storage.purge"):
        try:
            path.fs.rm_file(name)  # the status of one delete; s3fs's rm drops it
        except FileNotFoundError:
            return
        except Exception as error:
            reason = f"was not deleted: {type(error).__name__}: {error}"
            raise XComObjectError(f"{_WORDS[kind]} {path} {reason}") from error


def _is_reference(text: str) -> bool:
    """Tell whether a text is in one of the key layouts, under a scheme that ours may have had."""
    if "://" not in text or "://" not in _setting(_XCOM, "path"):
        return False
    base = f"{_base()}/"
    if text.startswith(base):
        return _LAYOUT.fullmatch(text.removeprefix(base)) is not None
    scheme, _, rest = text.partition("://")
    found = _LAYOUT.fullmatch(rest.partition("/")[2])
    own = base.partition("://")[0]
    names = next((schemes for schemes in _SAME_STORE if own in schemes), {own})
    return found is not None and (bool(found["new"]) or scheme in names)


def _find_path(stored: Any) -> Any:
    """Return the path a reference leads to, ``None`` for a value of the user's own.

    Raises:
        XComObjectError: it is a reference, but not below the configured path.
    """
    if not isinstance(stored, str) or not _is_reference(stored):
        return None
    return _path_below(stored, kind=_XCOM)


def _path_below(reference: str, *, kind: str) -> Any:
    """Return the path that a reference leads to.

    Raises:
        XComObjectError: it is not below the configured path.
    """
    base = f"{_base(kind)}/"
    if reference.startswith(base):
        return _base_path(kind).joinpath(reference.removeprefix(base))
    raise XComObjectError(
        f"{reference} is a reference, but not below {_base(kind)}: bucket, prefix or connection id"
        f" of {kind}_objectstorage_path have changed since it was written"
    )


class DurableXComObjectStorageBackend(BaseXCom):  # type: ignore[misc]
    """Confirmed writes, no silent reads; the module's text says what differs from common-io."""

    @classmethod
    def store_value(cls, coordinate: Any, key: str, value: Any) -> Any:
        """Store a value of Airflow 3.4: one object per task instance and key, or per write.

        Raises:
            XComObjectError: the object is not there, or not whole, after it was written.
            Exception: whatever the filesystem raises for a failed request.
        """

        def make_path(suffix: str) -> Any:
            room = _MOST_KEY_BYTES - len(_base().encode()) - 1
            name = coordinate.build_path("", key, suffix=f".json{suffix}", max_length=room)
            return _base_path().joinpath(name)

        return _push(value, make_path)

    @staticmethod
    def serialize_value(
        value: Any,
        *,
        key: str | None = None,  # noqa: ARG004 - Airflow passes it; it is not part of the path
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,  # noqa: ARG004
    ) -> Any:
        """Store a value of Airflow 3.1 to 3.3; raises like ``store_value``."""
        parts = (dag_id or "NO_DAG_ID", run_id or "NO_RUN_ID", task_id or "NO_TASK_ID")
        return _push(value, lambda suffix: _base_path().joinpath(*parts, f"{uuid.uuid4()}{suffix}"))

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """Return the value behind a reference, or the value that the database itself holds.

        Raises:
            XComObjectError: the object is missing or damaged, or lies below another path.
            Exception: whatever the filesystem raises for a failed request.
        """
        stored = BaseXCom.deserialize_value(result)
        path = _find_path(stored)
        if path is None:
            return stored
        return _load(path, kind=_XCOM, read=lambda text: json.loads(text, cls=XComDecoder))

    @classmethod
    def purge(cls, xcom: Any, *args: Any) -> None:  # noqa: ARG003 - as in BaseXCom
        """Delete the object behind a reference.

        One that lies below another path is left alone, with a warning: a task that is cleared
        after the path was changed must be able to run again.

        Raises:
            XComObjectError: the delete was refused, or failed.
        """
        try:
            path = _find_path(xcom.value)
        except XComObjectError as error:
            logging.getLogger(__name__).warning("not purged: %s", error)
            return
        if path is not None:
            _remove(path, path.path, kind=_XCOM)


def _quoted(part: str) -> str:
    if part in ("", ".", ".."):
        raise XComObjectError(f"{part!r} can be no part of the path of a state object")
    return quote(part, safe="")


def _folder(scope: Any, *, every_index: bool = False) -> Any:
    """Return the path below which the keys of a scope lie, or of all map indices of its task."""
    if isinstance(scope, AssetScope):
        name = scope.name or scope.uri or str(scope.asset_id)
        return _base_path(_STATE).joinpath("assets", _quoted(name))
    parts = [_quoted(scope.dag_id), _quoted(scope.run_id)]
    region = getattr(scope, "region_id", None)  # Airflow 3.4: the iteration of a task loop
    parts += [f"region={region}"] if region and region.int else []
    parts += [_quoted(scope.task_id), *([] if every_index else [str(scope.map_index)])]
    return _base_path(_STATE).joinpath(*parts)


def _object_of(scope: Any, key: str) -> Any:
    return _folder(scope).joinpath(f"{_quoted(key)}{_suffix(_STATE)}")


class DurableStateStoreObjectStorageBackend(BaseStoreBackend):  # type: ignore[misc]
    """Confirmed writes, no silent ``None``; the module's text says what differs from common-io."""

    def get(self, scope: Any, key: str, **_: Any) -> str | None:
        """Return the text under a key, ``None`` where no object is.

        Raises:
            XComObjectError: the object is damaged.
        """
        text: str | None = _load(_object_of(scope, key), kind=_STATE, read=str, is_needed=False)
        return text

    def set(self, scope: Any, key: str, value: str, **_: Any) -> None:
        """Store a text under a key; raises like ``DurableXComObjectStorageBackend``."""
        _store(_object_of(scope, key), value.encode(), kind=_STATE)

    def delete(self, scope: Any, key: str, **_: Any) -> None:
        """Delete the object of a key.

        Raises:
            XComObjectError: the delete was refused, or failed.
        """
        path = _object_of(scope, key)
        _remove(path, path.path, kind=_STATE)

    def clear(self, scope: Any, *, all_map_indices: bool = False, **_: Any) -> None:
        """Delete every object of a scope, of a task on demand those of all its map indices.

        Raises:
            XComObjectError: a delete was refused, or failed.
        """
        is_wide = all_map_indices and not isinstance(scope, AssetScope)
        folder = _folder(scope, every_index=is_wide)
        folder.fs.invalidate_cache(folder.path)
        for name in folder.fs.find(folder.path):
            # A Dag may be called assets: what is deeper belongs to somebody else.
            if name.startswith(f"{folder.path}/"):
                below = name.removeprefix(f"{folder.path}/")
                if below.count("/") == int(is_wide):
                    _remove(folder / below, name, kind=_STATE)

    async def aget(self, scope: Any, key: str, **_: Any) -> str | None:
        """Return what ``get`` does, from a thread."""
        return await asyncio.to_thread(self.get, scope, key)

    async def aset(self, scope: Any, key: str, value: str, **_: Any) -> None:
        """Do what ``set`` does, in a thread."""
        await asyncio.to_thread(self.set, scope, key, value)

    async def adelete(self, scope: Any, key: str, **_: Any) -> None:
        """Do what ``delete`` does, in a thread."""
        await asyncio.to_thread(self.delete, scope, key)

    async def aclear(self, scope: Any, *, all_map_indices: bool = False, **_: Any) -> None:
        """Do what ``clear`` does, in a thread."""
        await asyncio.to_thread(self.clear, scope, all_map_indices=all_map_indices)

    def serialize_task_state_store_to_ref(self, *, value: Any, key: str, scope: Any) -> str:
        """Store a value from the threshold up; return a reference, or the value as JSON.

        Raises:
            XComObjectError: the object is not there, or not whole, after it was written.
            Exception: whatever the filesystem raises for a failed request.
        """
        text = json.dumps(value)
        if _threshold(_STATE) < 0:
            raise XComObjectError("state_store_objectstorage_threshold must not be negative")
        if len(text.encode()) < _threshold(_STATE):
            return text
        path = _object_of(scope, key)
        _store(path, text.encode(), kind=_STATE)
        return str(path)

    def deserialize_task_state_store_from_ref(self, stored: str) -> Any:
        """Return the value behind a reference, or the one that the row itself holds.

        Raises:
            XComObjectError: the object is missing or damaged, or lies below another path.
            Exception: whatever the filesystem raises for a failed request.
        """
        if not re.match(r"[a-zA-Z][\w+.-]*://", stored):  # which no JSON begins with
            return json.loads(stored)
        return _load(_path_below(stored, kind=_STATE), kind=_STATE, read=json.loads)

    serialize_asset_state_store_to_ref = serialize_task_state_store_to_ref
    deserialize_asset_state_store_from_ref = deserialize_task_state_store_from_ref
