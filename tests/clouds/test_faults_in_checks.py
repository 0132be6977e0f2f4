"""What a check reads is refused, fails or says nothing: unknown, or no check, and never a pass."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rig import SUBJECTS

from xcomkit.cloud_documents.access.aws import AUDIENCE
from xcomkit.cloud_documents.access.azure import CONTRIBUTOR
from xcomkit.cloud_documents.access.gcp import BECOME
from xcomkit.clouds import aws, azure, gcp
from xcomkit.clouds.aws import behaviour, clear
from xcomkit.clouds.aws.bucket_settings import SETTINGS
from xcomkit.clouds.aws.reading import Reading
from xcomkit.clouds.lifecycle import judge_sooner
from xcomkit.clouds.rules import OUTSIDE, PUT
from xcomkit.clouds.trying import allowed, refused
from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
    UnreachableError,
    XcomkitError,
)
from xcomkit.findings.model import Check
from xcomkit.settings.settings import Settings

CLOUDS: dict[str, Any] = {"aws": aws, "azure": azure, "gcp": gcp}
VALUES: dict[str, dict[str, object]] = {
    "aws": {"bucket": "acme", "region": "eu-central-1", "connection_store": "secrets-manager"},
    "azure": {"bucket": "acme", "subscription_id": "00000000-0000-4000-8000-000000000001",
              "resource_group": "xcom", "storage_account": "acmexcom", "region": "westeurope"},
    "gcp": {"bucket": "acme", "project": "my-project", "region": "europe-west1"},
}  # fmt: skip
DENIED = AccessDeniedError("403")
UNKNOWN = [DENIED, CredentialsError("401"), UnreachableError("no answer"), ServiceError("500")]
READ = {
    ("aws", "read_provider"): {"XC301"},
    ("aws", "read_role"): {"XC302"},
    ("aws", "read_policy"): {"XC303"},
    ("aws", "read_other_policies"): {"XC303"},
    ("aws", "read_secret"): {"XC314"},
    ("azure", "read_identity"): {"XC316", "XC302", "XC303"},
    ("azure", "read_credentials"): {"XC302"},
    ("azure", "read_assignments"): {"XC303"},
    ("gcp", "read_account"): {"XC316"},
    ("gcp", "read_trust"): {"XC302"},
    ("gcp", "rights._read"): {"XC303"},
}


class Refusing:
    """A client of whatever service that is refused before it could ask for anything."""

    def __init__(self, error: XcomkitError) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> Any:
        raise self._error


def raising(error: XcomkitError) -> Callable[..., Any]:
    def read(*_: object, **__: object) -> Any:
        raise error

    return read


def settings_of(cloud: str, **changes: object) -> Settings:
    return Settings.from_mapping({"cloud": cloud, **VALUES[cloud], **changes})


def clients_of(cloud: str, error: XcomkitError = DENIED, **changes: object) -> Any:
    """Return clients of which each is refused with this error."""
    clients = CLOUDS[cloud].Clients(settings_of(cloud, **changes))
    names = ("s3", "iam", "sts", "secrets_manager", "storage", "identities", "assignments")
    for name in (*names, "service_accounts", "credentials", "blobs"):
        clients.__dict__[name] = Refusing(error)
    return clients


def access_of(cloud: str, error: XcomkitError = DENIED) -> Any:
    named = {"aws": {"account": "1", "issuer": "https://oidc.example.com", "connection": {}},
             "azure": {"issuer": "https://oidc.example.com"}, "gcp": {}}[cloud]  # fmt: skip
    return CLOUDS[cloud].Access(settings_of(cloud), clients=clients_of(cloud, error), **named)


def good_access(cloud: str) -> Any:
    """Return the access of a cloud in which everything was read, and is as it should be."""
    access = access_of(cloud)
    if cloud == "aws":
        found = {
            "read_provider": {"ClientIDList": [AUDIENCE]},
            "read_role": {"AssumeRolePolicyDocument": access._trust(SUBJECTS)},
            "read_policy": access._permissions(),
            "read_other_policies": (),
            "read_secret": access._connection,
        }
    elif cloud == "azure":
        found = {
            "read_identity": {"principal_id": "p", "client_id": "c", "tenant_id": "t", "tags": {}},
            "read_credentials": access._wanted(SUBJECTS),
            "read_assignments": [{"role": CONTRIBUTOR, "scope": access.scope, "condition": ""}],
        }
    else:
        trust = {"role": BECOME, "members": access._trusted(SUBJECTS)}
        found = {"read_account": {"email": access.email}, "read_trust": {"bindings": [trust]}}
        policy = SimpleNamespace(bindings=access.rights._rights())
        access.rights._read = lambda: policy
    for name, answer in found.items():
        setattr(access, name, lambda *_, answer=answer: answer)
    return access


def statuses(look: Callable[[], tuple[Check, ...]]) -> dict[str, str]:
    """Return the status of each check; none where the step says that it could not do its work."""
    try:
        return {check.id: check.status for check in look()}
    except XcomkitError:
        return {}


@pytest.mark.parametrize("cloud", CLOUDS)
def test_access_in_which_everything_is_as_it_should_be_passes(cloud):
    access = good_access(cloud)

    assert {*statuses(lambda: access.verify_documents(SUBJECTS)).values()} == {"pass"}


@pytest.mark.parametrize("error", UNKNOWN, ids=str)
@pytest.mark.parametrize(("read", "rules"), READ.items(), ids=map("-".join, READ))
def test_part_of_the_access_that_cannot_be_read_never_passes(read, rules, error):
    cloud, name = read
    access = good_access(cloud)
    holder = access.rights if name.startswith("rights.") else access
    setattr(holder, name.removeprefix("rights."), raising(error))

    found = statuses(lambda: access.verify_documents(SUBJECTS))

    assert "pass" not in {found.get(rule, "unknown") for rule in rules}
    if error is DENIED:
        assert {rule for rule, status in found.items() if status == "unknown"} == rules
        assert {*found.values()} <= {"pass", "unknown"}


@pytest.mark.parametrize("error", UNKNOWN, ids=str)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_account_that_tells_nothing_passes_nothing(cloud, error):
    access = access_of(cloud, error)

    found = statuses(lambda: access.verify_documents(SUBJECTS))

    assert {*found.values()} <= {"unknown"}
    assert found or error is not DENIED


@pytest.mark.parametrize(
    ("cloud", "name", "answer", "rule"),
    [
        ("aws", "read_provider", {"ClientIDList": ["another"]}, "XC301"),
        ("aws", "read_provider", {}, "XC301"),
        ("aws", "read_role", {"AssumeRolePolicyDocument": {}}, "XC302"),
        ("aws", "read_policy", {}, "XC303"),
        ("aws", "read_other_policies", ("theirs",), "XC303"),
        ("aws", "read_secret", "another connection (hidden)", "XC314"),
        ("azure", "read_credentials", {}, "XC302"),
        ("azure", "read_assignments", [], "XC303"),
        ("gcp", "read_account", {"disabled": True}, "XC316"),
        ("gcp", "read_trust", {}, "XC302"),
        ("gcp", "read_trust", {"bindings": [{"role": "roles/custom", "members": ["user:a"]}]},
         "XC302"),
    ],
)  # fmt: skip
def test_answer_that_is_empty_or_speaks_of_others_is_red(cloud, name, answer, rule):
    access = good_access(cloud)
    setattr(access, name, lambda *_: answer)

    assert statuses(lambda: access.verify_documents(SUBJECTS))[rule] == "fail"


def bucket_of(cloud: str, error: XcomkitError = DENIED, **changes: object) -> Any:
    named = {"account": "1"} if cloud == "aws" else {}
    clients = clients_of(cloud, error, **changes)
    return CLOUDS[cloud].Bucket(settings_of(cloud, **changes), clients=clients, **named)


def verify(bucket: Any) -> dict[str, str]:
    return statuses(bucket.verify)


@pytest.mark.parametrize("error", UNKNOWN, ids=str)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_bucket_that_cannot_be_looked_for_is_unknown(cloud, error):
    bucket = bucket_of(cloud)
    setattr(bucket, "find_account" if cloud == "azure" else "find", raising(error))

    assert verify(bucket) == {"XC201": "unknown"}


def test_container_that_is_not_there_is_red_in_an_account_that_is():
    bucket = bucket_of("azure")
    bucket.find_account = lambda: {"location": "West Europe"}
    bucket.has_container = lambda: False

    assert verify(bucket) == {"XC201": "fail"}


@pytest.mark.parametrize("state", ["denied", "unset", "unsupported"])
def test_setting_of_a_bucket_on_aws_that_is_not_told_never_passes(state):
    bucket = bucket_of("aws", tags={"team": "data"})
    bucket.find = lambda: "eu-central-1"
    bucket.read = lambda _: Reading(state, {}, "501")

    found = verify(bucket)

    rules = {setting.rule.id for setting in SETTINGS}
    expected = {"unknown"} if state == "denied" else {"fail", "warn"}
    assert {found[rule] for rule in rules} <= expected
    assert bucket.find() == "eu-central-1"
    rows = {c.setting: c.action for c in bucket.plan().changes if c.setting != "bucket"}
    actions = {"denied": "keep", "unset": "create", "unsupported": "unsupported"}
    assert {*rows.values()} == {actions[state]}


def test_region_in_which_the_bucket_is_not_is_red_on_every_cloud():
    other = bucket_of("aws")
    other.find = lambda: "eu-west-1"
    other.read = lambda _: Reading("unset", {})
    assert verify(other)["XC202"] == "fail"
    assert [change.action for change in other.plan().changes] == ["keep"]

    google = bucket_of("gcp")
    google.find = lambda: SimpleNamespace(location="EUROPE-WEST4")
    assert [change.action for change in google.plan().changes] == ["keep"]


def test_settings_of_an_account_that_may_not_be_read_are_unknown_and_left_alone():
    bucket = bucket_of("azure")
    bucket.find_account = lambda: {"location": "West Europe", "properties": {}}
    bucket.has_container = lambda: True

    found = verify(bucket)

    assert (found["XC201"], found["XC202"]) == ("pass", "pass")
    assert {found[f"XC{n}"] for n in (205, 207, 208, 212)} == {"unknown"}
    rows = {change.setting: change.action for change in bucket.plan().changes}
    assert {rows[name] for name in ("versioning", "soft delete", "lifecycle")} == {"keep"}


@pytest.mark.parametrize("error", UNKNOWN, ids=str)
def test_owner_of_a_bucket_on_another_store_that_is_not_told_is_unknown(error):
    bucket = bucket_of("aws", error, endpoint_url="https://store.example.com",
                       connection_store="values")  # fmt: skip

    assert bucket._whose()[0] is None


def behaviour_of(cloud: str, error: XcomkitError = DENIED) -> Any:
    named: dict[str, dict[str, Any]] = {
        "aws": {"role_arn": "arn:aws:iam::1:role/r"},
        "azure": {"identity": {}, "delete": print},
        "gcp": {"access": access_of("gcp"), "issuer": "", "delete": print},
    }
    return CLOUDS[cloud].Behaviour(
        settings_of(cloud), clients=clients_of(cloud, error), mint_token=print, **named[cloud]
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [*((error, "unknown") for error in UNKNOWN[2:]), (DENIED, "pass"), (None, "fail")],
    ids=str,
)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_stranger_is_kept_out_only_by_a_refusal_and_one_of_ours_that_is_refused_is_red(
    cloud, error, status
):
    tried = behaviour_of(cloud)

    def become(subject: str, *_: object) -> Any:
        if subject == SUBJECTS[1]:
            raise DENIED
        if "stranger" in subject and error:
            raise error
        return {"AccessKeyId": ""}

    setattr(tried, "_assume" if cloud == "aws" else "_become", become)
    tried._verify_rights = lambda _: ()

    found = statuses(lambda: tried.verify(SUBJECTS))

    assert (found["XC304"], found["XC312"]) == ("fail", status)


@pytest.mark.parametrize("error", UNKNOWN, ids=str)
@pytest.mark.parametrize("cloud", CLOUDS)
def test_other_buckets_that_cannot_be_listed_leave_it_unknown(cloud, error):
    tried = behaviour_of(cloud, error)
    name = "_verify_other_container" if cloud == "azure" else "_verify_other_bucket"

    found = statuses(lambda: (getattr(tried, name)(None),))

    assert {*found.values()} <= {"unknown"}
    assert found or error is not DENIED


@pytest.mark.parametrize("error", UNKNOWN, ids=str)
def test_simulation_that_gives_no_answer_is_unknown(error):
    settings = settings_of("aws", encryption="sse-kms", kms_key="arn:aws:kms:eu-central-1:1:key/k")
    clients = clients_of("aws", error)

    found = statuses(
        lambda: behaviour.simulate(settings, clients=clients, account="1", role_arn="", stranger="")
    )

    assert {*found.values()} == {"unknown", "skip"}
    assert {"XC313", "XC315"} <= found.keys()


@pytest.mark.parametrize(
    ("decision", "allows"), [("allowed", True), ("implicitDeny", False), ("explicitDeny", False)]
)
def test_every_decision_of_the_simulation_but_allowed_is_a_refusal(decision, allows):
    clients = clients_of("aws")
    answer = {"EvaluationResults": [{"EvalDecision": decision}]}
    clients.iam = SimpleNamespace(simulate_principal_policy=lambda **_: answer)

    found = statuses(lambda: behaviour.simulate(
        settings_of("aws"), clients=clients, account="1", role_arn="", stranger=""))  # fmt: skip

    assert (found["XC305"], found["XC309"]) == (("pass", "fail") if allows else ("fail", "pass"))


@pytest.mark.parametrize(
    ("error", "may", "may_not"),
    [
        (DENIED, "fail", "pass"),
        (CredentialsError("401"), "fail", "unknown"),
        (UnreachableError("no answer"), "unknown", "unknown"),
        (ServiceError("500"), "unknown", "unknown"),
        (ConflictError("409"), "unknown", "fail"),
        (MissingError("404"), "unknown", "fail"),
        (None, "pass", "fail"),
    ],
    ids=str,
)
def test_only_a_refusal_says_that_a_right_is_not_there(error, may, may_not):
    call = raising(error) if error else print
    from contextlib import nullcontext

    errors = lambda _: nullcontext()  # noqa: E731
    assert allowed(PUT, call, errors=errors).status == may
    assert refused(OUTSIDE, call, errors=errors).status == may_not


@pytest.mark.parametrize(
    ("endpoint", "answer", "status"),
    [
        ("https://store.example.com", "200", "fail"),
        ("https://store.example.com", "answered 400", "pass"),
        ("https://store.example.com", "403", "pass"),
        ("http://store.example.com", "200", "fail"),
        ("http://store.example.com", "403", "fail"),
        ("http://store.example.com", "answered 500", "unknown"),
        ("http://store.example.com", "no answer", "unknown"),
    ],
)
def test_store_whose_url_has_no_tls_passes_by_no_answer(monkeypatch, endpoint, answer, status):
    monkeypatch.setattr(clear, "_ask", lambda *_, **__: answer)
    settings = settings_of("aws", endpoint_url=endpoint, connection_store="values")

    assert clear.verify_store(settings, clients=None).status == status


@pytest.mark.parametrize(
    ("answer", "status"), [("403", "pass"), ("200", "fail"), ("answered 500", "unknown")]
)
def test_request_in_clear_is_refused_by_a_403_and_by_nothing_else(monkeypatch, answer, status):
    monkeypatch.setattr(clear, "_ask", lambda *_, **__: answer)

    found = clear.verify_refused(settings_of("aws"), clients=None, url="http://s3.example.com")

    assert found.status == status


@pytest.mark.parametrize(
    ("days", "status"), [(29, "fail"), (30, "pass"), (31, "pass"), ("x", "unknown"), (None, "")]
)
def test_expiry_is_compared_with_the_retention_and_unknown_where_it_tells_no_days(days, status):
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}

    found = judge_sooner(settings_of("aws"), [rule], how="read")

    assert found.status == (status or "unknown")
    assert judge_sooner(settings_of("aws"), None, how="read", unread="403").status == "unknown"
