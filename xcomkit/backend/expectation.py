"""What a rule must show and how it is looked at: the frame of every check of the proof."""

from collections.abc import Iterable
from dataclasses import dataclass

from xcomkit.findings.model import Basis, Check, Rule


@dataclass(frozen=True, slots=True)
class Expectation:
    """A rule with what must be seen and how; only what was seen is left to be said."""

    rule: Rule
    expected: str
    how: str
    basis: Basis = "behaviour"

    def judge(self, holds: bool | None, observed: str, *, remedy: str = "") -> Check:  # noqa: FBT001
        """Return the check; ``None`` is what could not be seen, and is unknown."""
        return self.rule.judge(
            holds,
            expected=self.expected,
            observed=observed,
            how=self.how,
            basis=self.basis,
            remedy=remedy,
        )

    def skip(self, observed: str) -> Check:
        """Return the check as not made, with what stays unproved."""
        return self.rule.skip(expected=self.expected, observed=observed, how=self.how)


def all_hold(verdicts: Iterable[bool | None]) -> bool | None:
    """Return False if one is, else None if one is or there is none at all, else True."""
    found = set(verdicts)
    if False in found:
        return False
    return None if None in found or not found else True
