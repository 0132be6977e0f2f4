"""The lifecycle of a bucket beside the settings: what it takes too soon, and whether it does all.

What the rules mean is read in ``xcomkit.cloud_documents``, where ``xcomkit lint`` reads it as well.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from xcomkit.cloud_documents.lifecycle import Effect, lifecycle_rules, read_lifecycle
from xcomkit.clouds.rules import SOONER, STATE_KEPT
from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import number_of, plain
from xcomkit.settings.settings import Settings

Document = dict[str, Any]


def our_rules(settings: Settings, *, name: str = "") -> list[Document]:
    """Return the rules of the settings, under a name where the cloud gives rules one."""
    return lifecycle_rules(
        settings.cloud,
        bucket=settings.bucket,
        prefix=settings.prefix,
        days=settings.retention_days,
        old_days=settings.noncurrent_days,
        name=name,
    )


def with_ours(
    settings: Settings,
    present: Iterable[Document],
    *,
    ours: Sequence[Document],
    is_former: Callable[[Document], bool],
) -> list[Document]:
    """Return all foreign rules, and ours where those do not the same after the same days.

    ``is_former`` tells whether a rule is an earlier one of ours, which is replaced.
    """
    kept = [rule for rule in present if rule in ours or not is_former(rule)]
    if _done(settings, ours) <= _done(settings, kept):
        return kept
    return [*(rule for rule in kept if rule not in ours), *ours]


def judge_takings(
    settings: Settings, rules: Iterable[object] | None, *, how: str, unread: str = ""
) -> Iterator[Check]:
    """Yield whether XComs can be read for ``retention_days``, and state for ever.

    ``unread`` is why no rules came.
    """
    effects = [effect for effect in read_ours(settings, rules or ()) if effect.takes]
    sooner = [e for e in effects if e.days is not None and e.days < settings.retention_days]
    unknown = [effect for effect in effects if effect.days is None]
    judge = partial(_judge, rules=rules, how=how, unread=unread)
    expected = f"every XCom can be read for {number_of(settings.retention_days, 'day')}"
    yield judge(SOONER, sooner, unknown, expected=expected)
    if settings.state_store:
        of_state = read_ours(settings, rules or (), prefix=settings.state_prefix)
        taken = [effect for effect in of_state if effect.takes]
        yield judge(STATE_KEPT, taken, [], expected=f"none below {settings.state_prefix}/")


def _judge(
    rule: Rule,
    bad: Sequence[Effect],
    unknown: Sequence[Effect],
    *,
    expected: str,
    rules: Iterable[object] | None,
    how: str,
    unread: str,
) -> Check:
    texts = (f"rule {plain(effect.label)} {plain(effect.text)}" for effect in bad or unknown)
    return rule.judge(
        False if bad else None if unknown or rules is None else True,
        expected=expected,
        observed=unread or ", ".join(texts) or "no such rule",
        how=how,
        basis="echo",
    )


def expires_sooner(settings: Settings, present: Iterable[Any], wanted: Iterable[Any]) -> str:
    """Return the note where XCom objects expire after fewer days than so far, or ``""``."""
    before, after = [*present], [*wanted]
    old, new = (
        [e.days for e in read_ours(settings, rules)
         if e.action == "deletes" and e.days is not None and e.rule not in others]
        for rules, others in ((before, after), (after, before))
    )  # fmt: skip
    if not old or not new or min(new) >= max(old):
        return ""
    days = "day" if min(new) == 1 else "days"
    return f"objects expire after {min(new):g} {days}, so far after {max(old):g}"


def _done(settings: Settings, rules: Iterable[Document]) -> set[tuple[str, float | None]]:
    return {(e.action, e.days) for e in read_ours(settings, rules) if e.reach == "all"}


def read_ours(
    settings: Settings, rules: Iterable[object], *, prefix: str = ""
) -> tuple[Effect, ...]:
    """Return what the rules of a bucket do to the XCom objects, or to those of another prefix."""
    cloud, bucket = settings.cloud, settings.bucket
    return read_lifecycle(cloud, rules, bucket=bucket, prefix=prefix or settings.prefix)
