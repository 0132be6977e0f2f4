"""What a server answered, judged: a document, or the error that says what to do next."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
    UnreachableError,
    XcomkitError,
)
from xcomkit.findings.redaction import redact

_QUOTED = 300  # characters
_WRONG_URL = "give the URL of the Airflow UI up to /home, and a token of that Deployment."


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked, for people: ``to`` completes "asked to", ``right`` is what it takes."""

    to: str
    right: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of ``url`` to ``call``; ``kind`` is its media type, ``secrets`` are masked.

    Status 0 says that none came because the connection was ``lost``, which tells the reason.
    """

    url: str
    call: Call
    status: int
    kind: str = ""
    body: bytes = field(default=b"", repr=False)
    retry_after: str = ""
    location: str = field(default="", repr=False)
    lost: str = field(default="", repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def is_passing(self) -> bool:
        """Say whether asking again later may bring another answer."""
        return self.status in {0, 429} or self.status >= 500

    def text(self) -> str:
        """Return the body of a success that is JSON, or lines of it.

        Raises:
            UnreachableError: when there is none. CredentialsError: 401 or a redirect,
            AccessDeniedError: 403, MissingError: 404, ConflictError: 409, ServiceError: any other
            error, and anything but JSON.
        """
        if not 200 <= self.status < 300:
            raise self._error()
        if "json" not in self.kind:
            kind = quoted(self.kind or "no media type", secrets=self.secrets, most=60)
            raise ServiceError(
                f"{self.url} answered with {kind} instead of JSON, asked to {self.call.to}:"
                " a login page, a proxy or another server.",
                hint=_WRONG_URL,
            )
        return self.body.decode("utf-8", "replace")

    def document(self) -> dict[str, Any]:
        """Return the JSON object of a success; errors are those of text."""
        document = _parsed(self.text())
        if document is None:
            raise ServiceError(
                f"{self.url} answered with something that is no JSON object,"
                f" asked to {self.call.to}.",
                hint=_WRONG_URL,
            )
        return document

    def _error(self) -> XcomkitError:
        detail = self._detail()
        kind: type[XcomkitError] = ServiceError
        match self.status:
            case 0:
                kind, what = UnreachableError, "could not be reached"
                hint = "check the URL, the network and DNS of this machine, and HTTPS_PROXY."
            case 401:
                kind, what = CredentialsError, "does not accept the token"
                hint = "make a new token: it is expired, deleted or of another Deployment."
            case 403:
                kind, what = AccessDeniedError, "knows the token and refuses it"
                hint = f"give the token a role with {self.call.right or 'this right'}."
            case 404:
                kind, what = MissingError, "has no such thing"
                hint = "look for it in the Airflow UI: it may be deleted." if detail else _WRONG_URL
            case 409:
                kind, what = ConflictError, "has a conflict"
                hint = "take another run id, or wait until the run has ended."
            case status if status < 400:
                host = quoted(_host(self.location), secrets=self.secrets, most=100)
                kind, what = CredentialsError, f"sends to {host or 'another page'} for an answer"
                hint = _WRONG_URL
            case _:
                what = "answered with an error"
                hint = "act on what it says; the Airflow there may be older than 3.1."
                if self.is_passing:
                    hint = "look at the log of its API server, or try again later."
        code = f"HTTP {self.status}" if self.status else ""
        said = ": ".join(part for part in (code, detail) if part)
        return kind(f"{self.url} {what}, asked to {self.call.to} ({said}).", hint=hint)

    def _detail(self) -> str:
        """Return what was said to the error: the server's words, or why no answer came."""
        detail = (_parsed(self.body.decode("utf-8", "replace")) or {}).get("detail", self.lost)
        if isinstance(detail, dict):
            detail = detail.get("reason")
        return quoted(detail, secrets=self.secrets) if detail else ""


def quoted(value: object, *, secrets: Iterable[str], most: int = _QUOTED) -> str:
    """Return what somebody sent as one printable line of ``most`` characters, without secrets."""
    line = " ".join(redact(str(value), secrets=secrets).split())[:most]
    return line if line.isprintable() else ascii(line)[1:-1][:most]


def number(value: object, *, otherwise: int) -> int:
    """Return a whole number of 32 bits that somebody sent, or ``otherwise`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return value
    return otherwise


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _host(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""
