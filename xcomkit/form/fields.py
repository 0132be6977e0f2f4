"""What the form shows per setting, read from the model: kind, choices, bounds, unit, clouds.

Only the order of reading is decided here: which section a setting stands in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args, get_origin

from xcomkit.model import CloudName
from xcomkit.settings import Settings
from xcomkit.settings.proof import ProofSettings
from xcomkit.settings.target import TargetSettings
from xcomkit.terms import TERMS, Terms

Kind = Literal["text", "number", "switch", "choice"]
Section = Literal["target", "access", "chart", "proof", "run"]

SECTIONS: Mapping[Section, str] = {
    "target": "Target: bucket and what it keeps",
    "access": "Access: who may reach it",
    "chart": "Chart: how agents are told",
    "proof": "Proof: what is tried, and where",
    "run": "Run: what it may change",
}
_CHART = (
    "connection_id", "connection_store", "threshold", "backend", "compression", "namespace",
    "release", "resource_name_prefix", "workers", "values_file",
)  # fmt: skip
_ELSEWHERE: Mapping[str, Section] = {
    "role_name": "access",
    "managed_identity": "access",
    "service_account": "access",
    "oidc_issuer": "access",
    "workload_pool": "access",
    "tags": "target",
    "step_timeout": "run",
    **dict.fromkeys(_CHART, "chart"),
}
_CLOUDS: Mapping[str, CloudName] = {"AWS": "aws", "Azure": "azure", "GCP": "gcp"}
_UNITS = ("bytes", "days", "seconds", "ms")
ONE_RUN_ONLY = ("confirm_delete", "run_dir")
"""Settings that belong to one run: a saved name would delete again next time."""


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting as the form shows it."""

    name: str
    help: str
    kind: Kind
    section: Section
    unit: str
    clouds: tuple[CloudName, ...]
    bounds: tuple[int | None, int | None]
    choices: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Return the parameter's own name, as files and refusals spell it, with its unit."""
        is_said = not self.unit or self.unit in self.name
        return self.name if is_said else f"{self.name} ({self.unit})"

    def choices_on(self, cloud: object) -> tuple[str, ...]:
        """Return the accepted values on a cloud, the usual one first."""
        terms = _terms(cloud)
        if terms is None:
            return self.choices
        match self.name:
            case "encryption":
                return ("", *terms.encryptions)
            case "connection_store":
                return tuple(terms.connection_stores)
            case _:
                return self.choices

    def bounds_on(self, cloud: object) -> str:
        """Return the accepted range in words, empty where there is none."""
        terms = _terms(cloud)
        low, high = self.bounds
        if self.name == "noncurrent_days" and terms:
            low, high = terms.noncurrent_days
        if low is None:
            return ""
        return f"{low} to {high}" if high is not None else f"{low} or more"

    def is_for(self, cloud: object) -> bool:
        """Tell whether a person who works on that cloud has anything to decide here."""
        if self.kind == "choice" and len(self.choices_on(cloud)) < 2:
            return False
        return not self.clouds or cloud in self.clouds


@cache
def setting_fields() -> Mapping[str, SettingField]:
    """Return a field per setting, in the model's order."""
    return {name: _field(name) for name in Settings.model_fields}


def defaults_on(cloud: object) -> dict[str, Any]:
    """Return what every parameter is on a cloud when nobody says anything."""
    terms = _terms(cloud)
    return Settings.model_validate({"cloud": cloud} if terms else {}).to_parameters()


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


def _terms(cloud: object) -> Terms | None:
    """Return a cloud's words, nothing for what is no cloud: a parameter may hold anything."""
    return next((terms for name, terms in TERMS.items() if name == cloud), None)


def _field(name: str) -> SettingField:
    info = Settings.model_fields[name]
    text = info.description or ""
    clouds = re.match(r"((?:AWS|Azure|GCP)(?:, (?:AWS|Azure|GCP))*): ", text)
    first = text.split()[0]
    limits = {
        key: getattr(m, key) for m in info.metadata for key in ("ge", "le") if hasattr(m, key)
    }
    kind, choices = _kind(name, info.annotation)
    return SettingField(
        name=name,
        help=text,
        kind=kind,
        section=_section(name),
        unit=first if first in _UNITS else "",
        clouds=tuple(_CLOUDS[word] for word in clouds[1].split(", ")) if clouds else (),
        bounds=(limits.get("ge"), limits.get("le")),
        choices=choices,
    )


def _kind(name: str, annotation: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(annotation) is Literal:
        return "choice", get_args(annotation)
    if name == "encryption":
        words = (word for terms in TERMS.values() for word in terms.encryptions)
        return "choice", ("", *words)
    if annotation is bool:
        return "switch", ()
    return ("number" if annotation is int else "text"), ()


def _section(name: str) -> Section:
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name in TargetSettings.model_fields:
        return "target"
    return "proof" if name in ProofSettings.model_fields else "run"
