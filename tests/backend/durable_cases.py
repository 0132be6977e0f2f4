"""What the durable class does without any cloud, under whatever Airflow runs this file.

Standard library, Airflow and the two files under test only. Prints one JSON object: per case, by
the name of its function, why it does not hold; nothing where it does.
"""

import asyncio
import base64
import gzip
import hashlib
import json
import os
import re
import sys
import tempfile
import traceback
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
STATE = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE"
UUID = "0b5c2f3e-8a1d-4c6b-9f2e-1a2b3c4d5e6f"
LARGE = [{"id": number, "text": "a value of more than a hundred bytes"} for number in range(20)]
CASES = []


def case(function):
    CASES.append(function)
    return function


def path_of(row):
    return Path(row.removeprefix("file://"))


class Runner:
    """Pushes, pulls and deletes as a task does, with a recorder in place of its supervisor."""

    def __init__(self):
        from xcomkit import durable
        from xcomkit.backend import worker

        self.durable, self.worker = durable, worker
        self.backend = durable.DurableXComObjectStorageBackend
        self.supervisor = worker.Supervisor()
        self.supervisor.asend = self.asend
        self.ids = {k: v for k, v in worker.ANYWHERE.items() if k not in ("key", "subject")}
        self.is_newest = hasattr(worker.runner(), "check_xcom_backend_supports_loops")  # 3.4

    async def asend(self, msg):
        return self.supervisor.send(msg)

    def task(self, **ids):
        return self.worker.Task({**self.worker.ANYWHERE, **ids}, self.backend)

    def push(self, value, task=None, **ids):
        (task or self.task(**ids)).push(value)
        return self.supervisor.row

    def pull(self, row):
        self.supervisor.row = row
        return self.task().pull()

    def delete(self, row):
        self.supervisor.row = row
        self.task().clear()

    def there(self, row):
        return path_of(row).exists()

    def place(self, row):
        """Return where an object lies below the base path, its id as a star."""
        below = row.removeprefix(f"{self.durable._base_path()}/")
        return re.sub(r"[0-9a-f-]{32,}", "*", below)


@contextmanager
def changed(r, *, option=OPTION, **settings):
    """Change settings, which are read once per process, for a while."""
    before = dict(os.environ)
    caches = [r.durable._setting, r.durable._base_path, r.durable._threshold]
    os.environ |= {f"{option}_{name}": value for name, value in settings.items()}
    try:
        for cache in caches:
            cache.cache_clear()
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        for cache in caches:
            cache.cache_clear()


@contextmanager
def limited(r, most):
    before, r.durable._MOST_JSON_BYTES = r.durable._MOST_JSON_BYTES, most
    try:
        yield
    finally:
        r.durable._MOST_JSON_BYTES = before


@contextmanager
def refused(r, message):
    """Expect the class's own error with this text."""
    try:
        yield
    except r.durable.XComObjectError as error:
        assert message in str(error), error
    else:
        raise AssertionError(f"nothing was raised, expected: {message}")


def with_codec(r, codec):
    with changed(r, COMPRESSION=codec):
        return r.push(LARGE)


@case
def large_value_is_an_object_until_it_is_deleted_and_a_small_one_stays(r):
    row = r.push(LARGE)
    assert r.there(row)
    assert r.pull(row) == LARGE
    r.delete(row)
    assert not r.there(row)
    assert r.push("small") == "small"


@case
def text_that_looks_like_a_reference_comes_back_as_the_text(r):
    texts = [f"{r.durable._base_path()}/d/r/t/{UUID}", f"file:///other/d/r/t/{UUID}.gz"]
    rows = [r.push(text) for text in texts]
    assert rows[0] != texts[0]
    assert r.there(rows[0])
    assert [r.pull(row) for row in rows] == texts


@case
def no_url_or_path_of_the_users_own_is_taken_for_a_reference(r):
    base = str(r.durable._base_path())
    texts = [
        f"https://api.example.com/v1/jobs/daily/{UUID}", f"file:///exports/{UUID}.csv",
        f"file:///a/b/c/{UUID}.csv", f"{base}/{UUID}", f"{base}/exports/{UUID}.gz",
        f"{base}/a/b/c/data.json", f"{base}/a/b/ti-{UUID}/x.json.parquet", base, f"{base}/", "://",
    ]  # fmt: skip
    assert [text for text in texts if r.pull(text) != text] == []


@case
def reference_below_another_path_is_an_error(r):
    below = "is a reference, but not below"
    for reference in (
        f"file:///elsewhere/dag/run/task/{UUID}",
        f"file:///elsewhere/dag/run/task/ti-{UUID}/return_value.json.zst",
        f"gs://bucket/dag/run/task/ti-{UUID}/return_value.json",
    ):
        with refused(r, below):
            r.pull(reference)
    # the store is the same, its path was written as s3:// and is s3a:// now
    names = {"s3a": "s3", "gcs": "gs"} if find_spec("gcsfs") else {"s3a": "s3"}
    for now, before in names.items():
        with changed(r, PATH=f"{now}://conn@bucket/prefix"), refused(r, f"{below} {now}://"):
            r.pull(f"{before}://conn@bucket/prefix/dag/run/task/{UUID}")


@case
def missing_object_is_an_error(r):
    with refused(r, "is not there: expired, deleted, or lost when it was written"):
        r.pull(f"{r.durable._base_path()}/dag/run/with/slashes/task/{UUID}.zip")


@case
def codec_or_path_that_cannot_be_read_back_is_an_error(r):
    from fsspec import compression

    row = r.push(LARGE)
    path_of(row).rename(path_of(f"{row}.lz4"))
    with refused(r, "no package for .lz4 is installed"):
        r.pull(f"{row}.lz4")
    compression.register_compression("own", compression.compr["bz2"], "own", force=True)
    with refused(r, "would not be read back"):
        with_codec(r, "own")
    message = "has no scheme, so values would stay in this pod"
    with refused(r, message), changed(r, PATH="bucket/prefix"):
        r.push(LARGE)


@case
def bucket_without_a_prefix_is_a_path_like_any_other(r):
    with changed(r, PATH="s3://aws_default@bucket"):
        path = r.durable._find_path(f"s3://aws_default@bucket/dag/run/task/{UUID}")
        assert path.path == f"bucket/dag/run/task/{UUID}"


@case
def no_id_and_no_key_makes_an_object_that_cannot_be_read(r):
    for run_id in ("a:b+c", "a#b", "a?b", "a b", "a%2Fb", "x/y//z", "é", "~"):
        for key in ("a/b", "..", "", "k" * 512, "a.gz"):
            row = r.push(LARGE, run_id=run_id, key=key, task_id="group.task")
            assert r.pull(row) == LARGE, row
    with refused(r, "is a reference, but not below"):  # it would lie outside the configured path
        r.push(LARGE, dag_id="/x")
    with changed(r, PATH=f"{r.durable._base()}/{'ü' * 40}"):
        for length in range(80, 401, 10):
            key, long = "k" * length, {"dag_id": "d" * 240, "run_id": "r" * 240}
            row = r.push(LARGE, key=key, task_id="t" * 240, **long)
            assert len(row.encode()) <= 1024
            assert r.pull(row) == LARGE


@case
def threshold_below_0_leaves_values_in_the_database_but_text_like_a_reference(r):
    text = f"{r.durable._base()}/dag/run/task/{UUID}"
    with changed(r, THRESHOLD="-1"):
        assert [r.push(LARGE), r.push("small")] == [LARGE, "small"]
        row = r.push(text)
        assert r.there(row)
        assert r.pull(row) == text
    with changed(r, THRESHOLD="-1", PATH=""):
        for value in (f"https://api.example.com/v1/jobs/daily/{UUID}", LARGE):
            assert r.pull(r.push(value)) == value


@case
def threshold_and_size_hold_exactly_at_their_limits(r):
    size = len(json.dumps(LARGE))
    for threshold, is_large in ((size - 1, True), (size, True), (size + 1, False), (0, True)):
        with changed(r, THRESHOLD=str(threshold)):
            assert (r.push(LARGE) != LARGE) is is_large, threshold
    with limited(r, size):
        assert r.pull(with_codec(r, "gzip")) == LARGE
    with limited(r, 200), refused(r, "bytes of JSON, at most 200"):
        r.push(LARGE)


@case
def bomb_is_unpacked_no_further_than_the_limit(r):
    row = r.push(LARGE)
    path_of(f"{row}.gz").write_bytes(gzip.compress(b" " * 50_000_000))
    with limited(r, 1_000_000), refused(r, "grows beyond 1000000 bytes"):
        r.pull(f"{row}.gz")


@case
def object_that_is_cut_off_is_an_error_with_every_codec(r):
    for codec in ("", "gzip", "zip", "bz2", "xz"):
        row = with_codec(r, codec)
        path_of(row).write_bytes(path_of(row).read_bytes()[:-9])
        with refused(r, " cannot be read, "):
            r.pull(row)


@case
def every_codec_gives_the_value_back_and_zstd_where_its_package_is(r):
    for codec, suffix in {
        "gzip": "gz", "zip": "zip", "bz2": "bz2", "lzma": "lzma", "xz": "xz", "zstd": "zst",
    }.items():  # fmt: skip
        if codec == "zstd" and "XCOMKIT_NO_ZSTD" in os.environ:
            try:
                with_codec(r, codec)
            except ValueError as error:
                assert "Make sure it is installed" in str(error)
                continue
        row = with_codec(r, codec)
        assert row.endswith(f".{suffix}")
        assert r.pull(row) == LARGE


@case
def gzip_has_level_6(r):
    text = json.dumps([*range(20_000)]).encode()
    packed = r.durable._compress(text, "gzip")
    assert [packed[10:] == gzip.compress(text, level)[10:] for level in (6, 9)] == [True, False]


class Store:
    """A path and its filesystem in one: takes what is written, answers as it is told."""

    protocol = "s3"
    path = "bucket/d/r/t/name"

    def __init__(self, **info):
        self.fs, self.parent, self.seen = self, SimpleNamespace(path="bucket/d/r/t"), []
        self.answer = info

    def __str__(self):
        return "s3://bucket/d/r/t/name"

    def pipe_file(self, _path, body):
        self.seen.append("put")
        self.body = body

    def invalidate_cache(self, path):
        self.seen.append(path)

    def info(self, _path):
        self.seen.append("info")
        return {"size": len(self.body), "name": self.path, **self.answer}


@case
def write_is_compared_by_size_name_and_the_stores_md5_where_it_has_one(r):
    right, wrong = (hashlib.md5(text).digest() for text in (b"[1, 2]", b"[1, 3]"))
    for info in (
        {}, {"ETag": f'"{wrong.hex()}"'}, {"md5Hash": base64.b64encode(right).decode()},
        {"content_settings": {"content_md5": bytearray(right)}},
        {"content_settings": {"content_md5": None}},
    ):  # fmt: skip
        store = Store(**info)
        r.durable._write(store, b"[1, 2]")
        assert store.seen == ["put", "bucket/d/r/t", "info"]  # only the own folder is forgotten
    for info, message in (
        ({"size": 3}, "holds 3 bytes of the 6 written"),
        ({"size": 9}, "holds 9 bytes of the 6 written"),
        ({"md5Hash": base64.b64encode(wrong).decode()}, "holds other bytes than the 6 written"),
        ({"content_settings": {"content_md5": bytearray(wrong)}}, "holds other bytes than the 6"),
        # what s3fs does with ``?versionid=`` in an id: it is cut off
        ({"name": "bucket/d/r/t/cut"}, "was written under another name, bucket/d/r/t/cut"),
    ):
        with refused(r, message):
            r.durable._write(Store(**info), b"[1, 2]")


@case
def purge_of_what_is_gone_or_below_another_path_lets_the_task_run_again(r):
    row = r.push(LARGE)
    path_of(row).unlink()
    r.delete(row)
    r.delete(f"file:///elsewhere/dag/run/task/{UUID}")


@case
def error_is_airflows_and_every_operation_has_a_timer(r):
    assert "AirflowException" in [one.__name__ for one in r.durable.XComObjectError.__mro__]
    seen = []
    real, r.durable.Stats = r.durable.Stats, SimpleNamespace()

    def timer(name):
        seen.append(name)
        return real.timer(name)

    r.durable.Stats.timer = timer
    try:
        row = r.push(LARGE)
        r.pull(row)
        r.delete(row)
    finally:
        r.durable.Stats = real
    assert seen == [f"xcom_object_storage.{one}" for one in ("push", "pull", "purge")]


@case
def trigger_pushes_and_pulls_in_its_event_loop(r):
    async def both():
        await r.backend.aset("key", LARGE, **r.ids)
        assert r.there(r.supervisor.row)
        assert await r.backend.aget_one(key="key", **r.ids) == LARGE

    if hasattr(r.backend, "aset"):
        asyncio.run(both())
    else:
        assert "XCOMKIT_OLDEST" in os.environ


@case
def task_instances_share_no_object_and_each_overwrites_its_own(r):
    rows = {r.push([*LARGE, number], map_index=number) for number in range(3)}
    rows |= {r.push(LARGE) for _ in range(3)}
    assert len(rows) == 6
    task = r.task(key="a/b %")
    first, last = (r.push([*LARGE, number], task=task) for number in range(2))
    assert r.pull(last)[-1] == 1
    assert r.place(last) == ("d/r/t/ti*/a%2Fb%20%25.json" if r.is_newest else "d/r/t/*")
    assert (first == last) is r.is_newest


@case
def task_that_writes_anothers_xcom_never_overwrites_it(r):
    rows = []
    for _ in range(2):
        r.backend.set("key", LARGE, **{**r.ids, "task_id": "other"})
        rows.append(r.supervisor.row)
    assert len(set(rows)) == 2
    assert r.pull(rows[0]) == LARGE
    assert r.place(rows[0]) == ("d/r/other/writ*/key.json" if r.is_newest else "d/r/other/*")


@case
def task_loops_find_a_class_that_tells_iterations_apart(r):
    from airflow.sdk.bases import xcom

    assert not getattr(xcom, "_is_legacy_xcom_backend", lambda _: None)(r.backend)


class Key:
    """A key of the state store, set, read and deleted as a task does."""

    def __init__(self, r, backend=None, **where):
        self.r, chosen = r, backend or r.durable.DurableStateStoreObjectStorageBackend
        self.state = r.worker.State({**r.worker.ANYWHERE, "key": "k", **where}, chosen)

    def set(self, value):
        self.state.push(value)
        return self.reference

    @property
    def reference(self):
        (reference,) = self.r.supervisor.row.values()
        return reference

    def get(self, reference=None):
        if reference is not None:
            self.r.supervisor.row = self.state.row(reference)
        return self.state.pull()


def state_case(function):
    """Make a case of the state store, which Airflow has since 3.3."""

    def either(r):
        if find_spec("airflow.sdk.state") is None:
            assert "XCOMKIT_OLDEST" in os.environ
            return
        function(r)

    either.__name__ = function.__name__
    CASES.append(either)
    return function


SCOPES = (
    {}, {"map_index": 0}, {"map_index": 1}, {"key": "a/b"}, {"key": "a%2Fb"}, {"key": "ü \n?#"},
    {"key": "export.gz"}, {"key": "K" * 60}, {"key": "~"}, {"asset_name": "a/b %"},
    {"asset_uri": "s3://a/b?c#d"}, {"asset_name": "x", "key": "export.ZIP"}, {"dag_id": "assets"},
)  # fmt: skip


@state_case
def state_of_every_scope_and_key_is_its_own_until_it_is_deleted(r):
    found = {}
    for number, where in enumerate(SCOPES):
        key = Key(r, **where)
        found[key.set([*LARGE, number])] = key, number
    assert len(found) == len(SCOPES)
    for reference, (key, number) in found.items():
        assert key.get(reference)[-1] == number, reference
    for reference, (key, number) in found.items():
        assert key.get(reference)[-1] == number, reference
        key.state.clear()
        assert not r.there(reference)
    for where in ({"key": ""}, {"key": ".."}, {"task_id": "."}):
        with refused(r, "can be no part of the path of a state object"):
            Key(r, **where).set(LARGE)


@state_case
def state_is_read_by_each_class_whichever_wrote_it_and_lies_at_the_same_place(r):
    from airflow.providers.common.io.state_store import backend as stock

    for codec in ("", "gzip", "zip", "bz2", "xz"):
        for where in (one for one in SCOPES if "export" not in one.get("key", "")):
            for cache in (stock._get_base_path, stock._get_compression, stock._get_threshold):
                cache.cache_clear()
            with changed(r, option=STATE, COMPRESSION=codec):
                theirs = Key(r, stock.StateStoreObjectStorageBackend, **where)
                reference = theirs.set(LARGE)
                ours = Key(r, **where)
                assert ours.get(reference) == LARGE, reference
                assert ours.set([1, LARGE]) == reference
                theirs = Key(r, stock.StateStoreObjectStorageBackend, **where)
                assert theirs.get(reference) == [1, LARGE], reference


@state_case
def state_without_its_object_or_damaged_or_below_another_path_is_an_error_and_no_none(r):
    key = Key(r)
    reference = key.set(LARGE)
    path_of(reference).write_bytes(b"[1, 2")
    with refused(r, "cannot be read, 5 bytes"):
        key.get(reference)
    path_of(reference).unlink()
    with refused(r, "is not there: expired, deleted, or lost when it was written"):
        key.get(reference)
    for other in ("file:///elsewhere/d/r/t/-1/k", "s3://conn@bucket/d/r/t/-1/k"):
        with refused(r, "is a reference, but not below"):
            key.get(other)


@state_case
def state_below_the_threshold_stays_in_the_row_and_a_negative_one_is_an_error(r):
    for value in ("s3://bucket/d/r/t/-1/k", "small", 1.5, False, {"a": "s3://b"}, float("inf")):
        assert Key(r).set(value) == json.dumps(value)
        assert Key(r).get() == value
    for threshold, is_kept in (("149", False), ("150", False), ("151", True)):
        with changed(r, option=STATE, THRESHOLD=threshold):
            assert Key(r).set("x" * 148).startswith('"') is is_kept, threshold
    with changed(r, option=STATE, THRESHOLD="-1"), refused(r, "must not be negative"):
        Key(r).set("small")


@state_case
def state_can_be_cleared_by_scope_and_nothing_else_goes(r):
    references = [Key(r, **where).set(LARGE) for where in SCOPES]
    mapped = [number for number, where in enumerate(SCOPES) if "map_index" in where]
    Key(r, map_index=1).state.store.clear()
    assert [r.there(one) for one in references] == [n != mapped[1] for n in range(len(SCOPES))]
    store = Key(r).state
    backend = store.context._get_worker_state_store_backend()
    backend.clear(store.store._scope, all_map_indices=True)
    others = [n for n, w in enumerate(SCOPES) if {"asset_name", "asset_uri", "dag_id"} & {*w}]
    assert [n for n, one in enumerate(references) if r.there(one)] == others
    Key(r, asset_name="r").set(LARGE)
    Key(r, asset_name="r").state.store.clear()  # the Dag called assets has a run of that name
    assert r.there(references[-1])


@state_case
def state_store_does_not_hold_up_the_event_loop(r):
    import threading

    store = Key(r, asset_name="slow").state
    backend = store.context._get_worker_state_store_backend()
    free = threading.Event()
    for name in ("get", "set", "delete", "clear"):
        setattr(backend, name, lambda *_, **__: free.wait(20))

    async def all_of_them():
        calls = (backend.aget("s", "k"), backend.aset("s", "k", "v"), backend.adelete("s", "k"),
                 backend.aclear("s"))  # fmt: skip
        waiting = [asyncio.ensure_future(one) for one in calls]
        await asyncio.sleep(0)
        free.set()  # which nobody could do if a call held up the loop
        return await asyncio.gather(*waiting)

    assert asyncio.run(all_of_them()) == [True, None, None, None]


def problem_of(function, runner):
    try:
        function(runner)
    except Exception:  # noqa: BLE001 - here an error is an outcome
        return traceback.format_exc()[-1500:]
    return ""


def main():
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            f"{OPTION}_PATH": f"file://{home}/store",
            f"{OPTION}_THRESHOLD": "150",
            f"{STATE}_PATH": f"file://{home}/state",
            f"{STATE}_THRESHOLD": "150",
        }
        sys.path.insert(0, os.environ["XCOMKIT_ROOT"])
        runner = Runner()
        found = {function.__name__: problem_of(function, runner) for function in CASES}
    channel.write(json.dumps(found))


if __name__ == "__main__":
    main()
