"""What a notebook takes as parameters is what its step reads, on all clouds together."""

import pytest
from aws_rig import AwsRig
from azure_rig import AzureRig
from gcp_rig import GcpRig
from line import Line, become_administrator

from xcomkit.findings import evidence
from xcomkit.settings.settings import parameters_of
from xcomkit.steps import (
    create_bucket,
    grant_access,
    helm_values,
    inspect_objects,
    prerequisites,
    tear_down,
)

EVERYWHERE = set(parameters_of("00_prerequisites"))


def sizes(step):
    return inspect_objects.list_part(step, "sizes")


sizes.__module__ = inspect_objects.__name__
CELLS = (
    prerequisites.check_environment, prerequisites.check_caller, prerequisites.write_requirements,
    create_bucket.plan, create_bucket.apply, create_bucket.verify,
    grant_access.plan, grant_access.apply, grant_access.verify,
    helm_values.plan, helm_values.apply, helm_values.show_environment, helm_values.verify,
    helm_values.show_next_steps,
    inspect_objects.summarise_prefix, sizes, inspect_objects.forecast_deletions,
    inspect_objects.summarise_state, inspect_objects.open_newest, inspect_objects.verify,
    tear_down.plan_objects, tear_down.remove_objects, tear_down.verify_objects,
    tear_down.plan_target, tear_down.remove_target, tear_down.verify_target,
)  # fmt: skip
BY_THE_WAY = {"apply", "kms_key", "workload_pool"}
"""Read by what changes something, by a key of one's own, and by clusters of other projects."""


def test_notebook_takes_what_its_step_reads_and_nothing_else(stand_ins, tmp_path):
    reads: dict[str, set[str]] = {}
    for kind in (AwsRig, AzureRig, GcpRig):
        with pytest.MonkeyPatch.context() as patch:
            running = stand_ins(kind.cloud_name)
            become_administrator(running, patch)
            line = Line(kind(running), tmp_path / kind.cloud_name)
            line.do(*CELLS)
            for path in (line.run / "evidence").glob("*.json"):
                found = evidence.read_evidence(line.run, step=path.stem)
                reads.setdefault(path.stem, set()).update(found["reads"])

    assert len(reads) == 6
    for step, names in reads.items():
        taken = set(parameters_of(step))
        surplus = taken - names - EVERYWHERE - BY_THE_WAY
        assert not surplus, f"{step} does not read {surplus}"
