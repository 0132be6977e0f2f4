import pytest
from azure_rig import MSI_API, AzureRig
from rig import SUBJECTS, red

from xcomkit.cloud_documents.access.azure import AUDIENCE
from xcomkit.clouds.azure.bucket_settings import keep_identities
from xcomkit.findings.errors import ConflictError


@pytest.fixture
def rig(signed_in) -> AzureRig:
    made = AzureRig(signed_in("azure"))
    made.make_bucket()
    return made


def credential(rig: AzureRig, name: str, *, subject: str) -> None:
    properties = {"issuer": rig.stand_in.issuer, "subject": subject, "audiences": [AUDIENCE]}
    where = f"{rig.identity}/federatedIdentityCredentials/{name}"
    rig.arm("PUT", where, version=MSI_API, json={"properties": properties})


def test_equal_credential_under_another_name_is_taken_as_it_is(rig):
    rig.arm("PUT", rig.identity, version=MSI_API, json={"location": "westeurope"})
    credential(rig, "made-by-terraform", subject=SUBJECTS[0])

    rig.make_access()

    assert not red(rig.access_checks())
    assert not rig.cloud.plan_access(SUBJECTS).pending


def test_more_service_accounts_than_an_identity_takes_are_refused_before_anything_is_made(rig):
    many = tuple(f"system:serviceaccount:astro:agent-{number}" for number in range(21))

    with pytest.raises(ConflictError, match="takes 20 federated credentials"):
        rig.cloud.plan_access(many)


def test_change_of_all_service_accounts_at_once_stays_within_what_an_identity_takes(rig):
    for start in (0, 100):
        subjects = tuple(f"system:serviceaccount:astro:a{start + n}" for n in range(15))
        rig.cloud.apply_access(rig.cloud.plan_access(subjects), subjects)

    found = rig.arm("GET", f"{rig.identity}/federatedIdentityCredentials", version=MSI_API)
    assert len(found["value"]) == 15


def test_credential_of_somebody_else_is_kept_and_red(rig):
    rig.make_access()
    credential(rig, "theirs", subject="system:serviceaccount:other:thing")

    rig.make_access()

    check = rig.access_checks()["XC302"]
    assert check.status == "fail"
    assert "system:serviceaccount:other:thing" in check.observed


def test_commands_survive_a_shell_whatever_the_tags_hold(signed_in):
    made = AzureRig(signed_in("azure"), tags={"owner": "data team"})

    commands = [change.command for change in made.cloud.plan_bucket().pending]

    assert any("--tags 'owner=data team'" in command for command in commands)


def test_prefixes_that_differ_by_slash_and_dash_keep_their_own_lifecycle_rules(signed_in):
    first = AzureRig(signed_in("azure"), prefix="a/b")
    first.make_bucket()
    same = {"bucket": first.settings.bucket, "storage_account": first.settings.storage_account}
    second = AzureRig(first.stand_in, prefix="a-b", **same)
    second.make_bucket()

    assert first.bucket_checks()["XC207"].status == "pass"
    assert second.bucket_checks()["XC207"].status == "pass"
    assert len(first.lifecycle_prefixes()) == 2


def test_tear_down_takes_our_lifecycle_rule_and_leaves_that_of_others(rig):
    rig.add_lifecycle_rule(days=90, prefix="logs/")

    rig.cloud.apply_tear_down(rig.cloud.plan_tear_down())

    assert rig.lifecycle_prefixes() == [f"{rig.settings.bucket}/logs/"]


def test_account_with_an_identity_of_its_own_keeps_it_when_a_key_is_set():
    body = {"properties": {}, "identity": {"type": "SystemAssigned"}}
    users = {"identity": {"type": "UserAssigned", "userAssignedIdentities": {"/u": {"x": 1}}}}

    kept = keep_identities(body, users)["identity"]

    assert kept == {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"/u": {}}}
    assert "identity" not in keep_identities(body, {"identity": {"type": "SystemAssigned"}})


def test_key_of_a_customer_stays_where_no_encryption_was_asked_for(signed_in):
    key = "https://some-vault.vault.azure.net/keys/xcom/1"
    theirs = AzureRig(signed_in("azure"), encryption="key-vault", kms_key=key)
    theirs.make_bucket()
    nothing_asked = {"encryption": "", "kms_key": ""}
    theirs.settings = theirs.settings.model_copy(update=nothing_asked)
    theirs.cloud = theirs.open()

    plan = theirs.cloud.plan_bucket()
    theirs.cloud.apply_bucket(plan)

    assert "encryption" not in {change.setting for change in plan.pending}
    assert theirs.bucket_checks()["XC206"].status == "pass"
    assert "some-vault" in theirs.bucket_checks()["XC206"].observed
