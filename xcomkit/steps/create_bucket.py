"""Step 01: the bucket and its settings."""

from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell


@cell
def plan(step: Step) -> show.Table:
    """Return what would be done to the bucket, row by row, before and after."""
    return step.plan(step.cloud.bucket.plan)


@cell
def apply(step: Step) -> show.Text:
    """Make the planned changes if ``apply`` is set."""
    return step.apply(step.cloud.bucket.apply)


@cell
def verify(step: Step) -> show.Checks:
    """Return the bucket's checks, each read back from the cloud."""
    step.say("reading the bucket's settings back")
    return step.check(*step.cloud.bucket.verify(), caption="The bucket")
