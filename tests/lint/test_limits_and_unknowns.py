"""What a file does not tell stays unknown, and every limit holds below, at and above it."""

import json

import pytest
from good_values import GOOD, checks

from xcomkit.cloud_documents.access.azure import MOST_CREDENTIALS
from xcomkit.findings.errors import InputError
from xcomkit.findings.model import DURABLE_BACKEND, STOCK_BACKEND
from xcomkit.lint.cloud_files import Agents, judge_trust
from xcomkit.lint.cloud_files.aws_trust import MOST_ISSUERS
from xcomkit.lint.rules import MOST_FINDINGS
from xcomkit.lint.rules.prefixes import overlap, parse_base_path
from xcomkit.values.environment import MOST_GROUPS, expanded, list_variables
from xcomkit.values.layers import layer
from xcomkit.values.merge_rules import is_owned, is_same
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
     (("commonEnv", "AIRFLOW_CONN_X", "value"), True)],
)  # fmt: skip
def test_only_what_is_the_runbooks_replaces_what_the_file_says(path, owned):
    assert is_owned(path) is owned


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
