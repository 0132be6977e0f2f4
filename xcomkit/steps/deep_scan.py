"""The deep scan of ``xcomkit inspect``: objects opened by threads here, or by a Dask cluster."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from threading import Event, Lock, Semaphore
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
_SLOWEST = 600.0
"""Seconds after which a chunk ends, or its worker counts as lost."""
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
    _connect(cloud)
    return cloud


def _connect(cloud: Cloud) -> None:
    with suppress(ServiceError):  # whatever it answers, there is a client now
        cloud.object_exists(f"{cloud.settings.prefix}/xcomkit")


def work_of(cloud: Cloud, *, scheduler: str) -> Callable[..., Scan]:
    """Return what opens a chunk: with the cloud that is open here, or with a worker's own."""
    settings = cloud.settings
    if scheduler != LOCAL:
        return partial(scan_chunk, json.dumps(settings.recorded))
    _connect(cloud)
    return partial(scan_objects, cloud, place=Place(settings.bucket, settings.prefix))


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

    def __init__(self, work: Callable[..., Scan], *, pool: Executor, threads: int) -> None:
        self.total = Scan()
        self._work, self._pool, self._ahead = work, pool, threads * _AHEAD
        self._room, self._adding = Semaphore(self._ahead), Lock()
        self._next: list[StoredXCom] = []
        self._pending: set[Future[Scan]] = set()

    def open(self, one: StoredXCom, *, stop: Event | None = None) -> None:
        """Open an object as soon as there are enough for a chunk; nothing after a failure.

        Waits while enough are under way, unless ``stop`` is set meanwhile.
        """
        self._next.append(one)
        if len(self._next) == CHUNK:
            self._submit(stop or Event())

    def finish(self, left: Iterable[StoredXCom] = (), *, say: Callable[[str], None]) -> Scan:
        """Return what was found, once these and all before are opened, or somebody interrupts."""
        never = Event()
        try:
            for one in left:
                self.open(one)
            self._submit(never)
            for _ in range(self._ahead):
                if not self._wait(never, say=say):
                    break
        except KeyboardInterrupt:
            self._end("the scan was interrupted")
        if not self.total.is_whole:
            for future in self._pending.copy():
                future.cancel()
        return self.total

    def _submit(self, stop: Event) -> None:
        chunk, self._next = self._next, []
        if chunk and self.total.is_whole and self._wait(stop, say=lambda _: None):
            future = self._pool.submit(self._work, chunk)
            self._pending.add(future)
            future.add_done_callback(self._take)

    def _wait(self, stop: Event, *, say: Callable[[str], None]) -> bool:
        """Tell whether a chunk more can be under way; if not, the scan has ended."""
        until = time.monotonic() + _SLOWEST
        while not self._room.acquire(timeout=_EVERY):
            say(f"{self.total.opened.count:,} objects opened")
            if stop.is_set():
                self._end("the listing was interrupted")
            elif time.monotonic() > until:
                self._end(f"no worker answered for {_SLOWEST:g} s")
            if not self.total.is_whole:
                return False
        return True

    def _take(self, future: "Future[Scan]") -> None:
        """Add what a chunk holds; where one fails as a whole, the others would, too."""
        error = None if future.cancelled() else future.exception()
        with self._adding:
            if error:
                self._end(f"{type(error).__name__}: {error}")
            elif self.total.is_whole and not future.cancelled():
                self.total.add(future.result())
        self._pending.discard(future)
        self._room.release()

    def _end(self, why: str) -> None:
        self.total.why, self.total.is_whole = plain(why)[:300], False


def scan_prefix(
    listing: Listing, *, cloud: Cloud, decode: Decode, scheduler: str, say: Callable[[str], None]
) -> Scan:
    """List the prefix, open its XComs or a sample of them, and return what is in them.

    Encryption and what gzip would save are measured on the sample in either case.
    """
    prefix = cloud.settings.prefix
    sample = Sample(prefix)
    with open_pool(scheduler) as (pool, threads):
        work = work_of(cloud, scheduler=scheduler)
        every, drawn = (
            Scanning(partial(work, measure=measure), pool=pool, threads=threads)
            for measure in (False, True)
        )

        def take(columns: Columns) -> None:
            sample.add(columns)
            for row in range(columns.count) if decode == "all" else ():
                one = parse_key(columns.stored(row), prefix=prefix)
                if one.layout != "foreign":
                    every.open(one, stop=listing.stop)

        listing.also.append(take)
        listing.run(cloud, say=say)
        whole = every.finish(say=say)
        measured = drawn.finish(sample.objects if whole.is_whole else (), say=say)
    found = measured if decode == "sample" else whole
    found.gzip, found.encryptions = measured.gzip, measured.encryptions
    if why := whole.why_part or measured.why_part or listing.part:
        found.is_whole, found.why = False, why
    return found


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
