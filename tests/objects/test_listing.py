"""Listings of many folders into sums: what Arrow reads, and what Python reads one by one."""

import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import obstore
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obstore.store import MemoryStore

from xcomkit.findings.errors import AccessDeniedError, InputError, ServiceError
from xcomkit.findings.model import StoredObject
from xcomkit.objects import listing, saved
from xcomkit.objects.keys import parse_key
from xcomkit.objects.listing import Listing
from xcomkit.objects.sums import Sums

NOW = datetime(2026, 3, 1, tzinfo=UTC)
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
TI = f"ti-{UUID}"
KEYS = (
    f"dag/run/task/{UUID}", f"dag/manual__2026-03-01T00:00:00+00:00/group.task/{UUID}.gz",
    f"dag/ru/task/{UUID}", f"dag/../task/{UUID}", f"dag/a/b c/task/{UUID}.zst", f"däg/run/t/{UUID}",
    f"{'d' * 250}/run/task/{UUID}",
    f"dag/run/task/{TI}/a%2Fb.json", f"dag/run/task/write-{UUID}/{'0' * 64}.json.xz",
    f"dag/run/task/{TI}/.json", f"dag/run/task/{TI}/a.json.gz.json", f"dag/run/{TI}/a.json",
    "dag/run/task/-1/cursor.gz", "assets/a/b", "readme.txt", "", "a//b", "x" * 1_000,
    f"dag/run\x1b[31m/task/{UUID}", f"dag/<script>alert(1)</script>/task/{UUID}",
    f"dag//task/{UUID}", f"dag/{'r' * 970}/task/{UUID}", f"dag/100%zz:+/task/{UUID}.gz",
    "dag/manual__1%3A+/task/12/cursor.zst", "dag/run/task/-1/%zz", "assets/%zz/b", f"assets/{TI}/k",
)  # fmt: skip

LONG = (f"{'d' * 251}/run/task/{UUID}", f"dag/run/{'t' * 251}/{UUID}")


def objects(keys, *, prefix: str = "p") -> list[StoredObject]:
    base = f"{prefix}/" if prefix else ""
    return [
        StoredObject(f"{base}{key}", number * 7 % 50, NOW - timedelta(hours=number))
        for number, key in enumerate(keys)
    ]


def new(prefix: str = "p") -> Listing:
    return Listing("s3://bucket", Sums(prefix, NOW, 30))


def counted_one_by_one(found: list[StoredObject], *, prefix: str) -> dict:
    groups: Counter = Counter()
    sizes: Counter = Counter()
    for one in found:
        xcom = parse_key(one, prefix=prefix)
        if xcom.layout != "foreign":
            group = (xcom.dag_id, xcom.task_id, xcom.layout, xcom.codec)
            groups[group] += 1
            sizes[group] += one.size
    return {group: [count, sizes[group]] for group, count in groups.items()}


PARTS = st.sampled_from(
    ["dag", "dag.2", "däg", "ru", "run", "a b", "manual__1", "..", "", "-1", "assets", TI,
     UUID, f"{UUID}.gz", f"{UUID}.zst", f"{UUID}.gz.gz", "k.json", "k.json.xz", "é.json", "\n"]
)  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.lists(PARTS, min_size=1, max_size=7).map("/".join), max_size=30),
    st.sampled_from(["", "p", "a.b/c+d"]),
    st.sampled_from([(), LONG]),
)
def test_columns_are_read_like_single_keys(keys, prefix, long):
    found = objects([*keys, *KEYS, *long], prefix=prefix)
    sums = Sums(prefix, NOW, 30)

    sums.add(found)

    assert sums.groups == counted_one_by_one(found, prefix=prefix)
    assert (sums.count, sums.size) == (len(found), sum(one.size for one in found))
    read = [parse_key(one, prefix=prefix) for one in found]
    xcoms = [one for one in read if one.layout != "foreign"]
    assert sums.foreign.count == len(read) - len(xcoms)
    assert sums.empty.count == sum(not one.size for one in xcoms)
    assert {one.size for *_, one in sums.largest} <= {one.size for one in xcoms}
    assert sums.oldest == max(xcoms, key=lambda one: NOW - one.modified, default=None) or (
        sums.oldest.modified == min(one.modified for one in xcoms)
    )


class Bucket:
    """Lists what is in a memory store of obstore, as a cloud does."""

    page = 3

    def __init__(self, keys) -> None:
        self.store = MemoryStore()
        for number, key in enumerate(keys):
            self.store.put(key, b"x" * (number % 9))
        self.asked: list[tuple[str, str]] = []

    async def list_batches(
        self, prefix: str, *, after: str = "", at_most: int = 2
    ) -> AsyncIterator[object]:
        self.asked.append((prefix, after))
        async for batch in obstore.list(
            self.store, prefix, offset=after or None, chunk_size=at_most, return_arrow=True
        ):
            yield batch


MANY = [f"p/dag{n % 7}/run{n}/task/{n:08}-d9cb-469f-a165-70867728950e.gz" for n in range(200)]


def test_folders_are_found_from_one_to_the_next_and_small_ones_share_a_page():
    small = [f"p/small{n}/run/task/{UUID}" for n in range(30)]
    flat = [f"p/{n:02}.txt" for n in range(20)]
    bucket, found = Bucket([*small, *flat, *MANY, "q/elsewhere"]), new()

    found.run(bucket, say=print)

    assert found.sums.count == 250
    assert found.is_whole
    assert (found.sums.foreign.count, found.sums.foreign.keys) == (20, flat[:5])
    assert {dag for dag, *_ in found.sums.groups if dag < "s"} == {f"dag{n}" for n in range(7)}
    assert set(found.folders.values()) == {None}
    assert sum(prefix == "p/" for prefix, _ in bucket.asked) < 30
    assert len(bucket.asked) < 60


@pytest.mark.parametrize("at", [2, 100])
def test_interrupted_listing_keeps_its_part_and_goes_on_from_disk_without_counting_twice(
    tmp_path, at
):
    bucket, found, said = Bucket(MANY), new(), []
    add, whole, sent, stops = Sums.add, new(), [], []
    whole.run(bucket, say=print)

    def interrupted(sums, *batches):
        add(sums, *batches)
        if sums.count > at and not sent:  # a second one would end the tests themselves
            sent.append(True)
            os.kill(os.getpid(), signal.SIGINT)
            stops[0].wait(60)  # the thread that hears it may come later than all that is left

    def remembered():
        stops.append(Event())
        return stops[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Sums, "add", interrupted)
        patch.setattr(listing, "Event", remembered)
        patch.setattr(listing, "TOGETHER", 20)
        found.run(bucket, say=said.append)
    part = found.sums.count
    saved.write(found, path=tmp_path / "sums.json")
    resumed = saved.read(tmp_path / "sums.json")

    assert not found.is_whole
    for one in (found, resumed):  # a heap has no order of its own
        one.sums.largest.sort(key=lambda ranked: ranked[:2])
    assert resumed == found
    assert "interrupted" in said[-1]
    assert at < part < 200
    for one in (found, resumed):
        one.run(bucket, say=print)
        assert one.is_whole
        assert one.sums.count == 200
    for name in ("groups", "days", "sizes", "ages", "oldest", "newest"):
        assert getattr(resumed.sums, name) == getattr(whole.sums, name)
    assert resumed.sums.empty.count == whole.sums.empty.count == 23


def test_folder_that_may_not_be_listed_ends_the_listing_with_its_reason():
    class Refusing(Bucket):
        async def list_batches(self, prefix: str, **options: Any) -> AsyncIterator[object]:
            if prefix == "p/dag3/":
                raise AccessDeniedError("no right on dag3", hint="ask")
            async for batch in super().list_batches(prefix, **options):
                yield batch

    found = new()
    with pytest.raises(AccessDeniedError, match="dag3"):
        found.run(Refusing(MANY), say=print)

    assert not found.is_whole


def test_store_that_lists_the_same_page_again_is_an_error_and_no_endless_listing():
    class Repeating(Bucket):
        async def list_batches(self, prefix: str, **_: Any) -> AsyncIterator[object]:
            self.asked.append(prefix)
            if len(self.asked) < 5:
                yield objects(["readme.txt"])

    with pytest.raises(ServiceError, match="does not go on"):
        new().run(Repeating([]), say=print)


def test_sums_are_written_as_parquet_with_a_row_per_group(tmp_path):
    found = new()
    found.sums.add(objects(KEYS))

    saved.write(found, path=tmp_path / "sums.parquet")

    rows = pq.read_table(tmp_path / "sums.parquet").to_pylist()
    assert {tuple(row.values())[:4]: [row["objects"], row["bytes"]] for row in rows} == (
        found.sums.groups
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"prefix": "p", "now": "x"}'])
def test_file_that_holds_no_sums_is_named(tmp_path, text):
    file = tmp_path / "sums.json"
    file.write_text(text)

    with pytest.raises(InputError, match=r"sums\.json holds no sums"):
        saved.read(file)
