"""What the durable class does without any cloud, under whatever Airflow runs this file.

Standard library, Airflow and the two files under test only. Prints one JSON object: the outcome of
each case by the name of its function; an exception is its type and first line.
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
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"
UUID = "0b5c2f3e-8a1d-4c6b-9f2e-1a2b3c4d5e6f"


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


LARGE = [{"id": number, "text": "a value of more than a hundred bytes"} for number in range(20)]


def round_trip(r):
    row = r.push(LARGE)
    there = r.there(row)
    same = r.pull(row) == LARGE
    r.delete(row)
    return [there, same, r.there(row)]


def small_value_stays_in_the_row(r):
    return r.push("small")


def text_that_looks_like_a_reference_comes_back_as_text(r):
    texts = [f"{r.durable._base_path()}/d/r/t/{UUID}", f"file:///other/d/r/t/{UUID}.gz"]
    rows = [r.push(text) for text in texts]
    return [rows[0] != texts[0] and r.there(rows[0]), [r.pull(row) for row in rows] == texts]


def values_of_the_users_own(r):
    base = str(r.durable._base_path())
    texts = [
        f"https://api.example.com/v1/jobs/daily/{UUID}", f"file:///exports/{UUID}.csv",
        f"file:///a/b/c/{UUID}.csv", f"{base}/{UUID}", f"{base}/exports/{UUID}.gz",
        f"{base}/a/b/c/data.json", f"{base}/a/b/ti-{UUID}/x.json.parquet", base, f"{base}/", "://",
    ]  # fmt: skip
    return [text for text in texts if r.pull(text) != text]


def reference_under_another_name_of_the_scheme(r):
    """The store is the same, its path was written as s3:// and is s3a:// now."""
    with changed(r, PATH="s3a://aws_default@bucket/prefix"):
        return r.pull(f"s3://aws_default@bucket/prefix/dag/run/task/{UUID}")


def reference_of_the_new_layout_under_another_scheme(r):
    return r.pull(f"gs://bucket/dag/run/task/ti-{UUID}/return_value.json")


def bucket_alone_is_a_path(r):
    """No prefix: references then begin with the bucket and one slash."""
    with changed(r, PATH="s3://aws_default@bucket"):
        path = r.durable._find_path(f"s3://aws_default@bucket/dag/run/task/{UUID}")
        return path.path


def odd_ids(r):
    wrong = []
    for run_id in ("a:b+c", "a#b", "a?b", "a b", "a%2Fb", "x/y//z", "é", "~"):
        for key in ("a/b", "..", "", "k" * 512, "a.gz"):
            row = r.push(LARGE, run_id=run_id, key=key, task_id="group.task")
            if r.pull(row) != LARGE:
                wrong.append([run_id, key, row])
    return wrong


def threshold_that_keeps_everything_in_the_database(r):
    with changed(r, THRESHOLD="-1"):
        text = f"{r.durable._base()}/dag/run/task/{UUID}"
        rows = [r.push(LARGE), r.push("small"), r.push(text)]
        return [rows[0] == LARGE, rows[1], r.there(rows[2]), r.pull(rows[2]) == text]


def no_path_at_all(r):
    with changed(r, THRESHOLD="-1", PATH=""):
        text = f"https://api.example.com/v1/jobs/daily/{UUID}"
        return [r.pull(r.push(text)) == text, r.pull(r.push(LARGE)) == LARGE]


def object_under_another_name(r):
    """What s3fs does with ``?versionid=`` in an id: it is cut off."""
    return written(r, name="bucket/d/r/t/cut")


def codec_without_a_known_suffix(r):
    from fsspec import compression

    compression.register_compression("own", compression.compr["bz2"], "own", force=True)
    return with_codec(r, "own")


def reference_elsewhere(r):
    return r.pull(f"file:///elsewhere/dag/run/task/{UUID}")


def reference_of_the_new_layout_elsewhere(r):
    return r.pull(f"file:///elsewhere/dag/run/task/ti-{UUID}/return_value.json.zst")


def missing_object(r):
    return r.pull(f"{r.durable._base_path()}/dag/run/with/slashes/task/{UUID}.zip")


def codec_that_is_not_installed(r):
    row = r.push(LARGE)
    path_of(row).rename(path_of(f"{row}.lz4"))
    return r.pull(f"{row}.lz4")


def damaged_objects(r):
    told = []
    for codec in ("", "gzip", "zip", "bz2", "xz"):
        row = with_codec(r, codec) if codec else r.push(LARGE)
        path_of(row).write_bytes(path_of(row).read_bytes()[:-9])
        told.append(outcome(lambda row=row: r.pull(row))["error"])
    return told


@contextmanager
def changed(r, **settings):
    """Change settings, which are read once per process, for a while."""
    before = dict(os.environ)
    caches = [r.durable._configured, r.durable._base_path, r.durable._threshold, r.durable._codec]
    os.environ |= {f"{OPTION}_{name}": value for name, value in settings.items()}
    try:
        for cache in caches:
            cache.cache_clear()
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        for cache in caches:
            cache.cache_clear()


def with_codec(r, codec):
    with changed(r, COMPRESSION=codec):
        return r.push(LARGE)


def codecs(r):
    found = {}
    for codec in ("gzip", "zip", "bz2", "lzma", "xz", "zstd"):
        row = outcome(lambda codec=codec: with_codec(r, codec))
        ok = not isinstance(row, dict) and r.pull(row) == LARGE
        found[codec] = [row.rpartition(".")[2], ok] if ok else row["error"]
    return found


def gzip_has_level_6(r):
    text = json.dumps([*range(20_000)]).encode()
    packed = r.durable._compress(text, "gzip")
    return [packed[10:] == gzip.compress(text, level)[10:] for level in (6, 9)]


def bomb(r):
    row = r.push(LARGE)
    path_of(f"{row}.gz").write_bytes(gzip.compress(b" " * 50_000_000))
    r.durable._MOST_JSON_BYTES = 1_000_000
    try:
        return r.pull(f"{row}.gz")
    finally:
        r.durable._MOST_JSON_BYTES = 2**31


def larger_than_can_be_read_back(r):
    r.durable._MOST_JSON_BYTES = 200
    try:
        return r.push(LARGE)
    finally:
        r.durable._MOST_JSON_BYTES = 2**31


class Store:
    """A path and its filesystem in one: keeps what is written, answers as it is told."""

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


def written(r, **info):
    store = Store(**info)
    r.durable._write(store, b"[1, 2]")
    return store.seen


def threshold_at_its_edges(r):
    """One byte below what the value takes, exactly, one above, and 0."""
    size, large = len(json.dumps(LARGE)), []
    for threshold in (size - 1, size, size + 1, 0):
        with changed(r, THRESHOLD=str(threshold)):
            large.append(r.push(LARGE) != LARGE)
    return large


def json_exactly_at_the_limit(r):
    r.durable._MOST_JSON_BYTES = len(json.dumps(LARGE))
    try:
        return r.pull(with_codec(r, "gzip")) == LARGE
    finally:
        r.durable._MOST_JSON_BYTES = 2**31


def purge_of_what_is_gone_or_elsewhere(r):
    row = r.push(LARGE)
    path_of(row).unlink()
    r.delete(row)
    r.delete(f"file:///elsewhere/dag/run/task/{UUID}")
    return "no error"


def digests(r):
    right, wrong = (hashlib.md5(text).digest() for text in (b"[1, 2]", b"[1, 3]"))
    infos = [
        {}, {"size": 3}, {"ETag": f'"{wrong.hex()}"'},
        {"md5Hash": base64.b64encode(right).decode()},
        {"md5Hash": base64.b64encode(wrong).decode()},
        {"content_settings": {"content_md5": bytearray(right)}},
        {"content_settings": {"content_md5": bytearray(wrong)}},
        {"content_settings": {"content_md5": None}},
    ]  # fmt: skip
    return [outcome(lambda info=info: written(r, **info)) for info in infos]


def timers(r):
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
    return seen


def error_is_airflows(r):
    return [one.__name__ for one in r.durable.XComObjectError.__mro__]


def path_without_a_scheme(r):
    with changed(r, PATH="bucket/prefix"):
        return r.push(LARGE)


def asynchronous(r):
    """Push and pull in an event loop, as a trigger does."""
    ids = {name: r.worker.ANYWHERE[name] for name in ("dag_id", "run_id", "task_id", "map_index")}

    async def both():
        await r.backend.aset("key", LARGE, **ids)
        row = r.supervisor.row
        return [r.there(row), await r.backend.aget_one(key="key", **ids) == LARGE]

    return asyncio.run(both())


def same_key_again(r):
    task = r.task(key="a/b %")
    rows = [r.push([*LARGE, number], task=task) for number in range(2)]
    return [len(set(rows)), r.pull(rows[1])[-1], re.sub(r"[0-9a-f-]{32,}", "*", shown(r, rows[1]))]


def every_task_instance_has_an_object_of_its_own(r):
    rows = {r.push([*LARGE, number], map_index=number) for number in range(3)}
    rows |= {r.push(LARGE) for _ in range(3)}
    return len(rows)


def another_tasks_xcom(r):
    ids = {
        **{name: r.worker.ANYWHERE[name] for name in ("run_id", "map_index")},
        "task_id": "other",
    }
    rows = []
    for _ in range(2):
        r.backend.set("key", LARGE, dag_id="d", **ids)
        rows.append(r.supervisor.row)
    return [
        len(set(rows)),
        r.pull(rows[0]) == LARGE,
        re.sub(r"[0-9a-f-]{32,}", "*", shown(r, rows[0])),
    ]


def key_too_long_for_an_object(r):
    row = r.push(LARGE, key="k" * 400, dag_id="d" * 240, task_id="t" * 240, run_id="r" * 240)
    return [len(row) <= 1024, r.pull(row) == LARGE]


def supports_task_loops(r):
    from airflow.sdk.bases import xcom

    legacy = getattr(xcom, "_is_legacy_xcom_backend", lambda _: None)
    return legacy(r.backend)


def shown(r, row):
    return row.removeprefix(f"{r.durable._base_path()}/")


def outcome(call):
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - here an error is an outcome
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0]}"}


CASES = (
    reference_under_another_name_of_the_scheme, reference_of_the_new_layout_under_another_scheme,
    bucket_alone_is_a_path, odd_ids, threshold_that_keeps_everything_in_the_database,
    no_path_at_all, object_under_another_name, codec_without_a_known_suffix,
    round_trip, small_value_stays_in_the_row, text_that_looks_like_a_reference_comes_back_as_text,
    values_of_the_users_own, reference_elsewhere, reference_of_the_new_layout_elsewhere,
    missing_object, codec_that_is_not_installed, damaged_objects, codecs, gzip_has_level_6, bomb,
    larger_than_can_be_read_back, digests, timers, error_is_airflows, path_without_a_scheme,
    asynchronous, same_key_again, every_task_instance_has_an_object_of_its_own, another_tasks_xcom,
    key_too_long_for_an_object, supports_task_loops, threshold_at_its_edges,
    json_exactly_at_the_limit, purge_of_what_is_gone_or_elsewhere,
)  # fmt: skip


def main():
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {
            "AIRFLOW_HOME": home,
            f"{OPTION}_PATH": f"file://{home}/store",
            f"{OPTION}_THRESHOLD": "150",
        }
        sys.path.insert(0, os.environ["XCOMKIT_ROOT"])
        runner = Runner()
        found = {case.__name__: outcome(lambda case=case: case(runner)) for case in CASES}
    text = json.dumps(found)
    channel.write(text.replace(home, "HOME"))


if __name__ == "__main__":
    main()
