"""Objects opened in numbers: what is wrong with them, how they are drawn, what gzip would save."""

import bz2
import gzip
import io
import json
import random
import sys
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest

from xcomkit.findings.errors import AccessDeniedError, CredentialsError, MissingError
from xcomkit.findings.model import ObjectDetails, StoredObject
from xcomkit.notebook.show import checks
from xcomkit.objects.checks import judge_scan
from xcomkit.objects.decode import LIMIT
from xcomkit.objects.keys import parse_key
from xcomkit.objects.scan import SAMPLE, Moments, Place, Sample, Scan, scan_objects
from xcomkit.objects.sums import read_columns
from xcomkit.steps.deep_scan import scan_table

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TEXT = json.dumps({"rows": list(range(200))}).encode()
PLACE = Place("bucket", "p")
REFERENCE = f"s3://aws_default@bucket/p/d/r/t/{'0' * 8}-0000-4000-8000-{'0' * 12}"


def zipped(body: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr("file", body)
    return packed.getvalue()


def key(number: int, suffix: str = "") -> str:
    return f"p/dag/run/task/{number:08x}-0000-4000-8000-000000000000{suffix}"


class Bucket:
    """Objects in memory; what is an error in place of bytes is raised."""

    def __init__(self, *bodies: tuple[str, object], encryption: str = "AES256") -> None:
        self.bodies = {key(n, suffix): body for n, (suffix, body) in enumerate(bodies)}
        self.encryption = encryption

    def read_object(self, name: str, *, limit: int = 0) -> bytes:
        body = self.bodies[name]
        if isinstance(body, Exception):
            raise body
        return body[:limit] if limit else body

    def describe_object(self, name: str) -> ObjectDetails:
        return ObjectDetails(name, 0, NOW, encryption=self.encryption)

    def scan(self, *, measure: bool = True) -> Scan:
        stored = [
            StoredObject(name, len(body) if isinstance(body, bytes) else 9, NOW)
            for name, body in self.bodies.items()
        ]
        objects = [parse_key(one, prefix="p") for one in stored]
        return scan_objects(self, objects, place=PLACE, measure=measure)


def kinds(suffix: str, body: object) -> set[str]:
    return set(Bucket((suffix, body)).scan().found)


@pytest.mark.parametrize(
    ("suffix", "body", "expected"),
    [
        ("", TEXT, set()),
        (".gz", gzip.compress(TEXT), set()),
        (".zip", zipped(TEXT, zipfile.ZIP_DEFLATED), set()),
        (".zip", zipped(TEXT), {"stored uncompressed by zip"}),
        ("", b"", {"empty"}),
        (".gz", b"", {"empty"}),
        ("", TEXT[:50], {"truncated"}),
        ("", b'{"a": "b', {"truncated"}),
        (".gz", gzip.compress(TEXT)[:-3], {"truncated"}),
        (".bz2", bz2.compress(TEXT)[:-3], {"truncated"}),
        (".zip", zipped(TEXT)[:90], {"truncated", "stored uncompressed by zip"}),
        (".gz", gzip.compress(TEXT[:50]), {"truncated"}),
        ("", b"cposix\nsystem\n.", {"undecodable"}),
        (".gz", TEXT, {"undecodable", "bytes of another codec"}),
        ("", gzip.compress(TEXT), {"undecodable", "bytes of another codec"}),
        ("", b'"' + b"x" * LIMIT + b'"', {"larger than the limit"}),
        ("", MissingError("gone"), {"gone"}),
        ("", AccessDeniedError("no"), {"not read"}),
        ("", json.dumps(REFERENCE).encode(), {"a reference in place of a value"}),
        (".gz", gzip.compress(json.dumps([{"a": REFERENCE}]).encode()),
         {"a reference in place of a value"}),
        ("", json.dumps(REFERENCE.replace("/r/", f"/{'é' * 460}/")).replace("/", "\\/").encode(),
         {"a reference in place of a value"}),
        ("", json.dumps(f"see {REFERENCE}").encode(), set()),
        ("", json.dumps(REFERENCE.replace("@bucket", "@other")).encode(), set()),
        ("", json.dumps("s3://bucket/p/exports/2026.csv").encode(), set()),
    ],
    ids=lambda value: type(value).__name__,  # compressed bytes hold the time
)  # fmt: skip
def test_what_is_wrong_with_an_object_is_named(suffix, body, expected):
    assert kinds(suffix, body) == expected


HOSTILE = [
    ("", b"[" * 1_000_000),
    ("", b'{"a":' * 200_000),
    ("", b"9" * 1_000_000),
    ("", b"\xff\xfe\x00"),
    ("", b"[{}" + b",{}" * 1_500_000 + b"]"),
    (".gz", gzip.compress(b"0" * 60_000_000)),
    (".bz2", bz2.compress(b"0" * 60_000_000)),
    (".zip", zipped(b"0" * 60_000_000, zipfile.ZIP_DEFLATED)),
    ("", json.dumps({"__classname__": "antigravity.<script>\x1b[31m\u202e"}).encode()),
    *(("", json.dumps([{"__classname__": f"c{n}.{m}" + "x" * 300} for m in range(60)]).encode())
      for n in range(20)),
]  # fmt: skip


def test_hostile_values_take_bounded_memory_are_not_imported_and_shown_inert():
    bucket = Bucket(*HOSTILE, encryption="<script>\x1b[31m")
    tracemalloc.start()
    scan = bucket.scan()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    table, judged = (
        scan_table(scan, listed=len(HOSTILE)),
        judge_scan(scan, listed=30, encryption="x"),
    )

    assert peak < 300_000_000
    assert scan.opened.count == len(HOSTILE)
    assert scan.count("larger than the limit").count == 3
    assert scan.count("undecodable", "truncated").count == 4
    assert len(scan.classes) == 200
    assert "antigravity" not in sys.modules
    for shown in (repr(table), table._repr_html_(), repr(checks(judged)), f"{scan.classes}"):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert "<script>" not in table._repr_html_()


def test_parts_add_up_to_the_same_whatever_their_order():
    bodies = [("", TEXT), (".zip", zipped(TEXT)), ("", b""), (".gz", TEXT), *HOSTILE[-22:]] * 3
    bucket = Bucket(*bodies)
    names = [*bucket.bodies]
    parts = [Bucket() for _ in range(6)]
    for number, part in enumerate(parts):
        part.bodies = {name: bucket.bodies[name] for name in names[number::6]}
    totals = []
    for order in ((0, 1, 2, 3, 4, 5), (5, 3, 1, 4, 0, 2)):
        total = Scan()
        for number in order:
            total.add(parts[number].scan())
        totals.append(total)

    assert totals[0] == totals[1] == bucket.scan()


def test_nobody_signed_in_ends_the_scan():
    with pytest.raises(CredentialsError):
        Bucket(("", CredentialsError("expired"))).scan()


def drawn(keys: list[str], *, batch: int = 700) -> list[str]:
    sample = Sample("p")
    for start in range(0, len(keys), batch):
        found = [StoredObject(one, 1, NOW) for one in keys[start : start + batch]]
        sample.add(read_columns(found))
    return [one.key for one in sample.objects]


def test_sample_is_the_same_in_any_order_fair_and_of_xcoms_alone():
    keys = [key(number) for number in range(5_000)]
    found = drawn([*keys, *(f"p/readme{n}" for n in range(5_000))])
    random.Random(1).shuffle(keys)

    assert found == drawn(keys, batch=33)
    assert len(set(found)) == SAMPLE
    first_half = sum(one < key(2_500) for one in found)
    assert 430 < first_half < 570  # 4.4 standard deviations
    assert drawn(keys[:10]) == sorted(keys[:10])


def moments(pairs: list[tuple[int, int]]) -> Moments:
    total = Moments()
    for size, saved in pairs:
        total = total.plus(Moments(1, size, saved, size * size, size * saved, saved * saved))
    return total


def test_interval_of_the_share_holds_the_truth_nineteen_times_in_twenty():
    chance = random.Random(3)
    population = [
        (size, round(size * chance.uniform(0, 0.9)))
        for size in (int(chance.lognormvariate(7, 1.5)) + 1 for _ in range(4_000))
    ]
    truth = sum(y for _, y in population) / sum(x for x, _ in population)
    holds = 0
    for _ in range(300):
        _, low, high = moments(chance.sample(population, 500)).share(of=4_000)
        holds += low <= truth <= high

    assert holds >= 270
    assert moments(population).share(of=4_000) == pytest.approx((truth, truth, truth))
    assert moments([(5, 1)]).share(of=1) == (0.2, 0.2, 0.2)
    assert moments(population[:29]).share(of=4_000) is None


@pytest.mark.parametrize(
    ("bodies", "statuses"),
    [
        ([("", TEXT), (".gz", gzip.compress(TEXT))], "pass pass pass pass pass"),
        ([("", TEXT[:9]), (".gz", TEXT)], "fail fail pass pass pass"),
        ([(".zip", zipped(TEXT)), ("", json.dumps(REFERENCE).encode())],
         "pass pass warn fail pass"),
        ([("", TEXT), ("", AccessDeniedError("403"))], "unknown unknown unknown unknown unknown"),
        ([("", AccessDeniedError("403"))], "unknown unknown unknown unknown unknown"),
        ([("", TEXT[:9]), ("", AccessDeniedError("403"))],
         "fail unknown unknown unknown unknown"),
        ([("", b""), ("", b'"' + b"x" * LIMIT)], "skip skip skip skip pass"),
        ([], "skip skip skip skip skip"),
    ],
)  # fmt: skip
def test_checks_of_a_scan_judge_what_was_opened_and_nothing_else(bodies, statuses):
    found = judge_scan(Bucket(*bodies).scan(), listed=9, encryption="AES256")

    assert " ".join(check.status for check in found) == statuses
    assert all("of 9 objects" in check.how for check in found[:4])


KEY = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"


@pytest.mark.parametrize(
    ("says", "is_said", "unread", "status"),
    [
        ('{"SSEAlgorithm": "AES256"}', "AES256", "", "pass"),
        ('{"SSEAlgorithm": "aws:kms"}', "AES256", "", "warn"),
        ('{"SSEAlgorithm": "AES256"}', "not reported", "", "unknown"),
        (KEY, f"{KEY}/cryptoKeyVersions/7", "", "pass"),
        (f"{KEY}2", f"{KEY}/cryptoKeyVersions/7", "", "warn"),
        ('{"SSEAlgorithm": "aws:kms:dsse"}', "aws:kms", "", "warn"),
        (KEY, "google-managed", "", "warn"),
        ('{"keySource": "Microsoft.Keyvault"}', "microsoft-managed", "", "pass"),
        ('{"keySource": "Microsoft.Keyvault"}', "none", "", "warn"),
        ("", "AES256", "", "skip"),
        ("", "AES256", "403", "unknown"),
    ],
)
def test_encryption_of_objects_is_compared_with_what_the_bucket_says(says, is_said, unread, status):
    scan = Bucket(("", TEXT), encryption=is_said).scan()

    assert judge_scan(scan, listed=1, encryption=says, unread=unread)[-1].status == status


def test_gzip_saves_nothing_where_it_was_used_and_much_where_zip_stored():
    shares = [
        Bucket((suffix, body)).scan().gzip.share(of=1)[0]
        for suffix, body in (
            (".gz", gzip.compress(TEXT)),
            (".zip", zipped(TEXT, zipfile.ZIP_DEFLATED)),
            (".zip", zipped(TEXT)),
            ("", TEXT),
            ("", b"1"),
        )
    ]

    assert shares[:2] == [0, 0]
    assert 0.4 < shares[2] < 0.7
    assert shares[2] == pytest.approx(shares[3], abs=0.01)
    assert shares[4] < 0  # gzip has a header
