"""Errors of the clouds' SDKs in this project's words: by HTTP status, and a 404 as ``None``."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
)

_T = TypeVar("_T")
Errors = Callable[[str], AbstractContextManager[None]]
"""Turns an SDK's errors into this project's; takes what is being done."""


def error_for(status: int, text: str) -> ServiceError:
    """Return our error for a status; ``text`` holds the cloud's words, which name the right."""
    match status:
        case 401:
            hint = "sign in again; the credentials are refused, unknown or expired."
            return CredentialsError(text, hint=hint)
        case 403:
            return AccessDeniedError(text, hint="ask for the right named above.")
        case 404:
            return MissingError(text)
        case 409 | 412:
            return ConflictError(
                text, hint="it is there already, in use, or was changed meanwhile."
            )
        case _:
            return ServiceError(text)


def find(errors: Errors, doing: str, call: Callable[[], _T]) -> _T | None:
    """Return what the call answers; ``None`` where the cloud says that there is no such thing."""
    try:
        with errors(doing):
            return call()
    except MissingError:
        return None
