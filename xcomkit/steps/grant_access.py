"""Step 02: who may become the agents' identity, and what it may do."""

from xcomkit import show
from xcomkit.step import Step


def plan(step: Step) -> show.Table:
    """Return what would be done to identity, trust and rights, before and after."""
    step.values = step.values.anew()
    return step.propose(lambda: step.cloud.plan_access(step.values.subjects))


def apply(step: Step) -> show.Text | show.Table:
    """Make the planned changes if ``apply`` is set."""
    return step.carry_out(lambda p: step.cloud.apply_access(p, step.values.subjects))


def verify(step: Step) -> show.Table:
    """Return the checks of the access, by behaviour wherever a token can be had."""
    step.say("trying who may do what")
    return step.judge(lambda: step.cloud.verify_access(step.values.subjects), caption="The access")
