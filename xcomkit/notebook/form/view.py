"""The form as widgets: what a person sees, with a word for every state.

Sections open with plain buttons: the accordion of ipywidgets cannot be reached by keyboard.
"""

from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from pydantic import TypeAdapter, ValidationError

from xcomkit.findings.errors import SettingsError
from xcomkit.notebook.form.fields import SECTIONS, Section, SettingField, as_text, setting_fields
from xcomkit.notebook.form.saving import ONE_RUN_ONLY
from xcomkit.settings.shared_target import is_shared

if TYPE_CHECKING:
    from xcomkit.notebook.form import Form

_MIME = "application/vnd.jupyter.widget-view+json"
_OPEN_AT_FIRST: tuple[Section, ...] = ("target", "run")
_LABELS = {"description_width": "13em"}
_INDENT = "margin: 0 0 4px 13.5em; line-height: 1.3"


class FormView:
    """A row per setting in sections, the status above and *Save* below."""

    def __init__(self, form: "Form") -> None:
        self._form = form
        self._is_filling = True
        self._wide = widgets.Layout(width="auto", max_width="60em")
        self._auto = widgets.Layout(width="auto")
        self.inputs: dict[str, Any] = {}
        self.notes: dict[str, Any] = {}
        self.rows: dict[str, Any] = {}
        self.heads: dict[Section, Any] = {}
        self.bodies: dict[Section, Any] = {}
        values = form.values
        for name, field in setting_fields().items():
            self._add(name, field, values)
        self.status = self._words()
        self.taken = widgets.Dropdown(
            description="parameters of", layout=self._wide, style=_LABELS,
            tooltip="a file of parameters/ to go on from",
        )  # fmt: skip
        self.taken.observe(lambda change: self._take(change["new"]), names="value")
        self.file_name = widgets.Text(
            description="save as", placeholder="a name; it goes to parameters/NAME.yaml",
            continuous_update=False, layout=self._wide, style=_LABELS,
        )  # fmt: skip
        self.save = widgets.Button(description="Save to a file", layout=self._auto)
        self.save.on_click(self._saved)
        self.saved = self._words()
        sections = [part for name in SECTIONS for part in self._section(name)]
        saving = [self.file_name, self.save, self.saved]
        self.box = widgets.VBox([self.taken, self.status, *sections, *saving], layout=self._auto)
        self.refresh()

    def refresh(self) -> None:
        """Bring every widget to what the form holds."""
        self._is_filling = True
        try:
            refusals = self._form.refusals
            values, shown = self._form.values, self._form.shown
            for name, field in setting_fields().items():
                self._fill(self.inputs[name], field, values)
                self.notes[name].value = _note(field, values, refusals.get(name, ""))
                self.rows[name].layout.display = None if name in shown else "none"
            for section in SECTIONS:
                self._head(section, refusals)
            self._offer()
            self.status.value = spoken(self._form.status)
        finally:
            self._is_filling = False

    def _offer(self) -> None:
        """Offer the files that are there now, and say which one was taken."""
        names = ((name, name) for name in self._form.files)
        options = (("(as this notebook opened)", ""), *names)
        if self.taken.options != options:
            self.taken.options = options
        self.taken.value = self._form.taken

    def _words(self) -> Any:
        return widgets.HTML(layout=self._auto)

    def _add(self, name: str, field: SettingField, values: Mapping[str, Any]) -> None:
        made = self._input(field, values)
        made.observe(lambda change: self._changed(name, change["new"]), names="value")
        self.inputs[name] = made
        self.notes[name] = self._words()
        border = "2px solid #9a6700" if name in ("apply", "confirm_delete") else None
        layout = widgets.Layout(width="auto", max_width="61em", border=border, flex="0 0 auto")
        self.rows[name] = widgets.VBox([made, self.notes[name]], layout=layout)

    def _input(self, field: SettingField, values: Mapping[str, Any]) -> Any:
        """Return the widget of a setting; what does not fit its kind stays readable as text.

        Numbers are typed as text too: the number field of ipywidgets reads ``1MB`` as 1, and its
        bounded one clamps, both without a word.
        """
        value = values[field.name]
        common = {
            "description": field.name, "tooltip": field.help, "layout": self._wide,
            "style": _LABELS,
        }  # fmt: skip
        if field.choices_on(values["cloud"]):
            return widgets.Dropdown(options=_options(field, values), value=as_text(value), **common)
        if field.annotation is bool:
            return widgets.Checkbox(value=_is_on(value), **common)
        return widgets.Text(value=as_text(value), continuous_update=False, **common)

    def _fill(self, shown: Any, field: SettingField, values: Mapping[str, Any]) -> None:
        value = values[field.name]
        if isinstance(shown, widgets.Checkbox):
            shown.value = _is_on(value)
            return
        if isinstance(shown, widgets.Dropdown):
            shown.options = _options(field, values)
        shown.value = as_text(value)

    def _section(self, section: Section) -> tuple[Any, Any]:
        is_open = section in _OPEN_AT_FIRST
        head = widgets.ToggleButton(value=is_open, layout=self._wide)
        rows = [self.rows[n] for n, f in setting_fields().items() if f.section == section]
        body = widgets.VBox(rows, layout=widgets.Layout(width="auto"))
        head.observe(lambda _: self._head(section, self._form.refusals), names="value")
        self.heads[section], self.bodies[section] = head, body
        return head, body

    def _head(self, section: Section, refusals: Mapping[str, str]) -> None:
        """Tell in words whether a section is open, and open the one that holds a refusal."""
        head = self.heads[section]
        names = [name for name, field in setting_fields().items() if field.section == section]
        count = len([name for name in names if name in refusals])
        if count and self._is_filling:
            head.value = True
        state = "open" if head.value else "closed"
        mark = "▾" if head.value else "▸"
        refused = f", {count} refused" if count else ""
        head.description = f"{mark} {SECTIONS[section]} ({state}{refused})"
        self.bodies[section].layout.display = None if head.value else "none"

    def _changed(self, name: str, value: object) -> None:
        if self._is_filling:
            return
        self._form.change(name, value)
        self.saved.value = ""
        self.refresh()

    def _take(self, name: str) -> None:
        if self._is_filling:
            return
        self.saved.value = problem = ""
        try:
            self._form.take(name)
        except SettingsError as error:
            problem = f"✖ not taken: {error}"
        self.refresh()
        if problem:
            self.status.value = spoken(problem)

    def _saved(self, _: object) -> None:
        try:
            path = self._form.save(self.file_name.value)
        except SettingsError as error:
            text = f"✖ not saved: {error}"
        else:
            left = " and ".join(ONE_RUN_ONLY)
            text = f"✔ saved: parameters/{path.name}, without {left}, which belong to one run."
            text += " Every notebook uses it from now on." if is_shared() else ""
            self.refresh()
        self.saved.value = spoken(text)


def _options(field: SettingField, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the accepted values, and the present one where it is not among them."""
    choices = field.choices_on(values["cloud"])
    value = as_text(values[field.name])
    others = [] if value in choices else [(f"{value or '(empty)'} (not accepted)", value)]
    return (*((choice or "(as it is)", choice) for choice in choices), *others)


def _is_on(value: object) -> bool:
    """Tell whether a switch is on, also for words such as ``yes``, which the model takes."""
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        return False


def as_bundle(box: Any) -> dict[str, Any]:
    """Return what Jupyter needs to draw widgets, and no text of theirs."""
    shown = box._repr_mimebundle_()
    return {_MIME: shown[_MIME]} if _MIME in shown else {}


def spoken(text: str) -> str:
    """Return what changed as a screen reader is told it."""
    return f'<p role="status" style="line-height: 1.3">{escape(text)}</p>'


def _note(field: SettingField, values: Mapping[str, Any], refusal: str) -> str:
    """Return below a widget: the refusal, or what the setting is and what it does now."""
    text = escape(field.help)
    if refusal:
        text = f'<strong role="alert">✖ refused: {escape(refusal)}</strong>'
    elif state := _state(field.name, values):
        text += f"<br><strong>{escape(state)}</strong>"
    return f'<div style="{_INDENT}">{text}</div>'


def _state(name: str, values: Mapping[str, Any]) -> str:
    where = f"{values['bucket'] or 'no bucket'} on {values['cloud']}"
    where += f" ({values['endpoint_url']})" if values["endpoint_url"] else ""
    applies = _is_on(values["apply"])
    if name == "apply":
        return (
            f"ON: the cells below make the changes that their plan shows, in {where}."
            if applies
            else "OFF: plans are shown only, unless the switch below a plan is turned on; the proof"
            " still writes test objects, and removes them."
        )
    if name != "confirm_delete":
        return ""
    if not values[name]:
        return f"Nothing is deleted. Step 07 asks for the name: {values['bucket']}"
    if values[name] != values["bucket"]:
        return f"Nothing is deleted: this is not the name {values['bucket']}"
    if not applies:
        return "Nothing is deleted while apply is off, unless the switch in step 07 is turned on."
    return f"Step 07 will DELETE {where}, and the identity."
