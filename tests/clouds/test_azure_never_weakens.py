"""What an account holds when step 01 or 02 comes: stronger stays, weaker rises, foreign stays."""

from typing import Any

import pytest
from azure_rig import ROLE_API, STORAGE_API, AzureRig
from rig import SUBJECTS, red

from xcomkit.cloud_documents.access.azure import CONTRIBUTOR

VAULT = {"keyvaulturi": "https://their-vault.vault.azure.net", "keyname": "k", "keyversion": ""}
KEY = {"encryption": {"keySource": "Microsoft.Keyvault", "keyvaultproperties": VAULT}}
OTHER_KEY = "https://other-vault.vault.azure.net/keys/xcom"
RULES = {
    "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}]},
    "publicNetworkAccess": "Disabled",
    "accessTier": "Cool",
}
BLOBS = {
    "changeFeed": {"enabled": True, "retentionInDays": 400},
    "cors": {"corsRules": [{"allowedOrigins": ["https://a.example.com"], "maxAgeInSeconds": 5}]},
    "lastAccessTimeTrackingPolicy": {"enable": True, "name": "AccessTimeTracking"},
    "restorePolicy": {"enabled": True, "days": 5},
    "automaticSnapshotPolicyEnabled": False,
}


def kept(days: int, **more: Any) -> dict[str, Any]:
    one = {"enabled": bool(days), **({"days": days} if days else {}), **more}
    return {"deleteRetentionPolicy": one, "containerDeleteRetentionPolicy": {**one}}


@pytest.fixture
def rig(signed_in) -> AzureRig:
    made = AzureRig(signed_in("azure"))
    made.make_bucket()
    return made


def set_account(rig: AzureRig, properties: dict[str, Any], **more: Any) -> None:
    body = {"properties": properties, **more}
    rig.arm("PATCH", rig.account, version=STORAGE_API, json=body)


def set_blobs(rig: AzureRig, **properties: Any) -> None:
    body = {"properties": {**state(rig)["blobs"], **properties}}
    rig.arm("PUT", f"{rig.account}/blobServices/default", version=STORAGE_API, json=body)


def set_rules(rig: AzureRig, rules: list[dict[str, Any]]) -> None:
    body = {"properties": {"policy": {"rules": rules}}}
    rig.arm("PUT", f"{rig.account}/managementPolicies/default", version=STORAGE_API, json=body)


def state(rig: AzureRig) -> dict[str, dict[str, Any]]:
    account = rig.arm("GET", rig.account, version=STORAGE_API)
    blobs = rig.arm("GET", f"{rig.account}/blobServices/default", version=STORAGE_API)
    container = rig.arm("GET", rig.scope, version=STORAGE_API)
    return {
        "account": account["properties"],
        "tags": account.get("tags", {}),
        "blobs": blobs["properties"],
        "container": container["properties"],
        "rules": dict(enumerate(rig._rules())),
    }


@pytest.mark.parametrize(
    ("account", "blobs"),
    [
        ({}, {}),
        ({"minimumTlsVersion": "TLS1_3"}, {}),
        (KEY, {}),
        (RULES, BLOBS),
        ({}, kept(365)),
        ({}, kept(30, allowPermanentDelete=True)),
    ],
    ids=["equal", "newer TLS", "customer's key", "closed network and other features",
         "longer soft delete", "soft delete with more in it"],
)  # fmt: skip
def test_equal_or_stronger_is_unchanged_in_plan_and_account(rig, account, blobs):
    set_account(rig, account, tags={"team": "data", "owner": "somebody"})
    set_blobs(rig, **blobs)
    before = state(rig)

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    assert {change.action for change in plan.changes} == {"unchanged"}
    assert state(rig) == before
    assert not red(rig.bucket_checks())


def assert_only_this_is_raised(rig, setting: str, part: str, raised: dict[str, Any]) -> None:
    before = state(rig)

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    assert [change.setting for change in plan.pending] == [setting]
    assert state(rig) == {**before, part: {**before[part], **raised}}
    assert not red(rig.bucket_checks())


@pytest.mark.parametrize(
    ("setting", "weaker", "raised"),
    [
        ("public access", {"allowBlobPublicAccess": True}, {"allowBlobPublicAccess": False}),
        ("shared key access", {"allowSharedKeyAccess": True}, {"allowSharedKeyAccess": False}),
        ("TLS", {"minimumTlsVersion": "TLS1_0"}, {"minimumTlsVersion": "TLS1_2"}),
        ("TLS", {"minimumTlsVersion": "TLS1_3", "supportsHttpsTrafficOnly": False},
         {"minimumTlsVersion": "TLS1_3", "supportsHttpsTrafficOnly": True}),
    ],
)  # fmt: skip
def test_weaker_account_is_raised_and_nothing_else_moves(rig, setting, weaker, raised):
    set_account(rig, {**RULES, **KEY, **weaker})
    set_blobs(rig, **BLOBS)

    assert_only_this_is_raised(rig, setting, "account", raised)


@pytest.mark.parametrize(
    ("setting", "weaker", "raised"),
    [
        ("versioning", {"isVersioningEnabled": False}, {"isVersioningEnabled": True}),
        ("soft delete", kept(0), kept(7)),
        ("soft delete", kept(2, allowPermanentDelete=True), kept(7, allowPermanentDelete=True)),
    ],
)  # fmt: skip
def test_weaker_blob_service_is_raised_and_nothing_else_moves(rig, setting, weaker, raised):
    set_blobs(rig, **BLOBS, **weaker)

    assert_only_this_is_raised(rig, setting, "blobs", raised)


def test_tags_of_others_stay(rig):
    set_account(rig, {}, tags={"team": "other", "owner": "somebody"})

    rig.make_bucket()

    assert state(rig)["tags"] == {"team": "data", "owner": "somebody"}


def test_foreign_lifecycle_rules_stay_in_their_order_and_to_the_letter(rig):
    ours = rig._rules()
    theirs: list[dict[str, Any]] = [
        {"enabled": False, "name": "theirs-1", "type": "Lifecycle",
         "definition": {"actions": {"baseBlob": {"tierToCool": {
             "daysAfterLastAccessTimeGreaterThan": 9.0}, "enableAutoTierToHotFromCool": True},
             "snapshot": {"delete": {"daysAfterCreationGreaterThan": 3}}},
             "filters": {"blobTypes": ["blockBlob", "appendBlob"], "prefixMatch": ["logs/"],
                         "blobIndexMatch": [{"name": "a", "op": "==", "value": "b"}]}}},
        {"enabled": True, "name": "theirs-2", "type": "Lifecycle", "newer": {"than": "the library"},
         "definition": {"actions": {"baseBlob": {"tierToCold": {
             "daysAfterModificationGreaterThan": 40}}}, "filters": {"blobTypes": ["blockBlob"]}}},
    ]  # fmt: skip
    set_rules(rig, theirs)

    rig.make_bucket()

    assert rig._rules() == [*theirs, *ours]
    assert not rig.cloud.plan_bucket().pending


@pytest.mark.parametrize(
    "asked",
    [{"encryption": "microsoft-managed"}, {"encryption": "key-vault", "kms_key": OTHER_KEY}],
    ids=["no key", "another key"],
)
def test_customers_key_is_replaced_only_where_that_was_asked_for_and_said_in_words(rig, asked):
    set_account(rig, KEY)
    rig.settings = rig.settings.model_copy(update=asked)
    rig.cloud = rig.open()

    plan = rig.cloud.plan_bucket()
    rig.cloud.apply_bucket(plan)

    (row,) = plan.pending
    assert row.note == (
        "encryption is set, so it replaces the customer's key"
        " https://their-vault.vault.azure.net/keys/k"
    )
    assert not red(rig.bucket_checks())


def test_container_with_a_policy_of_its_own_is_not_written_again(rig):
    held = {"publicAccess": "None", "immutableStorageWithVersioning": {"enabled": True}}
    rig.arm("PUT", rig.scope, version=STORAGE_API, json={"properties": held})
    set_account(rig, {"allowBlobPublicAccess": True})

    rig.make_bucket()

    assert state(rig)["container"] == held


def test_role_on_a_condition_is_never_widened(rig):
    rig.make_access()
    rig.weaken("nothing")
    principal = rig.arm("GET", rig.identity, version="2023-01-31")["properties"]["principalId"]
    role = f"{rig.group.partition('/resourceGroups')[0]}/providers/Microsoft.Authorization"
    held = {"principalId": principal, "roleDefinitionId": f"{role}/roleDefinitions/{CONTRIBUTOR}",
            "condition": "only one prefix", "conditionVersion": "2.0"}  # fmt: skip
    where = f"{rig.scope}/providers/Microsoft.Authorization/roleAssignments"
    name = "11111111-2222-4333-8444-555555555555"
    rig.arm("PUT", f"{where}/{name}", version=ROLE_API, json={"properties": held})

    plan = rig.cloud.plan_access(SUBJECTS)
    rig.cloud.apply_access(plan, SUBJECTS)

    (row,) = (change for change in plan.changes if change.setting == "role assignment")
    assert row.action == "keep"
    assert "on a condition" in row.note
    found = rig.arm("GET", f"{where}/{name}", version=ROLE_API)["properties"]
    assert held.items() <= found.items()
    assert "on a condition" in rig.access_checks()["XC303"].observed
