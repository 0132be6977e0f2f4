"""Step 01 on a store that is not ours: it keeps little of S3's settings, and loses no data by that.

Swift answers 200 to questions about settings it does not have, 400 or 501 to putting them, and
deletes the bucket, where it is empty, when asked to delete one of them.
"""

import pytest

from xcomkit.clouds import Cloud
from xcomkit.findings.errors import CredentialsError
from xcomkit.findings.model import Check

KEY = "astro/xcom/dag/manual__2026-01-02T03:04:05+00:00/task/1"
NOT_KEPT = ("XC203", "XC204", "XC206", "XC207", "XC211")


def checks(cloud: Cloud) -> dict[str, Check]:
    return {check.id: check for check in cloud.bucket.verify()}


def statuses(cloud: Cloud) -> dict[str, str]:
    return {name: check.status for name, check in checks(cloud).items()}


def apply(cloud: Cloud) -> tuple[str, ...]:
    return cloud.bucket.apply(cloud.bucket.plan())


@pytest.mark.parametrize("door", ["http", "https"])
def test_bucket_is_made_and_found_again_by_a_key_with_a_colon(open_store, swift, door):
    cloud = open_store(endpoint_url=getattr(swift, door))
    assert statuses(cloud) == {"XC201": "fail"}

    apply(cloud)

    found = checks(open_store(endpoint_url=getattr(swift, door)))
    assert found["XC201"].status == "pass"
    assert "xcom:root" in found["XC201"].observed
    assert found["XC205"].status == "pass"
    assert found["XC209"].status == {"http": "fail", "https": "pass"}[door]


def test_setting_the_store_does_not_have_is_the_same_warning_before_and_after_every_try(open_store):
    first = open_store()
    not_made = apply(first)
    assert len(not_made) == len(NOT_KEPT)
    assert all("400 MalformedXML" in reason or "501" in reason for reason in not_made), not_made
    assert "400 MalformedXML" in checks(first)["XC207"].observed
    applied = statuses(first)
    assert {name: applied[name] for name in NOT_KEPT} == dict.fromkeys(NOT_KEPT, "warn")

    only_looked = statuses(open_store())
    second = open_store()
    apply(second)

    assert only_looked == applied
    assert statuses(second) == applied


def test_empty_bucket_outlives_every_setting_and_no_probe_stays_in_it(open_store):
    for _ in range(2):
        apply(open_store())

    assert checks(open_store())["XC201"].status == "pass"
    assert list(open_store().list_keys_ever("")) == []


def test_objects_of_before_are_there_afterwards_to_the_byte(open_store):
    cloud = open_store()
    apply(cloud)
    cloud.write_object(KEY, b"\x1f\x8b\0 of somebody")

    apply(open_store(tags={"team": "another"}, retention_days=90))

    assert open_store().read_object(KEY) == b"\x1f\x8b\0 of somebody"
    assert list(open_store().list_keys_ever("")) == [KEY]


@pytest.mark.parametrize(
    ("user", "secret", "message"),
    [("root", "nonsense", "SignatureDoesNotMatch"),
     ("reader", "readerSecretKey0123456789", "refuses this access key")],
)  # fmt: skip
def test_wrong_secret_and_a_key_without_rights_make_nothing(
    open_store, monkeypatch, user, secret, message
):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", f"xcom:{user}")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)

    with pytest.raises(CredentialsError, match=message):
        open_store().bucket.plan()
