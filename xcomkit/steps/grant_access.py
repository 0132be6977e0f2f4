"""Step 02: who may become the agents' identity, and what it may do."""

from xcomkit import show
from xcomkit.step import Step
from xcomkit.steps import helm_values


def plan(step: Step) -> show.Table:
    """Return what would be done to identity, trust and rights, before and after."""
    return step.propose(lambda: step.cloud.plan_access(helm_values.read_subjects(step)))


def apply(step: Step) -> show.Text | show.Table:
    """Make the planned changes if ``apply`` is set."""
    return step.carry_out(lambda p: step.cloud.apply_access(p, helm_values.read_subjects(step)))


def verify(step: Step) -> show.Table:
    """Return the checks of the access, by behaviour wherever a token can be had."""
    step.say("trying who may do what")
    return step.judge(
        lambda: step.cloud.verify_access(helm_values.read_subjects(step)), caption="The access"
    )
