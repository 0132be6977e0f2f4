"""The form as widgets: what a person sees, with a word for every state."""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from pydantic import TypeAdapter, ValidationError

from xcomkit.findings.errors import SettingsError
from xcomkit.notebook.form import FIELDS, as_text, choices
from xcomkit.settings.settings import ONE_RUN_ONLY
from xcomkit.settings.shared_target import is_shared

if TYPE_CHECKING:
    from xcomkit.notebook.form import Form

_LABELS = {"description_width": "13em"}
_INDENT = "margin: 0 0 4px 13.5em; line-height: 1.3"
_MARKED = ("apply", "confirm_delete")


class FormView:
    """The status, a row per parameter and *Save* below."""

    def __init__(self, form: "Form") -> None:
        self._form = form
        self._is_filling = True
        self._wide = widgets.Layout(width="auto", max_width="60em")
        self._auto = widgets.Layout(width="auto")
        self.inputs: dict[str, Any] = {}
        self.notes: dict[str, Any] = {}
        self.rows: dict[str, Any] = {}
        for name in FIELDS:
            self._add(name)
        self.status = widgets.HTML(layout=self._auto)
        self.taken = widgets.Dropdown(
            description="parameters of", layout=self._wide, style=_LABELS,
            tooltip="a file of parameters/ to go on from",
        )  # fmt: skip
        self.taken.observe(lambda change: self._take(change["new"]), names="value")
        self.file_name = widgets.Text(
            description="save as", placeholder="a new name", tooltip="parameters/NAME.yaml",
            continuous_update=False, layout=self._wide, style=_LABELS,
        )  # fmt: skip
        self.save = widgets.Button(description="Save to a file", layout=self._auto)
        self.save.on_click(self._save)
        self.saved = widgets.HTML(layout=self._auto)
        folded = set(form.folded)
        own = [row for name, row in self.rows.items() if name not in folded]
        common = [row for name, row in self.rows.items() if name in folded]
        title = "target and other parameters of every step" if form.is_step else "other parameters"
        self.folded = widgets.VBox(common, layout=widgets.Layout(width="auto", display="none"))
        # not an Accordion, whose head no keyboard reaches
        self.fold = widgets.ToggleButton(description=f"show {title}", layout=self._auto)
        self.fold.observe(lambda change: self._unfold(is_open=change["new"]), names="value")
        parts = [self.taken, self.status, *own, self.fold, self.folded]
        parts += [self.file_name, self.save, self.saved]
        self.box = widgets.VBox(parts, layout=self._auto)
        self.refresh()

    def refresh(self) -> None:
        """Bring every widget to what the form holds."""
        self._is_filling = True
        try:
            problems, values, displayed = (
                self._form.problems,
                self._form.values,
                self._form.displayed,
            )
            for name, widget in self.inputs.items():
                self._fill(widget, name, values)
                self.notes[name].value = _note(
                    name, values, problems.get(name, ""), form=self._form
                )
                self.rows[name].layout.display = None if name in displayed else "none"
            if set(problems) & set(self._form.folded):
                self.fold.value = True  # what is invalid is never hidden
            names = ((name, name) for name in self._form.files)
            self.taken.options = (("(as this notebook opened)", ""), *names)
            self.taken.value = self._form.taken
            self.status.value = _spoken(self._form.status)
        finally:
            self._is_filling = False

    def _add(self, name: str) -> None:
        made = self._input(name)
        made.observe(lambda change: self._change(name, change["new"]), names="value")
        self.inputs[name] = made
        self.notes[name] = widgets.HTML(layout=self._auto)
        border = "2px solid #9a6700" if name in _MARKED else None
        layout = widgets.Layout(width="auto", max_width="61em", border=border, flex="0 0 auto")
        self.rows[name] = widgets.VBox([made, self.notes[name]], layout=layout)

    def _input(self, name: str) -> Any:
        """Return the widget of a parameter; what does not fit its type stays readable as text.

        Numbers are typed as text too: the number field of ipywidgets reads ``1MB`` as 1, and its
        bounded one clamps, both without a word.
        """
        common = {
            "description": name, "tooltip": FIELDS[name].description, "layout": self._wide,
            "style": _LABELS,
        }  # fmt: skip
        if choices(name, cloud="aws"):
            return widgets.Dropdown(**common)
        if FIELDS[name].annotation is bool:
            return widgets.Checkbox(**common)
        return widgets.Text(continuous_update=False, **common)

    def _fill(self, widget: Any, name: str, values: Mapping[str, Any]) -> None:
        value = as_text(values[name])
        if isinstance(widget, widgets.Dropdown):
            accepted = choices(name, cloud=values["cloud"])
            options = [(choice or "(as it is)", choice) for choice in accepted]
            others = [] if value in accepted else [(f"{value or '(empty)'} (not accepted)", value)]
            widget.options = (*options, *others)
        is_switch = isinstance(widget, widgets.Checkbox)
        widget.value = _is_on(values[name]) if is_switch else value

    def _change(self, name: str, value: object) -> None:
        if self._is_filling:
            return
        self._form.change(name, value)
        self.saved.value = ""
        self.refresh()

    def _unfold(self, *, is_open: bool) -> None:
        self.folded.layout.display = None if is_open else "none"

    def _take(self, name: str) -> None:
        if self._is_filling:
            return
        self.saved.value = problem = ""
        try:
            if name:
                self._form.take(name)
        except SettingsError as error:
            problem = f"✖ not taken: {error}"
        self.refresh()
        if problem:
            self.status.value = _spoken(problem)

    def _save(self, _: object) -> None:
        try:
            path = self._form.save(self.file_name.value)
        except SettingsError as error:
            text = f"✖ not saved: {error}"
        else:
            left = " and ".join(ONE_RUN_ONLY)
            text = f"✔ saved: parameters/{path.name}, without {left}, which belong to one run."
            text += " Every notebook uses it from now on." if is_shared() else ""
            self.refresh()
        self.saved.value = _spoken(text)


def _spoken(text: str) -> str:
    """Return what changed as a screen reader is to say it."""
    return f'<p role="status" style="line-height: 1.3">{escape(text)}</p>'


def _is_on(value: object) -> bool:
    """Tell whether a switch is on, also for words such as ``yes``, which the model takes."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        return False


def _note(name: str, values: Mapping[str, Any], problem: str, *, form: "Form") -> str:
    """Return below a widget: what is wrong, or what the parameter is and what it does now."""
    text = escape(FIELDS[name].description or "")
    if problem:
        text = f'<strong role="alert">✖ invalid: {escape(problem)}</strong>'
    elif name in _MARKED:
        text += f"<br><strong>{escape(_effect(name, values, form=form))}</strong>"
    return f'<div style="{_INDENT}">{text}</div>'


def _effect(name: str, values: Mapping[str, Any], *, form: "Form") -> str:
    if not form.is_valid:
        return "Nothing will run while the form is invalid."
    where = f"{values['bucket'] or 'no bucket'} on {values['cloud']}"
    where += f" ({values['endpoint_url']})" if values["endpoint_url"] else ""
    applies = _is_on(values["apply"])
    if name == "apply":
        on = f"ON: the cells below make the changes that their plan shows, in {where}."
        off = (
            "OFF: plans are displayed only; the proof still writes test objects, and removes them."
        )
        again = "OFF until you switch it on here, whatever the file says: this is a real account."
        return on if applies else again if form.asks_again else off
    if values[name] and values[name] == values["bucket"] and applies:
        return f"Step 07 will DELETE {where}, and the identity."
    return f"Nothing is deleted unless this is {values['bucket'] or 'the name'} and apply is on."
