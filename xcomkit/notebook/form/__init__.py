"""The form of a notebook: its parameters to look at, to change and to save; nobody needs it.

Without a person at the notebook (papermill, a record, plain Python) the same object is a table.
Every judgement is that of ``Settings``, in its own words.
"""

from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xcomkit.findings.errors import SettingsError
from xcomkit.notebook import show
from xcomkit.notebook.form.fields import as_text, default_values, setting_fields
from xcomkit.notebook.form.saving import save_parameters
from xcomkit.notebook.front_end import is_somebody_there
from xcomkit.settings import shared_target
from xcomkit.settings.parameter_file import read_parameters
from xcomkit.settings.settings import Asked, Settings, plain_values
from xcomkit.settings.terms import EMBEDDED

if TYPE_CHECKING:
    from xcomkit.notebook.form.view import FormView


class Form:
    """The parameters in a notebook's namespace, and what a person makes of them.

    As long as nothing is changed, ``settings`` are those that the parameters alone give, as they
    and their file were when the form was made. A secret is never shown or written.
    """

    def __init__(self, namespace: Mapping[str, Any], *, root: Path) -> None:
        self._root = root
        self._unread: SettingsError | None = None
        try:
            self._opened = Settings.notebook_values(namespace, root=root)
        except SettingsError as error:  # no such file; ``settings`` says so
            self._opened, self._unread = Asked(plain_values(namespace), ""), error
        self._begin(self._opened)

    def _begin(self, asked: Asked) -> None:
        """Show these parameters, judged or not, as those that nobody changed."""
        self._asked = asked
        self._edits: dict[str, Any] = {}
        self._secret: dict[str, str] = {}

    @property
    def values(self) -> dict[str, Any]:
        """Return what the form shows, per parameter; it may be refused."""
        return {**self._given, **self._edits}

    @property
    def _given(self) -> dict[str, Any]:
        """Return every parameter before any change; what may be a secret is at its default."""
        refusals = Settings.find_refusals(self._asked.values)
        values = default_values()
        asked = {n: v for n, v in self._asked.values.items() if n in values and v is not None}
        return values | {n: v for n, v in asked.items() if not _is_hidden(n, refusals.get(n, ""))}

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the names of what a person changed."""
        return tuple(self._edits)

    @property
    def taken(self) -> str:
        """Return the name of the file that was taken, empty for what this notebook opened with."""
        file = self._asked.file if self._asked is not self._opened else None
        return file.name if file else ""

    @property
    def settings(self) -> Settings:
        """Return the settings to run with: what is shown, whatever became of its file since.

        Raises:
            SettingsError: a value or the file is refused, as it would be without a form.
        """
        if self._failure:
            raise self._failure.with_traceback(None)
        source = "the form" if self._edits else self._asked.source
        return Settings.from_mapping({**self._asked.values, **self._edits}, source=source)

    @property
    def refusals(self) -> dict[str, str]:
        """Return each refusal under its parameter, as it would be told without a form."""
        return Settings.find_refusals({**self._asked.values, **self._edits}) | self._secret

    @property
    def status(self) -> str:
        """Return in a sentence what the cells below will do with this."""
        if self._failure:
            return f"✖ refused: {self._failure.args[0]}"
        match list(self.refusals.values()):
            case [first, *others]:
                more = f" {len(others)} more below." if others else ""
                return f"✖ refused: {first}{more}"
        if count := len(self._edits):
            return f"✔ accepted, {count} changed: run the cells below again to use it."
        if self.taken:
            return f"✔ accepted: taken from {self.taken}; run the cells below to use it."
        if file := self._opened.file:
            return f"✔ accepted: this notebook names no bucket, so it uses {file.name}."
        return "✔ accepted: these are the parameters of this notebook."

    def change(self, name: str, value: object) -> None:
        """Take a new value for a parameter, judged or not, but for a secret.

        Who leaves the stand-in starts with ``apply`` off.
        """
        self._secret = {}
        given, edits = self._given, {**self._edits, name: value}
        message = Settings.find_refusals({**self._asked.values, **edits}).get(name, "")
        if _is_hidden(name, message):
            self._secret = {name: message}
            return
        was_refused = name in Settings.find_refusals(self._asked.values)
        if as_text(value) == as_text(given[name]) and not was_refused:
            del edits[name]
        if self.values["endpoint_url"] == EMBEDDED != {**given, **edits}["endpoint_url"]:
            edits.update(apply=False, confirm_delete="")
        self._edits = edits

    @property
    def shown(self) -> tuple[str, ...]:
        """Return the names of the parameters that matter on this cloud, or are refused."""
        cloud, refusals = self.values["cloud"], self.refusals
        return tuple(n for n, f in setting_fields().items() if f.is_for(cloud) or n in refusals)

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the parameter files that are there, and of the one taken."""
        names = {path.name for path in self._folder.glob("*.yaml")} | {self.taken}
        return tuple(sorted(names - {""}))

    def take(self, name: str) -> None:
        """Go on from a file of ``parameters/``, judged or not; ``""`` is the notebook's own again.

        In a JupyterLab of ``xcomkit lab`` the file, also the one that this notebook opened with,
        is every notebook's target from now on.

        Raises:
            SettingsError: the file cannot be read.
        """
        path = self._folder / name
        self._begin(Asked(read_parameters(path), path.name, path) if name else self._opened)
        if self._asked.file:
            self._share(self._asked.file)

    def save(self, name: str) -> Path:
        """Write ``parameters/<name>.yaml``, a new file.

        In a JupyterLab of ``xcomkit lab`` it is the target of every notebook from now on.

        Raises:
            SettingsError: a refused value or name, or a file that is there.
        """
        path = save_parameters(self.settings, self._folder, name)
        self._share(path)
        return path

    @property
    def _failure(self) -> SettingsError | None:
        """Return why the target's file could not be read, while nothing else was asked for."""
        return None if self.taken or self._edits else self._unread

    @property
    def _folder(self) -> Path:
        return self._root / "parameters"

    def _share(self, path: Path) -> None:
        if shared_target.is_shared():
            shared_target.choose(path)

    @cached_property
    def view(self) -> "FormView":
        """Return the form as widgets, made when first asked for."""
        from xcomkit.notebook.form.view import FormView

        return FormView(self)

    def table(self, *, usual: bool) -> show.Table:
        """Return the settings that are, or are not, at their defaults."""
        defaults, values, fields = default_values(), self.values, setting_fields()
        rows = [
            (name, as_text(values[name]) or "(empty)", fields[name].help)
            for name in self.shown
            if (as_text(values[name]) == as_text(defaults[name])) is usual
        ]
        words = "at their defaults" if usual else "of this run that differ from the defaults"
        caption = f"Settings {words}: {len(rows)}"
        return show.table(("setting", "value", "what it is"), rows, caption=caption)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return the widgets where a person can use them; the table goes along in any case."""
        del include, exclude
        if not is_somebody_there():
            return {}
        from xcomkit.notebook.form.view import as_bundle

        return as_bundle(self.view.box)

    def _repr_html_(self) -> str:
        shown, folded = (self.table(usual=u)._repr_html_() for u in (False, True))
        summary = escape(self.table(usual=True).caption)
        return (
            f"<p>{escape(self.status)}</p>{shown}"
            f"<details><summary>{summary}</summary>{folded}</details>"
        )

    def __repr__(self) -> str:
        """Return the settings as text."""
        return f"{self.status}\n{self.table(usual=False)!r}\n{self.table(usual=True)!r}"


def _is_hidden(name: str, message: str) -> bool:
    """Tell whether a refusal keeps the value to itself, since it may be a secret."""
    return message.startswith(f"{name}: (hidden) ")
