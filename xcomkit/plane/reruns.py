"""Rules of step 06 on what later actions do to a run's objects: clearing, deleting."""

from collections.abc import Collection, Sequence

from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import number_of
from xcomkit.plane.verdict import KEPT_TRIES, unmatched

XC709 = Rule(
    id="XC709",
    title="Tasks that are cleared and run again leave no object without a row",
    severity="fail",
    why="Each try writes a new object; one that is not purged stays until the lifecycle finds it.",
    remedy="Give the agents' identity the right to delete objects: step 02.",
    source="apache-airflow-providers-common-io, xcom backend, purge",
    fix_in="02",
)
XC710 = Rule(
    id="XC710",
    title="What deleting a Dag run leaves behind is known, and expires",
    severity="warn",
    why="Airflow deletes the rows on the plane, which cannot reach the bucket.",
    remedy="Give the bucket a lifecycle rule for the prefix: step 01.",
    source="Airflow REST API, delete a Dag run; apache-airflow-providers-common-io, purge",
    fix_in="01",
)
RULES = (XC709, XC710)


def judge_rerun(
    *,
    before: Collection[str],
    after: Collection[str],
    rows: Collection[str],
    earlier: Collection[str],
    how: str,
) -> Check:
    """Return whether the objects ``after`` a task was cleared are those of its rows, and others.

    ``before`` and ``after`` are the keys of the run's objects, ``rows`` those its rows refer to,
    ``earlier`` those of tries before the last one, which Airflow 3.4 keeps with their rows.
    """
    new, replaced = set(after) - set(before), set(before) - set(after)
    problems = unmatched(rows=rows, stored=after, earlier=earlier)
    written, gone = number_of(len(new), "object"), number_of(len(replaced), "old one")
    purged = f"{written} written anew, {gone} purged"
    stay = [f"{len(earlier)} of earlier tries stay: {KEPT_TRIES}"] if earlier else []
    return XC709.judge(
        None if not before else not problems and bool(new),
        expected="new objects, and none that neither a row nor an earlier try accounts for",
        observed="; ".join((purged, *stay, *problems)),
        how=how,
        basis="behaviour",
    )


def judge_deletion(*, left: Collection[str], expiry: Sequence[Check]) -> Check:
    """Return what is left of a run's objects after the run was deleted, and whether it expires.

    ``expiry`` are the checks of the bucket's own lifecycle, read now.
    """
    red = [check for check in expiry if check.status != "pass"]
    is_unread = not expiry or any(check.status in ("unknown", "skip") for check in red)
    reasons = "; ".join(f"{check.title}: {check.status}, {check.observed}" for check in red)
    if is_unread:
        end = f"whether they expire is not known: {reasons or 'no lifecycle was read'}"
    elif red:
        end = f"nothing removes them: {reasons}"
    else:
        end = "the bucket's lifecycle removes them, as read now; step 07 those of this run at once"
    return XC710.judge(
        False if not left else None if is_unread else not red,
        expected="the rows are gone, the objects stay and expire",
        observed=f"{number_of(len(left), 'object')} without a row; {end}"
        if left
        else "no object is left, so something else deletes them",
        how="deleted the run over the REST API, listed the prefix, read the bucket's lifecycle",
        basis="echo",
    )
