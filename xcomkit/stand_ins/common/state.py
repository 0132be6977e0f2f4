"""What every stand-in remembers, shared by all threads of its process."""

import secrets
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from xcomkit.stand_ins.common.authority import TokenAuthority

_MOST_REQUESTS = 20_000


@dataclass
class State:
    """The cluster's token issuer, the key of the control endpoints, and what was asked."""

    cluster: TokenAuthority = field(default_factory=TokenAuthority)
    control_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_MOST_REQUESTS))
    lock: threading.RLock = field(default_factory=threading.RLock)

    def record(self, **request: Any) -> None:
        """Append a finished request, the fields of ``Request`` but ``seq``; the oldest may go."""
        with self.lock:
            last = self.requests[-1]["seq"] if self.requests else 0
            self.requests.append({"seq": last + 1, **request})

    def list_requests(self, *, since: int) -> list[dict[str, Any]]:
        """Return the requests after sequence number ``since``, oldest first."""
        with self.lock:
            return [one for one in self.requests if one["seq"] > since]

    def secret_texts(self) -> list[str]:
        """Return every secret text there is, so that a test can look for leaks."""
        return [self.control_key, *self.cluster.minted]
