"""Read stored objects without Airflow: who reads, and how bytes are unpacked within a limit."""

import bz2
import io
import lzma
import zipfile
import zlib
from typing import Any, Protocol

from xcomkit.findings.errors import ServiceError

MOST_XZ_MEMORY = 256_000_000
UNPACK_ERRORS = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


class ObjectReader(Protocol):
    """Reads the bucket without Airflow."""

    def read_object(self, key: str) -> bytes:
        """Return the bytes of an object.

        Raises:
            MissingError: when it is not there.
            AccessDeniedError: when this reader may not look.
        """

    def object_exists(self, key: str) -> bool:
        """Tell whether an object is there; raises like ``read_object``, never guesses."""


def is_there(key: str, *, reader: ObjectReader) -> bool | None:
    """Tell whether an object is there; ``None`` when the reader cannot say."""
    try:
        return reader.object_exists(key)
    except ServiceError:
        return None


def unpack(body: bytes, *, key: str, limit: int) -> bytes:
    """Return an object's content, at most ``limit + 1`` bytes of it, whatever it would grow to.

    Raises:
        UNPACK_ERRORS: when the bytes are not what the key's suffix says.
    """
    most = limit + 1
    match key.rpartition("/")[2].rpartition(".")[2]:
        case "gz":
            return _to_its_end(zlib.decompressobj(wbits=31), body, most)
        case "bz2":
            return _to_its_end(bz2.BZ2Decompressor(), body, most)
        case "xz" | "lzma":
            return _to_its_end(lzma.LZMADecompressor(memlimit=MOST_XZ_MEMORY), body, most)
        case "zip":
            with zipfile.ZipFile(io.BytesIO(body)) as archive:
                names = archive.namelist()
                if len(names) != 1:
                    raise ValueError(f"{len(names)} members instead of one")
                with archive.open(names[0]) as member:
                    return member.read(most)
        case _:
            return body[:most]


def _to_its_end(unpacker: Any, body: bytes, most: int) -> bytes:
    """Return what is inside; data without its trailer is cut off, even where all text is there."""
    text: bytes = unpacker.decompress(body, most)
    if len(text) < most and not unpacker.eof:
        raise EOFError("the compressed data ends too early")
    return text
