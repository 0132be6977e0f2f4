"""All parameters of a run in one flat, documented and validated model.

The same model reads ``parameters/*.yaml``, ``-p name=value`` pairs and the namespace of a notebook.
A message names the field, the value and what it must be, in one line, and never repeats a secret.
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo

from xcomkit.findings.errors import SettingsError
from xcomkit.findings.text import listed
from xcomkit.settings.parameter_file import read_parameters
from xcomkit.settings.proof import ProofSettings
from xcomkit.settings.shared_target import read_choice
from xcomkit.settings.terms import EMBEDDED, TERMS, contradictions
from xcomkit.settings.validators import (
    SECRET_NAME,
    hidden,
    in_lines,
    parameter,
    split,
    split_tags,
    unknown_name,
)

PRACTICE_FILE = "parameters/local-{cloud}.yaml"
ONE_RUN_ONLY = ("confirm_delete", "run_dir")
"""Parameters that belong to one run: a saved name would delete again next time."""

_MOST = 10  # problems of a file that are named
_RISK = re.compile(r"(XC\d{3}): *(\S.*)")


class Asked(NamedTuple):
    """What was asked for, not yet judged: where it stands, and the file it was read from."""

    values: dict[str, Any]
    source: str
    file: Path | None = None


class Settings(ProofSettings):
    """What a run is bound to; every field is a parameter."""

    tags: Annotated[dict[str, str], BeforeValidator(split_tags)] = parameter(
        {}, "01 02 06", "tags of what is created, name and value joined by an equals sign"
    )
    accepted: Annotated[tuple[str, ...], BeforeValidator(partial(split, at=";"))] = parameter(
        (), "", "risks taken knowingly, as XC123: reason; XC124: reason"
    )
    apply: bool = parameter(
        False, "01 02 03 04 06 07", "False: show the plan only; True: make the changes"
    )
    confirm_delete: str = parameter(
        "", "07", "type the bucket's name to let step 07 delete bucket and identity"
    )
    run_dir: str = parameter("", "", "directory of this run; empty: a new one below runs/")

    @field_validator("tags")
    @classmethod
    def _tags(cls, value: dict[str, str]) -> dict[str, str]:
        if any(SECRET_NAME.search(name) for name in value):
            raise hidden("a tag of that name looks like a secret, which no parameter may hold")
        return value

    @field_validator("accepted")
    @classmethod
    def _accepted_risks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not _RISK.fullmatch(item) for item in value):
            raise ValueError("must be the check's id and a reason, as XC123: reason")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for name, reason in contradictions(self):
            raise ValueError(f"{name}: {getattr(self, name)!r} is invalid: {reason}")
        return self

    @property
    def base_path(self) -> str:
        """Return the XCom path, ``<protocol>://<connection-id>@<bucket>/<prefix>`` (guide)."""
        return f"{TERMS[self.cloud].scheme}://{self.connection_id}@{self.bucket}/{self.prefix}"

    @property
    def state_path(self) -> str:
        """Return the path of the state store, which has the connection of the XCom path."""
        return f"{self.base_path.removesuffix(self.prefix)}{self.state_prefix}"

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Return the prefixes that agents write below."""
        return (self.prefix, self.state_prefix) if self.state_store else (self.prefix,)

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
        found = (_RISK.fullmatch(item) for item in self.accepted)
        return {match[1]: match[2] for match in found if match}

    @property
    def is_embedded(self) -> bool:
        """Tell whether the target is the stand-in shipped with this package."""
        return self.endpoint_url == EMBEDDED

    @property
    def is_compatible_store(self) -> bool:
        """Tell whether the target speaks S3 and is not AWS: it has keys, and no IAM."""
        return self.endpoint_url not in ("", EMBEDDED)

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

    def to_file(self) -> dict[str, Any]:
        """Return what a parameter file of these has to hold: what differs from the defaults."""
        usual = Settings(cloud=self.cloud).to_parameters()
        own = {n: v for n, v in self.to_parameters().items() if v != usual[n]}
        names = {"cloud", "bucket", *own} - {*ONE_RUN_ONLY}
        return {n: v for n, v in self.to_parameters().items() if n in names}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, source: str = "parameters") -> Self:
        """Return validated settings.

        Raises:
            SettingsError: on invalid names and values, all of them in one line.
        """
        settings, problems = cls._judge(values)
        if settings is None or problems:
            empty = [
                name
                for name, problem in problems.items()
                if "placeholder" in problem or ": '' is invalid" in problem
            ]
            do = (
                f"fill in {listed(empty, most=_MOST)} in"
                if len(empty) == len(problems)
                else "correct"
            )
            problem = listed([*problems.values()], most=_MOST, separator=" ")
            raise SettingsError(problem, hint=f"{do} {source}.")
        return settings

    @classmethod
    def find_problems(cls, values: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with each parameter, in one line."""
        return cls._judge(values)[1]

    @classmethod
    def _judge(cls, values: Mapping[str, Any]) -> tuple[Self | None, dict[str, str]]:
        """Return the settings of what is valid, if that is enough, and all problems."""
        problems = {}
        for name, value in values.items():
            if not _is_plain(value):
                problems[name] = f"{name}: (hidden) is invalid: must be a text, number or list."
            elif name not in cls.model_fields:
                problems[name] = unknown_name(name, value, known=cls.model_fields)
        given = {n: v for n, v in values.items() if n not in problems}
        given = {n: v for n, v in given.items() if v is not None or n == "compression"}
        try:
            settings = cls(**given)
        except ValidationError as error:
            found = in_lines(error, values)
            rest = {name: value for name, value in values.items() if name not in found}
            # what contradicts another parameter is seen only where each by itself is valid
            is_last = "cloud" in found or len(rest) == len(values)
            more = {} if is_last else cls._judge(rest)[1]
            return None, problems | found | {n: p for n, p in more.items() if n not in found}
        for name in ("bucket", *TERMS[settings.cloud].needed):
            if not getattr(settings, name):
                lack = f"{name}: '' is invalid: {settings.cloud} cannot do without it."
                problems.setdefault(name, lack)
        return settings, problems

    @classmethod
    def from_yaml(cls, path: Path, *, overrides: Mapping[str, Any] | None = None) -> Self:
        """Return the settings of a parameter file, each override replacing its value.

        Raises:
            SettingsError: when the file cannot be read or a value is invalid.
        """
        given = overrides or {}
        source = f"{path.name} or what replaces it (-p)" if given else path.name
        return cls.from_mapping({**read_parameters(path), **given}, source=source)

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any], *, root: Path) -> Self:
        """Return the settings found in a notebook's namespace; ``read_notebook`` says how.

        Raises:
            SettingsError: also for a name that only a typo could have put there.
        """
        asked = read_notebook(namespace, root=root)
        return cls.from_mapping(asked.values, source=asked.source)


def read_notebook(namespace: Mapping[str, Any], *, root: Path) -> Asked:
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
    usual = Settings().to_parameters()
    for name, default in usual.items():
        if isinstance(default, list) and values.get(name) == ",".join(map(str, default)):
            values[name] = default  # a parameters cell spells a list as one text
    changed = {n: v for n, v in values.items() if v not in ("", usual.get(n, ""))}
    file = _target_file(changed.get("cloud"), root=root)
    source = f"{file.name} or what replaces it (-p)" if changed else file.name
    return Asked({**read_parameters(file), **changed}, source, file)


def _target_file(cloud: object, *, root: Path) -> Path:
    """Return the file of the target that nobody named; ``cloud`` is the one asked for, if any."""
    chosen = read_choice()
    usual = Settings.model_fields["cloud"].default
    if chosen and (not cloud or read_parameters(chosen).get("cloud", usual) == cloud):
        return chosen
    return root / PRACTICE_FILE.format(cloud=cloud if cloud in tuple(TERMS) else usual)


def _is_plain(value: object, *, depth: int = 4) -> bool:
    """Tell whether a value can be searched for secrets and shown: nothing endless, no raw bytes."""
    if isinstance(value, int):
        return value.bit_length() < 1000
    if not isinstance(value, dict | list | tuple):
        return value is None or isinstance(value, str | float | date)
    parts = (*value, *value.values()) if isinstance(value, dict) else value
    return depth > 0 and all(_is_plain(part, depth=depth - 1) for part in parts)


def plain_values(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a notebook's namespace can be a parameter; modules and results are none."""
    plain = (bool, int, float, str, list, tuple, dict, type(None))
    named = {n: v for n, v in namespace.items() if not n.startswith("_") and n not in ("In", "Out")}
    return {name: value for name, value in named.items() if isinstance(value, plain)}


def parameters_of(notebook: str) -> tuple[str, ...]:
    """Return the parameters that a notebook takes: what its step reads; without a step, all."""
    fields = Settings.model_fields.items()
    return tuple(name for name, field in fields if _is_taken(field, number=notebook[:2]))


def _is_taken(field: FieldInfo, *, number: str) -> bool:
    extra: Any = field.json_schema_extra
    return not number.isdigit() or not extra["steps"] or number in extra["steps"]
