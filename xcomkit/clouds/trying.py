"""Rights by behaviour: what must be allowed is done, what must be refused is tried."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from xcomkit.clouds.rules import DELETE, EXISTS, GET, LIST, PUT
from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
)
from xcomkit.findings.model import Check, Rule

Call = Callable[[], object]
Errors = Callable[[str], AbstractContextManager[None]]
"""Turns an SDK's errors into this project's; takes what is being done."""
HOW = "tried with the credentials of the agents' identity"
_IN_THE_BUCKET = (LIST, PUT, GET, DELETE)


def allowed(rule: Rule, call: Call, *, errors: Errors, how: str = HOW) -> Check:
    """Return the check of a right that must be there."""
    try:
        with errors("using the right"):
            call()
    except ServiceError as error:
        # A refusal is the finding; anything else means that nobody knows.
        denied = isinstance(error, AccessDeniedError | CredentialsError)
        return rule.judge(
            False if denied else None,
            expected="allowed",
            observed=str(error),
            how=how,
            basis="behaviour",
            **_remedy(error if rule in _IN_THE_BUCKET else ""),
        )
    return rule.judge(True, expected="allowed", observed="allowed", how=how, basis="behaviour")


def refused(
    rule: Rule, call: Call, *, errors: Errors, expected: str = "403", how: str = HOW
) -> Check:
    """Return the check of a right that must not be there; only a 403 proves that it is not."""
    holds: bool | None = False
    observed = "allowed"
    try:
        with errors("trying what must be refused"):
            call()
    except AccessDeniedError as error:
        holds, observed = True, str(error)
    except (ConflictError, MissingError) as error:
        observed = f"allowed, and stopped only by the state of the bucket: {error}"
    except ServiceError as error:
        holds, observed = None, str(error)
    return rule.judge(holds, expected=expected, observed=observed, how=how, basis="behaviour")


def untried(rules: Iterable[Rule], reason: str | ServiceError) -> tuple[Check, ...]:
    """Return each right as unknown, because it could not be tried; an error says what is next."""
    return tuple(
        rule.judge(
            None,
            expected=rule.title,
            observed=f"not tried: {reason}",
            how=HOW,
            basis="behaviour",
            **_remedy(reason),
        )
        for rule in rules
    )


def _remedy(reason: str | ServiceError) -> dict[str, str]:
    """Return what to do where the bucket itself is missing; other reasons leave the rule's own."""
    is_missing = isinstance(reason, MissingError)
    return {"remedy": EXISTS.remedy, "fix_in": "01"} if is_missing else {}
