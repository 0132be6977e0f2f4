"""Step 07: remove exactly what this run recorded as made, and say what stays."""

import time

from xcomkit.findings import evidence
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Change, Check, Plan, Rule
from xcomkit.findings.text import number_of
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell

OBJECTS = Rule(
    id="XC801",
    title="Every object this run wrote is gone, with all its versions",
    severity="fail",
    why="Test data would be billed and found later, and nobody would know whose it is.",
    remedy="Run step 07 again; what it may not delete, delete by the keys named in created.json.",
    source="created.json of the run directory",
)
TARGET = Rule(
    id="XC802",
    title="Bucket and identity are deleted only when the bucket's name is typed in",
    severity="fail",
    why="A runbook must never take an account's data by accident.",
    remedy="Follow what was observed, then run step 07 again.",
    source="xcomkit.settings, confirm_delete",
)
RULES: tuple[Rule, ...] = (OBJECTS, TARGET)

OBJECTS_ROW = "objects of this run"
"""The one row of the plan whose changes are made whatever ``apply`` says."""
_LOOKS = 3
_STAYS = "a connection in a secrets backend stays, it holds no secret"


@cell
def plan_objects(step: Step) -> show.Table:
    """Return the objects this run recorded as written, which are to go."""

    def make() -> Plan:
        keys = _recorded(step)
        row = Change(
            resource=f"{step.settings.bucket}/{step.settings.prefix}",
            setting=OBJECTS_ROW,
            before=f"{number_of(len(keys), 'key')} recorded",
            after="absent, with all versions",
            action="delete" if keys else "unchanged",
            note=", ".join(keys),
        )
        return Plan("Objects of this run", (row,))

    return step.plan(make)


@cell
def remove_objects(step: Step) -> show.Text:
    """Delete every version of exactly the recorded keys, whatever ``apply`` says.

    Steps 04 and 06 write them whatever it says, because a proof without a push is none.
    """
    step.say("deleting the objects of this run")
    count = step.cloud.delete_keys(_recorded(step))
    for _ in range(_LOOKS):  # what a step that was cut off had under way lands late
        if not (late := _below_prefixes(step)):
            break
        time.sleep(1)
        count += step.cloud.delete_keys(late)
    return show.Text(f"{count} versions and delete markers were removed.")


@cell
def verify_objects(step: Step) -> show.Checks:
    """Return the check that none of the recorded keys is in the bucket any more."""
    keys, caption = _recorded(step), "Objects of this run"
    expected = f"0 of {len(keys)} recorded keys"
    how = "versions listed for every recorded key, and below every recorded prefix"
    created = evidence.read_created(step.run)
    if not created.get("objects") and not created.get("prefixes"):
        observed = "not proved: no step recorded in this run directory that it wrote objects"
        remedy = "To remove what another run wrote, name its directory in run_dir."
        nothing = OBJECTS.skip(expected=expected, observed=observed, how=how, remedy=remedy)
        return step.check(nothing, caption=caption)
    left = step.cloud.find_left(keys)
    observed = f"{len(left)} left: {', '.join(left[:5])}" if left else expected
    check = OBJECTS.judge(
        not left, expected=expected, observed=observed, how=how, basis="behaviour"
    )
    return step.check(check, caption=caption)


@cell
def plan_target(step: Step) -> show.Table:
    """Return what deleting bucket and identity would do; it needs the bucket's name typed in."""
    return step.plan(lambda: _target_plan(step))


@cell
def remove_target(step: Step) -> show.Text:
    """Delete bucket and identity if ``apply`` is set and the bucket's name was typed in."""
    return step.apply(step.cloud.apply_tear_down)


@cell
def verify_target(step: Step) -> show.Checks:
    """Return the check that bucket and identity are gone, or stay on purpose."""
    return step.check(_verify_target(step), caption="Bucket and identity")


def _recorded(step: Step) -> list[str]:
    """Return the recorded keys, and what lies below the prefixes that were recorded before."""
    return sorted({*evidence.read_created(step.run).get("objects", []), *_below_prefixes(step)})


def _below_prefixes(step: Step) -> list[str]:
    """Return every key of any version below the prefixes that only this run writes to."""
    places = evidence.read_created(step.run).get("prefixes", [])
    return [key for place in places for key in step.cloud.list_keys_ever(place)]


def _is_confirmed(step: Step) -> bool:
    return step.settings.confirm_delete == step.settings.bucket


def _target_plan(step: Step) -> Plan:
    plan = step.cloud.plan_tear_down()
    if _is_confirmed(step):
        return plan
    kept = tuple(
        Change(c.resource, c.setting, c.before, c.before, "keep", c.command, "name not typed in")
        for c in plan.changes
    )
    return Plan(plan.title, kept)


def _verify_target(step: Step) -> Check:
    expected, how = "deleted when confirm_delete is the bucket's name", "planned once more"
    if not step.settings.confirm_delete:
        observed = "both stay: confirm_delete is empty"
        return TARGET.skip(expected=expected, observed=observed, how=how)
    if not _is_confirmed(step):
        observed = "both stay: confirm_delete is another name"
        return TARGET.judge(False, expected=expected, observed=observed, how=how, basis="rule")
    try:
        found = step.cloud.plan_tear_down().changes
    except XcomkitError as error:
        return TARGET.judge(None, expected=expected, observed=error.args[0], how=how, basis="echo",
                            remedy=error.hint, fix_in=error.fix_in)  # fmt: skip
    left = [c for c in found if c.action != "unchanged"]
    texts = [f"{c.setting} {c.resource}: {c.note or c.before}" for c in left or found]
    observed = "; ".join(texts if left else (*texts, _STAYS))
    return TARGET.judge(not left, expected=expected, observed=observed, how=how, basis="echo")
