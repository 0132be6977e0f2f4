"""What the stand-in remembers beside moto: its request log, and the mischief asked of it."""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from xcomkit.local.authority import TokenAuthority

LOG_LENGTH = 20_000
TRACE = "xcomkit.trace"
"""Key of the WSGI environment under which a request's Trace travels."""

Subresource = Literal[
    "publicAccessBlock",
    "ownershipControls",
    "tagging",
    "lifecycle",
    "encryption",
    "versioning",
    "policy",
]
Behaviour = Literal["refuse", "refuse-without-body", "ignore", ""]


@dataclass(slots=True)
class Trace:
    """One request under way, and what is known of it so far.

    ``may_delete`` judges an object's ARN while a DeleteObjects request is under way.
    """

    method: str
    path: str
    is_secure: bool
    action: str = ""
    principal: str = ""
    may_delete: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished request in the log."""

    seq: int
    method: str
    path: str
    action: str
    principal: str
    status: int


class World:
    """State shared by all threads of the server process."""

    def __init__(self) -> None:
        self.authority = TokenAuthority()
        self.control_key = secrets.token_urlsafe(32)
        self.administrator = ""
        self.expiring_prefix = ""
        self.subresources: dict[Subresource, Behaviour] = {}
        self._log: deque[Entry] = deque(maxlen=LOG_LENGTH)
        self._lock = threading.Lock()
        self._seq = 0

    def record(self, trace: Trace, *, status: int) -> None:
        """Append a finished request to the log; the oldest one leaves when the log is full."""
        with self._lock:
            self._seq += 1
            self._log.append(
                Entry(self._seq, trace.method, trace.path, trace.action, trace.principal, status)
            )

    def list_requests(self, *, since: int) -> list[dict[str, Any]]:
        """Return the log after sequence number ``since`` as plain JSON values."""
        with self._lock:
            return [asdict(entry) for entry in self._log if entry.seq > since]

    def set_subresource(self, name: str, answer: str) -> None:
        """Make a bucket subresource behave like that of an S3-compatible store; ``""`` undoes it.

        Raises:
            ValueError: for a name or answer outside the vocabularies above.
        """
        known = next((item for item in get_args(Subresource) if item == name), None)
        behaviour = next((item for item in get_args(Behaviour) if item == answer), None)
        if known is None or behaviour is None:
            raise ValueError(f"{name!r} {answer!r} is not a subresource and an answer")
        self.subresources[known] = behaviour
