import bz2
import gzip
import io
import json
import lzma
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import AccessDeniedError, ServiceError
from xcomkit.findings.model import Check, Codec, StoredCodec, StoredObject, StoredXCom, Upload
from xcomkit.objects.beside import Beside, count_beside
from xcomkit.objects.checks import RULES, checks, judge_uploads
from xcomkit.objects.decode import Decoded, UnreadableError, decode, read_value
from xcomkit.objects.groups import MAX_GROUPS, OTHERS
from xcomkit.objects.keys import parse_key
from xcomkit.objects.reading import unpack
from xcomkit.objects.retention import forecast, monthly_cost
from xcomkit.objects.summary import Summary, to_summary
from xcomkit.objects.sums import Sums

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RUN = "manual__2026-02-28T23:59:59.123456+00:00"
NAME = "0f8fad5b-d9cb-469f-a165-70867728950e"
TI = "ti-01a204f7-65b5-77e3-9a6e-d8e5160c1283"
LIMIT = 1_000_000
VALUE = {"a": [1, None], "when": {"__classname__": "datetime.datetime", "__data__": 1}}
TEXT = json.dumps(VALUE).encode()


def parse(key: str, *, prefix: str = "astro/xcom") -> StoredXCom:
    return parse_key(StoredObject(key=key, size=7, modified=NOW), prefix=prefix)


def zipped(body: bytes, *, method: int = zipfile.ZIP_STORED, members: int = 1) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for number in range(members):
            archive.writestr(f"file{number}", body)
    return packed.getvalue()


def deflated(body: bytes) -> bytes:
    return zipped(body, method=zipfile.ZIP_DEFLATED)


PACKED: dict[StoredCodec, bytes] = {
    "none": TEXT,
    "gzip": gzip.compress(TEXT),
    "zip": zipped(TEXT),
    "bz2": bz2.compress(TEXT),
    "lzma": lzma.compress(TEXT),
    "xz": lzma.compress(TEXT),
    "zstd": pa.compress(TEXT, codec="zstd", asbytes=True),
    "lz4": pa.compress(TEXT, codec="lz4", asbytes=True),
}


def by_id(found: tuple[Check, ...]) -> dict[str, Check]:
    return {check.id: check for check in found}


@pytest.mark.parametrize(
    ("key", "dag_id", "run_id", "task_id", "codec"),
    [
        (f"my.dag/{RUN}/group.task/{NAME}", "my.dag", RUN, "group.task", "none"),
        (f"dag/{RUN}/task/{NAME}.zip", "dag", RUN, "task", "zip"),
        (f"dag/{RUN}/task/{NAME}.gz", "dag", RUN, "task", "gzip"),
        (f"dag/{RUN}/task/{NAME}.bz2", "dag", RUN, "task", "bz2"),
        (f"dag/{RUN}/task/{NAME}.lzma", "dag", RUN, "task", "lzma"),
        (f"dag/{RUN}/task/{NAME}.xz", "dag", RUN, "task", "xz"),
        (f"dag/{RUN}/task/{NAME}.zst", "dag", RUN, "task", "zstd"),
        (f"dag/{RUN}/task/{NAME}.lz4", "dag", RUN, "task", "lz4"),
        (f"größe_東京/team/a+b:c/task/{NAME}", "größe_東京", "team/a+b:c", "task", "none"),
    ],
)
def test_layout_of_airflow_3_1_to_3_3_names_dag_run_task_and_codec(
    key, dag_id, run_id, task_id, codec
):
    for prefix, base in (("astro/xcom", "astro/xcom/"), ("", "")):  # "" is the whole bucket
        found = parse(f"{base}{key}", prefix=prefix)

        assert (found.layout, found.dag_id, found.run_id) == ("uuid", dag_id, run_id)
        assert (found.task_id, found.codec) == (task_id, codec)


@pytest.mark.parametrize(
    ("tail", "codec", "task_instance"),
    [
        (f"{TI}/return_value.json", "none", TI.removeprefix("ti-")),
        (f"write-{NAME}/a%2Fb%20c.json.gz", "gzip", ""),
        (f"{TI}/{'0' * 64}.json.xz", "xz", TI.removeprefix("ti-")),
    ],
)
def test_layout_of_airflow_3_4_names_the_try_as_well(tail, codec, task_instance):
    found = parse(f"astro/xcom/dag/{RUN}/task/{tail}")

    assert (found.layout, found.dag_id, found.run_id) == ("key", "dag", RUN)
    assert (found.task_id, found.codec, found.task_instance) == ("task", codec, task_instance)


@pytest.mark.parametrize(
    ("tail", "ids"),
    [
        ("dag/manual__2026-02-28T23%3A59/task/-1/cursor", ("dag", "manual__2026-02-28T23:59")),
        ("dag/any/task/-1/cursor.gz", ("dag", "any")),
        ("dag/manual__1/task/7/cursor", ("dag", "manual__1")),
        (f"d%C3%A4g/any/region={NAME}/task/3/a%2Fb", ("däg", "any")),
        ("assets/task/watermark.gz", ("", "")),
    ],
)
def test_layout_of_the_state_store_is_told_from_xcoms(tail, ids):
    found = parse(f"astro/xcom/{tail}")

    assert (found.layout, found.dag_id, found.run_id, found.task_id) == ("state", *ids, "task")
    assert found.codec == ("gzip" if tail.endswith(".gz") else "none")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "astro/xcom",
        "astro/xcom/",
        f"other/dag/run/task/{NAME}",
        f"astro/xcom-old/dag/run/task/{NAME}",
        f"astro/xcom/run/task/{NAME}",
        f"astro/xcom/dag//task/{NAME}",
        f"astro/xcom/dag/../task/{NAME}",
        f"astro/xcom/dag/run/task/{NAME}.snappy",
        "astro/xcom/logs/2026/x/1/file.txt",
        f"astro/xcom/dag/{RUN}/task/-1/colon:is-not-quoted",
        f"astro/xcom/dag/run/task/{NAME}.gz.gz",
        "astro/xcom/dag/run/task/08a32554-e6ba-11f1-a6a7-02fc00000001",
        f"astro/xcom/dag/run/task/{NAME}\n",
        f"astro/xcom/<script>alert(1)</script>/run/task/{NAME}",
        f"astro/xcom/dag/run\x1b[31m/task/{NAME}",
        f"astro/xcom/dag/run/task/{TI}/return_value.txt",
        f"astro/xcom/dag/run/{TI}/return_value.json",
        "astro/xcom/" + "x" * 1013,
        "astro/xcom/" + "a/" * 506,
    ],
)
def test_other_keys_are_foreign_and_keep_their_name(key):
    found = parse(key)

    assert found.layout == "foreign"
    assert (found.key, found.dag_id, found.codec) == (key, "", "none")


@given(
    st.text(max_size=1024) | st.lists(st.text()).map("/".join), st.sampled_from(["", "a", "a/b"])
)
def test_no_key_makes_the_parser_fail(key, prefix):
    base = f"{prefix}/" if prefix else ""
    for candidate in (key, f"{base}{key}", f"{base}{key}/{NAME}", f"{base}{key}/{TI}/{key}.json"):
        found = parse(candidate, prefix=prefix)
        assert found.key == candidate
        if found.layout != "foreign":
            assert candidate.startswith(f"{base}{found.dag_id}/{found.run_id}/{found.task_id}/")


SUFFIXES = {"none": "", "gzip": ".gz"}


def xcom(
    number: int, *, dag: str = "dag", codec: Codec = "none", size: int = 10, days: float = 0
) -> StoredObject:
    name = f"{number:08}-d9cb-469f-a165-70867728950e{SUFFIXES.get(codec, f'.{codec}')}"
    return StoredObject(f"p/{dag}/run/task/{name}", size, NOW - timedelta(days=days))


def foreign(key: str, *, days: float = 0) -> StoredObject:
    return StoredObject(key, 3, NOW - timedelta(days=days))


def summary(*objects: StoredObject) -> Summary:
    sums = Sums("p", NOW, 30)
    for one in objects:
        sums.add([one])
    return to_summary(sums)


def test_summary_adds_up_per_dag_task_codec_and_layout():
    found = summary(xcom(1, size=5), xcom(2, dag="b", codec="gzip", size=90), xcom(3, size=6))

    assert (found.count, found.size) == (3, 101)
    assert [(total.name, total.count, total.size) for total in found.dags] == [
        ("b", 1, 90),
        ("dag", 2, 11),
    ]
    assert [total.name for total in found.tasks] == ["b task", "dag task"]
    assert [(total.name, total.count) for total in found.codecs] == [("gzip", 1), ("none", 2)]
    assert [(total.name, total.count) for total in found.layouts] == [("uuid", 3)]
    assert [(total.name, total.count) for total in found.sizes] == [
        ("under 8 B", 2),
        ("under 128 B", 1),
    ]
    assert [largest.size for largest in found.largest] == [90, 6, 5]


def test_summary_counts_what_outlived_its_retention():
    found = summary(xcom(1, days=31), xcom(2, days=33), foreign("p/x", days=400), xcom(3))

    assert (found.past.count, found.past.keys) == (2, [xcom(2).key, "p/x"])
    assert found.oldest is not None
    assert found.newest is not None
    assert (found.oldest.key, found.newest.key) == (xcom(2).key, xcom(3).key)
    assert [total.count for total in found.ages] == [1, 0, 0, 2, 1]
    assert [total.name for total in found.days] == [
        "2025-01-25", "2026-01-27", "2026-01-29", "2026-03-01",
    ]  # fmt: skip


def test_forecast_tells_the_day_of_each_deletion_and_what_is_overdue():
    found = summary(*(xcom(n, days=n, size=n) for n in (0, 1, 29, 30, 31, 32, 40)))

    expected = [("overdue", 2, 72), ("2026-03-01", 1, 31), ("2026-03-02", 1, 30)]
    expected += [("2026-03-03", 1, 29), ("2026-03-31", 1, 1), ("later", 1, 0)]
    assert [(t.name, t.count, t.size) for t in forecast(found, days=30)] == expected
    assert monthly_cost(3 * 2**30, price=0.02) == pytest.approx(0.06)


def test_summary_keeps_ten_objects_and_the_largest_dags_of_many_of_one_and_of_none():
    def listing() -> Iterator[list[StoredObject]]:
        for start in range(0, 20_000, 1_000):
            yield [xcom(n, dag=f"dag{n}", size=n) for n in range(start, start + 1_000)]

    sums = Sums("p", NOW, 30)
    for batch in listing():
        sums.add(batch)
        assert len(sums.groups) <= 4 * MAX_GROUPS
    found = to_summary(sums)

    assert [largest.size for largest in found.largest] == list(range(19_999, 19_989, -1))
    assert [total.name for total in found.dags[:50]] == [f"dag{19_999 - n}" for n in range(50)]
    assert (found.dags[50].name, len(found.dags)) == (OTHERS, 51)
    assert sum(total.count for total in found.dags) == found.count == 20_000
    assert sum(total.size for total in found.dags) == found.size == sum(range(20_000))
    assert len(summary(*[xcom(1)] * 30).largest) == 10
    nothing = summary()
    assert (nothing.count, nothing.size, nothing.largest, nothing.oldest) == (0, 0, (), None)


@pytest.mark.parametrize("codec", PACKED)
def test_every_codec_opens_and_type_tags_stay_as_they_are(codec):
    found = decode(PACKED[codec], codec=codec, limit_bytes=LIMIT)

    assert (found.is_json, found.problem, found.truncated) == (True, "", False)
    assert (found.preview, found.size, found.root) == (TEXT.decode(), len(TEXT), "object")
    assert found.types == ("datetime.datetime",)
    assert found.suffix_holds
    assert read_value(PACKED[codec], codec=codec, limit_bytes=LIMIT) == VALUE
    suffix = {"none": "", "gzip": ".gz", "zstd": ".zst"}.get(codec, f".{codec}")
    assert unpack(PACKED[codec], key=f"dag/run.gz/task/uuid{suffix}", limit=LIMIT) == TEXT


@pytest.mark.parametrize("limit", [8, 9, 10])
@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".xz", lzma.compress)])
def test_object_is_unpacked_one_byte_further_than_the_limit_and_needs_its_end(suffix, pack, limit):
    text = b"123456789"

    assert unpack(pack(text), key=f"k{suffix}", limit=limit) == text[: limit + 1]
    if suffix and limit >= len(text):
        with pytest.raises(UnreadableError, match="too early"):
            unpack(pack(text)[:-2], key=f"k{suffix}", limit=limit)


@pytest.mark.parametrize("codec", ["gzip", "zip", "bz2", "xz"])
def test_bytes_that_the_suffix_does_not_name_are_noticed_either_way(codec):
    found = decode(TEXT, codec=codec, limit_bytes=LIMIT)
    bare = by_id(checks(summary(), decoded=decode(PACKED[codec], codec="none", limit_bytes=LIMIT)))

    assert found.is_json is False
    assert f"not {codec} data" in found.problem or "too early" in found.problem
    assert by_id(checks(summary(), decoded=found, key="k"))["XC606"].status == "fail"
    assert bare["XC605"].status == "fail"
    assert bare["XC606"].observed == f"suffix none, bytes {codec}"


@pytest.mark.parametrize("codec", PACKED)
@pytest.mark.parametrize("keep", [0, 5, 30])
def test_cut_objects_are_a_problem_and_no_error(codec, keep):
    found = decode(PACKED[codec][:keep], codec=codec, limit_bytes=LIMIT)

    assert found.is_json is False
    assert found.problem
    with pytest.raises(ServiceError, match=r"cannot be read"):
        read_value(PACKED[codec][:keep], codec=codec, limit_bytes=LIMIT)


@given(st.binary(max_size=400), st.sampled_from(sorted(PACKED)))
def test_no_bytes_make_the_reader_fail(noise, codec):
    for body in (noise, PACKED[codec] + noise, PACKED[codec][:20] + noise):
        assert isinstance(decode(body, codec=codec, limit_bytes=LIMIT), Decoded)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b"9" * 10_000, "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"", "not JSON"),
        (b"cposix\nsystem\n(S'exit 1'\ntR.", "not JSON"),
    ],
)
def test_hostile_json_is_a_problem_and_no_error(body, problem):
    found = decode(body, codec="none", limit_bytes=LIMIT)

    assert problem in found.problem
    assert by_id(checks(None, decoded=found))["XC605"].status == "fail"
    with pytest.raises(ServiceError, match=problem) as caught:
        read_value(body, codec="none", limit_bytes=LIMIT)
    assert caught.value.hint
    assert len(str(caught.value)) < 400


def test_type_tags_are_listed_within_bounds_not_imported_and_the_preview_is_inert():
    tags = ["antigravity.Kite", *(f"{n}" * 500 for n in range(90))]
    body = json.dumps([{"__classname__": tag, "__data__": "<script>"} for tag in tags]).encode()

    found = decode(body, codec="none", limit_bytes=LIMIT)

    assert found.types[0] == "antigravity.Kite"
    assert "antigravity" not in sys.modules
    assert (len(found.types), max(map(len, found.types)), len(found.preview)) == (50, 200, 2_000)
    escape = decode(b'"\x1b[31m\x00\x07"', codec="none", limit_bytes=LIMIT)
    assert escape.preview == '"\ufffd[31m\ufffd\ufffd"'


def test_large_value_is_cut_and_stays_unjudged():
    body = json.dumps("x" * 5_000).encode()

    found = decode(body, codec="none", limit_bytes=1_000)

    assert (found.truncated, found.is_json, found.size) == (True, None, 1_000)
    with pytest.raises(ServiceError, match="more than 1000 bytes"):
        read_value(body, codec="none", limit_bytes=1_000)
    assert by_id(checks(summary(), decoded=found))["XC605"].status == "unknown"


@pytest.mark.parametrize(
    ("packed", "problem"),
    [
        (zipped(TEXT, method=zipfile.ZIP_BZIP2), "method that Airflow does not write"),
        (zipped(TEXT, method=zipfile.ZIP_LZMA), "method that Airflow does not write"),
        (zipped(b"1", members=0), "where Airflow writes one"),
        (zipped(b"1", members=2), "where Airflow writes one"),
        (zipped(b"1", members=5_000), "where Airflow writes one"),
    ],
    ids=["bzip2", "lzma", "no member", "two members", "many members"],
)
def test_zip_that_airflow_does_not_write_is_not_opened(packed, problem):
    assert problem in decode(packed, codec="zip", limit_bytes=LIMIT).problem


@pytest.mark.parametrize(
    ("codec", "pack"),
    [
        ("gzip", gzip.compress),
        ("zip", deflated),
        ("bz2", bz2.compress),
        ("xz", lzma.compress),
        ("zstd", partial(pa.compress, codec="zstd", asbytes=True)),
    ],
)
def test_object_that_unpacks_to_fifty_times_the_limit_stops_there_with_little_memory(codec, pack):
    packed = pack(b"0" * 50_000_000)
    tracemalloc.start()
    found = decode(packed, codec=codec, limit_bytes=LIMIT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (found.truncated, found.size, found.is_json) == (True, LIMIT, None)
    with pytest.raises(ServiceError, match="more than 1000000 bytes"):
        read_value(packed, codec=codec, limit_bytes=LIMIT)
    assert peak < 20_000_000  # xz keeps a dictionary of 8 MB


def test_checks_of_a_tidy_bucket_pass():
    decoded = decode(TEXT, codec="none", limit_bytes=LIMIT)

    found = checks(summary(xcom(1), xcom(2)), decoded=decoded, key="p/1")

    assert {check.id for check in found} == {rule.id for rule in RULES[:8]}
    assert {check.status for check in found} == {"pass"}


def test_prefix_that_is_empty_refused_or_without_xcoms_proves_nothing():
    found, others = by_id(checks(None)), by_id(checks(summary(foreign("p/readme.txt"))))

    assert (others["XC601"].status, others["XC604"].status) == ("warn", "skip")
    assert {check.status for check in checks(summary())} == {"skip"}
    assert {found[rule.id].status for rule in (*RULES[:4], *RULES[6:8])} == {"unknown"}


def test_old_foreign_and_mixed_objects_are_named():
    hostile = "p/<script>\x1b" + "x" * 1000
    found = by_id(checks(summary(xcom(1, codec="zip"), xcom(2, days=40), foreign(hostile))))

    assert [found[name].status for name in ("XC602", "XC603", "XC604")] == ["warn"] * 3
    assert found["XC602"].observed == "1 older than 30 days and 2 of grace: " + xcom(2).key
    assert "p/<script>\\x1b" in found["XC603"].observed
    assert len(found["XC603"].observed) < 200
    assert found["XC604"].observed == "none 1, zip 1"


def test_empty_objects_are_red_and_those_of_the_state_store_are_named():
    found = by_id(
        checks(summary(xcom(1, size=0), foreign("p/folder/"), foreign("p/assets/a/watermark")))
    )

    assert (found["XC608"].status, found["XC607"].status) == ("fail", "warn")
    assert found["XC608"].observed == f"1 without bytes: {xcom(1).key}"
    assert found["XC607"].observed == "1 of the state store: p/assets/a/watermark"


def test_part_of_a_listing_proves_what_it_found_and_nothing_else():
    sums = Sums("p", NOW, 30)
    sums.add([xcom(1), xcom(2, days=40)])

    found = by_id(checks(to_summary(sums, part="the listing was interrupted")))

    assert {name: found[name].status for name in ("XC601", "XC602", "XC603", "XC608")} == {
        "XC601": "pass", "XC602": "warn", "XC603": "unknown", "XC608": "unknown",
    }  # fmt: skip


class Refusing:
    """A bucket that ends both listings in an error, behind what was seen until then."""

    no_uploads = ""

    def list_old_versions(self, _prefix: str) -> Iterator[int | None]:
        yield from (5, None, 6)
        raise AccessDeniedError("no right")

    def list_uploads(self, _prefix: str) -> Iterator[Upload]:
        yield from (Upload("p/\x1b", n, NOW - timedelta(days=32 + (n or 0))) for n in (None, 1))
        raise KeyboardInterrupt


def test_part_of_what_is_beside_the_objects_is_counted_and_judged_by_what_it_has():
    found = count_beside(Refusing(), prefix="p")

    assert (found.old, found.old_size, found.markers, found.unseen) == (2, 11, 1, "no right")
    assert (found.uploads, found.upload_size, found.unmeasured) == (2, 1, 1)
    late = judge_uploads(found, now=NOW, days=30)
    assert (late.status, "\x1b" in late.observed) == ("warn", False)
    assert judge_uploads(found, now=NOW, days=31).status == "unknown"
    assert judge_uploads(Beside(), now=NOW, days=30).status == "pass"
