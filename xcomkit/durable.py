"""An XCom backend for Airflow that does not lose data: what was pushed is there, or the task fails.

One file that needs nothing but Airflow, common-io and the filesystem. Install this package on the
agents, or copy the file into their image and set ``xcomBackend`` to the path it has there. Keys,
suffixes and references are those of common-io's own backend, so each reads what the other wrote.

What differs from ``airflow.providers.common.io.xcom.backend.XComObjectStorageBackend``, and why:

- A value is compressed in memory and written through a plain file. The stock class writes through
  the codec's wrapper and never closes the file below it: the upload happens in a finalizer, where
  Python drops every exception, or (gcsfs) in a thread that dies with the process.
- The stored size is asked for and compared before the reference is returned.
- ``zip`` deflates; fsspec opens a zip archive that only stores.
- A pull reads the object whole, without seeking in it, and a missing or damaged object raises. The
  stock class returns the reference string in place of the value.
- A reference that is not below the configured path raises as well: prefix, bucket or connection id
  have changed since it was written.
- A purge that leaves the object behind raises; s3fs drops the error of a refused delete.
- Keys are uuids, so nobody asks whether one is free. An anonymous client of Blob Storage is told
  that every key exists, and the stock class tries another one for ever.

Memory: JSON text, compressed form and the filesystem's buffer exist at once; a pull holds object,
text and value. With a text of 200 MB on S3 a push took 2.6 times the JSON beside the value, 1.5
times with gzip or zip, and a pull 2.4 to 3.2 times with the value: no more than the stock class.

It uses private names of common-io, 1.11 here, and refuses to be imported where they are others.
"""

# ruff: noqa: SLF001 - which private names are used, and that they are there, is checked below

import io
import json
import logging
import re
import uuid
import zipfile
from collections.abc import Callable
from typing import Any

from airflow.providers.common.io.xcom import backend as common_io
from airflow.sdk.bases.xcom import BaseXCom
from airflow.utils.json import XComDecoder, XComEncoder
from fsspec.compression import compr
from fsspec.utils import infer_compression

_USED = ("_get_base_path", "_get_compression", "_get_compression_suffix", "_get_threshold")
_KNOWN_METHODS = {
    "_get_full_path", "store_value", "serialize_value", "_write_large_value", "deserialize_value",
    "purge",
}  # fmt: skip
_REFERENCE = re.compile(
    r"[a-z][a-z0-9+.-]*://.+/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.[a-z0-9]{1,6})?"
    r"|[a-z][a-z0-9+.-]*://.+/(?:ti|write)-[0-9a-f-]{32,36}/[^/]+\.json(?:\.[a-z0-9]{1,6})?"
)
"""What a reference of either key layout looks like, under whatever path it was written."""


def _check_common_io() -> None:
    """Refuse a common-io that this file was not written for.

    Raises:
        ImportError: a name that is used here is gone, or there is a method nobody knew of.
    """
    stock = common_io.XComObjectStorageBackend
    methods = {name for name in vars(stock) if not name.startswith("__")}
    told = [f"{name} is new" for name in sorted(methods - _KNOWN_METHODS)]
    told += [f"{name} is missing" for name in _USED if not hasattr(common_io, name)]
    if not hasattr(stock, "_get_full_path"):
        told.append("_get_full_path is missing")
    if told:
        raise ImportError(
            f"The durable backend does not know this common-io: {', '.join(told)}. Next: use"
            " apache-airflow-providers-common-io 1.11, or a newer version of this file."
        )


_check_common_io()


class XComObjectError(Exception):
    """A value could not be stored, found or read; the task must not go on as if it had been."""


class _Kept(io.BytesIO):
    """A buffer that outlives the codec that closes it."""

    def close(self) -> None:
        """Stay open."""


def _compress(text: bytes, codec: str) -> bytes:
    if codec == "zip":
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("file", text)  # the member's name in fsspec's own archives
        return archive.getvalue()
    buffer = _Kept()
    with compr[codec](buffer, mode="wb") as packer:
        packer.write(text)
    return buffer.getvalue()


def _decompress(body: bytes, codec: str | None) -> bytes:
    if codec is None:
        return body
    with compr[codec](io.BytesIO(body), mode="rb") as packed:
        return bytes(packed.read())


class DurableXComObjectStorageBackend(common_io.XComObjectStorageBackend):  # type: ignore[misc]
    """common-io's backend with confirmed writes; the module's text says what it changes."""

    @staticmethod
    def serialize_value(
        value: Any,
        *,
        key: str | None = None,  # noqa: ARG004 - Airflow passes it; it is not part of the key
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,  # noqa: ARG004
    ) -> Any:
        """Store a value from the threshold up and return what the database is to hold.

        Raises:
            XComObjectError: the object is not there, or not whole, after it was written.
            Exception: whatever the filesystem raises for a failed request.
        """
        parts = (dag_id or "NO_DAG_ID", run_id or "NO_RUN_ID", task_id or "NO_TASK_ID")
        path = DurableXComObjectStorageBackend._write_large_value(
            value,
            lambda suffix: common_io._get_base_path().joinpath(*parts, f"{uuid.uuid4()}{suffix}"),
        )
        return BaseXCom.serialize_value(value if path is None else str(path))

    @staticmethod
    def _write_large_value(value: Any, get_path: Callable[[str], Any]) -> Any:
        """Write a value from the threshold up and return its confirmed path, else ``None``.

        ``store_value`` of the coming task SDK calls this one too.
        """
        body = json.dumps(value, cls=XComEncoder).encode()
        threshold = common_io._get_threshold()
        if threshold < 0 or len(body) < threshold:
            return None
        suffix = ""
        if codec := common_io._get_compression():
            suffix = f".{common_io._get_compression_suffix(codec)}"
            body = _compress(body, codec)
        path = get_path(suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(body)
        path.fs.invalidate_cache()
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            raise XComObjectError(f"{path} was written and is not there") from None
        if size != len(body):
            raise XComObjectError(f"{path} holds {size} bytes of the {len(body)} written")
        return path

    @staticmethod
    def deserialize_value(result: Any) -> Any:
        """Return the value behind a reference, or the value that the database itself holds.

        Raises:
            XComObjectError: the object is missing or damaged, or lies below another path.
            Exception: whatever the filesystem raises for a failed request.
        """
        held = BaseXCom.deserialize_value(result)
        path = _find_path(held)
        if path is None:
            return held
        try:
            body = path.fs.cat_file(path.path)
        except FileNotFoundError:
            told = "is not there: expired, deleted, or lost when it was written"
            raise XComObjectError(f"XCom object {path} {told}") from None
        try:
            return json.loads(_decompress(body, infer_compression(path.path)), cls=XComDecoder)
        except Exception as error:
            told = f"cannot be read, {len(body)} bytes: {type(error).__name__}: {error}"
            raise XComObjectError(f"XCom object {path} {told}") from error

    @staticmethod
    def purge(xcom: Any, session: Any = None) -> None:  # noqa: ARG004 - as in the stock class
        """Delete the object behind a reference.

        One that lies below another path is left alone, with a warning: a task that is cleared
        after the path was changed must be able to run again.

        Raises:
            XComObjectError: the object is still there afterwards.
        """
        try:
            path = _find_path(xcom.value)
        except XComObjectError as error:
            logging.getLogger(__name__).warning("not purged: %s", error)
            return
        if path is None:
            return
        path.unlink(missing_ok=True)
        path.fs.invalidate_cache()
        if path.exists():
            raise XComObjectError(f"XCom object {path} is still there after it was deleted")


def _find_path(held: Any) -> Any:
    """Return the path a reference leads to, ``None`` for a value of the user's own.

    Raises:
        XComObjectError: it is a reference, but not below the configured path.
    """
    if not isinstance(held, str) or "://" not in held:
        return None
    try:
        return common_io.XComObjectStorageBackend._get_full_path(held)
    except (TypeError, ValueError):
        if _REFERENCE.fullmatch(held) is None:
            return None
        base = common_io._get_base_path()
        raise XComObjectError(
            f"{held} is a reference, but not below {base}: bucket, prefix or connection id of"
            " xcom_objectstorage_path have changed since it was written"
        ) from None
