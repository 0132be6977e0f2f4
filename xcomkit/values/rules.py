"""Judges the values of step 03 beside what lint says: identity, names, a clean merge."""

from collections.abc import Mapping

from xcomkit.findings.model import Check, Rule
from xcomkit.settings.settings import Settings
from xcomkit.values import accounts, identity
from xcomkit.values.helm import XC402
from xcomkit.values.identity import PodIdentity
from xcomkit.values.merge import Merged
from xcomkit.values.merge_plan import MergePlan
from xcomkit.values.values import Values

XC403 = Rule(
    id="XC403",
    title="The merge leaves the user's own lines alone",
    severity="warn",
    why="a value that differs from the runbook's may be there for a reason.",
    remedy="look at each value named and take the runbook's or change the parameter.",
    source="own rule: replaced are only the keys the runbook owns",
)
XC406 = Rule(
    id="XC406",
    title="Merging twice gives the same text",
    severity="fail",
    why="a merge that grows the file on every run ends in duplicate entries.",
    remedy="report the file's shape; write the settings out by hand meanwhile.",
    source="own rule",
)
XC408 = Rule(
    id="XC408",
    title="The file fixes the name of every service account",
    severity="warn",
    why="the trust policy lists exact names; the chart documents its defaults for workers only.",
    remedy="set serviceAccount.dagProcessor.name and serviceAccount.triggerer.name.",
    source="comments of the downloaded values.yaml",
)

RULES: tuple[Rule, ...] = (XC402, XC403, XC406, XC408, *identity.RULES)


def judge(values: Values, *, settings: Settings, pods: PodIdentity) -> tuple[Check, ...]:
    """Return the checks of a values file that is going to be installed."""
    return (
        *identity.judge(values, settings=settings, identity=pods),
        _names(values, settings=settings),
    )


def judge_merge(
    merged: Merged, *, original: Values, fragment: Mapping[str, object]
) -> tuple[Check, ...]:
    """Return the checks of a merge into the user's own file."""
    return (
        _left_alone(merged, original=original),
        _stable(merged, fragment=fragment),
    )


def _names(values: Values, *, settings: Settings) -> Check:
    found = accounts.read_accounts(values, prefix=settings.resource_name_prefix)
    guessed = [
        f"{account.component}: {account.name} is a guess" for account in found if not account.named
    ]
    return XC408.judge(
        not guessed,
        expected="a name in the file, or the documented <resourceNamePrefix>-worker-<name>",
        observed="; ".join(guessed) or ", ".join(account.name for account in found),
        how=f"service accounts computed from {values.name}",
        basis="rule",
    )


def _left_alone(merged: Merged, *, original: Values) -> Check:
    """Return whether every line that was not to be rewritten is still there, in order."""
    lines = enumerate(original.text.split("\n"), start=1)
    foreign = [line.rstrip("\r") for number, line in lines if number not in merged.rewritten]
    after = iter([line.rstrip("\r") for line in merged.text.split("\n")])
    lost = next((line for line in foreign if line not in after), None)
    notes = [
        f"line {c.line}: {c.path} {c.before} -> {c.after} ({'replaced' if c.replaced else 'kept'})"
        for c in merged.conflicts
    ]
    if lost is not None:
        notes.insert(0, "a line of the user's is gone")
    return XC403.judge(
        not notes,
        expected="only lines of the XCom settings differ",
        observed="; ".join(notes) or f"{len(foreign)} lines untouched",
        how=f"compared with {original.name} line by line",
        basis="behaviour",
    )


def _stable(merged: Merged, *, fragment: Mapping[str, object]) -> Check:
    edits = MergePlan(merged.values, fragment).edits
    return XC406.judge(
        not edits,
        expected="no change by a second merge",
        observed=f"{len(edits)} changes" if edits else "no change",
        how="planned the merge of the result once more",
        basis="behaviour",
    )
