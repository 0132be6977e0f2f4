"""Calls of Airflow's REST API: one token, one host, bounded answers, errors with a next step.

What comes back is somebody else's: its size and time are bounded, and the token, which a server may
repeat, is masked wherever a text of it is quoted or stored.
"""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
    SettingsError,
    UnreachableError,
    XcomkitError,
)
from xcomkit.findings.redaction import redact
from xcomkit.settings.deployment import deployment_address

Parameters = Mapping[str, str | int]

MAX_ANSWER = 50_000_000  # bytes
MAX_SECONDS = 120.0  # of one answer, however slowly it drips
MAX_ENTRIES = 50_000  # of one listing
_SLOWEST = 90  # seconds until an answer begins: a busy server is not a dead one
_BACKOFF = 0.5  # seconds before the second try, doubled before each further one
_TRIES = 4
_LONGEST_WAIT = 30  # seconds, whatever Retry-After says
_PAGE = 100  # [api] maximum_page_limit, unless somebody changed it
_QUOTED = 300  # characters
_TOKEN = re.compile(r"[\x21-\x7e]{8,}")
_WRONG_URL = "give the URL of the Airflow UI up to /home, and a token of that Deployment."
_ERRORS: dict[int, tuple[type[XcomkitError], str, str]] = {
    0: (
        UnreachableError,
        "could not be reached",
        "check URL, network, HTTPS_PROXY and API server; for its certificate set SSL_CERT_FILE.",
    ),
    401: (
        CredentialsError,
        "does not accept the token",
        "make a new token: it is expired, deleted or of another Deployment.",
    ),
    403: (AccessDeniedError, "does not permit this", "give the token a role with {right}."),
    404: (
        MissingError,
        "has no such thing",
        "look for it in the Airflow UI: it may be deleted.",
    ),
    409: (
        ConflictError,
        "has a conflict",
        "take another run id, or wait until the run has ended.",
    ),
}


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked, for people: ``to`` completes "asked to", ``right`` is what it takes."""

    to: str
    right: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer; status 0 says that none came, and ``lost`` why; ``is_lasting``: ask no more."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    lost: str = field(default="", repr=False)
    is_lasting: bool = False

    @property
    def is_temporary(self) -> bool:
        """Say whether asking again later may bring another answer."""
        return not self.is_lasting and (self.status in {0, 429} or self.status >= 500)


class RestClient:
    """Calls of one Airflow, for several threads; ``close`` ends its connections.

    Args:
        url: of the Airflow, with or without ``/home`` at its end.
        token: one word; it is sent nowhere else.
        secrets: further texts that must not be stored.

    Raises:
        SettingsError: the URL is none that may receive a token: https, or http to this machine.
        CredentialsError: the token is no token; the message never says what it is.
    """

    def __init__(self, url: str, *, token: str, secrets: Iterable[str] = ()) -> None:
        import httpx

        try:
            self.url = deployment_address(url)
        except ValueError:
            self.url = ""
        if "://" not in self.url:
            raise SettingsError(
                "the URL of the Deployment is invalid.",
                hint="it must be https://HOST/PATH, or http://127.0.0.1:PORT for this machine.",
            )
        if not _TOKEN.fullmatch(token):
            raise CredentialsError(
                "the token is too short or holds spaces, line ends or other signs no token holds.",
                hint="copy the token again, as one word.",
            )
        self.secrets = (token, *secrets)
        self._client = httpx.Client(
            timeout=httpx.Timeout(_SLOWEST, connect=10),
            follow_redirects=False,
            # A proxy would see the token of a call to this machine in clear.
            trust_env=self.url.startswith("https:"),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "Authorization": f"Bearer {token}",
            },
        )

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def get(self, path: str, *, call: Call, params: Parameters | None = None) -> dict[str, Any]:
        """Return the JSON object at ``path``; tried again after 429, 5xx and a lost connection.

        Raises:
            UnreachableError: no answer came.
            CredentialsError: 401 or a redirect.
            AccessDeniedError: 403. MissingError: 404. ConflictError: 409.
            ServiceError: any other error, and anything but JSON.
        """
        answer = self._exchange("GET", path, call=call, params=params)
        for attempt in range(_TRIES - 1):
            if not answer.is_temporary:
                break
            asked = re.fullmatch(r"\d{1,9}", answer.headers.get("Retry-After", "").strip())
            time.sleep(min(int(asked[0]), _LONGEST_WAIT) if asked else _BACKOFF * 2**attempt)
            answer = self._exchange("GET", path, call=call, params=params)
        return self._document(answer, call=call)

    def send(
        self, method: str, path: str, *, call: Call, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what is answered to a change, which is asked for once; errors are those of get."""
        answer = self._exchange(method, path, call=call, body=body)
        return {} if answer.status == 204 else self._document(answer, call=call)

    def pages(
        self, path: str, key: str, *, call: Call, most: int = MAX_ENTRIES, pause: float = 0
    ) -> Iterator[dict[str, Any]]:
        """Yield every object of the listing ``key`` at ``path``, with a pause between pages.

        Raises:
            ServiceError: it ends before its own total, or has more than ``most``; and the
                errors of get.
        """
        seen, total = 0, 1
        while seen < total:
            page = self.get(path, call=call, params={"limit": _PAGE, "offset": seen})
            found, total = page.get(key), number(page.get("total_entries"), otherwise=-1)
            is_whole = isinstance(found, list) and (seen == total or bool(found))
            if not isinstance(found, list) or not is_whole or not 0 <= total <= most:
                raise ServiceError(
                    f"{self.url} answered {seen} of {total} entries, at most {most} are"
                    f" read, asked to {call.to}.",
                    hint="try again with a smaller run, and check that it is Airflow 3.1 or later.",
                )
            seen += len(found)
            yield from (entry for entry in found if isinstance(entry, dict))
            if seen < total:
                time.sleep(pause)

    def quoted(self, value: object, *, most: int = _QUOTED) -> str:
        """Return what somebody sent as one printable line of ``most`` characters, masked."""
        line = " ".join(redact(str(value), secrets=self.secrets).split())[:most]
        return line if line.isprintable() else ascii(line)[1:-1][:most]

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        call: Call,
        params: Parameters | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> _Answer:
        import httpx

        try:
            with self._client.stream(
                method, f"{self.url}{path}", params=params, json=body
            ) as response:
                content = self._read(response.iter_bytes(), call=call)
                return _Answer(response.status_code, response.headers, content)
        except httpx.RequestError as error:
            # No error leaves from here: it would bring its request, and so the token, along.
            reason = f"{type(error).__name__}: {error}"
            is_lasting = isinstance(error, httpx.TimeoutException) or "CERT" in reason.upper()
            return _Answer(0, lost=reason, is_lasting=is_lasting or "SSL" in reason)

    def _read(self, chunks: Iterator[bytes], *, call: Call) -> bytes:
        """Return the body, which may be endless."""
        body, end = bytearray(), time.monotonic() + MAX_SECONDS
        for chunk in chunks:
            body += chunk
            if len(body) > MAX_ANSWER or time.monotonic() > end:
                raise ServiceError(
                    f"{self.url} answered with more than {MAX_ANSWER} bytes or for longer than"
                    f" {MAX_SECONDS:g} s, asked to {call.to}.",
                    hint="check that the URL is that of an Airflow 3 API server.",
                )
        return bytes(body)

    def _document(self, answer: _Answer, *, call: Call) -> dict[str, Any]:
        """Return the JSON object of a success; anything else is an error."""
        if not 200 <= answer.status < 300:
            raise self._error(answer, call=call)
        media = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if "json" not in media:
            raise ServiceError(
                f"{self.url} answered with {self.quoted(media or 'no media type', most=60)} instead"
                f" of JSON, asked to {call.to}: a login page, a proxy or another server.",
                hint=_WRONG_URL,
            )
        document = _parsed(answer.body)
        if document is None:
            raise ServiceError(
                f"{self.url} answered with something that is no JSON object, asked to {call.to}.",
                hint=_WRONG_URL,
            )
        return document

    def _error(self, answer: _Answer, *, call: Call) -> XcomkitError:
        detail = (_parsed(answer.body) or {}).get("detail", answer.lost)
        if isinstance(detail, dict):
            detail = detail.get("reason")
        detail = self.quoted(detail) if detail else ""
        if 300 <= answer.status < 400:
            kind: type[XcomkitError] = CredentialsError
            what, hint = "sends to another page for an answer, such as a login", _WRONG_URL
        elif answer.status in _ERRORS:
            kind, what, hint = _ERRORS[answer.status]
            hint = hint.format(right=call.right or "this right")
        else:
            kind, what = ServiceError, "answered with an error"
            hint = "act on what it says; the Airflow there may be older than 3.1."
        if answer.status == 404 and not detail:
            hint = _WRONG_URL
        if answer.status and answer.is_temporary:
            hint = "look at the log of its API server, or try again later."
        code = f"HTTP {answer.status}" if answer.status else ""
        reason = ": ".join(part for part in (code, detail) if part)
        return kind(f"{self.url} {what}, asked to {call.to} ({reason}).", hint=hint)


def path_of(*parts: str | int) -> str:
    """Return ``/api/v2/...`` of the parts, each encoded so that it stays one part.

    Raises:
        ServiceError: when a part means another place in a path: empty, ``.``, ``..`` or ``~``,
            which is Airflow's word for all of them.
    """
    for part in parts:
        if part in {"", ".", "..", "~"}:
            raise ServiceError(
                f"{part!r} is no name that can be asked for.", hint="rename it in Airflow."
            )
    return "/api/v2/" + "/".join(quote(str(part), safe="", errors="replace") for part in parts)


def number(value: object, *, otherwise: int) -> int:
    """Return a whole number of 32 bits that somebody sent, or ``otherwise`` for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return value
    return otherwise


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
