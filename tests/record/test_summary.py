"""What the cover says of changes and faults, from the evidence that the steps left."""

from dataclasses import asdict

import pytest
from record_samples import check, make_run

from xcomkit.findings import evidence
from xcomkit.findings.model import Change, FaultPair, Plan
from xcomkit.record.record import Resource
from xcomkit.record.summary import Summary
from xcomkit.steps.opening import STEPS

TITLE = "Bucket b"
SETTINGS = {"versioning": "create", "encryption": "update", "tags": "unchanged", "policy": "keep"}


def summary(tmp_path, *plans, step=STEPS[1], checks=(), created=(), **content):
    run = make_run(tmp_path / "r", *checks, step=step)
    evidence.write_evidence(run.directory, step=step, content={"plans": plans, **content})
    for kind, names in created:
        evidence.record_created(run.directory, kind=kind, names=names)
    return Summary(run)


def plan(settings):
    rows = [Change("b", name, "x", "y", action) for name, action in settings.items()]
    return Plan(TITLE, tuple(rows))


@pytest.mark.parametrize(
    ("applied", "became"),
    [
        (
            {TITLE: ["encryption: MethodNotAllowed"]},
            Resource("b", created=("versioning",), fulfilled_already=("tags",), not_made=(
                "encryption (the service did not take it)", "policy (left alone)")),
        ),
        (
            {},
            Resource("b", fulfilled_already=("tags",), not_made=(
                "versioning (planned only)", "encryption (planned only)", "policy (left alone)")),
        ),
        (
            {TITLE: None},
            Resource("b", fulfilled_already=("tags",), not_made=(
                "versioning (unknown: it broke off)", "encryption (unknown: it broke off)",
                "policy (left alone)")),
        ),
    ],
    ids=["carried out", "apply was off", "broke off"],
)  # fmt: skip
def test_every_planned_setting_is_in_one_column_and_never_said_to_be_made_without_proof(
    tmp_path, applied, became
):
    assert summary(tmp_path, plan(SETTINGS), applied=applied).list_changes() == (became,)


def test_step_that_is_run_again_does_not_call_its_own_work_older_than_the_run(tmp_path):
    again = summary(
        tmp_path, plan({"versioning": "unchanged"}), created=[("resources", ["versioning b"])]
    )

    assert again.list_changes() == (Resource("b", created=("versioning",)),)


@pytest.mark.parametrize(("status", "gone"), [("pass", ("2 objects",)), ("fail", ())])
def test_test_objects_count_as_deleted_only_where_nothing_of_them_was_found(tmp_path, status, gone):
    (row,) = summary(
        tmp_path, checks=[check("XC801", status)], created=[("objects", ["a", "b"])]
    ).list_changes()

    assert (row.created, row.deleted) == (("2 objects",), gone)


def test_faults_are_those_of_the_proof(tmp_path):
    pair = FaultPair("push", "403", "raised", "silent loss")
    facts = {"configured": ["durable", "none"], "compared": [asdict(pair)]}

    found = summary(tmp_path, step=STEPS[4], facts=facts)

    assert (found.proof.configured, found.proof.compared) == (("durable", "none"), (pair,))


def test_damaged_evidence_says_nothing_and_stops_nothing(tmp_path):
    found = summary(tmp_path, facts={"compared": "none"})
    (tmp_path / "r/created.json").write_text("{")

    assert (found.list_changes(), found.proof.compared, found.caller) == ((), (), "")
