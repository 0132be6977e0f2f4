import pytest
from azure_rig import STORAGE_API, AzureRig
from rig import red

from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import Plan


def apply_only(rig: AzureRig, *settings: str) -> None:
    plan = rig.cloud.bucket.plan()
    rig.cloud.bucket.apply(
        Plan(plan.title, tuple(c for c in plan.pending if c.setting in settings))
    )


def test_account_and_container_are_closed_from_the_creating_call_on(signed_in):
    rig = AzureRig(signed_in("azure"))

    apply_only(rig, "account", "bucket")

    passed = {i for i, check in rig.bucket_checks().items() if check.status == "pass"}
    assert {"XC203", "XC209", "XC211", "XC213"} <= passed
    container = rig.arm("GET", rig.scope, version=STORAGE_API)
    assert container["properties"] == {"publicAccess": "None"}


def test_shown_command_creates_the_account_as_closed_as_the_step_does(signed_in):
    (row,) = (c for c in AzureRig(signed_in("azure")).cloud.bucket.plan().pending
              if c.setting == "account")  # fmt: skip

    for flag in ("--allow-blob-public-access false", "--allow-shared-key-access false",
                 "--https-only true --min-tls-version TLS1_2"):  # fmt: skip
        assert flag in row.command


def test_region_without_zones_is_told_by_name_and_an_account_made_by_hand_is_taken(signed_in):
    rig = AzureRig(signed_in("azure"), region="westus")

    with pytest.raises(ServiceError, match=r"Standard_ZRS.* not available .* westus") as refused:
        rig.make_bucket()

    assert "az storage account create --sku Standard_LRS" in refused.value.hint
    by_hand = {"location": "westus", "kind": "StorageV2", "sku": {"name": "Standard_LRS"}}
    rig.arm("PUT", rig.account, version=STORAGE_API, json=by_hand)
    rig.make_bucket()
    assert not red(rig.bucket_checks())
    account = rig.arm("GET", rig.account, version=STORAGE_API)
    assert account["sku"] == {"name": "Standard_LRS"}
