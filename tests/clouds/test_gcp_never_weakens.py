"""What is in a bucket when step 01 or 02 comes: stronger stays, weaker is raised, foreign stays."""

from typing import Any

import pytest
from gcp_rig import GcpRig
from google.cloud.storage import Bucket
from rig import red

from xcomkit.clouds.gcp.bucket_settings import SETTINGS

DAY = 86_400
KEY = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k"
OTHER_KEY = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/other"
THEIRS = [
    {"action": {"type": "SetStorageClass", "storageClass": "COLDLINE"},
     "condition": {"age": 40, "matchesPrefix": ["logs/"], "matchesStorageClass": ["STANDARD"]}},
    {"action": {"type": "Delete"},
     "condition": {"customTimeBefore": "2026-01-01", "daysSinceCustomTime": 9,
                   "matchesPrefix": ["tmp/"]}},
]  # fmt: skip
ALL = {"public access prevention", "uniform access", "versioning", "soft delete", "encryption",
       "lifecycle", "labels"}  # fmt: skip


def access(*, prevention: str = "enforced", uniform: bool = True) -> dict[str, Any]:
    return {"iamConfiguration": {"publicAccessPrevention": prevention,
                                 "uniformBucketLevelAccess": {"enabled": uniform}}}  # fmt: skip


def soft_delete(days: int) -> dict[str, Any]:
    return {"softDeletePolicy": {"retentionDurationSeconds": str(days * DAY)}}


@pytest.fixture
def rig(signed_in) -> GcpRig:
    made = GcpRig(signed_in("gcp"))
    made.make_bucket()
    return made


def state(rig: GcpRig) -> dict[str, Any]:
    found = rig.call("GET", rig.path)
    return {k: v for k, v in found.items() if k not in ("metageneration", "updated", "etag")}


def texts(part: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in part.items()}


def rules(rig: GcpRig) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = state(rig)["lifecycle"]["rule"]
    return found


@pytest.mark.parametrize(
    "stronger",
    [
        {},
        soft_delete(90),
        {"encryption": {"defaultKmsKeyName": KEY}},
        {"encryption": {"defaultKmsKeyName": KEY,
                        "googleManagedEncryptionEnforcementConfig": {"restrictionMode": "x"}}},
        {"retentionPolicy": {"retentionPeriod": "864000", "isLocked": True}},
        {"defaultEventBasedHold": True},
        {"labels": {"team": "data", "owner": "somebody", "cost-centre": "7"}},
    ],
    ids=["equal", "longer soft delete", "customer's key", "customer's key alone allowed",
         "locked retention", "event based hold", "labels of others"],
)  # fmt: skip
def test_equal_or_stronger_is_unchanged_in_plan_and_bucket(rig, stronger):
    rig.call("PATCH", rig.path, json=stronger)
    before = state(rig)

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    assert {c.action for c in plan.changes if c.setting in ALL} == {"unchanged"}
    assert state(rig) == before
    assert not red(rig.bucket_checks())


@pytest.mark.parametrize(
    ("setting", "weaker", "raised"),
    [
        ("public access prevention", access(prevention="inherited"), access()),
        ("uniform access", access(uniform=False), access()),
        ("versioning", {"versioning": {"enabled": False}}, {"versioning": {"enabled": True}}),
        ("soft delete", soft_delete(0), soft_delete(7)),
        ("labels", {"labels": {"team": "other", "owner": "somebody"}},
         {"labels": {"team": "data", "owner": "somebody"}}),
    ],
)  # fmt: skip
def test_weaker_is_raised_and_nothing_else_moves(rig, setting, weaker, raised):
    foreign = {"cors": [{"maxAgeSeconds": 5}], "storageClass": "NEARLINE",
               "retentionPolicy": {"retentionPeriod": "864000"}}  # fmt: skip
    rig.call("PATCH", rig.path, json={**foreign, **weaker})
    before = state(rig)

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    assert [c.setting for c in plan.pending] == [setting]
    (name,) = raised
    after = state(rig)
    assert texts(raised[name]).items() <= texts(after[name]).items()
    assert {**after, name: None} == {**before, name: None}
    assert not red(rig.bucket_checks())


def test_foreign_lifecycle_rules_stay_in_their_order_and_to_the_letter(rig):
    ours = rules(rig)
    rig.call("PATCH", rig.path, json={"lifecycle": {"rule": THEIRS}})

    rig.make_bucket()

    assert rules(rig) == [*THEIRS, *ours]
    assert not rig.cloud.plan_bucket().pending


@pytest.mark.parametrize(
    "asked",
    [{"encryption": "google-managed"}, {"encryption": "customer-managed", "kms_key": OTHER_KEY}],
    ids=["no key", "another key"],
)
def test_customers_key_is_replaced_only_where_that_was_asked_for_and_said_in_words(rig, asked):
    rig.call("PATCH", rig.path, json={"encryption": {"defaultKmsKeyName": KEY}})
    rig.settings = rig.settings.model_copy(update=asked)
    rig.cloud = rig.open()

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    (row,) = plan.pending
    assert row.note == f"encryption is set, so it replaces the customer's key {KEY}"
    assert not red(rig.bucket_checks())


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

    policy = rig.call("GET", f"{rig.path}/iam?optionsRequestedPolicyVersion=3")
    assert [binding for binding in policy["bindings"] if binding in theirs] == sorted(
        theirs, key=lambda binding: binding["role"]
    )
    assert not red(rig.access_checks())


def test_rule_with_an_action_newer_than_the_client_library_is_not_lost():
    newer = {"action": {"type": "NewerThanTheLibrary"}, "condition": {"age": 5}}
    bucket = Bucket(None, "some-bucket")
    bucket._properties["lifecycle"] = {"rule": [newer]}
    (setting,) = (setting for setting in SETTINGS if setting.name == "lifecycle")

    assert setting.read(bucket) == [newer]
