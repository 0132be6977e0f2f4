"""What the form shows per setting, read from the model: section, choices, clouds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

from xcomkit.findings.model import CloudName
from xcomkit.settings.proof import ProofSettings
from xcomkit.settings.settings import Settings
from xcomkit.settings.target import TargetSettings
from xcomkit.settings.terms import TERMS

Section = Literal["target", "proof", "run"]

SECTIONS: Mapping[Section, str] = {
    "target": "Target: bucket, access and chart",
    "proof": "Proof: what is tried, and where",
    "run": "Run: what it may change",
}
_CLOUDS: Mapping[str, CloudName] = {"AWS": "aws", "Azure": "azure", "GCP": "gcp"}


@dataclass(frozen=True, slots=True)
class SettingField:
    """One setting as the form shows it; a help that begins with clouds is for those alone."""

    name: str
    help: str
    annotation: Any

    @property
    def section(self) -> Section:
        """Return where it stands: by the model that declares it."""
        if self.name in TargetSettings.model_fields:
            return "target"
        return "proof" if self.name in ProofSettings.model_fields else "run"

    def choices_on(self, cloud: object) -> tuple[str, ...]:
        """Return the accepted values on a cloud, the usual one first; nothing for a free text."""
        if self.name == "encryption":
            return ("", *(e for n, t in TERMS.items() if n == cloud for e in t.encryptions))
        return get_args(self.annotation) if get_origin(self.annotation) is Literal else ()

    def is_for(self, cloud: object) -> bool:
        """Tell whether a person who works on that cloud has anything to decide here."""
        named = re.match(r"((?:AWS|Azure|GCP)(?:, (?:AWS|Azure|GCP))*): ", self.help)
        return named is None or cloud in [_CLOUDS[word] for word in named[1].split(", ")]


def setting_fields() -> dict[str, SettingField]:
    """Return a field per setting, in the model's order."""
    return {
        name: SettingField(name, info.description or "", info.annotation)
        for name, info in Settings.model_fields.items()
    }


def default_values() -> dict[str, Any]:
    """Return what every parameter is when nobody says anything."""
    return {
        name: info.get_default(call_default_factory=True)
        for name, info in Settings.model_fields.items()
    }


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
