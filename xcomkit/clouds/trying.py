"""Rights by behaviour: what must be allowed is done, what must be refused is tried."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from xcomkit.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
)
from xcomkit.model import Check, Rule

Call = Callable[[], object]
Errors = Callable[[str], AbstractContextManager[None]]
"""Turns an SDK's errors into this project's; takes what is being done."""
HOW = "tried with the credentials of the agents' identity"


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


def untried(rules: Iterable[Rule], reason: str) -> tuple[Check, ...]:
    """Return each right as unknown, because it could not be tried."""
    return tuple(
        rule.judge(
            None,
            expected=rule.title,
            observed=f"not tried: {reason}",
            how=HOW,
            basis="behaviour",
        )
        for rule in rules
    )
