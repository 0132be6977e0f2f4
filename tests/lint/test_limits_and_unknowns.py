"""What a file does not tell stays unknown, and every limit holds below, at and above it."""

import json
from contextlib import nullcontext

import pytest
from good_values import GOOD, checks

from xcomkit.cloud_documents.access.azure import MOST_CREDENTIALS, credential_name
from xcomkit.cloud_documents.access.gcp import condition_start
from xcomkit.findings.errors import InputError
from xcomkit.findings.model import DURABLE_BACKEND, STOCK_BACKEND
from xcomkit.lint.cloud_files import Agents, judge_trust
from xcomkit.lint.cloud_files.aws_trust import MOST_ISSUERS
from xcomkit.lint.configuration import from_values
from xcomkit.lint.conventions import _LONGEST, _MOST, read_conventions
from xcomkit.lint.rendered import judge_rendered
from xcomkit.lint.rules import MOST_FINDINGS
from xcomkit.lint.rules.prefixes import overlap, parse_base_path
from xcomkit.values.accounts import read_accounts
from xcomkit.values.environment import MOST_GROUPS, expanded, list_variables
from xcomkit.values.layers import layer
from xcomkit.values.merge_rules import is_owned, is_same
from xcomkit.values.names import STATE_PATH, STATE_THRESHOLD
from xcomkit.values.scalars import key_text, resolve
from xcomkit.values.values import read_values

SUBJECT = "system:serviceaccount:airflow:astro-worker"
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/"


@pytest.mark.parametrize("more", [-1, 0, 1, 2])
def test_findings_of_a_rule_are_listed_up_to_the_limit_and_the_rest_is_counted(more):
    count = MOST_FINDINGS + more
    text = GOOD + "".join(f"extra{n}: <FILL-{n}>\n" for n in range(count))

    found = checks(text, "XC008")

    assert len(found) == min(count, MOST_FINDINGS + 1)
    assert ("more" in found[-1].observed) is (more > 1)


def test_base_image_lacks_the_durable_class_unless_a_folder_of_python_may_bring_it():
    base = "image: images.astronomer.cloud/baseimages/astro-remote-execution-agent:3\n"
    durable = GOOD.replace(STOCK_BACKEND, DURABLE_BACKEND) + base
    mounted = durable.replace(
        "commonEnv:\n", "commonEnv:\n  - name: PYTHONPATH\n    value: /mnt/xcom\n"
    )

    assert [c.status for c in checks(durable, "XC057")] == ["fail"]
    assert [c.status for c in checks(mounted, "XC057")] == ["unknown"]


def test_class_in_an_image_of_one_s_own_is_never_told_as_seen():
    own = GOOD + "image: registry.example.com/agents:1\n"
    durable = own.replace(STOCK_BACKEND, DURABLE_BACKEND)

    assert [c.status for c in checks(durable, "XC057")] == ["skip"]
    assert [c.status for c in checks(own, "XC057")] == ["pass"]


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        ("3.2-1-python-3.12-astro-agent-1.4.9", {"XC058": "warn", "XC430": "pass"}),
        ("3.2-1-python-3.12-astro-agent-1.5.0", {"XC058": "pass", "XC430": "pass"}),
        ("3.3-1-python-3.12-astro-agent-1.7.9", {"XC058": "pass", "XC430": "pass"}),
        ("3.2-1-python-3.12-astro-agent-1.8.0", {"XC058": "pass", "XC430": "pass"}),
        ("3.3-1-python-3.12-astro-agent-1.8.0", {"XC058": "pass", "XC430": "fail"}),
        ("own-astro-agent-1.8.0", {"XC058": "pass", "XC430": "unknown"}),  # on which Runtime?
        ("own", {"XC058": "skip", "XC430": "skip"}),
    ],
)
def test_versions_count_from_the_first_one_on(tag, found):
    text = f"image: r/agents:{tag}\n{GOOD}"
    with_one = f"{text}stateStoreBackend: x.Y\n"
    known = "skip" if tag == "own" else "pass" if "1.8" in tag else "warn"
    assert checks(with_one, "XC432")[0].status == known
    assert {rule: checks(text, rule)[0].status for rule in found} == found


@pytest.mark.parametrize(
    ("one", "other", "holds"),
    [("s3://b", "s3://b/x", True), ("s3://b/x", "s3://b/x", True), ("s3://b/x", "s3://b/x/y", True),
     ("s3://b/x/y", "s3://b/x/z", False), ("s3://b/x", "s3://b/xy", False),
     ("s3://b/x", "gs://b/x", False)],
)  # fmt: skip
def test_prefixes_overlap_by_whole_parts(one, other, holds):
    first, second = parse_base_path(one), parse_base_path(other)
    assert first is not None
    assert second is not None
    assert overlap(first, second) is holds


def trust(host: str) -> dict[str, object]:
    provider = f"arn:aws:iam::1:oidc-provider/{host}"
    condition = {f"{host}:sub": SUBJECT, f"{host}:aud": "sts.amazonaws.com"}
    return {
        "Effect": "Allow",
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Principal": {"Federated": provider},
        "Condition": {"StringEquals": condition},
    }


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_trust_may_name_so_many_issuers_and_credentials(more):
    statements = [trust(f"{ISSUER}{n}") for n in range(MOST_ISSUERS + more)]
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    if more > 0:
        with pytest.raises(InputError, match="issuers"):
            judge_trust(text, name="t.json", agents=Agents((SUBJECT,)))
    else:
        assert judge_trust(text, name="t.json", agents=Agents((SUBJECT,))).findings == []

    subjects = tuple(f"{SUBJECT}-{n}" for n in range(MOST_CREDENTIALS + more))
    held = [{"issuer": "https://i", "subject": one, "audiences": ["api://AzureADTokenExchange"]}
            for one in subjects]  # fmt: skip
    findings = judge_trust(json.dumps(held), name="t.json", agents=Agents(subjects)).findings
    assert len(findings) == (1 if more > 0 else 0)


@pytest.mark.parametrize(
    ("expression", "start"),
    [(None, ""), ("", None), ("true", None), ("resource.name.startsWith('x')", "x")],
)
def test_condition_of_a_binding_that_tells_no_names_is_left_to_the_request(expression, start):
    assert condition_start(expression) == start


@pytest.mark.parametrize("more", [-1, 0, 1, 99])
def test_name_of_a_credential_stays_within_what_azure_takes(more):
    subject = f"system:serviceaccount:{'n' * 50}:{'s' * (115 - 56 + more)}"
    name = credential_name(subject)
    assert len(name) <= 120
    assert name != credential_name(f"{subject}s")


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_worker_groups_are_read_up_to_their_limit(more):
    groups = "".join(f"  - name: w{n}\n" for n in range(MOST_GROUPS + more))
    values = read_values(f"workers:\n{groups}", name="v.yaml")
    if more > 0:
        with pytest.raises(InputError, match="more worker groups"):
            list_variables(values)
    else:
        assert len(list_variables(values)) == MOST_GROUPS + more + 2


def test_groups_times_variables_are_limited_and_not_the_variables_alone():
    shared = "".join(f"  - {{name: A{n}, value: x}}\n" for n in range(1000))
    groups = "".join(f"  - name: w{n}\n" for n in range(101))

    with pytest.raises(InputError, match="more worker groups and variables"):
        list_variables(read_values(f"commonEnv:\n{shared}workers:\n{groups}", name="v.yaml"))


def test_variable_that_is_told_elsewhere_and_what_refers_to_it_are_not_told():
    text = """commonEnv:
  - {name: A, value: "1"}
  - {name: B, value: "$(A)"}
  - name: A
    valueFrom: {secretKeyRef: {name: s, key: k}}
  - {name: C, value: "$(A)"}
  - {name: D, value: "$(C)"}
  - {name: A, value: "2"}
  - {name: E, value: "$(A)"}
"""
    listed = list_variables(read_values(text, name="v.yaml"))

    assert expanded(listed["triggerer"]) == {"A": "2", "B": "1", "E": "2"}


@pytest.mark.parametrize(
    ("path", "owned"),
    [(("labels", "x"), True), (("serviceAccount", "annotations", "x"), True),
     (("serviceAccount", "workers", "create"), False), (("commonEnv", "OTHER", "value"), False),
     (("commonEnv", "AIRFLOW__CORE__PARALLELISM", "value"), False),
     (("commonEnv", STATE_PATH, "value"), False), (("commonEnv", STATE_THRESHOLD, "value"), True),
     (("commonEnv", "AIRFLOW_CONN_X", "value"), True)],
)  # fmt: skip
def test_only_what_is_the_runbooks_replaces_what_the_file_says(path, owned):
    assert is_owned(path) is owned


@pytest.mark.parametrize(("sign", "most"), [("", 2**64 - 1), ("+", 2**63 - 1), ("-", 2**63)])
def test_numbers_are_whole_up_to_64_bits(sign, most):
    found = [resolve(f"{sign}{most + more}", tag=None, is_plain=True) for more in (-1, 0, 1)]
    assert [type(one) for one in found] == [int, int, float]


def test_key_may_be_a_number_of_63_bits_and_no_more():
    assert key_text(2**63 - 1) == str(2**63 - 1)
    with pytest.raises(ValueError, match="too large"):
        key_text(2**63)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize(
    "written",
    [lambda more: "a" * (_LONGEST + more), lambda more: dict.fromkeys(range(_MOST + more), "a")],
)
def test_conventions_are_read_up_to_their_limits(tmp_path, written, more):
    (tmp_path / "x.yaml").write_text(json.dumps({"bucket": written(more)}))
    with pytest.raises(InputError) if more > 0 else nullcontext():
        assert read_conventions(str(tmp_path / "x.yaml"))


@pytest.mark.parametrize(
    ("held", "wanted", "same"),
    [(1, True, False), (True, True, True), (None, "", False), ("1", "1", True), (0, False, False),
     ('{"a": 1}', '{ "a":1}', True), ("a", "b", False)],
)  # fmt: skip
def test_same_means_equal_and_of_one_kind(held, wanted, same):
    assert is_same(held, wanted) is same


@pytest.mark.parametrize(
    ("above", "lost"),
    [("[{name: A, value: x}]", [()]), ("[{name: B}]", [("A",)]), ("[]", [("A",)]), ("~", [("A",)])],
)
def test_list_that_a_later_file_replaces_tells_what_was_lost(above, lost):
    below = read_values("commonEnv: [{name: A, value: x}]\n", name="a.yaml")
    _, replaced = layer([below, read_values(f"commonEnv: {above}\n", name="b.yaml")])

    assert [one.lost for one in replaced] == ([] if lost == [()] else lost)


def test_key_that_stands_twice_is_known_whichever_file_it_is_in():
    files = [read_values(text, name="v.yaml") for text in ("a: 1\na: 2\n", "b: 1\n")]
    assert [len(layer(order)[0].duplicates) for order in (files, files[::-1])] == [1, 1]


@pytest.mark.parametrize(
    ("missing", "account", "status"),
    [("", "", "pass"), ("triggerer", "", "unknown"), ("triggerer", "x", "fail"), ("", "x", "fail")],
)
def test_component_that_helm_did_not_render_is_unknown_unless_another_one_is_wrong(
    missing, account, status
):
    values = read_values(GOOD, name="v.yaml")
    rendered = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": one.name},
         "spec": {"template": {"spec": {
             "serviceAccountName": account or one.name,
             "containers": [{"name": "agent", "env": [
                 {"name": name, "value": value} for name, value in known.items()
             ]}]}}}}
        for one in read_accounts(values, prefix="p")
        if one.component != missing
        for known in [from_values(values).environment[one.component]]
    ]  # fmt: skip
    rendered += [
        {"apiVersion": "v1", "kind": "ServiceAccount",
         "metadata": {"name": one.name, "annotations": dict(one.annotations)}}
        for one in read_accounts(values, prefix="p")
    ]  # fmt: skip
    text = "\n---\n".join(map(json.dumps, rendered))

    assert judge_rendered(text, values=values, prefix="p").status == status
