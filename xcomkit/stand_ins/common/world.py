"""What the stand-in remembers beside moto: its request log, and the mischief asked of it."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from xcomkit.stand_ins.common.authority import TokenAuthority
from xcomkit.stand_ins.common.journal import Journal

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
    "delete",
]
Behaviour = Literal[
    "refuse",
    "refuse-without-body",
    "ignore",
    "as-bucket",
    "deny",
    "deny-put",
    "forbid-puts",
    "prefix-apart",
    "keep-last",
    "",
]


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


class World:
    """State shared by all threads of the server process."""

    def __init__(self) -> None:
        self.authority = TokenAuthority()
        self.control_key = secrets.token_urlsafe(32)
        self.administrator = ""
        self.expiring_prefix = ""
        self.subresources: dict[Subresource, Behaviour] = {}
        self.lifecycles: dict[str, list[dict[str, Any]]] = {}
        self.journal = Journal()

    def record(self, trace: Trace, *, status: int) -> None:
        """Append a finished request to the journal."""
        self.journal.record(
            method=trace.method,
            path=trace.path,
            action=trace.action,
            principal=trace.principal,
            status=status,
        )

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
