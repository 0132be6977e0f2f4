"""The rights in docs/policies/ are enough for the caller, and those for reading change nothing."""

from pathlib import Path

import pytest
from aws_rig import AwsRig
from azure_rig import AzureRig
from gcp_rig import GcpRig
from rig import red

from xcomkit.findings.errors import AccessDeniedError

POLICIES = Path(__file__).parents[2] / "docs/policies"
RIGS = {"aws": AwsRig, "azure": AzureRig, "gcp": GcpRig}
# where tokens can be had, these are tried with an object that the caller would have to write
TRIED = {"XC306", "XC307", "XC308", "XC309", "XC310", "XC311"}


@pytest.fixture(params=RIGS)
def target(request, signed_in):
    return RIGS[request.param](signed_in(request.param))


def rights(name, target):
    (path,) = POLICIES.glob(f"{target.cloud_name}-{name}.*")
    # the stand-in for AWS knows no ARNs of roles
    text = path.read_text().replace("arn:aws:iam::*:role/ROLE", "*")
    return text.replace("BUCKET", target.settings.bucket)


def test_rights_of_the_docs_are_enough_to_plan_apply_and_verify(target, monkeypatch):
    target.become_nobody(monkeypatch.setenv, rights("read", target), rights("apply", target))
    target.cloud = target.open()

    target.make_bucket()
    target.make_access()

    assert red(target.bucket_checks()) == set()
    assert red(target.access_checks()) <= TRIED
    target.reopen(retention_days=3)  # of a bucket that is there
    assert target.cloud.bucket.plan().pending
    target.make_bucket()
    assert not target.cloud.bucket.plan().pending


def test_rights_for_reading_are_enough_to_verify_and_change_nothing(target, monkeypatch):
    target.make_bucket()
    target.make_access()
    target.put_object("astro/xcom/a", b"1")
    target.cloud = target.open(can_mint=False)
    before = {**target.bucket_checks(), **target.access_checks()}
    target.become_nobody(monkeypatch.setenv, rights("read", target))
    target.cloud = target.open(can_mint=False)

    after = {**target.bucket_checks(), **target.access_checks()}

    assert {name: c.status for name, c in after.items()} == {
        name: c.status for name, c in before.items()
    }
    assert [one.key for one in target.cloud.list_objects("astro/")] == ["astro/xcom/a"]
    assert target.cloud.read_object("astro/xcom/a") == b"1"
    target.reopen(retention_days=3)
    with pytest.raises(AccessDeniedError):
        target.make_bucket()
