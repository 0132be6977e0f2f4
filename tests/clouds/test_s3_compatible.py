"""Stores that speak S3 and are not AWS: the contract, and each quirk that was met on one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest
from contract import BucketContract, NewRig, ObjectContract
from rig import Rig
from store_rig import QUIRKS, StoreRig

from xcomkit.clouds.aws import without_tls
from xcomkit.findings.errors import (
    AccessDeniedError,
    CredentialsError,
    ServiceError,
    SettingsError,
    UnreachableError,
    find_cause,
)
from xcomkit.stand_ins.common.stand_in import StandIn

Quirk = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def new_rig(signed_in) -> NewRig:
    running = signed_in("aws")
    return lambda **changes: StoreRig(running, **changes)


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    return new_rig()


@pytest.fixture
def quirk(stand_in: StandIn) -> Quirk:
    @contextmanager
    def play(**answers: str) -> Iterator[None]:
        for name, answer in answers.items():
            stand_in.set_subresource(name, answer=answer)
        try:
            yield
        finally:
            for name in answers:
                stand_in.set_subresource(name, answer="")

    return play


@pytest.mark.stand_in
class TestStore(BucketContract):
    """A store that has every setting of S3 fulfils the contract as AWS does."""


@pytest.mark.stand_in
class TestObjectsOfAStoreWithoutBulkDelete(ObjectContract):
    @pytest.fixture(autouse=True)
    def _quirks(self, quirk: Quirk) -> Iterator[None]:
        with quirk(**QUIRKS):
            yield


def statuses(rig):
    return {check.id: check.status for check in rig.cloud.bucket.verify()}


@pytest.mark.parametrize("answer", ["refuse", "refuse-without-body", "ignore", "as-bucket"])
def test_setting_a_store_does_not_have_is_judged_alike_with_and_without_apply_and_again(
    rig, new_rig, quirk, answer
):
    with quirk(lifecycle=answer):
        plan = rig.cloud.bucket.plan()
        not_made = rig.cloud.bucket.apply(plan)
        applied = statuses(rig)
        only_planned = statuses(new_rig(bucket=rig.settings.bucket))
        rig.cloud.bucket.apply(rig.cloud.bucket.plan())

        assert applied == only_planned == statuses(rig)
        assert applied["XC207"] == "warn"
    if not any(row.action == "unsupported" for row in plan.changes):
        assert [one.partition(":")[0] for one in not_made] == ["lifecycle"]


def test_setting_that_makes_the_bucket_unusable_is_taken_back_and_named(rig, quirk):
    with quirk(publicAccessBlock="forbid-puts"):
        not_made = rig.cloud.bucket.apply(rig.cloud.bucket.plan())

        assert len(not_made) == 1
        assert not_made[0].startswith("public access block: taken back")
        rig.put_object("astro/xcom/a", b"still writable")
        check = rig.bucket_checks()["XC203"]
        assert (check.status, check.basis) == ("warn", "not-supported-here")
        assert "taken back" in check.observed
    assert list(rig.cloud.list_keys_ever("")) == ["astro/xcom/a"]


def test_some_switches_where_all_would_forbid_puts_are_the_same_warning_before_and_after_apply(
    rig, new_rig, quirk
):
    rig.make_bucket()
    rig.set("public access block", {"BlockPublicAcls": False, "BlockPublicPolicy": True})
    with quirk(publicAccessBlock="forbid-puts"):
        before = statuses(rig)
        rig.cloud.bucket.apply(rig.cloud.bucket.plan())
        after = statuses(new_rig(bucket=rig.settings.bucket))

        assert before["XC203"] == after["XC203"] == "warn"
    assert rig.state()["public access block"]["BlockPublicPolicy"]


def test_bucket_that_somebody_else_shares_is_not_touched(rig, monkeypatch):
    rig.make_bucket()
    monkeypatch.setattr(rig.cloud.clients, "own_buckets", lambda: ("bob", frozenset({"other"})))

    (row,) = rig.cloud.bucket.plan().changes

    assert (row.action, "not among the buckets of bob" in row.note) == ("keep", True)
    assert rig.bucket_checks()["XC201"].status == "fail"


def test_policy_that_a_block_of_public_policies_refuses_ends_no_step(rig, quirk):
    with quirk(policy="deny-put"):
        not_made = rig.cloud.bucket.apply(rig.cloud.bucket.plan())

    assert [one[:16] for one in not_made] == ["policy: refused."]
    assert rig.bucket_checks()["XC211"].status == "pass"


def test_bucket_that_cannot_be_used_before_any_change_is_left_as_it_is(rig, quirk):
    rig.client("s3").create_bucket(
        **rig.where, CreateBucketConfiguration={"LocationConstraint": rig.settings.region}
    )
    rig.set("public access block", {"BlockPublicAcls": True})
    with quirk(publicAccessBlock="forbid-puts"):
        with pytest.raises(ServiceError, match="before any setting is changed"):
            rig.cloud.bucket.apply(rig.cloud.bucket.plan())

        assert statuses(rig)["XC205"] != "pass"


def test_probe_that_cannot_be_read_is_not_left_behind(rig):
    rig.make_bucket()
    rig.client("s3").delete_bucket_lifecycle(**rig.where)
    everybody = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
                 "Resource": f"arn:aws:s3:::{rig.settings.bucket}/*"}  # fmt: skip
    rig.set("policy", {"Version": "2012-10-17", "Statement": [everybody]})

    with pytest.raises(ServiceError, match="cannot be used even before any setting is changed"):
        rig.cloud.bucket.apply(rig.cloud.bucket.plan())

    assert list(rig.cloud.list_keys_ever("")) == []


def worker_of(rig, **changes):
    """Return who step 04's process is, with the caller's key and these variables."""
    identity = rig.cloud.worker_identity("agent", directory="")
    environment = {**identity.environment, **rig.stand_in.platform_environment, **changes}
    return replace(identity, environment=environment)


def test_store_is_tried_with_what_the_worker_has_and_nothing_is_left(rig):
    rig.make_bucket()
    rig.cloud = rig.open(can_mint=False)

    rig.cloud.sign_in(worker_of(rig))

    assert list(rig.cloud.list_keys_ever("")) == []
    with pytest.raises(UnreachableError, match="not trusted here"):
        rig.cloud.sign_in(worker_of(rig, AWS_CA_BUNDLE=""))
    with pytest.raises(CredentialsError):
        rig.cloud.sign_in(worker_of(rig, AWS_ACCESS_KEY_ID="AKIAUNKNOWNUNKNOWNUN"))


def test_rule_whose_prefix_comes_back_apart_is_never_put_back(rig, quirk):
    with quirk(lifecycle="prefix-apart"):
        both = {"Prefix": "tmp/", "Tags": [{"Key": "a", "Value": "b"}]}
        theirs = {"ID": "theirs", "Status": "Enabled", "Expiration": {"Days": 1},
                  "Filter": {"And": both}}  # fmt: skip
        rig.make_bucket()
        rig.put_lifecycle([theirs])

        rows = {change.setting: change for change in rig.cloud.bucket.plan().changes}
        rig.make_bucket()

        assert (rows["lifecycle"].action, "theirs" in rows["lifecycle"].note) == ("keep", True)
        assert rig.bucket_checks()["XC207"].remedy.startswith("Put ours beside theirs")
        (kept,) = rig.lifecycle()
        assert kept["Filter"]["Prefix"] == "tmp/"


def test_rule_of_somebody_else_that_a_store_would_lose_is_put_back(rig, quirk):
    rig.make_bucket()
    with quirk(lifecycle="keep-last"):
        rig.add_lifecycle_rule(days=9, prefix="logs/")

        with pytest.raises(ServiceError, match=r"lost what is not ours: .*theirs-9.*put back"):
            rig.make_bucket()

        assert [rule["ID"] for rule in rig.lifecycle()] == ["theirs-9"]


def test_other_change_in_progress_is_waited_for(rig, monkeypatch):
    rig.make_bucket()
    rig.client("s3").delete_bucket_lifecycle(**rig.where)
    monkeypatch.setattr("xcomkit.clouds.aws.session._WAITS", (0.01, 0.01))
    left = ["OperationAborted"]

    def busy(**_):
        return _answer(409, left.pop()) if left else None  # None: send it

    rig.cloud.clients.s3.meta.events.register(
        "before-call.s3.PutBucketLifecycleConfiguration", busy
    )

    rig.make_bucket()

    assert not left
    assert rig.bucket_checks()["XC207"].status == "pass"


def _answer(status, code=""):
    from botocore.awsrequest import AWSResponse

    answer = AWSResponse("http://store", status, {}, None)
    return answer, {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}


def test_missing_right_is_not_told_as_a_setting_that_the_store_lacks(rig):
    events = rig.cloud.clients.s3.meta.events
    refusal = _answer(403, "AccessDenied")
    events.register("before-call.s3.PutPublicAccessBlock", lambda **_: refusal)

    with pytest.raises(AccessDeniedError):
        rig.make_bucket()


def test_access_key_nobody_knows_is_no_sign_in(rig, new_rig, monkeypatch):
    assert rig.cloud.who_am_i().principal
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWNUN")

    with pytest.raises(CredentialsError):
        new_rig().cloud.who_am_i()

    rig.sign_out(lambda name: monkeypatch.delenv(name, raising=False))
    with pytest.raises(CredentialsError):
        new_rig().cloud.who_am_i()


def test_key_that_may_neither_list_nor_see_the_bucket_is_not_known_where_there_is_no_sts(
    rig, monkeypatch
):
    rig.make_bucket()
    rig.become_nobody(monkeypatch.setenv)
    nobody = rig.open()
    nobody.clients.sts.meta.events.register("before-call.sts", lambda **_: _answer(405))

    with pytest.raises(CredentialsError, match="Next: look at the key"):
        nobody.who_am_i()

    nobody.clients.s3.meta.events.register("before-call.s3.HeadBucket", lambda **_: _answer(404))
    assert nobody.who_am_i().principal.endswith("somebody who may not list buckets")


def test_versions_are_each_listed_once_where_a_page_names_its_last_key_with_a_blank_for_a_plus(rig):
    rig.make_bucket()
    keys = [f"astro/xcom/d/manual__2026-01-01T00:00:00+00:00/t/{number}" for number in range(5)]
    for key in keys:
        rig.put_object(key, b"1")

    def blank(parsed, **_):
        parsed["NextKeyMarker"] = parsed.get("NextKeyMarker", "").replace("+", " ")

    events = rig.cloud.clients.s3.meta.events
    events.register("after-call.s3.ListObjectVersions", blank)
    events.register(
        "provide-client-params.s3.ListObjectVersions", lambda params, **_: {**params, "MaxKeys": 2}
    )

    assert list(rig.cloud.list_keys_ever("astro/xcom/d/")) == keys


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://127.0.0.1:9", "nothing listens there"),
        ("https://no-such-host.invalid", "nobody knows that host"),
        ("", "no TLS at that port"),
    ],
)
def test_store_that_is_not_there_is_told_with_its_cause(stand_in, new_rig, url, message):
    url = url or stand_in.http_url.replace("http://", "https://")

    with pytest.raises(UnreachableError, match=message):
        new_rig(endpoint_url=url).cloud.who_am_i()


def test_certificate_nobody_trusts_is_told_as_that(rig, monkeypatch):
    monkeypatch.delenv("AWS_CA_BUNDLE")

    with pytest.raises(UnreachableError, match=r"not trusted here\. Next: name its CA") as caught:
        rig.open().who_am_i()
    assert find_cause(f"not tried: {caught.value}")[1] == caught.value.hint


def test_store_is_never_asked_at_aws_and_aws_never_elsewhere(new_rig):
    with pytest.raises(SettingsError, match="knows no keys of this store"):
        new_rig(connection_store="secrets-manager")

    with pytest.raises(SettingsError, match=r"AWS_ENDPOINT_URL is set.*Next: unset"):
        new_rig(endpoint_url="").cloud.who_am_i()


def test_commands_shown_go_to_the_store(rig, stand_in):
    commands = [change.command for change in rig.cloud.bucket.plan().pending]
    rig.make_bucket()
    commands += [change.command for change in rig.cloud.plan_tear_down().pending]

    assert commands
    assert all(command.endswith(f"--endpoint-url {stand_in.url}") for command in commands)


def test_what_sts_of_the_store_says_is_asked_before_it_is_said_to_be_missing(rig):
    checks = {check.id: check for check in rig.cloud.access.verify(())}

    assert {check.status for check in checks.values()} == {"skip"}
    assert "its STS answers" in checks["XC304"].observed


def test_agents_keys_and_ca_reach_the_values_by_reference_only(new_rig):
    rig = new_rig(agent_keys_secret="store-keys", ca_bundle="/etc/ca/ca.pem",
                  checksums="when_required")  # fmt: skip

    environment = rig.cloud.agent_environment()

    assert environment["AWS_CA_BUNDLE"] == "/etc/ca/ca.pem"
    assert environment["AWS_REQUEST_CHECKSUM_CALCULATION"] == "when_required"
    assert set(rig.cloud.connection()["extra"]) == {"region_name", "endpoint_url"}


def test_door_that_answers_in_clear_with_anything_is_not_told_as_closed(stand_in, new_rig):
    rig = new_rig(endpoint_url=stand_in.http_url.replace("http://", "https://"))

    check = without_tls.verify_store(rig.settings, clients=rig.cloud.clients)

    assert (check.id, check.status, check.observed) == ("XC209", "unknown", "404 in clear")
