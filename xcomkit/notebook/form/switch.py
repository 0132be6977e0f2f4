"""The Apply switch below a plan: for a person a box to tick, otherwise a sentence."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from xcomkit.notebook import show
from xcomkit.notebook.front_end import is_somebody_there


class ApplySwitch:
    """Whether the cell below makes the changes of the plan above; for this step only.

    Args:
        is_on: where it stands.
        count: changes that the plan would make, nothing where there is no plan.
        turn: takes where a person puts it, and tells whether that still moves anything.
    """

    def __init__(self, *, is_on: bool, count: int | None, turn: Callable[[bool], bool]) -> None:
        self.is_on = is_on
        self._count = count
        self._turn = turn
        self._is_over = False

    @property
    def sentence(self) -> str:
        """Return what the cell below will do."""
        if self._is_over:
            return "✖ The step was opened again: run the cells from there, and use the new switch."
        if self._count is None:
            return "There is no plan to carry out."
        if not self._count:
            return "There is nothing to change."
        if self.is_on:
            return "apply is ON: the cell below makes the changes planned above."
        return "apply is OFF: the cell below leaves the changes planned above undone."

    @cached_property
    def box(self) -> Any:
        """Return the switch as widgets, made when first asked for."""
        import ipywidgets as widgets

        from xcomkit.notebook.form.view import spoken

        layout = widgets.Layout(width="auto", max_width="61em", border="2px solid #9a6700")
        tick = widgets.Checkbox(
            value=self.is_on, indent=False, layout=widgets.Layout(width="auto"),
            description="apply: make the changes planned above",
        )  # fmt: skip
        told = widgets.HTML(value=spoken(self.sentence))

        def turned(change: dict[str, Any]) -> None:
            self.is_on = bool(change["new"])
            self._is_over = not self._turn(self.is_on)
            tick.disabled = self._is_over
            told.value = spoken(self.sentence)

        tick.observe(turned, names="value")
        return widgets.VBox([tick, told], layout=layout)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return the widgets where a person can use them and there is something to change."""
        del include, exclude
        if not self._count or not is_somebody_there():
            return {}
        from xcomkit.notebook.form.view import as_bundle

        return as_bundle(self.box)

    def _repr_html_(self) -> str:
        return show.Text(self.sentence)._repr_html_()

    def __repr__(self) -> str:
        """Return the sentence."""
        return self.sentence
