"""Step 02: who may become the agents' identity, and what it may do."""

from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell


@cell
def plan(step: Step) -> show.Table:
    """Return what would be done to identity, trust and rights, before and after."""
    step.values = step.values.anew()
    return step.plan(lambda: step.cloud.access.plan(step.values.subjects))


@cell
def apply(step: Step) -> show.Text:
    """Make the planned changes if ``apply`` is set."""
    return step.apply(lambda p: step.cloud.access.apply(p, step.values.subjects))


@cell
def verify(step: Step) -> show.Checks:
    """Return the checks of the access, by behaviour wherever a token can be had."""
    step.say("trying who may do what")
    return step.check(*step.cloud.access.verify(step.values.subjects), caption="The access")
