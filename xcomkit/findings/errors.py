"""Everything xcomkit raises on purpose; each error says what to do next in its ``hint``.

The command line ends with ``exit_code``: 1 for checks that are red, 2 for a mistake in what it was
given, 3 for the environment or a service.
"""

import re
from typing import ClassVar


class XcomkitError(Exception):
    """Base of the tree: one sentence for people and a hint with the next step.

    ``fix_in`` is the number of the step that the hint sends to, empty for the one at work.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str = "", fix_in: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.fix_in = fix_in

    def __str__(self) -> str:
        """Return the sentence, and the hint where there is one."""
        message = super().__str__()
        return f"{message} Next: {self.hint}" if self.hint else message

    def _render_traceback_(self) -> list[str]:
        """Return one line for IPython to show in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class SettingsError(XcomkitError, ValueError):
    """A parameter is unknown, missing or outside what is accepted."""

    exit_code = 2


class InputError(XcomkitError, ValueError):
    """A file of the user's cannot be read as what it should be."""

    exit_code = 2


class ServiceError(XcomkitError):
    """A service answered with something that is none of the cases below."""


class UnreachableError(ServiceError):
    """A service gave no answer: network, DNS, TLS or a time limit."""


class CredentialsError(ServiceError):
    """Nobody is signed in, or the credentials are unknown or expired (HTTP 401)."""


class AccessDeniedError(ServiceError, PermissionError):
    """The caller is known and lacks a right (HTTP 403)."""


class MissingError(ServiceError, FileNotFoundError):
    """The resource is not there (HTTP 404)."""


class ConflictError(ServiceError):
    """The resource is there and belongs to somebody else."""


class ProcessError(XcomkitError):
    """A process we started died, hung or answered in another language than agreed."""


class GateError(XcomkitError):
    """One or more checks are red; raised after the evidence is on disk.

    ``is_listed``: whoever reads this has the checks in sight.
    """

    exit_code = 1
    is_listed = False

    def _render_traceback_(self) -> list[str]:
        """Return the ids alone, which papermill repeats, or less where the list stands above."""
        verdict, _, checks = str(self.args[0]).partition(":")
        if self.is_listed:
            return [f"{type(self).__name__}: {verdict.rstrip('.')}."]
        ids = dict.fromkeys(re.findall(r"(?<!\w)XC\d{3}(?= (?:fail|unknown)[,:])", checks))
        return [f"{type(self).__name__}: {verdict}: {', '.join(ids)}."]


_CAUSES = (
    (
        r"certificate.verify.failed|self.signed certificate|invalid path: .*CA|TLS CA certificate",
        "its certificate is not trusted here",
        "name its CA: ca_bundle for the agents, AWS_CA_BUNDLE here; else REQUESTS_CA_BUNDLE.",
    ),
    (
        r"WRONG_VERSION_NUMBER|record.layer.failure",
        "there is no TLS at that port",
        "give endpoint_url the port with TLS, or write it as http://.",
    ),
    (
        r"connection refused|connect call failed|ConnectionRefused",
        "nothing listens there (connection refused)",
        "look whether the store runs, and at host and port of endpoint_url.",
    ),
    (
        r"name or service not known|nodename nor servname|failed to resolve|no address associated",
        "nobody knows that host",
        "look at the host of endpoint_url and at DNS.",
    ),
    (r"timed?.?out", "no answer in time", "look at network, proxy and firewall on the way there."),
    (
        r"MissingContentLength|\b411\b|aws-chunked",
        "the store takes no upload in chunks with a checksum behind them",
        "set checksums: when_required.",
    ),
    (
        r"RequestTimeTooSkewed|time is too large",
        "this clock and that of the store differ",
        "set the clock (NTP); a signature holds for 15 minutes.",
    ),
    (
        r"AuthorizationHeaderMalformed|LocationConstraint|region .* is wrong",
        "requests are signed for another region than the store's",
        "set region to the one that the store names; to us-east-1 where it names none.",
    ),
    (
        r"Content-MD5",
        "the store takes no bulk delete without an MD5, and s3fs sends none",
        "set backend to durable, which deletes one object by one request.",
    ),
)


def find_cause(text: str) -> tuple[str, str]:
    """Return what an error text of an object store comes from and what to do, or empty texts.

    The texts are our own, those of OpenSSL, the C library, aiohttp, urllib3, and S3's error codes.
    """
    for pattern, what, hint in _CAUSES:
        if what in text or re.search(pattern, text, re.IGNORECASE):
            return what, hint
    return "", ""
