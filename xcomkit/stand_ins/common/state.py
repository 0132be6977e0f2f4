"""What every stand-in remembers, shared by all threads of its process."""

import secrets
import threading
from dataclasses import dataclass, field

from xcomkit.stand_ins.common.authority import TokenAuthority
from xcomkit.stand_ins.common.journal import Journal


@dataclass
class State:
    """The cluster's token issuer, the key of the control endpoints, and what was asked."""

    cluster: TokenAuthority = field(default_factory=TokenAuthority)
    control_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    journal: Journal = field(default_factory=Journal)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def secret_texts(self) -> list[str]:
        """Return every secret text there is, so that a test can look for leaks."""
        return [self.control_key, *self.cluster.minted]
