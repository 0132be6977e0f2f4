"""The deep scan by the workers of a Dask cluster: the same numbers, whoever dies meanwhile."""

import gzip
import json
import os
import pickle
import signal
import sys
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from threading import Event

import pytest
import yaml
from distributed import LocalCluster

from xcomkit.__main__ import main
from xcomkit.clouds.objects import Objects
from xcomkit.findings.model import StoredObject
from xcomkit.objects.keys import parse_key
from xcomkit.objects.listing import Listing
from xcomkit.steps import deep_scan
from xcomkit.steps.deep_scan import CHUNK, Scanning, open_pool, work_of

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
BODIES = (b"[1]", b"[1", b"", b"\xff", gzip.compress(b'{"__classname__": "a.B"}'))


@pytest.fixture
def there(target):
    target.make_bucket()
    for number in range(4 * CHUNK):
        suffix = ".gz" if number % 5 == 4 else ""
        name = f"{number:08x}-0000-4000-8000-{'0' * 12}{suffix}"
        target.put_object(f"astro/xcom/dag/run/task{number % 3}/{name}", BODIES[number % 5])
    return target


@pytest.fixture
def file(there, tmp_path):
    path = tmp_path / "target.yaml"
    path.write_text(yaml.safe_dump(there.settings.to_parameters()))
    return path


@pytest.fixture
def cluster(there):  # noqa: ARG001 - who makes this process the administrator
    """Return a cluster of two processes, which are the administrator of the stand-in as well."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as running:
        yield running


def scanned(there, *, pool, threads=1, scheduler="local"):
    work = partial(work_of(there.cloud, scheduler=scheduler), measure=True)
    scanning = Scanning(work, pool=pool, threads=threads)
    for one in there.cloud.list_objects("astro/xcom/"):
        scanning.open(parse_key(one, prefix="astro/xcom"))
    return scanning


@pytest.mark.usefixtures("there")
def test_cluster_comes_to_the_numbers_of_threads(file, cluster, capsys, monkeypatch):
    def found(*more):
        main(["inspect", "-f", str(file), "--format", "json", "--decode", *more])
        document = json.loads(capsys.readouterr().out)
        return document["scan"], document["checks"]

    here = [found(decode) for decode in ("sample", "all")]
    monkeypatch.setattr(Objects, "read_object", lambda *_, **__: pytest.fail("read here"))
    address = cluster.scheduler_address

    assert [found(decode, "--scheduler", address) for decode in ("sample", "all")] == here
    assert here[0][0]["opened"]["count"] == 4 * CHUNK


def test_chunk_of_a_killed_worker_is_opened_by_another(there, cluster):
    with open_pool("local") as (pool, threads):
        here = scanned(there, pool=pool, threads=threads).finish(say=print)
    victim = cluster.workers[0]
    os.kill(victim.process.pid, signal.SIGSTOP)  # it takes a chunk and does not end it
    with open_pool(cluster.scheduler_address) as (pool, threads):
        scanning = scanned(there, pool=pool, threads=threads, scheduler="cluster")
        state = cluster.scheduler.workers[victim.worker_address]
        while not state.processing:
            time.sleep(0.01)
        os.kill(victim.process.pid, signal.SIGKILL)
        found = scanning.finish(say=print)

    assert found.is_whole
    assert found == here


def test_what_is_sent_to_workers_holds_no_secret(there):
    sent = []

    class Recording(ThreadPoolExecutor):
        def submit(self, work, *given, **named):
            sent.append(pickle.dumps((work, given, named)))
            return super().submit(work, *given, **named)

    with Recording(1) as pool:
        scanned(there, pool=pool, scheduler="cluster").finish(say=print)

    secrets = [text for name, text in os.environ.items() if name.startswith("AWS_") and
               ("KEY" in name or "TOKEN" in name)]  # fmt: skip
    assert len(sent) == 4
    assert secrets
    assert not [text for text in secrets if text.encode() in b"".join(sent)]


def test_scan_that_is_interrupted_is_a_part(there, monkeypatch):
    monkeypatch.setattr(deep_scan, "_EVERY", 0.01)
    go_on = Event()

    class Held(ThreadPoolExecutor):
        def submit(self, work, *given, **named):
            return super().submit(lambda: (go_on.wait(), work(*given, **named))[1])

    def interrupt(_):
        go_on.set()
        raise KeyboardInterrupt

    with Held(1) as pool:
        scan = scanned(there, pool=pool).finish(say=interrupt)

    assert (scan.is_whole, scan.why) == (False, "the scan was interrupted")
    assert scan.opened.count < 4 * CHUNK


class Now(Executor):
    """Works at once."""

    def submit(self, work, *given):
        future = Future()
        try:
            future.set_result(work(*given))
        except ArithmeticError as error:
            future.set_exception(error)
        return future


class Lost(Executor):
    """Takes chunks of which nobody hears again."""

    def submit(self, *_, **__):
        return Future()


@pytest.mark.parametrize("is_stopped", [False, True])
def test_worker_that_died_or_a_listing_that_is_stopped_ends_the_scan(monkeypatch, is_stopped):
    monkeypatch.setattr(deep_scan, "_EVERY", 0.01)
    monkeypatch.setattr(deep_scan, "_SLOWEST", 60 if is_stopped else 0.1)
    stop = Event()
    stop.set() if is_stopped else None
    one = parse_key(StoredObject(f"p/d/r/t/{UUID}", 1, datetime.now(UTC)), prefix="p")
    scanning = Scanning(len, pool=Lost(), threads=1)

    for _ in range(20 * CHUNK):
        scanning.open(one, stop=stop)
    scan = scanning.finish(say=print)

    why = "the listing was interrupted" if is_stopped else "no worker answered for 0.1 s"
    assert (scan.is_whole, scan.why) == (False, why)


def test_scan_that_failed_keeps_none_of_the_objects_that_come_behind():
    scanning = Scanning(lambda _: 1 / 0, pool=Now(), threads=1)
    one = parse_key(StoredObject(f"p/d/r/t/{UUID}", 1, datetime.now(UTC)), prefix="p")
    before = [scanning.open(one) for _ in range(CHUNK)] and sys.getrefcount(one)
    for _ in range(20 * CHUNK):
        scanning.open(one)

    assert sys.getrefcount(one) == before
    assert scanning.finish(say=print).why == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("part", ["listing", "scan", "state"])
def test_part_of_a_listing_a_scan_or_the_states_ends_with_130(
    there, file, capsys, monkeypatch, part
):
    run, read, sent = Listing.run, Objects.read_object, []
    prefix = {"listing": "astro/xcom", "state": there.settings.state_prefix}.get(part)

    def run_in_part(listing, lister, *, say):
        run(listing, lister, say=say)
        listing.reached = listing.sums.prefix if listing.sums.prefix == prefix else None

    def interrupt(*given, **named):
        if part == "scan" and not sent:
            sent.append(os.kill(os.getpid(), signal.SIGINT))
        return read(*given, **named)

    monkeypatch.setattr(Listing, "run", run_in_part)
    monkeypatch.setattr(Objects, "read_object", interrupt)
    monkeypatch.setattr(deep_scan, "open_cloud", lambda *_, **__: pytest.fail("opened once more"))

    assert main(["inspect", "-f", str(file), "--decode", "sample", "--format", "json"]) == 130

    document = json.loads(capsys.readouterr().out)
    scan, status = document["scan"], {one["id"]: one["status"] for one in document["checks"]}
    assert (scan["is_whole"], scan["why"]) == {
        "listing": (False, "the listing was interrupted"),
        "scan": (False, "the scan was interrupted"), "state": (True, ""),
    }[part]  # fmt: skip
    assert status["XC612"] == ("pass" if part == "state" else "unknown")


@pytest.mark.parametrize(
    ("address", "is_installed", "words"),
    [
        ("tcp://127.0.0.1:1", True, "no Dask cluster with workers (OSError). Next: give the addr"),
        ("no-address", True, "no Dask cluster with workers"),
        ("tcp://127.0.0.1:1", False, "needs distributed, which is not installed. Next: pip inst"),
    ],
)
def test_cluster_that_is_not_there_is_one_line(
    file, capsys, monkeypatch, address, is_installed, words
):
    monkeypatch.setattr(deep_scan, "_PATIENCE", 1)
    if not is_installed:
        monkeypatch.setitem(sys.modules, "distributed", None)

    assert main(["inspect", "-f", str(file), "--decode", "all", "--scheduler", address]) == 3

    shown = capsys.readouterr()
    assert words in shown.err
    assert "Traceback" not in shown.err
