"""The form of a notebook: its parameters to look at, to change and to save; nobody needs it.

Without a person at the notebook (papermill, a record, plain Python) the same object is a table.
Every judgement is that of ``Settings``, in its own words.
"""

from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xcomkit import shared_target, show
from xcomkit.errors import SettingsError
from xcomkit.form.fields import as_text, defaults_on, setting_fields
from xcomkit.form.saving import save_parameters
from xcomkit.front_end import is_somebody_there
from xcomkit.parameter_file import read_parameters
from xcomkit.settings import PRACTICE_FILE, Asked, Settings, plain_values
from xcomkit.terms import EMBEDDED

if TYPE_CHECKING:
    from xcomkit.form.view import FormView


class Form:
    """The parameters in a notebook's namespace, and what a person makes of them.

    As long as nothing is changed, ``settings`` are those that the parameters alone give, as they
    and their file were when the form was made. Once something is changed, what the form shows is
    what counts. A secret is never kept or shown.
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
        self._secrets: dict[str, str] = {}
        self._unknown = {n: v for n, v in asked.values.items() if n not in Settings.model_fields}
        start = {n: v for n, v in asked.values.items() if n not in self._unknown}
        defaults = defaults_on(start.get("cloud"))
        try:
            start = Settings.from_mapping(start).to_parameters()
        except SettingsError:
            start = {**defaults, **start}
        for name, message in self._refusals(start).items():
            if name in defaults and _is_hidden(name, message):
                self._secrets[name] = message
                start[name] = defaults[name]
        self._start = start
        self._values = start

    @property
    def values(self) -> dict[str, Any]:
        """Return what the form shows, per parameter; it may be refused."""
        return dict(self._values)

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the names of what a person changed."""
        start = self._start
        return tuple(n for n, v in self._values.items() if v is not start[n] and v != start[n])

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
        if not self.changed:
            return Settings.from_mapping(self._asked.values, source=self._asked.source)
        return Settings.from_mapping({**self._unknown, **self._values}, source="the form")

    @property
    def refusals(self) -> dict[str, str]:
        """Return each refusal under its parameter, as it would be told without a form."""
        return {**self._refusals(self._values), **self._secrets}

    @property
    def status(self) -> str:
        """Return in a sentence what the cells below will do with this."""
        if self._failure:
            return f"✖ refused: {self._failure.args[0]}"
        match list(self.refusals.values()):
            case [first, *others]:
                more = f" {len(others)} more below." if others else ""
                return f"✖ refused: {first}{more}"
        if count := len(self.changed):
            return f"✔ accepted, {count} changed: run the cells below again to use it."
        if self.taken:
            return f"✔ accepted: taken from {self.taken}; run the cells below to use it."
        if file := self._opened.file:
            return f"✔ accepted: this notebook names no bucket, so it uses {file.name}."
        return "✔ accepted: these are the parameters of this notebook."

    def change(self, name: str, value: object) -> None:
        """Take a new value for a parameter, judged or not.

        Another cloud brings its own usual values for all that still is at the old one's. Who
        leaves the stand-in starts with ``apply`` off.
        """
        self._secrets.pop(name, None)
        if as_text(value) == as_text(self._start[name]):
            value = self._start[name]
        values = {**self._values, name: value}
        message = self._refusals(values).get(name, "")
        if _is_hidden(name, message):
            self._secrets[name] = message
            return
        if name == "cloud":
            old, new = self._usual(self._values["cloud"]), self._usual(value)
            values.update({n: v for n, v in new.items() if n != name and values[n] == old.get(n)})
        if self._values["endpoint_url"] == EMBEDDED != values["endpoint_url"]:
            values.update(apply=False, confirm_delete="")
        self._values = values

    def is_shown(self, name: str) -> bool:
        """Tell whether a parameter matters on this cloud, or is refused."""
        return setting_fields()[name].is_for(self._values["cloud"]) or name in self.refusals

    def can_be_typed(self, name: str) -> bool:
        """Tell whether a value survives being written on one line: tags with commas do not."""
        value = self._values[name]
        if not isinstance(value, list | tuple | dict):
            return True
        try:
            kept = Settings.model_validate({name: value})
        except ValueError:  # refused as it is, so it has to be typed anew
            return True
        try:
            return Settings.model_validate({name: as_text(value)}) == kept
        except ValueError:
            return False

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

    def save(self, name: str, *, replace: bool = False) -> Path:
        """Write ``parameters/<name>.yaml``; with ``replace``, also into a file that is there.

        In a JupyterLab of ``xcomkit lab`` it is the target of every notebook from now on.

        Raises:
            SettingsError: a refused value or name, or a file nobody agreed to change.
        """
        path = save_parameters(self.settings, self._folder, name, replace=replace)
        self._share(path)
        return path

    @property
    def _failure(self) -> SettingsError | None:
        """Return why the target's file could not be read, while nothing else was asked for."""
        return None if self.taken or self.changed else self._unread

    @property
    def _folder(self) -> Path:
        return self._root / "parameters"

    def _share(self, path: Path) -> None:
        if shared_target.is_shared():
            shared_target.choose(path)

    @cached_property
    def view(self) -> "FormView":
        """Return the form as widgets, made when first asked for."""
        from xcomkit.form.view import FormView

        return FormView(self)

    def table(self, *, usual: bool) -> show.Table:
        """Return the settings that are, or are not, what they usually are on this cloud."""
        defaults, values = defaults_on(self._values["cloud"]), self._values
        rows = [
            (field.label, as_text(values[name]) or "(empty)", field.help)
            for name, field in setting_fields().items()
            if self.is_shown(name) and (values[name] == defaults[name]) is usual
        ]
        words = "at their defaults" if usual else "of this run that differ from the defaults"
        caption = f"Settings {words}: {len(rows)}"
        return show.table(("setting", "value", "what it is"), rows, caption=caption)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return the widgets where a person can use them; the table goes along in any case."""
        del include, exclude
        if not is_somebody_there():
            return {}
        from xcomkit.form.view import as_bundle

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

    def _usual(self, cloud: object) -> dict[str, Any]:
        """Return where a person starts on a cloud: its practice target, or its defaults."""
        if self._values["endpoint_url"] == EMBEDDED:
            try:
                practice = self._root / PRACTICE_FILE.format(cloud=cloud)
                return Settings.from_yaml(practice).to_parameters()
            except SettingsError:
                pass
        return defaults_on(cloud)

    def _refusals(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Return each refusal in turn: what is refused is mended, and the rest judged again."""
        found: dict[str, str] = {}
        judged = {**self._unknown, **values}
        defaults = defaults_on(values.get("cloud"))
        while True:
            try:
                Settings.from_mapping(judged)
            except SettingsError as error:
                message = str(error.args[0])
                fitting = (n for n in judged if message.startswith(f"{n}: "))  # n may hold a colon
                name = max(fitting, key=len, default="")
                if name in found:  # cannot be mended alone: nothing after it is known yet
                    return found
                found[name] = message
                judged.pop(name, None)
                judged.update({name: defaults[name]} if name in defaults else {})
            else:
                return found


def _is_hidden(name: str, message: str) -> bool:
    """Tell whether a refusal keeps the value to itself, since it may be a secret."""
    return message.startswith(f"{name}: (hidden) ")
