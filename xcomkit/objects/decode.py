"""One object opened safely: bounded decompression, JSON only, nothing imported or unpickled.

The bytes are hostile input: a kilobyte may claim to be gigabytes, and a type tag may name any
class. Type tags are listed as text and never resolved.
"""

import bz2
import gzip
import io
import json
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import StoredCodec

LIMIT = 5_000_000
"""Bytes that an opened object may have, compressed and decompressed."""
PREVIEW_CHARACTERS = 2_000
MAX_TYPES = 50
MAX_TAG_CHARACTERS = 200
# xz -9 needs 65 MiB; what asks for more was not written by Airflow.
_XZ_MEMORY = 100 * 2**20
_MAX_MEMBERS = 16
_MAGIC: tuple[tuple[bytes, StoredCodec], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
_ROOTS: dict[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What is inside one object; sizes in bytes.

    ``size`` is what was decompressed, which for ``truncated`` is the limit. ``is_json`` is
    ``None`` where it was not judged. ``types`` are the classes named by Airflow's encoder.
    ``found_codec`` is read from the first bytes, whatever the key's suffix says.
    """

    codec: StoredCodec
    found_codec: StoredCodec
    size: int
    truncated: bool
    preview: str
    root: str
    types: tuple[str, ...]
    is_json: bool | None
    problem: str

    @property
    def suffix_holds(self) -> bool:
        """Tell whether the bytes are what the suffix says; fsspec writes xz under .lzma too."""
        same = {"lzma": "xz"}
        return same.get(self.codec, self.codec) == same.get(self.found_codec, self.found_codec)


class UnreadableError(Exception):
    """The bytes are not what the codec needs; says in one sentence why."""


def decode(source: bytes, *, codec: StoredCodec, limit_bytes: int) -> Decoded:
    """Return what one object holds, reading and decompressing at most ``limit_bytes`` each."""
    return decode_with_body(source, codec=codec, limit_bytes=limit_bytes)[0]


def decode_with_body(
    source: bytes, *, codec: StoredCodec, limit_bytes: int
) -> tuple[Decoded, bytes]:
    """Return what one object holds, and at most ``limit_bytes`` of its content."""
    stored = source[: limit_bytes + 1]
    body, root, problem = b"", "", ""
    types: dict[str, None] = {}

    def note_type(part: dict[str, Any]) -> dict[str, Any]:
        tag = part.get("__classname__")
        if isinstance(tag, str) and len(types) < MAX_TYPES:
            types[tag[:MAX_TAG_CHARACTERS]] = None
        return part

    try:
        body = decompress(stored, codec=codec, limit=limit_bytes)
        if not (cut := max(len(stored), len(body)) > limit_bytes):
            root = _ROOTS[type(_parse(body, note=note_type))]
    except UnreadableError as error:
        problem, cut = str(error), len(stored) > limit_bytes
    if cut:
        problem = f"more than {limit_bytes} bytes, of which only the beginning was read"
    found = Decoded(
        codec=codec,
        found_codec=_sniff(stored),
        size=min(len(body), limit_bytes),
        truncated=cut,
        preview=_preview(body[:limit_bytes]),
        root=root,
        types=tuple(types) if root else (),
        is_json=None if cut else not problem,
        problem=problem,
    )
    return found, body[:limit_bytes]


def read_value(source: bytes, *, codec: StoredCodec, limit_bytes: int) -> Any:
    """Return the JSON value in one object: lists, dicts and plain values, type tags unresolved.

    Raises:
        ServiceError: more than ``limit_bytes`` stored or inside, or not JSON in that codec.
    """
    problem = f"it holds more than {limit_bytes} bytes"
    try:
        if len(source) <= limit_bytes:
            body = decompress(source, codec=codec, limit=limit_bytes)
            if len(body) <= limit_bytes:
                return _parse(body)
    except UnreadableError as error:
        problem = str(error)
    raise ServiceError(
        f"The object cannot be read: {problem}.",
        hint="look at the object: another program may write below the prefix.",
    )


def _sniff(stored: bytes) -> StoredCodec:
    """Return the codec named by the first bytes; no JSON text begins like any of them."""
    return next((codec for magic, codec in _MAGIC if stored.startswith(magic)), "none")


def decompress(stored: bytes, *, codec: StoredCodec, limit: int) -> bytes:
    """Return at most ``limit + 1`` decompressed bytes.

    Raises:
        UnreadableError: when the bytes are not what the codec needs.
    """
    source = io.BytesIO(stored)
    try:
        match codec:
            case "none":
                return stored[: limit + 1]
            case "gzip":
                with gzip.GzipFile(fileobj=source) as stream:
                    return stream.read(limit + 1)
            case "bz2":
                with bz2.BZ2File(source) as stream:
                    return stream.read(limit + 1)
            case "lzma" | "xz":
                return _unxz(stored, limit=limit)
            case "zip":
                return _unzip(stored, limit=limit)
            case "zstd" | "lz4":
                import pyarrow as pa

                with pa.CompressedInputStream(pa.py_buffer(stored), codec) as stream:
                    return bytes(stream.read(limit + 1))
    except EOFError:
        raise UnreadableError(f"the {codec} data ends too early") from None
    except (OSError, ValueError, RuntimeError, zlib.error, lzma.LZMAError, BadZipFile) as error:
        raise UnreadableError(f"not {codec} data: {error}"[:200]) from None


def _unxz(stored: bytes, *, limit: int) -> bytes:
    """Return the first stream; LZMAFile offers no memory limit, the decompressor does."""
    unpacker = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
    body = unpacker.decompress(stored, max_length=limit + 1)
    if not unpacker.eof and len(body) <= limit:
        raise EOFError
    return body


def _unzip(stored: bytes, *, limit: int) -> bytes:
    """Return the one member that Airflow writes, whatever size the directory claims.

    zipfile decompresses bz2 and lzma members without a bound, so only the two methods that it
    bounds are opened; the number of members is counted before zipfile lists them.
    """
    if stored.count(b"PK\x01\x02") > _MAX_MEMBERS:
        raise UnreadableError(f"more than {_MAX_MEMBERS} members, where Airflow writes one")
    if b"PK\x05\x06" not in stored and _sniff(stored) == "zip":  # its directory is at the end
        raise EOFError
    with ZipFile(io.BytesIO(stored)) as archive:
        members = archive.infolist()
        if len(members) != 1:
            raise UnreadableError(f"{len(members)} members, where Airflow writes one")
        if members[0].compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise UnreadableError("a member packed with a method that Airflow does not write")
        with archive.open(members[0]) as stream:
            return stream.read(limit + 1)


def _parse(body: bytes, *, note: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    """Return the JSON value; ``note`` sees every JSON object in it.

    Raises:
        UnreadableError: when it is not JSON.
    """
    try:
        return json.loads(body.decode("utf-8"), object_hook=note)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        if isinstance(error, json.JSONDecodeError) and _is_cut(error):
            reason = "it ends too early"
        raise UnreadableError(f"not JSON: {reason}"[:200]) from None


def _is_cut(error: json.JSONDecodeError) -> bool:
    """Tell whether all that is there is JSON, as far as it goes."""
    is_at_end = error.pos >= len(error.doc.rstrip())
    return bool(error.doc) and (is_at_end or error.msg.startswith("Unterminated string"))


def _preview(body: bytes) -> str:
    """Return the beginning as text in which every control character is a replacement mark."""
    text = body[: PREVIEW_CHARACTERS * 4].decode("utf-8", "replace")[:PREVIEW_CHARACTERS]
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)
