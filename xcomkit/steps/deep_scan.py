"""The deep scan of ``xcomkit inspect``: objects opened by threads here, or by a Dask cluster."""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from threading import Lock, Semaphore
from typing import Literal

from xcomkit.clouds import Cloud, Platform, open_cloud
from xcomkit.findings.errors import ServiceError, UnreachableError, XcomkitError
from xcomkit.findings.model import StoredXCom
from xcomkit.findings.text import number_of, plain
from xcomkit.notebook import show
from xcomkit.objects.keys import parse_key
from xcomkit.objects.listing import Listing
from xcomkit.objects.scan import Place, Sample, Scan, scan_objects
from xcomkit.objects.summary import size_text
from xcomkit.objects.sums import Columns
from xcomkit.settings.settings import Settings

Decode = Literal["none", "sample", "all"]
LOCAL = "local"
THREADS = 16
"""Objects that are fetched at once from here."""
CHUNK = 25
"""Objects that a thread, or a worker of a cluster, opens one after the other."""
_AHEAD = 4
"""Chunks per thread that are under way, so that none waits and few are held."""
_EVERY = 5.0
_PATIENCE = 30
"""Seconds until a scheduler has answered, and has a worker."""
_CLASSES = 20
_OPENING = Lock()


def scan_chunk(parameters: str, chunk: Sequence[StoredXCom], *, measure: bool) -> Scan:
    """Return what is in the objects, read by whoever this process is.

    Workers get the parameters of the target and the keys, which hold no secret.
    """
    with _OPENING:  # SDKs make their clients on first use, and not in several threads at once
        cloud = _open(parameters)
    place = Place(cloud.settings.bucket, cloud.settings.prefix)
    return scan_objects(cloud, chunk, place=place, measure=measure)


@lru_cache(maxsize=1)
def _open(parameters: str) -> Cloud:
    settings = Settings.from_mapping(json.loads(parameters))
    cloud = open_cloud(settings, platform=Platform(label="", issuer=""))
    with suppress(ServiceError):  # whatever it answers, there is a client now
        cloud.object_exists(f"{settings.prefix}/xcomkit")
    return cloud


@contextmanager
def open_pool(scheduler: str) -> Iterator[tuple[Executor, int]]:
    """Yield what opens chunks, and how many at once: threads, or the workers of a Dask cluster.

    A chunk whose worker is killed goes to another one; after three of them it has failed.

    Raises:
        XcomkitError: Dask is not installed.
        UnreachableError: no scheduler answers at the address, or it has no workers.
    """
    if scheduler == LOCAL:
        with ThreadPoolExecutor(THREADS) as pool:
            yield pool, THREADS
        return
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise XcomkitError(
            f"--scheduler {scheduler} needs {error.name}, which is not installed.",
            hint="pip install 'xcomkit[dask]', here and on the workers.",
        ) from None
    try:
        client = Client(scheduler, timeout=_PATIENCE, set_as_default=False)
        client.wait_for_workers(1, timeout=_PATIENCE)
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise UnreachableError(
            f"--scheduler {scheduler}: no Dask cluster with workers ({type(error).__name__}).",
            hint="give the address that the scheduler logs, such as tcp://HOST:8786.",
        ) from None
    with client:
        yield client.get_executor(pure=False), sum(client.nthreads().values())


class Scanning:
    """Chunks of objects that a pool opens; memory is bounded by how many are under way."""

    def __init__(self, settings: Settings, *, pool: Executor, threads: int, measure: bool) -> None:
        self.total = Scan()
        self._parameters = json.dumps(settings.recorded)
        self._prefix, self._pool, self._measure = settings.prefix, pool, measure
        self._ahead = threads * _AHEAD
        self._room, self._adding = Semaphore(self._ahead), Lock()
        self._next: list[StoredXCom] = []
        self._pending: set[Future[Scan]] = set()

    def add(self, columns: Columns) -> None:
        """Open the XComs of a batch of a listing; waits while enough are under way."""
        for row in range(columns.count):
            one = parse_key(columns.stored(row), prefix=self._prefix)
            if one.layout != "foreign":
                self.open(one)

    def open(self, one: StoredXCom) -> None:
        """Open an object as soon as there are enough for a chunk."""
        self._next.append(one)
        if len(self._next) == CHUNK:
            self._submit()

    def finish(self, *, say: Callable[[str], None]) -> Scan:
        """Return what was found, once everything is opened, or somebody interrupts."""
        self._submit()
        left = self._ahead
        try:
            while left:
                if self._room.acquire(timeout=_EVERY):
                    left -= 1
                else:
                    say(f"{self.total.opened.count:,} objects opened")
        except KeyboardInterrupt:
            self._end("the scan was interrupted")
            for future in self._pending.copy():
                future.cancel()
        return self.total

    def _submit(self) -> None:
        if self._next and self.total.is_whole:
            self._room.acquire()
            chunk, self._next = self._next, []
            future = self._pool.submit(scan_chunk, self._parameters, chunk, measure=self._measure)
            self._pending.add(future)
            future.add_done_callback(self._take)

    def _take(self, future: "Future[Scan]") -> None:
        """Add what a chunk holds; where one fails as a whole, the others would, too."""
        error = None if future.cancelled() else future.exception()
        with self._adding:
            if error:
                self._end(f"{type(error).__name__}: {error}")
            elif not future.cancelled():
                self.total.add(future.result())
        self._pending.discard(future)
        self._room.release()

    def _end(self, why: str) -> None:
        self.total.why, self.total.is_whole = plain(why)[:300], False


def scan_prefix(
    listing: Listing, *, cloud: Cloud, decode: Decode, seed: int, scheduler: str,
    say: Callable[[str], None],
) -> Scan:  # fmt: skip
    """List the prefix, open its XComs or a sample of them, and return what is in them.

    Encryption and what gzip would save are measured on the sample in either case.
    """
    sample = Sample(cloud.settings.prefix, seed)
    with open_pool(scheduler) as (pool, threads):
        every, drawn = (
            Scanning(cloud.settings, pool=pool, threads=threads, measure=measure)
            for measure in (False, True)
        )

        def take(columns: Columns) -> None:
            sample.add(columns)
            if decode == "all":
                every.add(columns)

        listing.also.append(take)
        listing.run(cloud, say=say)
        whole = every.finish(say=say)
        for one in sample.objects if whole.is_whole else ():
            drawn.open(one)
        measured = drawn.finish(say=say)
    if decode == "sample":
        return measured
    whole.gzip, whole.encryptions = measured.gzip, measured.encryptions
    return whole


def scan_table(scan: Scan, *, listed: int) -> show.Table:
    """Return what opened objects hold; an object may stand in several rows."""
    counted = [*scan.found.items()]
    counted += [(f"encryption {name}", one) for name, one in sorted(scan.encryptions.items())]
    rows = [(name, f"{one.count:,}", size_text(one.size)) for name, one in counted]
    classes = sorted(scan.classes.items(), key=lambda item: (-item[1], item[0]))
    rows += [(f"class {name}", f"{count:,}", "-") for name, count in classes[:_CLASSES]]
    share, part = scan.gzip.share(of=listed), "" if scan.is_whole else f"PARTIAL, {scan.why}: "
    saves = "{:.1%} of all bytes, 95 % interval {:.1%} to {:.1%}".format(*share) if share else "?"
    caption = (
        f"{part}{scan.opened.count:,} of {number_of(listed, 'object')} opened; of"
        f" {scan.gzip.objects:,} measured gzip would save {saves}"
    )
    return show.table(("what", "objects", "size"), rows, caption=caption)
