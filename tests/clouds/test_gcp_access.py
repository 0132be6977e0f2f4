from typing import Any

import pytest
from gcp_rig import GcpRig
from rig import SUBJECTS, red

from xcomkit.clouds.gcp.access import email

AUDITOR = {"role": "roles/storage.objectViewer", "members": ["group:auditors@example.com"]}


@pytest.fixture
def rig(signed_in) -> GcpRig:
    made = GcpRig(signed_in("gcp"))
    made.make_bucket()
    made.make_access()
    return made


def bindings(rig: GcpRig) -> list[dict[str, Any]]:
    found = rig.call("GET", f"{rig.path}/iam?optionsRequestedPolicyVersion=3")
    return found["bindings"]


def bind(rig: GcpRig, *more: dict[str, Any]) -> None:
    policy = rig.call("GET", f"{rig.path}/iam?optionsRequestedPolicyVersion=3")
    policy = {**policy, "version": 3, "bindings": [*policy["bindings"], *more]}
    rig.call("PUT", f"{rig.path}/iam", json=policy)


def test_changed_prefix_takes_the_right_on_the_old_one_back_with_one_apply(rig):
    bind(rig, AUDITOR)
    rig.reopen(prefix="astro/other")

    plan = rig.cloud.access.plan(SUBJECTS)
    rig.cloud.access.apply(plan, SUBJECTS)

    (gone,) = (change for change in plan.pending if change.action == "delete")
    assert "astro/xcom/" in gone.before
    assert gone.after == "absent"
    assert gone.command.startswith("gcloud storage buckets remove-iam-policy-binding")
    assert not red(rig.access_checks())
    assert "astro/xcom/" not in str(bindings(rig))
    assert AUDITOR in bindings(rig)


def test_other_members_of_the_old_binding_keep_it_to_the_letter(rig):
    (old,) = (b for b in bindings(rig) if "/astro/xcom/" in str(b.get("condition")))
    ours, theirs = old["members"][0], "serviceAccount:reader@other-project.iam.gserviceaccount.com"
    others = [{**b, "members": sorted([theirs, ours])} if b == old else b for b in bindings(rig)]
    rig.call("PUT", f"{rig.path}/iam", json={"version": 3, "bindings": others})
    rig.reopen(prefix="astro/other")

    rig.make_access()

    assert {**old, "members": [theirs]} in bindings(rig)
    assert not red(rig.access_checks())


def test_right_that_somebody_else_gave_the_account_is_kept_and_red(rig):
    given = {
        "role": "roles/storage.objectViewer",
        "members": [f"serviceAccount:{email(rig.settings)}"],
    }
    bind(rig, given)

    plan = rig.cloud.access.plan(SUBJECTS)
    rig.cloud.access.apply(plan, SUBJECTS)

    (row,) = (change for change in plan.changes if change.action == "keep")
    assert row.note == "somebody else's: remove it yourself"
    assert given in bindings(rig)
    assert "further roles/storage.objectViewer" in rig.access_checks()["XC303"].observed


def test_equal_binding_whose_condition_has_another_title_is_taken_as_it_is(rig):
    renamed = [
        {**b, "condition": {**b["condition"], "title": "made by terraform"}}
        if "condition" in b
        else b
        for b in bindings(rig)
    ]
    rig.call("PUT", f"{rig.path}/iam", json={"version": 3, "bindings": renamed})

    assert not rig.cloud.access.plan(SUBJECTS).pending
    assert not red(rig.access_checks())


def test_bucket_of_a_shared_data_project_is_used_by_an_account_of_another_project(signed_in):
    account = "xcom-agents@team-project.iam.gserviceaccount.com"
    rig = GcpRig(signed_in("gcp"), service_account=account)

    rig.make_bucket()
    rig.make_access()

    assert not red(rig.access_checks())
    assert f"project {rig.settings.project}" in rig.bucket_checks()["XC201"].expected
    assert rig.cloud.annotations() == {"iam.gke.io/gcp-service-account": account}
    assert not rig.cloud.access.plan(SUBJECTS).pending


def test_bucket_that_can_be_used_but_is_of_another_project_is_not_ours(signed_in):
    theirs = GcpRig(signed_in("gcp"))
    theirs.make_bucket()
    rig = GcpRig(theirs.stand_in, bucket=theirs.settings.bucket, project="team-project")

    check = rig.bucket_checks()["XC201"]

    assert check.status == "fail"
    assert "set project to the bucket's" in check.observed
    assert not rig.cloud.bucket.plan().pending


def test_bindings_of_others_with_and_without_condition_stay_to_the_letter(rig):
    until = {"title": "until spring", "expression": 'request.time < timestamp("2027-03-01T00:00Z")'}
    theirs = [
        {"role": "roles/storage.objectViewer", "members": ["group:auditors@example.com"]},
        {"role": "roles/storage.objectUser", "condition": until,
         "members": ["user:a@example.com", "user:b@example.com"]},
        {"role": "projects/p/roles/custom", "members": ["user:a@example.com"]},
    ]  # fmt: skip
    rig.call("PUT", f"{rig.path}/iam", json={"version": 3, "bindings": theirs})

    rig.make_access()

    assert [binding for binding in bindings(rig) if binding in theirs] == sorted(
        theirs, key=lambda binding: binding["role"]
    )
    assert not red(rig.access_checks())
