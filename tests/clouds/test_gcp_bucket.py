from typing import Any

import pytest
from gcp_rig import GcpRig
from google.cloud.storage import Bucket
from rig import SUBJECTS, red

from xcomkit.clouds.gcp.bucket_settings import SETTINGS, lifecycle
from xcomkit.findings.errors import ConflictError, ServiceError
from xcomkit.findings.model import Plan
from xcomkit.settings.settings import Settings

TARGET = Settings.from_mapping(
    {"cloud": "gcp", "bucket": "xcom", "prefix": "astro/xcom", "project": "my-project"}
)
OURS = ["astro/xcom/"]


def rule(action: str = "Delete", **condition: Any) -> dict[str, Any]:
    return {"action": {"type": action}, "condition": condition}


def test_rule_of_somebody_else_for_exactly_our_prefix_is_kept():
    colder = rule("SetStorageClass", age=10, matchesPrefix=OURS)

    assert lifecycle(TARGET, [colder])[0] == colder


def test_older_rule_of_ours_is_replaced_and_not_doubled():
    before = lifecycle(TARGET.model_copy(update={"retention_days": 5}), [])

    after = lifecycle(TARGET, before)

    assert len(after) == len(before) == 3
    assert after[0]["condition"]["age"] == 30


def test_variable_of_the_shell_does_not_lead_a_real_run_to_an_emulator(signed_in, monkeypatch):
    rig = GcpRig(signed_in("gcp"), endpoint_url="")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")

    # The door speaks for Cloud Storage's real name, so the answer comes from there.
    assert rig.cloud.bucket.plan().pending


def test_cluster_of_another_project_is_trusted_and_served_through_its_own_pool(signed_in, tmp_path):
    rig = GcpRig(signed_in("gcp"), workload_pool="other-project.svc.id.goog")
    rig.make_bucket()
    rig.make_access()

    assert not red(rig.access_checks())
    rig.cloud.sign_in(rig.cloud.worker_identity(SUBJECTS[0], directory=str(tmp_path)))


def test_commands_add_who_is_missing_and_remove_who_is_too_many(signed_in):
    rig = GcpRig(signed_in("gcp"))
    rig.make_bucket()
    rig.make_access()
    rig.trust_another("system:serviceaccount:astro:untrusted")

    (row,) = [c for c in rig.cloud.access.plan(SUBJECTS).pending if c.setting == "trust"]

    assert "remove-iam-policy-binding" in row.command
    assert "[astro/untrusted]" in row.command
    assert "add-iam-policy-binding" not in row.command


def test_organization_that_wants_uniform_access_gets_it_in_the_creating_call(signed_in):
    rig = GcpRig(signed_in("gcp"))
    rig.stand_in.constrain(rig.settings.project, storage_uniformBucketLevelAccess=True)

    rig.make_bucket()

    assert not red(rig.bucket_checks())


def test_new_bucket_is_complete_after_the_creating_call_and_nothing_is_patched(signed_in):
    key = "projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k"
    rig = GcpRig(signed_in("gcp"), encryption="customer-managed", kms_key=key)
    plan = rig.cloud.bucket.plan()
    only_the_call = Plan(plan.title, tuple(c for c in plan.pending if c.setting == "bucket"))

    rig.cloud.bucket.apply(only_the_call)

    assert {c.action for c in rig.cloud.bucket.plan().changes} == {"unchanged"}
    assert {c.status for c in rig.bucket_checks().values()} == {"pass"}


def test_place_that_the_organization_forbids_is_told_in_googles_words_with_what_to_do(signed_in):
    rig = GcpRig(signed_in("gcp"))
    rig.stand_in.constrain(rig.settings.project, gcp_resourceLocations=["europe-west3"])

    with pytest.raises(ServiceError) as refused:
        rig.make_bucket()

    assert "'europe-west1' violates constraint 'constraints/gcp.resourceLocations'" in str(
        refused.value
    )
    assert "taken" not in str(refused.value)
    assert "set what it allows (region," in refused.value.hint


def test_name_is_taken_only_where_the_bucket_is_another_projects(signed_in):
    rig = GcpRig(signed_in("gcp"))
    plan = rig.cloud.bucket.plan()
    rig.make_bucket()
    theirs = rig.at_somebody_elses()

    rig.cloud.bucket.apply(plan)  # planned before the bucket was there

    assert not red(rig.bucket_checks())
    with pytest.raises(ConflictError, match="is taken by another project"):
        theirs.cloud.bucket.apply(plan)


def test_multi_region_as_google_prints_it_is_made_and_passes_every_check(signed_in):
    rig = GcpRig(signed_in("gcp"), region="EU")

    rig.make_bucket()

    assert not red(rig.bucket_checks())
    assert not rig.cloud.bucket.plan().pending


def test_rule_with_an_action_newer_than_the_client_library_is_not_lost():
    newer = {"action": {"type": "NewerThanTheLibrary"}, "condition": {"age": 5}}
    bucket = Bucket(None, "some-bucket")
    bucket._properties["lifecycle"] = {"rule": [newer]}
    (setting,) = (setting for setting in SETTINGS if setting.name == "lifecycle")

    assert setting.read(bucket) == [newer]
