"""Step 06, if asked: a load of pushes and pulls on the agents that are there."""

from xcomkit import show
from xcomkit.step import Step


def run(step: Step) -> show.Text:
    """Run the load Dag."""
    return show.Text(f"Not asked for: load_tasks is {step.settings.load_tasks}.")


def chart(step: Step) -> show.Text:
    """Return the times as a picture."""
    return show.Text(f"There is nothing to draw: load_tasks is {step.settings.load_tasks}.")
