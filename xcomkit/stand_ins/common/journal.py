"""The requests a stand-in has answered, oldest first, up to a limit."""

import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Request:
    """One request the stand-in has answered.

    ``action`` is what it was judged as, ``principal`` who asked (an ARN, an object id, an e-mail or
    a token's subject), each ``""`` where the request did not get that far.
    """

    seq: int
    method: str
    path: str
    action: str
    principal: str
    status: int


class Journal:
    """Keeps finished requests; every thread of the server may write."""

    def __init__(self) -> None:
        self._entries: deque[Request] = deque(maxlen=LENGTH)
        self._lock = threading.Lock()
        self._seq = 0

    def record(self, *, method: str, path: str, action: str, principal: str, status: int) -> None:
        """Append a finished request; the oldest one leaves when the journal is full."""
        with self._lock:
            self._seq += 1
            self._entries.append(Request(self._seq, method, path, action, principal, status))

    def list_requests(self, *, since: int) -> list[dict[str, Any]]:
        """Return the requests after sequence number ``since`` as plain JSON values."""
        with self._lock:
            return [asdict(entry) for entry in self._entries if entry.seq > since]
