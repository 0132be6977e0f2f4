"""Which class and codec values go through: what is configured, and what it is contrasted with."""

from dataclasses import dataclass
from typing import Literal

from xcomkit.model import CODECS, STOCK_BACKEND, Codec

CLASS_VARIABLE = "AIRFLOW__CORE__XCOM_BACKEND"
CODEC_VARIABLE = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"


@dataclass(frozen=True, slots=True)
class Way:
    """A codec behind the configured class or, as a contrast, behind the stock class."""

    codec: Codec
    contrast: bool = False

    def __str__(self) -> str:
        """Return the codec alone, or with the class where that is not the configured one."""
        return f"stock, {self.codec}" if self.contrast else self.codec

    @property
    def slug(self) -> str:
        """Return it as a part of an object key."""
        return str(self).replace(", ", "-")

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables that lead push, pull and delete of one request this way."""
        codec: dict[str, str] = {CODEC_VARIABLE: "" if self.codec == "none" else self.codec}
        return {**codec, CLASS_VARIABLE: STOCK_BACKEND} if self.contrast else codec


CONTRAST = Way("zip", contrast=True)
"""What the vendor's page recommends."""


def distinct(configured: Codec) -> tuple[Codec, ...]:
    """Return every codec once, the configured one first: lzma and xz are two names of one."""
    other = "xz" if configured == "lzma" else "lzma"
    return tuple(dict.fromkeys((configured, *(codec for codec in CODECS if codec != other))))


def chosen(backend: str, configured: Codec, *, depth: Literal["quick", "full"]) -> tuple[Way, ...]:
    """Return the configured pair and in full all other codecs of its class, then the contrast."""
    own = tuple(map(Way, distinct(configured) if depth == "full" else (configured,)))
    is_there = backend == STOCK_BACKEND and Way("zip") in own
    return own if is_there else (*own, CONTRAST)
