"""What the cover says of changes and faults, from the evidence that the steps left."""

from dataclasses import asdict, replace
from hashlib import sha256

import pytest
from record_samples import check, make_run

from xcomkit.cli.run import report
from xcomkit.findings import evidence
from xcomkit.findings.model import Change, FaultPair, Plan
from xcomkit.record.manifest import find_differences
from xcomkit.record.record import KeptFile, Resource, read_record
from xcomkit.record.summary import Summary
from xcomkit.record.write import write_record
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


def test_files_of_the_proof_have_their_digests_and_the_manifest_tells_when_one_changes(tmp_path):
    run = make_run(tmp_path / "r", step=STEPS[3])
    copy = run.directory / "values/values.yaml"
    copy.parent.mkdir()
    copy.write_text("a: 1\n")
    facts = {"files": {"values/values.yaml": "the file", "values/gone.yaml": "removed"}}
    evidence.write_evidence(run.directory, step=STEPS[3], content={"facts": facts})
    write_record(run)

    files = read_record(run.directory).files
    copy.write_text("a: 2\n")

    assert files == (KeptFile("values/values.yaml", sha256(b"a: 1\n").hexdigest(), "the file"),)
    assert find_differences(run.directory) == ("values/values.yaml was changed",)


@pytest.mark.parametrize(
    ("checks", "settings", "steps", "said"),
    [
        ([check("XC511", "fail", remedy="Do this.", fix_in="03")], {}, STEPS,
         "Fix XC511 in 03_helm_values: do this; then run 00_prerequisites again."),
        ([], {"endpoint_url": "embedded"}, STEPS, "xcomkit run -f parameters/aws.yaml"),
        ([], {}, STEPS[:6], "xcomkit run 06 07 -f FILE"),
        ([], {}, STEPS, "then run step 04 with run_in: kubectl"),
        ([], {"run_in": "kubectl"}, STEPS, "Hand this record over"),
    ],
    ids=["red", "practice", "partial", "whole", "in the pods"],
)  # fmt: skip
def test_what_is_next_follows_from_how_far_the_proof_is(tmp_path, checks, settings, steps, said):
    run = make_run(tmp_path / "r", *checks, **settings)
    run.results[:] = [replace(run.results[0], name=step) for step in steps]

    assert said in Summary(run).next


def test_terminal_says_settings_in_words_and_in_one_line_what_nothing_objected_to(tmp_path, capsys):
    quiet = [check(f"XC0{number}", observed="no objection") for number in range(10, 50)]
    report(make_run(tmp_path / "r", check("XC205", observed='{"Status": "Enabled"}'), *quiet))

    said = capsys.readouterr().out
    assert "XC205  ✔ pass  XC205 holds                Versioning: enabled" in said
    assert "40 rules about the values  no objection" in said
    assert said.count("no objection") == 1


def test_damaged_evidence_says_nothing_and_stops_nothing(tmp_path):
    found = summary(tmp_path, facts={"compared": "none"})
    (tmp_path / "r/created.json").write_text("{")

    assert (found.list_changes(), found.proof.compared, found.caller) == ((), (), "")
