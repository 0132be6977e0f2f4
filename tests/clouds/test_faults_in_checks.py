"""What a check reads is refused, fails or says nothing: unknown, or no check, and never a pass."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from refusing import (
    CLOUDS,
    DENIED,
    UNKNOWN,
    cloud_of,
    good_access,
    raising,
    settings_of,
    statuses,
)
from rig import SUBJECTS

from xcomkit.clouds.aws import without_tls
from xcomkit.clouds.aws.bucket_settings import SETTINGS
from xcomkit.clouds.aws.permission_tests import simulate
from xcomkit.clouds.bucket import Reading
from xcomkit.clouds.lifecycle import judge_takings
from xcomkit.clouds.permission_tests import allowed, forbidden, untested
from xcomkit.clouds.rules import EXISTS, OUTSIDE, PUT, UNTRUSTED
from xcomkit.findings.errors import (
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
    UnreachableError,
)

READ = {
    ("aws", "read_provider"): {"XC301"},
    ("aws", "read_identity"): {"XC302"},
    ("aws", "read_policy"): {"XC303"},
    ("aws", "read_other_policies"): {"XC303"},
    ("aws", "read_secret"): {"XC314"},
    ("azure", "read_identity"): {"XC316", "XC302", "XC303"},
    ("azure", "read_credentials"): {"XC302"},
    ("azure", "read_assignments"): {"XC303"},
    ("gcp", "read_identity"): {"XC316"},
    ("gcp", "read_trust"): {"XC302"},
    ("gcp", "rights._read"): {"XC303"},
}
errors = pytest.mark.parametrize("error", UNKNOWN, ids=str)
clouds = pytest.mark.parametrize("cloud", CLOUDS)


@clouds
def test_access_in_which_everything_is_as_it_should_be_passes(cloud):
    access = good_access(cloud)

    assert {*statuses(lambda: access.verify_documents(SUBJECTS)).values()} == {"pass"}


@errors
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


@errors
@clouds
def test_account_that_says_nothing_passes_nothing(cloud, error):
    found = statuses(lambda: cloud_of(cloud, error).access.verify_documents(SUBJECTS))

    assert {*found.values()} <= {"unknown"}
    assert found or error is not DENIED


@pytest.mark.parametrize(
    ("cloud", "name", "answer", "rule"),
    [
        ("aws", "read_provider", {"ClientIDList": ["another"]}, "XC301"),
        ("aws", "read_provider", {}, "XC301"),
        ("aws", "read_identity", {"AssumeRolePolicyDocument": {}}, "XC302"),
        ("aws", "read_policy", {}, "XC303"),
        ("aws", "read_other_policies", ("theirs",), "XC303"),
        ("aws", "read_secret", "another connection (hidden)", "XC314"),
        ("azure", "read_credentials", {}, "XC302"),
        ("azure", "read_assignments", [], "XC303"),
        ("gcp", "read_identity", {"disabled": True}, "XC316"),
        ("gcp", "read_trust", {}, "XC302"),
        ("gcp", "read_trust", {"bindings": [{"role": "roles/custom", "members": ["user:a"]}]},
         "XC302"),
    ],
)  # fmt: skip
def test_answer_that_is_empty_or_speaks_of_others_is_red(cloud, name, answer, rule):
    access = good_access(cloud)
    setattr(access, name, lambda *_: answer)

    assert statuses(lambda: access.verify_documents(SUBJECTS))[rule] == "fail"


@pytest.mark.parametrize(
    ("cloud", "name", "limit", "rule"),
    [
        ("aws", "read_identity", lambda found: found["AssumeRolePolicyDocument"]["Statement"][0][
            "Condition"].update(IpAddress={"aws:SourceIp": "10.0.0.0/8"}), "XC302"),
        ("azure", "read_assignments", lambda found: found[0].update(condition="@x"), "XC303"),
        ("gcp", "read_trust", lambda found: found["bindings"][0].update(condition={"title": "x"}),
         "XC302"),
    ],
)  # fmt: skip
def test_what_holds_on_a_condition_only_is_red(cloud, name, limit, rule):
    access = good_access(cloud)
    found = getattr(access, name)()
    limit(found)
    setattr(access, name, lambda *_: found)

    assert statuses(lambda: access.verify_documents(SUBJECTS))[rule] == "fail"


@pytest.mark.parametrize("condition", ["", "request.time < x"])
def test_binding_of_somebody_else_for_our_account_is_red_and_kept(condition):
    access = good_access("gcp")
    rights = access.rights._rights()
    more = {"condition": {"title": "theirs", "expression": condition}} if condition else {}
    role = "roles/storage.objectViewer" if not condition else rights[0]["role"]
    theirs = {"role": role, "members": {access.rights.member}, **more}
    written: list[Any] = []
    policy = SimpleNamespace(bindings=[*rights, theirs])
    access.rights._read = lambda: policy
    access.rights._clients = SimpleNamespace(
        bucket=SimpleNamespace(set_iam_policy=lambda *found, **_: written.append(found))
    )

    access.rights.put()

    assert [row.action for row in access.rights.plan()][len(rights) :] == ["keep"]
    assert (written, access.rights.verify().status) == ([], "fail")


@pytest.mark.parametrize(
    ("cloud", "identity", "is_ours"),
    [("aws", {"Tags": [{"Key": "created-by", "Value": "xcomkit"}, {"Key": "a", "Value": "b"}]},
      True),
     ("aws", {"Tags": [{"Key": "created-by", "Value": "terraform"}]}, False), ("aws", {}, False),
     ("azure", {"tags": {"created-by": "xcomkit", "a": "b"}}, True),
     ("azure", {"tags": {"created-by": "terraform"}}, False),
     ("gcp", {"description": "created by xcomkit"}, True),
     ("gcp", {"description": "created by terraform"}, False), ("gcp", {}, False)],
)  # fmt: skip
def test_identity_is_ours_by_its_mark_alone(cloud, identity, is_ours):
    assert cloud_of(cloud).access._is_marked(identity) is is_ours


@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers"])
def test_bucket_that_everybody_may_read_is_red(member):
    access = good_access("gcp")
    public = {"role": "roles/storage.objectViewer", "members": [member]}
    policy = SimpleNamespace(bindings=[*access.rights._rights(), public])
    access.rights._read = lambda: policy

    assert access.rights.verify().status == "fail"


@errors
@clouds
def test_bucket_that_cannot_be_looked_for_is_unknown(cloud, error):
    bucket = cloud_of(cloud).bucket
    bucket.find = raising(error)

    assert statuses(bucket.verify) == {"XC201": "unknown"}


def test_container_that_is_not_there_is_red_in_an_account_that_is():
    bucket = cloud_of("azure").bucket
    bucket.find_account = lambda: {"location": "West Europe"}
    bucket.has_container = lambda: False

    assert statuses(bucket.verify) == {"XC201": "fail"}


@pytest.mark.parametrize(
    ("state", "statuses_of", "action"),
    [
        ("denied", {"unknown"}, "keep"),
        ("unset", {"fail", "warn"}, "create"),
        ("unsupported", {"fail", "warn"}, "unsupported"),
    ],
)
def test_setting_of_a_bucket_on_aws_that_is_not_said_never_passes(state, statuses_of, action):
    bucket = cloud_of("aws", tags={"team": "data"}).bucket
    head = {"BucketRegion": "eu-central-1", "ResponseMetadata": {"HTTPHeaders": {}}}
    bucket._clients.s3 = SimpleNamespace(head_bucket=lambda **_: head)
    bucket.read = lambda *_: Reading({}, state, "501" if state != "unset" else "")

    found = statuses(bucket.verify)

    assert {found[setting.rule.id] for setting in SETTINGS} <= statuses_of
    assert "not-supported-here" not in {check.basis for check in bucket.verify()}
    rows = {row.setting: row.action for row in bucket.plan().changes if row.setting != "bucket"}
    assert {*rows.values()} == {action}


@pytest.mark.parametrize("cloud", ["aws", "gcp"])
def test_region_in_which_the_bucket_is_not_is_red_and_the_bucket_left_alone(cloud):
    bucket = cloud_of(cloud).bucket
    head = {"BucketRegion": "europe-west4", "ResponseMetadata": {"HTTPHeaders": {}}}
    bucket._clients.s3 = SimpleNamespace(head_bucket=lambda **_: head)
    handle = SimpleNamespace(location="EUROPE-WEST4", name="acme", reload=lambda **_: None)
    bucket._clients.storage = SimpleNamespace(
        bucket=lambda _: handle, list_buckets=lambda **_: [handle]
    )

    found = bucket.find()

    assert bucket._verify_region(found).status == "fail"
    assert [change.action for change in bucket.plan().changes] == ["keep"]


def test_settings_of_an_account_that_may_not_be_read_are_unknown_and_left_alone():
    bucket = cloud_of("azure").bucket
    bucket.find_account = lambda: {"location": "West Europe", "properties": {}}
    bucket.has_container = lambda: True

    found = statuses(bucket.verify)

    assert (found["XC201"], found["XC202"]) == ("pass", "pass")
    assert {found[f"XC{n}"] for n in (205, 207, 208, 212)} == {"unknown"}
    rows = {change.setting: change.action for change in bucket.plan().changes}
    assert {rows[name] for name in ("versioning", "soft delete", "lifecycle")} == {"keep"}


@errors
def test_owner_of_a_bucket_on_another_store_that_is_not_said_is_unknown(error):
    store = {"endpoint_url": "https://store.example.com", "connection_store": "values"}

    assert cloud_of("aws", error, **store).bucket._whose()[0] is None


@pytest.mark.parametrize(
    ("error", "status"),
    [*((error, "unknown") for error in UNKNOWN[2:]), (DENIED, "pass"), (None, "fail")],
    ids=str,
)
@clouds
def test_untrusted_account_is_kept_out_only_by_a_refusal_and_one_of_ours_that_is_refused_is_red(
    cloud, error, status
):
    access = cloud_of(cloud).access
    tests: Any = access.tests(access, None)

    def become(subject: str) -> Any:
        if subject == SUBJECTS[1]:
            raise DENIED
        if "untrusted" in subject and error:
            raise error
        return {"AccessKeyId": ""}

    tests.become = become
    tests._test_rights = lambda _: ()

    found = statuses(lambda: tests.run(SUBJECTS))

    assert (found["XC304"], found["XC312"]) == ("fail", status)


@errors
@clouds
def test_account_that_gets_no_answer_may_still_be_let_in(cloud, error):
    access = cloud_of(cloud).access
    tests: Any = access.tests(access, None)
    tests.become = raising(error)

    is_refused = error in UNKNOWN[:2]
    assert tests._become_each(SUBJECTS)[0].status == ("fail" if is_refused else "unknown")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_account_that_is_refused_decides_where_another_gets_no_answer(order):
    access = cloud_of("aws").access
    tests: Any = access.tests(access, None)
    errors = (CredentialsError("401"), ServiceError("500"))
    answers = iter([errors[place] for place in order])

    def become(_: str) -> Any:
        raise next(answers)

    tests.become = become

    assert tests._become_each(SUBJECTS[:2])[0].status == "fail"


@errors
@clouds
def test_other_buckets_that_cannot_be_listed_leave_it_unknown(cloud, error):
    access = cloud_of(cloud, error).access

    assert access.tests(access, None)._test_other_bucket(print).status == "unknown"


@pytest.mark.parametrize(
    ("names", "asked", "status"),
    [(["acme", "other"], ["other"], "fail"), (["acme", "acme-2"], ["acme-2"], "fail"),
     (["acme"], [], "skip"), ([], [], "skip")],
)  # fmt: skip
def test_another_bucket_is_never_our_own(names, asked, status):
    access, found = cloud_of("gcp").access, []
    tests: Any = access.tests(access, None)
    tests.list_buckets = lambda: names

    assert tests._test_other_bucket(found.append).status == status
    assert found == asked


@errors
def test_identity_that_may_not_be_looked_for_leaves_every_right_unknown(error):
    access = good_access("azure")
    access.verify_documents = lambda _: ()
    access.read_identity = raising(error)

    assert {*statuses(lambda: access.verify(SUBJECTS)).values()} == {"unknown"}


def simulated(clients: Any, **changes: object) -> dict[str, str]:
    settings = settings_of("aws", **changes)
    return statuses(lambda: simulate(settings, clients=clients, account="1", role_arn=""))


@errors
def test_simulation_that_gives_no_answer_is_unknown(error):
    key = {"encryption": "sse-kms", "kms_key": "arn:aws:kms:eu-central-1:1:key/k"}

    found = simulated(cloud_of("aws", error).clients, **key)

    assert {*found.values()} == {"unknown"}
    assert {"XC313", "XC315"} <= found.keys()


@pytest.mark.parametrize(
    ("decision", "allows"), [("allowed", True), ("implicitDeny", False), ("explicitDeny", False)]
)
def test_every_decision_of_the_simulation_but_allowed_is_a_refusal(decision, allows):
    answer = {"EvaluationResults": [{"EvalDecision": decision}]}
    iam = SimpleNamespace(simulate_principal_policy=lambda **_: answer)

    found = simulated(SimpleNamespace(iam=iam))

    assert (found["XC305"], found["XC309"]) == (("pass", "fail") if allows else ("fail", "pass"))


@pytest.mark.parametrize(
    ("error", "status"),
    [(DENIED, "unknown"), (MissingError("404"), "fail"), (ServiceError("500"), "unknown"),
     (UnreachableError("no answer"), "unknown")],
    ids=str,
)  # fmt: skip
def test_key_of_the_bucket_that_is_not_seen_does_not_pass(error, status):
    key = {"encryption": "sse-kms", "kms_key": "arn:aws:kms:eu-central-1:1:key/k"}
    cloud = cloud_of("aws", **key)
    cloud.clients.client = lambda _: SimpleNamespace(describe_key=raising(error))

    assert statuses(cloud.bucket._verify_key) == {"XC214": status}


@pytest.mark.parametrize(
    ("state", "status"),
    [("Enabled", "pass"), ("Disabled", "fail"), ("", "unknown"), (None, "unknown")],
)
def test_only_a_key_that_is_enabled_passes(state, status):
    cloud = cloud_of("aws", encryption="sse-kms", kms_key="arn:aws:kms:eu-central-1:1:key/k")
    answer = {"KeyMetadata": {} if state is None else {"KeyState": state}}
    cloud.clients.client = lambda _: SimpleNamespace(describe_key=lambda **_: answer)

    assert statuses(cloud.bucket._verify_key) == {"XC214": status}


def test_kms_is_not_asked_for_the_key_of_another_store():
    store = {"endpoint_url": "https://store.example.com", "connection_store": "values"}
    key = "arn:aws:kms:eu-central-1:1:key/k"
    cloud = cloud_of("aws", encryption="sse-kms", kms_key=key, **store)
    cloud.clients.client = lambda _: pytest.fail("a request to the store")

    assert statuses(cloud.bucket._verify_key) == {}


def no_errors(_: str) -> nullcontext[None]:
    return nullcontext()


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

    assert allowed(PUT, call, errors=no_errors).status == may
    assert forbidden(OUTSIDE, call, errors=no_errors).status == may_not


@pytest.mark.parametrize(
    ("rule", "error", "is_in_01"),
    [(PUT, MissingError("no such bucket"), True), (PUT, DENIED, False),
     (UNTRUSTED, MissingError("no such role"), False)],
    ids=["no bucket", "no right", "another thing is missing"],
)  # fmt: skip
def test_missing_bucket_is_made_in_step_01_and_a_missing_right_is_given_here(rule, error, is_in_01):
    check = allowed(rule, raising(error), errors=no_errors)
    (untried,) = untested([PUT], MissingError("no such bucket"))
    (unsigned,) = untested([PUT], CredentialsError("401", hint="sign in."))

    here, there = (rule.remedy, ""), (EXISTS.remedy, "01")
    assert (check.remedy, check.fix_in) == (there if is_in_01 else here)
    assert (untried.status, untried.remedy, untried.fix_in) == ("unknown", *there)
    assert unsigned.remedy == "sign in."


@pytest.mark.parametrize(
    ("scheme", "answer", "status"),
    [
        ("https", "200", "fail"),
        ("https", "400", "pass"),
        ("https", "403", "pass"),
        ("https", "nobody listens", "pass"),
        ("https", "404", "unknown"),
        ("https", "503", "unknown"),
        ("http", "200", "fail"),
        ("http", "403", "fail"),
        ("http", "500", "unknown"),
        ("http", "no answer", "unknown"),
        ("policy", "403", "pass"),
        ("policy", "200", "fail"),
        ("policy", "500", "unknown"),
    ],
)
def test_only_a_refusal_without_tls_passes_and_none_at_a_url_without_tls(
    monkeypatch, scheme, answer, status
):
    monkeypatch.setattr(without_tls, "_ask", lambda *_, **__: answer)
    if scheme == "policy":
        settings = settings_of("aws")
        found = without_tls.verify_refused(settings, clients=None, url="http://s3.example.com")
    else:
        store = {"endpoint_url": f"{scheme}://store.example.com", "connection_store": "values"}
        found = without_tls.verify_store(settings_of("aws", **store), clients=None)

    assert found.status == status


@pytest.mark.parametrize(
    ("days", "status"),
    [(29, "fail"), (30, "pass"), (31, "pass"), ("x", "unknown"), (None, "unknown")],
)
def test_expiry_is_compared_with_the_retention_and_unknown_where_it_says_no_days(days, status):
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}

    assert next(judge_takings(settings_of("aws"), [rule], how="read")).status == status
    unread = next(judge_takings(settings_of("aws"), None, how="read", unread="403"))
    assert unread.status == "unknown"
