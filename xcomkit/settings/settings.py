"""All parameters of a run in one flat, documented and validated model.

The same model reads ``parameters/*.yaml``, ``-p name=value`` pairs and the namespace of a notebook.
A refusal names the field, the value and what is accepted, in one line, and never repeats a secret.
"""

import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from xcomkit.findings.errors import SettingsError
from xcomkit.settings.parameter_file import read_parameters
from xcomkit.settings.proof import ProofSettings
from xcomkit.settings.refusals import (
    SECRET_NAME,
    hidden,
    in_lines,
    split_accepted,
    split_tags,
    unknown_name,
)
from xcomkit.settings.shared_target import read_choice
from xcomkit.settings.terms import EMBEDDED, TERMS, contradictions

PRACTICE_FILE = "parameters/local-{cloud}.yaml"

_ACCEPTED = re.compile(r"(XC\d{3}): *(\S.*)")


class Asked(NamedTuple):
    """What was asked for, not yet judged: where it stands, and the file it was read from."""

    values: dict[str, Any]
    source: str
    file: Path | None = None


class Settings(ProofSettings):
    """What a run is bound to; every field is a parameter of every notebook."""

    tags: Annotated[dict[str, str], BeforeValidator(split_tags)] = Field(
        default_factory=dict,
        description="tags of what is created, name and value joined by an equals sign",
    )
    accepted: Annotated[tuple[str, ...], BeforeValidator(split_accepted)] = Field(
        (), description="risks taken knowingly, as XC123: reason; XC124: reason"
    )
    apply: bool = Field(
        default=False, description="False: show the plan only; True: make the changes"
    )
    confirm_delete: str = Field(
        "", description="type the bucket's name to let step 07 delete bucket and identity"
    )
    run_dir: str = Field("", description="directory of this run; empty: a new one below runs/")

    @field_validator("tags")
    @classmethod
    def _tags(cls, value: dict[str, str]) -> dict[str, str]:
        if any(SECRET_NAME.search(name) for name in value):
            raise hidden("a tag of that name looks like a secret, which no parameter may hold")
        return value

    @field_validator("accepted")
    @classmethod
    def _accepted_risks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _ACCEPTED.fullmatch(item) for item in value):
            raise ValueError("accepted is the check's id and a reason, as XC123: reason")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        refusals = contradictions(self)
        for name, reason in refusals.items():
            if reason:
                raise ValueError(f"{name}: {getattr(self, name)!r} is refused: {reason}")
        return self

    @property
    def base_path(self) -> str:
        """Return the XCom path, ``<protocol>://<connection-id>@<bucket>/<prefix>`` (guide)."""
        return f"{TERMS[self.cloud].scheme}://{self.connection_id}@{self.bucket}/{self.prefix}"

    @property
    def place(self) -> str:
        """Return where the objects are, as a person would write it down."""
        return TERMS[self.cloud].place.format(
            bucket=self.bucket, prefix=self.prefix, storage_account=self.storage_account
        )

    @property
    def target(self) -> str:
        """Return what makes two runs those of one target: where the objects are, and by which way.

        A stand-in is not the cloud.
        """
        return f"{self.cloud} {self.place} {self.endpoint_url}".strip()

    @property
    def accepted_reasons(self) -> dict[str, str]:
        """Return the reason per accepted check id."""
        found = (_ACCEPTED.fullmatch(item) for item in self.accepted)
        return {match[1]: match[2] for match in found if match}

    @property
    def is_embedded(self) -> bool:
        """Tell whether the target is the stand-in shipped with this package."""
        return self.endpoint_url == EMBEDDED

    @property
    def is_compatible_store(self) -> bool:
        """Tell whether the target speaks S3 and is not AWS: it has keys, and no IAM."""
        return self.endpoint_url not in ("", EMBEDDED)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, source: str = "parameters") -> Self:
        """Return validated settings.

        Raises:
            SettingsError: on the first refused name or value, in one line.
        """
        settings, refusals = cls._judge(values)
        if settings is None or refusals:
            raise SettingsError(next(iter(refusals.values())), hint=f"correct {source}.")
        return settings

    @classmethod
    def find_refusals(cls, values: Mapping[str, Any]) -> dict[str, str]:
        """Return each refusal in one line, under its parameter."""
        return cls._judge(values)[1]

    @classmethod
    def _judge(cls, values: Mapping[str, Any]) -> tuple[Self | None, dict[str, str]]:
        """Return the settings of what is accepted, if that is enough, and all refusals."""
        refused = {}
        for name, value in values.items():
            if not _is_plain(value):
                accepted = "accepted are texts, numbers and lists of them"
                refused[name] = f"{name}: (hidden) is refused: {accepted}."
            elif name not in cls.model_fields:
                refused[name] = unknown_name(name, value, known=cls.model_fields)
        given = {
            name: value
            for name, value in values.items()
            if name not in refused and (value is not None or name == "compression")
        }
        try:
            settings = cls(**given)
        except ValidationError as error:
            return None, refused | in_lines(error, values)
        for name in ("bucket", *TERMS[settings.cloud].needed):
            if not getattr(settings, name):
                lack = f"{name}: '' is refused: {settings.cloud} cannot do without it."
                refused.setdefault(name, lack)
        return settings, refused

    @classmethod
    def from_yaml(cls, path: Path, *, overrides: Mapping[str, Any] | None = None) -> Self:
        """Return the settings of a parameter file, each override replacing its value.

        Raises:
            SettingsError: when the file cannot be read or a value is refused.
        """
        given = overrides or {}
        source = f"{path.name} or what replaces it (-p)" if given else path.name
        return cls.from_mapping({**read_parameters(path), **given}, source=source)

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any], *, root: Path) -> Self:
        """Return the settings found in a notebook's namespace; ``notebook_values`` says how.

        Raises:
            SettingsError: also for a name that only a typo could have put there.
        """
        asked = cls.notebook_values(namespace, root=root)
        return cls.from_mapping(asked.values, source=asked.source)

    @classmethod
    def notebook_values(cls, namespace: Mapping[str, Any], *, root: Path) -> Asked:
        """Return what a notebook's namespace asks for, as it and its file are now.

        A namespace without bucket and endpoint means that nobody named a target: that of this
        JupyterLab is used, else the practice target ``parameters/local-<cloud>.yaml``, under
        whatever else differs from the defaults. Nothing of that file is ever mixed into a target
        that is named, or into another cloud's.

        Raises:
            SettingsError: the file cannot be read.
        """
        values = plain_values(namespace)
        if values.get("bucket") or values.get("endpoint_url"):
            return Asked(values, "the parameters of this notebook")
        defaults = cls().to_parameters()
        passed = {n: v for n, v in values.items() if not _is_usual(v, default=defaults.get(n))}
        changed = {name: value for name, value in passed.items() if value != ""}
        file = _target_file(changed.get("cloud"), root=root)
        source = f"{file.name} or what replaces it (-p)" if changed else file.name
        return Asked({**read_parameters(file), **changed}, source, file)

    @property
    def recorded(self) -> dict[str, Any]:
        """Return the settings as evidence and records keep them: all but where they lie."""
        return self.model_dump(mode="json", exclude={"run_dir"})

    @property
    def reads(self) -> list[str]:
        """Return the fields that a step has read: all of them, where nobody observes it."""
        return sorted(Settings.model_fields)

    def to_parameters(self) -> dict[str, Any]:
        """Return the settings as plain JSON values, as a parameter file would hold them."""
        return self.model_dump(mode="json")


def _target_file(cloud: object, *, root: Path) -> Path:
    """Return the file of the target that nobody named; ``cloud`` is the one asked for, if any."""
    chosen = read_choice()
    usual = Settings.model_fields["cloud"].default
    if chosen and (not cloud or read_parameters(chosen).get("cloud", usual) == cloud):
        return chosen
    return root / PRACTICE_FILE.format(cloud=cloud if cloud in tuple(TERMS) else usual)


def _is_usual(value: object, *, default: object) -> bool:
    """Tell whether a value is the default; a parameters cell spells a list as one text."""
    if isinstance(default, list) and value == ",".join(map(str, default)):
        return True
    return value == default


def _is_plain(value: object, *, depth: int = 4) -> bool:
    """Tell whether a value can be searched for secrets and shown: nothing endless, no raw bytes."""
    match value:
        case dict():
            parts = (*value, *value.values())
        case list() | tuple():
            parts = tuple(value)
        case int():
            return value.bit_length() < 1000
        case _:
            return value is None or isinstance(value, str | float | date)
    return depth > 0 and all(_is_plain(part, depth=depth - 1) for part in parts)


def plain_values(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a notebook's namespace can be a parameter; modules and results are none."""
    plain = (bool, int, float, str, list, tuple, dict, type(None))
    return {
        name: value
        for name, value in namespace.items()
        if not name.startswith("_") and name not in ("In", "Out") and isinstance(value, plain)
    }
