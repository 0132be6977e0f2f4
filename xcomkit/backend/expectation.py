"""What a rule must show and how it is looked at: the frame of every check of the proof."""

from collections.abc import Mapping
from dataclasses import dataclass

from xcomkit.backend.protocol import STATE, XCOM, Subject
from xcomkit.findings.model import Basis, Check, Rule, Severity

Text = str | tuple[str, str]
"""What is said of XComs and of state: with words of theirs in braces, or once of each."""
_WORDS: Mapping[str, tuple[str, str]] = {
    "value": ("value", "state"),
    "Value": ("A value", "State"),
    "Reference": ("A reference", "State"),
    "push": ("push", "set"),
    "purge": ("purge", "delete"),
    "missing": (XCOM.missing, STATE.missing),
    "every": ("the path comes back for every value", "nothing is found of the state"),
    "lost": ("the reader gets the path instead of the value", "a retry starts over"),
    "then": ("the task goes on with it as its value", "a job is submitted twice"),
    "prefix": ("the prefix", "state_prefix"),
    "expiry": ("keep objects longer than any re-run", "let nothing expire below state_prefix"),
    "module": (XCOM.module, STATE.module),
    "serialize": ("serialize_value", "task_state_store.set"),
    "deserialize": ("deserialize_value", "task_state_store.get"),
}


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


def expect(
    xcom: tuple[str, str],
    state: tuple[str, str],
    *,
    why: Text,
    remedy: Text,
    source: Text,
    expected: Text = "",
    how: Text = "",
    severity: Severity = "fail",
    fix_in: str = "",
    blocks: bool = False,
    basis: Basis = "behaviour",
) -> Mapping[Subject, Expectation]:
    """Return what is expected of XComs and of state; each has an id and a title of its own."""

    def make(place: int) -> Expectation:
        words = {name: both[place] for name, both in _WORDS.items()}

        def say(text: Text) -> str:
            return (text if isinstance(text, str) else text[place]).format_map(words)

        id_, title = (xcom, state)[place]
        texts = (say(why), say(remedy), say(source))
        is_blocking = blocks and place == 0  # what follows acts on the target of XCom
        rule = Rule(id_, title, severity, *texts, blocks=is_blocking, fix_in=fix_in)
        return Expectation(rule, say(expected), say(how), basis)

    return {XCOM: make(0), STATE: make(1)}


def rules(*expected: Mapping[Subject, Expectation]) -> tuple[Rule, ...]:
    """Return the rules of expectations, of both subjects."""
    return tuple(one.rule for both in expected for one in both.values())
