"""One line of a terminal that moves while something runs; on a pipe there is none."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from xcomkit.progress import Estimate

_CLEAR = "\r\x1b[2K"
_TICK = 1.0


class LiveLine:
    """The line: what runs, how long by now, and how long it still takes where that is known.

    Args:
        expected: seconds per name, as they were last time.
    """

    def __init__(self, *, expected: Mapping[str, float]) -> None:
        self._expected = expected
        self._place = ""
        self._estimate: Estimate | None = None
        self._lock = threading.Lock()  # so that no tick writes over what is said meanwhile
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._is_shown = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        """Start the clock, on a terminal."""
        if self._is_shown:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave a clean line, however it ended."""
        self._over.set()
        self.clear()

    def show(self, place: str, name: str) -> None:
        """Show from now on that this runs."""
        now = time.monotonic()
        with self._lock:
            self._place = place
            self._estimate = Estimate(now, last_time=self._expected)
            self._estimate.take(name, now=now)
            self._write()

    def clear(self) -> None:
        """Take the line away, so that something else can be said."""
        with self._lock:
            if self._estimate is not None and self._is_shown:
                sys.stdout.write(_CLEAR)
                sys.stdout.flush()
            self._estimate = None

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self._lock:
                self._write()

    def _write(self) -> None:
        if self._estimate is None or not self._is_shown:
            return
        text = f"{self._place} {self._estimate.sentence(time.monotonic())}"
        # A line that wraps could not be taken away again.
        sys.stdout.write(f"{_CLEAR}{text[: shutil.get_terminal_size().columns - 1]}")
        sys.stdout.flush()
