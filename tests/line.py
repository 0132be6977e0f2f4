"""The runbook's own steps on a rig's target in this process: what must turn red needs no kernel."""

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from rig import Rig

from xcomkit.findings.model import Check
from xcomkit.notebook.effective import FRAGMENT
from xcomkit.notebook.step import Step
from xcomkit.settings.settings import Settings, parameters_of
from xcomkit.stand_ins.common.stand_in import StandIn
from xcomkit.steps import helm_values
from xcomkit.steps.opening import STEPS, open_step

Cell = Callable[[Step], object]
QUICK = {"payload_sizes": "1000", "repetitions": 1}


def become_administrator(running: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in running.replaced:
        monkeypatch.delenv(name, raising=False)
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)


class Line:
    """A target and a run directory, and the steps that work on both."""

    def __init__(self, rig: Rig, run: Path) -> None:
        self.rig = rig
        self.run = run

    def settings(self, **parameters: object) -> Settings:
        own = {**self.rig.settings.to_parameters(), "run_dir": str(self.run)}
        return Settings.from_mapping({**own, **QUICK, **parameters})

    def do(self, *cells: Cell, **parameters: object) -> dict[str, Check]:
        """Run cells as notebooks do, with ``apply`` as the rig has it; return their checks."""
        settings = self.settings(**parameters)
        found: dict[str, Check] = {}
        for module, group in groupby(cells, key=lambda cell: cell.__module__.rpartition(".")[2]):
            name = next(step for step in STEPS if step[3:] == module)
            step = open_step(name, settings)
            for cell in group:
                cell(step)
            step.save()
            found |= {check.id: check for check in step.verdicts}
            surplus = {*step.settings.reads} - {*parameters_of(name)}
            assert not surplus, f"{name} reads {surplus}"
        return found

    def values(self, **variables: str | None) -> Path:
        """Return a complete values file of the user's, with other variables, or without some."""
        self.do(helm_values.plan, helm_values.apply)
        path = self.run / "theirs.yaml"
        path.write_text((self.run / FRAGMENT).read_text())

        def change(document: dict[str, Any]) -> None:
            document["xcomBackend"] = variables.pop("backend", None) or document["xcomBackend"]
            known = {entry["name"]: entry["value"] for entry in document["commonEnv"]} | variables
            kept = [{"name": n, "value": v} for n, v in known.items() if v is not None]
            document["commonEnv"] = kept

        return edited(path, change)


def edited(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Return a values file after a change to its document."""
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path
