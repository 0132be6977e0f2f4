"""The deep scan: objects opened within bounds, and what is wrong with them counted.

Keys are hostile, and so are bytes: whatever is kept of them is bounded. Every sum of a ``Scan``
adds up the same in whatever order its parts arrive, so that threads and a cluster agree.
"""

import gzip
import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import BoundedSemaphore
from typing import Literal, NamedTuple, Protocol

from xcomkit.findings.errors import CredentialsError, MissingError, ServiceError
from xcomkit.findings.model import ObjectDetails, StoredXCom
from xcomkit.findings.text import plain
from xcomkit.objects.decode import LIMIT, Decoded, decode_with_body
from xcomkit.objects.keys import find_references, parse_key
from xcomkit.objects.sums import Columns, Examples

SAMPLE = 1_000
"""Objects of a sample."""
MAX_TYPES = 200
_LEAST = 30
"""Objects from which on a share has an interval."""
_LEVEL = 6
# A hostile value of 5 MB may take 150 MB once it is parsed, and Python parses one at a time.
_DECODERS = BoundedSemaphore(2)
_SEED = b"0"

Kind = Literal[
    "gone", "not read", "larger than the limit", "empty", "truncated", "undecodable",
    "bytes of another codec", "stored uncompressed by zip", "a reference in place of a value",
]  # fmt: skip


class Place(NamedTuple):
    """Where the objects lie."""

    bucket: str
    prefix: str


class Reader(Protocol):
    """Reads single objects."""

    def read_object(self, key: str, *, limit: int = 0) -> bytes:
        """Return the bytes, at most ``limit`` of them."""

    def describe_object(self, key: str) -> ObjectDetails:
        """Return what the store says of an object."""


@dataclass(slots=True)
class Sample:
    """XComs drawn from a listing of any length, each with the same chance.

    Drawn are those whose keys have the smallest hashes: the same ones, in whatever order the
    listing yields them.
    """

    prefix: str
    _drawn: list[tuple[int, str, StoredXCom]] = field(default_factory=list)

    @property
    def objects(self) -> list[StoredXCom]:
        """Return the objects in the order of their keys."""
        return sorted((one for *_, one in self._drawn), key=lambda one: one.key)

    def add(self, columns: Columns) -> None:
        """Draw from a batch of a listing."""
        for row, key in enumerate(columns.keys.to_pylist()):
            rank = -int.from_bytes(blake2b(key.encode(), key=_SEED, digest_size=8).digest())
            if len(self._drawn) == SAMPLE and rank <= self._drawn[0][0]:
                continue
            one = parse_key(columns.stored(row), prefix=self.prefix)
            if one.layout != "foreign":
                keep = heapq.heappush if len(self._drawn) < SAMPLE else heapq.heappushpop
                keep(self._drawn, (rank, key, one))


class Moments(NamedTuple):
    """Sums of bytes stored and of bytes that gzip saves, and of their products, over objects."""

    objects: int = 0
    size: int = 0
    saved: int = 0
    size_size: int = 0
    size_saved: int = 0
    saved_saved: int = 0

    def plus(self, other: "Moments") -> "Moments":
        """Return the sums over the objects of both."""
        return Moments(*map(sum, zip(self, other, strict=True)))

    def share(self, *, of: int) -> tuple[float, float, float] | None:
        """Return the share of the bytes that gzip saves, and the ends of its 95 % interval.

        ``of`` is the number of objects that the sample was drawn from. ``None`` says that too few
        were measured. The ratio estimator with its usual variance (Cochran, Sampling Techniques,
        chapter 6), whose sum of squares is taken in whole numbers.
        """
        n, size, saved, *_ = self
        if n < min(_LEAST, of) or not size:
            return None
        squares = (
            self.saved_saved * size**2 - 2 * saved * size * self.size_saved
            + saved**2 * self.size_size
        )  # fmt: skip
        error = math.sqrt(n * squares / max(n - 1, 1) * max(0.0, 1 - n / of)) / size**2
        return saved / size, saved / size - 1.96 * error, saved / size + 1.96 * error


@dataclass(slots=True)
class Scan:
    """What was found in the objects that were opened.

    ``classes`` counts the objects that name a class, of the first ``MAX_TYPES`` names in the
    alphabet; ``encryptions`` and ``gzip`` speak of the measured ones alone. ``why`` says of one
    that was not read why, or of the whole scan why it is a part.
    """

    opened: Examples = field(default_factory=Examples)
    found: dict[str, Examples] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    encryptions: dict[str, Examples] = field(default_factory=dict)
    gzip: Moments = field(default_factory=Moments)
    why: str = ""
    is_whole: bool = True

    @property
    def why_part(self) -> str:
        """Return why it is a part; empty where it is whole."""
        return "" if self.is_whole else self.why

    def add(self, other: "Scan") -> None:
        """Add what was found in other objects."""
        self.opened.join(other.opened)
        for mine, theirs in ((self.found, other.found), (self.encryptions, other.encryptions)):
            for name, examples in theirs.items():
                mine.setdefault(name, Examples()).join(examples)
        if other.classes:
            counted = Counter(self.classes) + Counter(other.classes)
            self.classes = {name: counted[name] for name in sorted(counted)[:MAX_TYPES]}
        self.gzip = self.gzip.plus(other.gzip)
        self.why = min(filter(None, (self.why, other.why)), default="")
        self.is_whole &= other.is_whole

    def count(self, *kinds: Kind) -> Examples:
        """Return the objects of some kinds together."""
        total = Examples()
        for kind in kinds:
            total.join(self.found.get(kind, Examples()))
        return total


def scan_objects(
    reader: Reader, objects: Iterable[StoredXCom], *, place: Place, measure: bool
) -> Scan:
    """Return what is in the objects; ``measure`` asks for their encryption and packs them, too.

    Raises:
        CredentialsError: nobody is signed in, so no object would be read.
    """
    total = Scan()
    for one in objects:
        total.add(_scan_one(reader, one, place=place, measure=measure))
    return total


def _scan_one(reader: Reader, one: StoredXCom, *, place: Place, measure: bool) -> Scan:
    examples = Examples(1, one.size, [one.key])
    try:
        body = reader.read_object(one.key, limit=LIMIT + 1)
        encryption = reader.describe_object(one.key).encryption if measure else ""
    except CredentialsError:
        raise
    except MissingError:
        return Scan(found={"gone": examples})
    except ServiceError as error:
        return Scan(found={"not read": examples}, why=plain(str(error))[:300])
    with _DECODERS:
        found, inside = decode_with_body(body, codec=one.codec, limit_bytes=LIMIT)
        kinds = set(_kinds(found, body, inside, place=place))
        scan = Scan(Examples(1, one.size), dict.fromkeys(kinds, examples))
        scan.classes = dict.fromkeys(map(plain, found.types), 1)
        if measure:
            scan.encryptions = {plain(encryption)[:200]: examples}
            is_plain = one.codec == "none" or "stored uncompressed by zip" in kinds
            packed = len(gzip.compress(inside, _LEVEL)) if is_plain else len(inside)
            saved = one.size * (len(inside) - packed) // max(len(inside), 1)
            scan.gzip = Moments(1, one.size, saved, one.size**2, one.size * saved, saved**2)
    return scan


def _kinds(found: Decoded, body: bytes, inside: bytes, *, place: Place) -> Iterator[Kind]:
    if not body:
        yield "empty"
        return
    if found.truncated:
        yield "larger than the limit"
    elif found.problem:
        yield "truncated" if "too early" in found.problem else "undecodable"
    if not found.suffix_holds:
        yield "bytes of another codec"
    if _is_stored(found, body):
        yield "stored uncompressed by zip"
    if any(find_references(inside, bucket=place.bucket, prefix=place.prefix)):
        yield "a reference in place of a value"


def _is_stored(found: Decoded, body: bytes) -> bool:
    """Tell whether zip packed without compressing: method 0 in the header of its member."""
    return found.codec == found.found_codec == "zip" and body[8:10] == bytes(2)
