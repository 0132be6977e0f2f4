"""A listing of any length, many folders at once, into sums."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Protocol

from xcomkit.findings.errors import ServiceError
from xcomkit.objects.sums import Columns, Sums

AT_ONCE = 8
"""Folders that are listed at once: with 20 ms per page they keep a core busy, more take memory."""
TOGETHER = 8_192
"""Objects that are counted together: each batch alone would take twice the time."""
_EVERY = 5.0
_END = "\U0010ffff"
"""Behind everything that a folder holds."""


class Lister(Protocol):
    """Lists a bucket in Arrow batches."""

    page: int

    def list_batches(
        self, prefix: str, *, after: str = "", at_most: int = ...
    ) -> AsyncIterator[Any]:
        """Yield every current object below the prefix behind a key, in batches."""


@dataclass(slots=True)
class Listing:
    """How far the listing of a bucket is, and the sums so far.

    Folders are found by going from one to the next: a page behind the last one tells where the
    next begins, and is counted; what a page does not hold of its last folder is listed meanwhile.
    ``reached`` is the key behind which no folder was looked for, ``None`` once there is none;
    ``folders`` maps those found to the last key that was counted, ``None`` once they are done.
    What was listed waits until there are ``TOGETHER``, and is counted in a thread of its own, while
    obstore lists on in others. Each of ``also`` gets what is counted, and that as soon as it is
    listed; ``missing`` says what an inventory lacks.
    """

    bucket: str
    sums: Sums
    reached: str | None = ""
    folders: dict[str, str | None] = field(default_factory=dict)
    also: list[Callable[[Columns], None]] = field(default_factory=list, compare=False)
    missing: str = ""
    stop: Event = field(default_factory=Event, compare=False)
    """Set once somebody interrupted it."""
    _waiting: list[Any] = field(default_factory=list, compare=False)

    @property
    def is_whole(self) -> bool:
        """Tell whether everything was counted."""
        return not self.part

    @property
    def part(self) -> str:
        """Return why only a part was counted; empty where it is the whole."""
        is_listed = self.reached is None and not any(self.folders.values())
        return self.missing or ("" if is_listed else "the listing was interrupted")

    def run(self, lister: Lister, *, say: Callable[[str], None]) -> None:
        """Count what is left to count; an interruption leaves what was counted until then.

        Raises:
            ServiceError: the listing was refused or failed.
        """
        begun, before, self.stop = time.monotonic(), self.sums.count, Event()
        # In a thread of its own, which an interruption never ends amid a batch.
        with ThreadPoolExecutor(1) as pool, ExitStack() as afterwards:
            gc.freeze()  # so that collecting garbage does not look at all that was there before
            afterwards.callback(gc.unfreeze)
            counted = pool.submit(asyncio.run, self._count(lister, self.stop))
            while not wait([counted], timeout=0).done:
                try:
                    if not wait([counted], timeout=_EVERY).done:
                        elapsed, count = time.monotonic() - begun, self.sums.count
                        say(
                            f"{count:,} objects with {self.sums.size:,} bytes counted in"
                            f" {elapsed:.0f} s, {(count - before) / elapsed:,.0f}/s"
                        )
                except KeyboardInterrupt:
                    self.stop.set()
        if isinstance(error := counted.exception(), BaseExceptionGroup):
            raise error.exceptions[0]
        counted.result()
        if not self.is_whole:
            say(f"interrupted: {self.sums.count:,} objects were counted, there are more")

    async def _count(self, lister: Lister, stop: Event) -> None:
        """Count batch by batch, until all is counted or somebody says stop."""
        found: asyncio.Queue[str | None] = asyncio.Queue()
        for folder, last in self.folders.items():
            if last is not None:
                found.put_nowait(folder)
        with ThreadPoolExecutor(1) as counting:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._find(lister, stop, found, counting))
                for _ in range(AT_ONCE):
                    tasks.create_task(self._finish(lister, stop, found, counting))
            waited, self._waiting = self._waiting, []
            counting.submit(self.add, *waited).result()

    async def _find(
        self, lister: Lister, stop: Event, found: "asyncio.Queue[str | None]", counting: Executor
    ) -> None:
        """Go from folder to folder, and hand on what is left of each."""
        below = f"{self.sums.prefix}/" if self.sums.prefix else ""
        while self.reached is not None and not stop.is_set():
            batches = lister.list_batches(below, after=self.reached, at_most=lister.page)
            batch = await anext(batches, None)
            if batch is None:
                self.reached = None
                break
            last = _last_key(batch)
            if last <= self.reached:
                raise ServiceError(
                    f"The listing does not go on behind {self.reached[-200:]!r}.",
                    hint="the store must list in order, and from a given key on.",
                )
            await self._take(batch, counting)
            name, slash, _ = last.removeprefix(below).partition("/")
            if slash:
                folder = f"{below}{name}/"
                self.folders[folder] = last
                found.put_nowait(folder)
            self.reached = f"{folder}{_END}" if slash else last
        for _ in range(AT_ONCE):
            found.put_nowait(None)

    async def _finish(
        self, lister: Lister, stop: Event, found: "asyncio.Queue[str | None]", counting: Executor
    ) -> None:
        """Count what is left of the folders that were found."""
        while (folder := await found.get()) is not None:
            async for batch in lister.list_batches(folder, after=self.folders[folder] or ""):
                if stop.is_set():
                    return
                self.folders[folder] = _last_key(batch)
                await self._take(batch, counting)
            self.folders[folder] = None

    async def _take(self, batch: Any, counting: Executor) -> None:
        """Let a batch wait, or count all that do once there are enough, before more is listed."""
        self._waiting.append(batch)
        if self.also or sum(map(_count, self._waiting)) >= TOGETHER:
            waited, self._waiting = self._waiting, []
            await asyncio.get_running_loop().run_in_executor(counting, self.add, *waited)

    def add(self, *batches: Any) -> None:
        """Count batches, and hand them on."""
        columns = self.sums.add(*batches)
        for take in self.also:
            take(columns)


def _last_key(batch: Any) -> str:
    return str(batch[-1].key if isinstance(batch, list) else batch["path"][-1].as_py())


def _count(batch: Any) -> int:
    return len(batch if isinstance(batch, list) else batch["path"])
