"""Calls of Airflow's REST API: one token, one host, bounded answers, errors with a next step.

What comes back is somebody else's: its size and time are bounded, and the token is masked in it.
"""

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from xcomkit.findings.errors import ServiceError, UnreachableError
from xcomkit.findings.redaction import MASK
from xcomkit.plane.access import checked_token, checked_url
from xcomkit.plane.answers import Answer, Call, number, quoted

In = TypeVar("In")
Out = TypeVar("Out")
Parameters = Mapping[str, str | int]
Body = Mapping[str, Any]

MAX_ANSWER = 50_000_000  # bytes
MAX_SECONDS = 120.0  # of one answer, however slowly it drips
MAX_ENTRIES = 50_000  # of one listing
_SLOWEST = 90  # seconds until an answer begins: a busy server is not a dead one
BACKOFF = 0.5  # seconds before the second try, doubled before each further one
_TRIES = 4
_LONGEST_WAIT = 30  # seconds, whatever Retry-After says
_PAGE = 100  # [api] maximum_page_limit, unless somebody changed it
_THREADS = 4


class Api:
    """Calls of one Airflow, for several threads; a with statement closes its connections.

    Args:
        url: of the Airflow, with or without ``/home`` at its end.
        token: the token, or what returns one; asked again when the server answers 401.
        secrets: further texts that must not be kept.

    Raises:
        SettingsError: when the URL may not receive a token (see ``checked_url``).
    """

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], str] | str,
        secrets: Iterable[str] = (),
    ) -> None:
        import httpx

        self.url = checked_url(url)
        self._source: Callable[[], str] = (lambda: token) if isinstance(token, str) else token
        self._tokens: tuple[str, ...] = ()  # the newest first
        self._secrets = tuple(secrets)
        self._lock = threading.Lock()
        self._client = httpx.Client(
            timeout=httpx.Timeout(_SLOWEST, connect=10),
            follow_redirects=False,
            # A proxy would see the token of a call to this machine in clear.
            trust_env=self.url.startswith("https:"),
        )

    def __repr__(self) -> str:
        return f"Api({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every token that was used, and the further texts that must not be kept."""
        return (*self._tokens, *self._secrets)

    def get(self, path: str, *, call: Call, params: Parameters | None = None) -> dict[str, Any]:
        """Return the JSON object at ``path``; tried again after 429, 5xx and a lost connection.

        Raises:
            UnreachableError: when no answer came.
            ServiceError: for an answer that is not the one asked for (see ``Answer.text``).
        """
        return self._patient(path, call=call, params=params).document()

    def get_text(self, path: str, *, call: Call, params: Parameters) -> str:
        """Return the text at ``path``, which is JSON or lines of it; errors are those of get."""
        return self._patient(path, call=call, params=params).text()

    def send(
        self, method: str, path: str, *, call: Call, body: Body | None = None
    ) -> dict[str, Any]:
        """Return what is answered to a change, which is asked for once; errors are those of get."""
        answer = self._ask(method, path, call=call, body=body)
        return {} if answer.status == 204 else answer.document()

    def pages(
        self, path: str, key: str, *, call: Call, params: Parameters | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield every object of the listing ``key`` at ``path``.

        Raises:
            ServiceError: when it ends before its own total, or has more than ``MAX_ENTRIES``; and
                the errors of get.
        """
        seen, total = 0, 1
        while seen < total:
            place = {**(params or {}), "limit": _PAGE, "offset": seen}
            page = self.get(path, call=call, params=place)
            found, total = page.get(key), number(page.get("total_entries"), otherwise=-1)
            if not isinstance(found, list) or not 0 <= total <= MAX_ENTRIES:
                raise ServiceError(
                    f"{self.url} answered with no listing of up to {MAX_ENTRIES} entries,"
                    f" asked to {call.to}.",
                    hint="check that it is Airflow 3.1 or later, and take a smaller run.",
                )
            if seen < total and not found:
                raise ServiceError(
                    f"{self.url} answered {seen} of {total} entries, asked to {call.to}.",
                    hint="try again: the run may have changed while it was read.",
                )
            seen += len(found)
            yield from (entry for entry in found if isinstance(entry, dict))

    def together(self, function: Callable[[In], Out], items: Iterable[In]) -> list[Out]:
        """Return the results in order, ``_THREADS`` calls at a time; the first error ends all."""
        with ThreadPoolExecutor(_THREADS) as pool:
            waiting = [pool.submit(function, item) for item in items]
            try:
                return [future.result() for future in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def quoted(self, value: object, *, most: int = 300) -> str:
        """Return what somebody sent as one printable line of ``most`` characters, masked."""
        return quoted(value, secrets=self.secrets, most=most)

    def _patient(self, path: str, *, call: Call, params: Parameters | None) -> Answer:
        for attempt in range(1, _TRIES):
            answer = self._ask("GET", path, call=call, params=params)
            if not answer.is_passing:
                return answer
            asked = re.fullmatch(r"\d{1,9}", answer.retry_after)
            wait = min(int(asked[0]), _LONGEST_WAIT) if asked else BACKOFF * 2 ** (attempt - 1)
            time.sleep(wait)
        return self._ask("GET", path, call=call, params=params)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        call: Call,
        params: Parameters | None = None,
        body: Body | None = None,
    ) -> Answer:
        """Return the answer to one request, asked once more with a new token after a 401."""

        def exchange(token: str) -> Answer:
            return self._exchange(method, path, token, call=call, params=params, body=body)

        token = self._tokens[0] if self._tokens else self._token_after("")
        answer = exchange(token)
        if answer.status == 401 and (newer := self._token_after(token)) != token:
            answer = exchange(newer)
        return answer

    def _token_after(self, used: str) -> str:
        """Return a token other than ``used`` where there is one."""
        with self._lock:
            current = self._tokens[0] if self._tokens else ""
            if current == used and (newer := checked_token(self._source())) != used:
                self._tokens = (newer, *self._tokens)
            return self._tokens[0]

    def _exchange(
        self,
        method: str,
        path: str,
        token: str,
        *,
        call: Call,
        params: Parameters | None,
        body: Body | None,
    ) -> Answer:
        import httpx

        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "Authorization": f"Bearer {token}",
        }
        problem: UnreachableError
        try:
            with self._client.stream(
                method, f"{self.url}{path}", params=params, json=body, headers=headers
            ) as response:
                return Answer(
                    url=self.url,
                    call=call,
                    status=response.status_code,
                    kind=response.headers.get("Content-Type", "").partition(";")[0].strip(),
                    body=self._read(response.iter_bytes(), call=call),
                    retry_after=response.headers.get("Retry-After", "").strip(),
                    location=response.headers.get("Location", ""),
                    secrets=self.secrets,
                )
        except httpx.TimeoutException:
            problem = UnreachableError(
                f"{self.url} did not answer in time, asked to {call.to}.",
                hint="try again, or look at the health of its API server.",
            )
        except httpx.RequestError as error:
            reason = str(error)
            if "SSL" not in reason and "CERTIFICATE" not in reason:
                return Answer(self.url, call, 0, lost=reason, secrets=self.secrets)
            problem = UnreachableError(
                f"{self.url} is not trusted, asked to {call.to}: {self.quoted(reason)}.",
                hint="set SSL_CERT_FILE to your company's CA, or use the name in its certificate.",
            )
        # Raised out here: the client's error would bring its request, and so the token, along.
        raise problem

    def _read(self, chunks: Iterator[bytes], *, call: Call) -> bytes:
        """Return the body with every token masked: a server may repeat what it was sent."""
        parts: list[bytes] = []
        size, end = 0, time.monotonic() + MAX_SECONDS
        for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size > MAX_ANSWER or time.monotonic() > end:
                raise ServiceError(
                    f"{self.url} answered with more than {MAX_ANSWER} bytes or for longer than"
                    f" {MAX_SECONDS:g} s, asked to {call.to}.",
                    hint="check that the URL is that of an Airflow 3 API server.",
                )
        body = b"".join(parts)
        for token in self._tokens:
            body = body.replace(token.encode(), MASK.encode())
        return body
