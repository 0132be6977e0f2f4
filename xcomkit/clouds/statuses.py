"""What an HTTP status means in this project's words, where an SDK leaves it at the number."""

from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
)


def error_for(status: int, text: str) -> ServiceError:
    """Return our error for a status; ``text`` holds the cloud's words, which name the right."""
    match status:
        case 401:
            return CredentialsError(text, hint="sign in again; the credentials are refused.")
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
