"""Read stored objects without Airflow: who reads, and how a whole object is unpacked."""

from typing import Protocol

from xcomkit.findings.errors import ServiceError
from xcomkit.objects.decode import decompress
from xcomkit.objects.keys import codec_of


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
        UnreadableError: when the bytes are not what the key's suffix says.
    """
    return decompress(body, codec=codec_of(key), limit=limit)
