"""A right that could not be tried says in which step that is fixed."""

from contextlib import nullcontext

import pytest

from xcomkit.clouds.rules import EXISTS, PUT, STRANGER
from xcomkit.clouds.trying import allowed, untried
from xcomkit.findings.errors import AccessDeniedError, MissingError, ServiceError


def raising(error: ServiceError):
    def call() -> object:
        raise error

    return call


@pytest.mark.parametrize(
    ("rule", "error", "remedy", "fix_in"),
    [
        (PUT, MissingError("no such bucket"), EXISTS.remedy, "01"),
        (PUT, AccessDeniedError("403"), PUT.remedy, ""),
        (STRANGER, MissingError("no such role"), STRANGER.remedy, ""),
    ],
    ids=["no bucket", "no right", "another thing is missing"],
)
def test_missing_bucket_is_made_in_step_01_and_a_missing_right_is_given_here(
    rule, error, remedy, fix_in
):
    check = allowed(rule, raising(error), errors=lambda _: nullcontext())

    assert (check.remedy, check.fix_in) == (remedy, fix_in)


def test_what_was_not_tried_without_a_bucket_waits_for_step_01():
    (check,) = untried([PUT], MissingError("no such bucket"))

    assert (check.status, check.remedy, check.fix_in) == ("unknown", EXISTS.remedy, "01")
