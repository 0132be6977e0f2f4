"""The form of a notebook: its parameters to look at, to change and to save; nobody needs it.

Without a person at the notebook (papermill, a record, plain Python) the same object is a table.
Every judgement is that of ``Settings``, in its own words.
"""

import re
from collections.abc import Mapping
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from xcomkit.findings.errors import SettingsError
from xcomkit.findings.text import listed, number_of
from xcomkit.notebook import show
from xcomkit.notebook.front_end import is_somebody_there
from xcomkit.settings import shared_target
from xcomkit.settings.parameter_file import read_parameters, write_parameters
from xcomkit.settings.settings import Asked, Settings, parameters_of, plain_values, read_notebook
from xcomkit.settings.terms import EMBEDDED, TERMS

if TYPE_CHECKING:
    from xcomkit.notebook.form_view import FormView

_NAMED = 6  # parameters named in one sentence
FIELDS = Settings.model_fields
_OF_CLOUDS = re.compile(r"((?:AWS|Azure|GCP)(?:, (?:AWS|Azure|GCP))*): ")


class Form:
    """The parameters that a notebook takes, and what a person makes of them.

    As long as nothing is changed, ``settings`` are those that the namespace alone gives, as it and
    its file were when the form was made; but where ``asks_again``, the file has ``apply`` on for a
    real account, and a person must switch it on here. ``follows`` is the file, where all notebooks
    share it. A secret is never displayed or written.
    """

    asked: Asked
    asks_again: bool

    def __init__(self, namespace: Mapping[str, Any], *, root: Path, notebook: str = "") -> None:
        self._folder = root / "parameters"
        self.notebook = notebook
        self._names = parameters_of(notebook)
        self.is_step = notebook[:2].isdigit()
        self._is_person = is_somebody_there()
        self._failure: SettingsError | None = None
        self.edits: dict[str, Any] = {}
        self.secrets: dict[str, str] = {}
        self.taken = self.saved = ""
        self._is_kept = False
        try:
            self._adopt(read_notebook(namespace, root=root))
        except SettingsError as error:  # no such file; ``settings`` says so
            self._adopt(Asked(plain_values(namespace), ""))
            self._failure = error
        self.opened = self.target

    @property
    def target(self) -> tuple[object, ...]:
        """Return the file and what names the target, before any change."""
        values = self.asked.values
        return self.asked.file, *(values.get(n) for n in ("cloud", "bucket", "endpoint_url"))

    def keep(self, before: "Form") -> None:
        """Go on with what a person changed in the form before, where it was of the same target."""
        if before.taken and before.opened == self.opened and not shared_target.is_shared():
            self._adopt(before.asked)
            self.taken, self.asks_again = before.taken, before.asks_again
        if self.target == before.target:
            self.edits, self.secrets = dict(before.edits), before.secrets
            self._is_kept, self.saved = bool(self.edits), before.saved

    def _adopt(self, asked: Asked) -> None:
        """Go on from what was asked for; a person is asked again before a real account changes."""
        values, chosen = dict(asked.values), shared_target.read_choice()
        is_real = values.get("endpoint_url") != EMBEDDED
        self.asks_again = bool(self._is_person and asked.file and is_real and values.get("apply"))
        if self.asks_again:
            values["apply"] = False
        self.asked = asked._replace(values=values)
        self.follows = chosen if asked.file and asked.file == chosen else None

    @property
    def values(self) -> dict[str, Any]:
        """Return what the form displays, per parameter; it may be invalid."""
        return {**self._given, **self.edits}

    @property
    def _given(self) -> dict[str, Any]:
        """Return every parameter before any change; what may be a secret is at its default."""
        problems = Settings.find_problems(self.asked.values)
        asked = {n: v for n, v in self.asked.values.items() if n in FIELDS and v is not None}
        return default_values() | {
            n: v for n, v in asked.items() if not _is_hidden(n, problems.get(n, ""))
        }

    @property
    def changed(self) -> tuple[str, ...]:
        """Return the names of what a person changed."""
        return tuple(self.edits)

    @property
    def settings(self) -> Settings:
        """Return the settings to run with: what is displayed, whatever became of its file since.

        Raises:
            SettingsError: a value or the file is invalid, as it would be without a form.
        """
        if self._failure:
            raise self._failure.with_traceback(None)
        source = "the form" if self.edits else self.asked.source
        return Settings.from_mapping({**self.asked.values, **self.edits}, source=source)

    @property
    def source(self) -> str:
        """Return whose parameters these are: a file's or this notebook's, and what was changed."""
        named = self.asked.file.name if self.asked.file else "this notebook"
        return f"{named} with {listed(self.changed, most=4)} changed" if self.edits else named

    @property
    def problems(self) -> dict[str, str]:
        """Return what is wrong with each parameter, in the words of a run without form."""
        return Settings.find_problems({**self.asked.values, **self.edits}) | self.secrets

    @property
    def status(self) -> str:
        """Return in a sentence what the cells below will do with this."""
        if self._failure:
            return f"✖ invalid: {self._failure.args[0]}"
        if problems := [*self.problems.values()]:
            more = f" {len(problems) - 1} more below." if problems[1:] else ""
            return f"✖ invalid: {problems[0]}{more}{f' {self._kept}.' if self._is_kept else ''}"
        if self.edits:
            what = self._kept if self._is_kept else f"{len(self.edits)} changed"
            return f"✔ accepted, {what}: run the cells below again to use it."
        if self.taken:
            return f"✔ accepted: taken from {self.taken}; run the cells below to use it."
        if file := self.asked.file:
            return f"✔ accepted: this notebook names no bucket, so it uses {file.name}."
        return "✔ accepted: these are the parameters of this notebook."

    @property
    def _kept(self) -> str:
        """Return in words what was kept when the form was opened again."""
        names = listed(self.changed, most=_NAMED)
        count = number_of(len(self.edits), "change" if self.saved else "unsaved change")
        where = f"saved in {self.saved}" if self.saved else "Save writes them to a new file"
        return f"{count} kept: {names} ({where})"

    @property
    def is_valid(self) -> bool:
        """Tell whether the cells below can run with this."""
        asked = {**self.asked.values, **self.edits}
        return self._failure is None and not Settings.find_problems(asked)

    def change(self, name: str, value: object) -> None:
        """Take a new value for a parameter, valid or not, but for a secret.

        Who leaves the stand-in starts with ``apply`` off.
        """
        self._failure, self.secrets = None, {}
        self._is_kept, self.saved = False, ""
        given, edits = self._given, {**self.edits, name: value}
        message = Settings.find_problems({**self.asked.values, **edits}).get(name, "")
        if _is_hidden(name, message):
            self.secrets = {name: message}
            return
        was_valid = name not in Settings.find_problems(self.asked.values)
        if as_text(value) == as_text(given[name]) and was_valid:
            del edits[name]
        if self.values["endpoint_url"] == EMBEDDED != {**given, **edits}["endpoint_url"]:
            edits.update(apply=False, confirm_delete="")
        self.edits = edits

    @property
    def displayed(self) -> tuple[str, ...]:
        """Return the parameters that this notebook takes on this cloud, and those in the way."""
        values, problems = self.values, self.problems
        is_other = values["endpoint_url"] not in ("", EMBEDDED)
        usual = (
            name
            for name in self._names
            if is_for(name, cloud=values["cloud"], is_other_store=is_other)
        )
        return tuple(dict.fromkeys((*usual, *(name for name in problems if name in FIELDS))))

    @property
    def folded(self) -> tuple[str, ...]:
        """Return which of these are displayed behind a fold: in a step what all steps take."""
        return tuple(n for n in self.displayed if is_common(n) is self.is_step)

    @property
    def files(self) -> tuple[str, ...]:
        """Return the names of the parameter files that are there, and of the one taken."""
        names = {path.name for path in self._folder.glob("*.yaml")} | {self.taken}
        return tuple(sorted(names - {""}))

    def take(self, name: str) -> None:
        """Go on from a file of ``parameters/``, valid or not.

        In a JupyterLab of ``xcomkit lab`` it is the target of every notebook from now on.

        Raises:
            SettingsError: the file cannot be read.
        """
        path = self._folder / name
        asked = Asked(read_parameters(path), path.name, path)
        _share(path)
        self._adopt(asked)
        self._failure, self.edits, self.secrets, self.taken = None, {}, {}, name
        self._is_kept, self.saved = False, ""

    def save(self, name: str) -> Path:
        """Write ``parameters/<name>.yaml``, a new file with all parameters, not only these.

        In a JupyterLab of ``xcomkit lab`` it is the target of every notebook from now on.

        Raises:
            SettingsError: an invalid value or name, or a file that is there.
        """
        path = write_parameters(self.settings.to_file(), self._folder, name)
        _share(path)
        self.saved = path.name
        self.follows = shared_target.read_choice()
        return path

    @cached_property
    def view(self) -> "FormView":
        """Return the form as widgets, made when first asked for."""
        from xcomkit.notebook.form_view import FormView

        return FormView(self)

    @property
    def table(self) -> show.Table:
        """Return the parameters of this notebook, those that differ from the defaults first."""
        usual, values = default_values(), self.values
        texts = {name: as_text(values[name]) for name in self.displayed}
        own = [name for name, text in texts.items() if text != as_text(usual[name])]
        names = (*own, *(name for name in texts if name not in own))
        rows = [(n, texts[n] or "(empty)", FIELDS[n].description) for n in names]
        caption = (
            f"Settings of this step: {len(rows)}, the first {len(own)} differ from the defaults"
        )
        return show.table(("setting", "value", "what it is"), rows, caption=caption)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return the widgets where a person can use them; the table goes along in any case."""
        del include, exclude
        return show.widget_bundle(self.view.box) if is_somebody_there() else {}

    def _repr_html_(self) -> str:
        return f"<p>{escape(self.status)}</p>{self.table._repr_html_()}"

    def __repr__(self) -> str:
        """Return the settings as text."""
        return f"{self.status}\n{self.table!r}"


def _share(path: Path) -> None:
    if shared_target.is_shared():
        shared_target.choose(path)


def _is_hidden(name: str, message: str) -> bool:
    """Tell whether a message keeps the value to itself, since it may be a secret."""
    return message.startswith(f"{name}: (hidden) ")


def is_common(name: str) -> bool:
    """Tell whether every step takes a parameter."""
    extra: Any = FIELDS[name].json_schema_extra
    return not extra["steps"]


def is_for(name: str, *, cloud: object, is_other_store: bool = False) -> bool:
    """Tell whether a person who works on that cloud or store has anything to decide here."""
    description = FIELDS[name].description or ""
    if description.startswith("S3-compatible: "):
        return is_other_store
    named = _OF_CLOUDS.match(description)
    return named is None or cloud in named[1].lower().split(", ")


def choices(name: str, *, cloud: object) -> tuple[str, ...]:
    """Return the accepted values on a cloud, the usual one first; nothing for a free text."""
    if name == "encryption":
        return ("", *(e for n, terms in TERMS.items() if n == cloud for e in terms.encryptions))
    annotation = FIELDS[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def default_values() -> dict[str, Any]:
    """Return what every parameter is when nobody says anything."""
    return {name: field.get_default() for name, field in FIELDS.items()}


def as_text(value: object) -> str:
    """Return a value as a person would type it; what ``split`` and its kin take apart again."""
    match value:
        case dict():
            return ", ".join(f"{name}={text}" for name, text in value.items())
        case list() | tuple():
            parts = [str(part) for part in value]
            return ("; " if any(re.match(r"XC\d+:", part) for part in parts) else ", ").join(parts)
        case None:
            return ""
        case _:
            return str(value)
