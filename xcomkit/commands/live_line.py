"""One line of a terminal that moves while something runs; on a pipe there is none."""

import os
import shutil
import sys
import threading
import time
from types import TracebackType
from typing import Self

_CLEAR = "\r\x1b[2K"
_TICK = 1.0


class LiveLine:
    """The line: what runs, and how long by now."""

    def __init__(self) -> None:
        self._place = ""
        self._name = ""
        self._begun = 0.0
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
        with self._lock:
            self._place, self._name, self._begun = place, name, time.monotonic()
            self._write()

    def clear(self) -> None:
        """Take the line away, so that something else can be said."""
        with self._lock:
            if self._name and self._is_shown:
                sys.stdout.write(_CLEAR)
                sys.stdout.flush()
            self._name = ""

    def _tick(self) -> None:
        while not self._over.wait(_TICK):
            with self._lock:
                self._write()

    def _write(self) -> None:
        if not self._name or not self._is_shown:
            return
        text = f"{self._place} {time.monotonic() - self._begun:.0f} s: {self._name}"
        # A line that wraps could not be taken away again.
        sys.stdout.write(f"{_CLEAR}{text[: shutil.get_terminal_size().columns - 1]}")
        sys.stdout.flush()
