import pytest
from azure_rig import MSI_API, ROLE_API, STORAGE_API, AzureRig
from rig import SUBJECTS, red

from xcomkit.cloud_documents.access.azure import AUDIENCE, CONTRIBUTOR


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
    assert not rig.cloud.access.plan(SUBJECTS).pending


def test_change_of_all_service_accounts_at_once_stays_within_what_an_identity_takes(rig):
    for start in (0, 100):
        subjects = tuple(f"system:serviceaccount:astro:a{start + n}" for n in range(15))
        rig.cloud.access.apply(rig.cloud.access.plan(subjects), subjects)

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

    commands = [change.command for change in made.cloud.bucket.plan().pending]

    assert any("--tags 'owner=data team'" in command for command in commands)


def test_tear_down_takes_our_lifecycle_rule_and_leaves_that_of_others(rig):
    rig.add_lifecycle_rule(days=90, prefix="logs/")

    rig.cloud.apply_tear_down(rig.cloud.plan_tear_down())

    assert rig.lifecycle_prefixes() == [f"{rig.settings.bucket}/logs/"]


def test_container_with_a_policy_of_its_own_is_not_written_again(rig):
    held = {"publicAccess": "None", "immutableStorageWithVersioning": {"enabled": True}}
    rig.arm("PUT", rig.scope, version=STORAGE_API, json={"properties": held})
    rig.set("account", {"allowBlobPublicAccess": True})

    rig.make_bucket()

    assert rig.state()["container"] == held


def test_role_on_a_condition_is_never_widened(rig):
    rig.make_access()
    rig.weaken("nothing")
    principal = rig.arm("GET", rig.identity, version=MSI_API)["properties"]["principalId"]
    role = f"{rig.group.partition('/resourceGroups')[0]}/providers/Microsoft.Authorization"
    held = {"principalId": principal, "roleDefinitionId": f"{role}/roleDefinitions/{CONTRIBUTOR}",
            "condition": "only one prefix", "conditionVersion": "2.0"}  # fmt: skip
    where = f"{rig.scope}/providers/Microsoft.Authorization/roleAssignments"
    name = "11111111-2222-4333-8444-555555555555"
    rig.arm("PUT", f"{where}/{name}", version=ROLE_API, json={"properties": held})

    plan = rig.cloud.access.plan(SUBJECTS)
    rig.cloud.access.apply(plan, SUBJECTS)

    (row,) = (change for change in plan.changes if change.setting == "role assignment")
    assert (row.action, "on a condition" in row.note) == ("keep", True)
    found = rig.arm("GET", f"{where}/{name}", version=ROLE_API)["properties"]
    assert held.items() <= found.items()
    assert "on a condition" in rig.access_checks()["XC303"].observed
