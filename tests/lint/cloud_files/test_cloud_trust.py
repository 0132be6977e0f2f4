import json
from urllib.parse import quote

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.cloud_files import Agents, judge_trust
from xcomkit.values.names import BasePath

HOST = "oidc.eks.eu-west-1.amazonaws.com/id/CAFE"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{HOST}"
AUDIENCE = {f"{HOST}:aud": "sts.amazonaws.com"}
WORKER, TRIGGERER = (f"system:serviceaccount:airflow:astro-{n}" for n in ("worker", "triggerer"))
SUBJECTS = (WORKER, TRIGGERER)
AGENTS = {f"{HOST}:sub": [WORKER, TRIGGERER]}
IN_NETWORK = {"ForAnyValue:StringEquals": {"aws:SourceVpce": "vpce-1"}}
S3 = BasePath("s3", "aws", "acme-xcom", "xcom")


def judge(file, subjects=SUBJECTS, paths=(), **more):
    agents = Agents(subjects=subjects, paths=paths, **more)
    return tuple(judge_trust(json.dumps(file), name="trust.json", agents=agents).findings)


def marks(findings) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.severity) for finding in findings]


def statement(condition=None, **changes):
    return {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {**AGENTS, **AUDIENCE}} if condition is None else condition,
        **changes,
    }


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements or (statement(),))}


def subjects(*names, operator="StringEquals", **more):
    """Return a statement that takes tokens of these subjects for our audience."""
    condition = {"StringEquals": {**AUDIENCE}}
    condition.setdefault(operator, {})[f"{HOST}:sub"] = list(names)
    return statement({**condition, **more})


TLS_ONLY = {"Effect": "Deny", "Principal": "*", "Action": "sts:*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # fmt: skip


@pytest.mark.parametrize(
    "file",
    [
        policy(),
        {"Version": "2012-10-17", "Statement": statement()},
        {"Role": {"AssumeRolePolicyDocument": policy()}},
        {"Role": {"AssumeRolePolicyDocument": quote(json.dumps(policy()))}},
        {"AssumeRolePolicyDocument": json.dumps(policy())},
        policy(statement(Action=["sts:AssumeRoleWithWebIdentity", "sts:TagSession"])),
        policy(statement(Action="STS:assumerolewithwebidentity")),
        policy(statement(Principal={"Federated": [PROVIDER]})),
        policy(statement({"StringEquals": {f"{HOST.upper()}:SUB": SUBJECTS, **AUDIENCE}})),
        policy(subjects(WORKER), subjects(TRIGGERER, operator="StringLike")),
        policy(subjects(*SUBJECTS, StringLike={f"{HOST}:sub": "system:serviceaccount:airflow:*"})),
        policy(subjects(*SUBJECTS, "system:serviceaccount:airflow:astro-sentinel")),
        policy(statement(), TLS_ONLY),
    ],
)
def test_aws_trust_in_exactly_the_agents_passes_in_every_spelling(file) -> None:
    assert judge(file) == ()


def test_missing_subjects_are_named_and_the_fix_is_the_whole_trust_sorted() -> None:
    (finding,) = judge(policy(subjects(WORKER)))
    assert marks([finding]) == [("XC060", "fail")]
    assert finding.observed == f"not let in: {TRIGGERER!r}"
    condition = json.loads(finding.fix)["Statement"][0]["Condition"]["StringEquals"]
    assert condition == {**AUDIENCE, f"{HOST}:sub": sorted(SUBJECTS)}
    assert judge(json.loads(finding.fix)) == ()


@pytest.mark.parametrize(
    "file",
    [
        policy(subjects("system:serviceaccount:airflow:astro-*")),
        policy(statement({"StringEquals": {**AGENTS, f"{HOST}:aud": "vault"}})),
        policy(statement({"StringEquals": {"oidc/id/DEAD:sub": list(SUBJECTS), **AUDIENCE}})),
        policy(statement(Principal={"AWS": "arn:aws:iam::1:role/x"}, Action="sts:AssumeRole")),
        policy(statement(), statement({}, Effect="Deny")),
    ],
    ids=["wildcard below StringEquals", "audience", "claim", "provider", "explicit deny"],
)
def test_trust_that_no_token_of_an_agent_meets_leaves_all_out(file) -> None:
    (missing,) = (f for f in judge(file) if f.rule.id == "XC060")
    assert missing.severity == "fail"
    assert all(repr(subject) in missing.observed for subject in SUBJECTS)


@pytest.mark.parametrize("more", [{}, IN_NETWORK], ids=["anywhere", "in a network"])
@pytest.mark.parametrize(
    "trusted",
    [
        "*:*",
        "*",
        "system:serviceaccount:airflow:*",
        "system:serviceaccount:airflow:astro-worke?",
        "system:serviceaccount:other:astro-worker",
        "system:serviceaccount:other:astro-sentinel",
    ],
)
def test_further_subject_is_too_wide_and_named_with_its_statement(trusted, more) -> None:
    findings = judge(policy(statement(), subjects(trusted, operator="StringLike", **more)))
    (finding,) = (f for f in findings if f.rule.id == "XC061")
    assert finding.severity == "fail"
    assert finding.observed.startswith(f"statement 2: {trusted!r}")
    assert judge(json.loads(finding.fix)) == ()


def to_assume(principal, key="Principal"):
    return {"Effect": "Allow", key: principal, "Action": "sts:AssumeRole"}


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (statement({"StringEquals": AUDIENCE}), "every service account"),
        (statement({"StringEquals": AUDIENCE,
                    "StringNotLike": {f"{HOST}:sub": "system:serviceaccount:kube-system:*"}}),
         "every service account"),
        (statement({"StringEquals": AUDIENCE, **IN_NETWORK}), "every service account"),
        (subjects(*SUBJECTS, operator="ForAllValues:StringLike"), "a token without"),
        (subjects(*SUBJECTS, operator="StringEqualsIfExists"), "a token without"),
        (to_assume("*"), "may become"),
        (to_assume({"AWS": "*"}), "may become"),
        (to_assume({"AWS": "111122223333"}), "may become"),
        (to_assume({"AWS": "arn:aws:iam::111122223333:role/ops"}), "may become"),
        (to_assume({"AWS": "arn:aws:iam::111122223333:user/eve"}, "NotPrincipal"), "may become"),
        (to_assume({"Service": "ec2.amazonaws.com"}), "may become"),
        (statement(Principal={"Federated": "accounts.google.com"}), "may become"),
    ],
)  # fmt: skip
def test_anybody_else_who_is_let_in_is_too_wide(extra, words) -> None:
    (finding,) = judge(policy(statement(), extra))
    assert marks([finding]) == [("XC061", "fail")]
    assert words in finding.observed


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({}, [("XC062", "warn")]),
        ({"StringLike": {f"{HOST}:aud": "*"}}, [("XC062", "warn")]),
        ({"StringEqualsIfExists": AUDIENCE}, [("XC062", "warn")]),
        ({"StringLike": {f"{HOST}:aud": "sts.*"}}, []),
    ],
)
def test_audience_that_is_not_exact_is_a_warning(condition, expected) -> None:
    findings = judge(policy(statement({"StringEquals": AGENTS, **condition})))
    assert marks(findings) == expected
    assert all(judge(json.loads(finding.fix)) == () for finding in findings)


@pytest.mark.parametrize(
    ("condition", "rules"),
    [
        ({"StringEquals": {**AGENTS, **AUDIENCE}, **IN_NETWORK}, {"XC060"}),
        ({"StringEquals": {f"{HOST}:sub": [*SUBJECTS, "${aws:x}"], **AUDIENCE}}, {"XC061"}),
        ("broken", {"XC060", "XC061", "XC062"}),
    ],
)
def test_what_only_a_request_decides_is_unknown(condition, rules) -> None:
    findings = judge(policy(statement(condition)))
    assert {f.rule.id for f in findings} == rules
    assert all(f.is_unknown for f in findings if f.rule.id != "XC062")


def test_provider_whose_tokens_are_perhaps_denied_leaves_the_agents_unknown() -> None:
    second = json.loads(json.dumps(statement()).replace("CAFE", "BEEF"))
    denial = {**second, "Effect": "Deny", "Condition": IN_NETWORK}
    findings = judge(policy(statement(), second, denial))
    assert {(f.rule.id, f.is_unknown) for f in findings} == {("XC060", True)}


def test_explicit_deny_leaves_a_subject_out_whatever_else_allows_it() -> None:
    denial = statement({"StringEquals": {f"{HOST}:sub": WORKER}}, Effect="Deny")
    (finding,) = judge(policy(statement(), denial))
    assert finding.observed == f"not let in: {WORKER!r}"


PODS = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}


def test_pod_identity_trust_is_unknown_and_fails_without_tag_session() -> None:
    (finding,) = judge(policy(PODS))
    assert (finding.rule.id, finding.is_unknown) == ("XC060", True)
    assert "list-pod-identity-associations" in finding.fix
    assert ("XC060", "fail") in marks(judge(policy({**PODS, "Action": "sts:AssumeRole"})))


def association(subject, **more):
    *_, namespace, name = subject.split(":")
    return {"clusterName": "prod", "namespace": namespace, "serviceAccount": name, **more}


def test_pod_identity_association_is_wanted_for_each_subject_with_one_role() -> None:
    assert judge({"associations": [association(s) for s in SUBJECTS]}) == ()
    (finding,) = judge({"associations": [association(WORKER)]})
    assert marks([finding]) == [("XC060", "fail")]
    assert "--service-account astro-triggerer" in finding.fix
    two = [association(s, roleArn=f"arn:aws:iam::1:role/{n}") for n, s in enumerate(SUBJECTS)]
    (finding,) = judge({"associations": two})
    assert (finding.rule.id, finding.is_unknown) == ("XC060", True)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ((), [("XC061", "warn")]),
        (("x", "x"), [("XC061", "fail")]),
        (("x", "web"), []),
    ],
)
def test_association_of_somebody_else_counts_by_its_role(roles, expected) -> None:
    ours, theirs = ({"roleArn": f"arn:aws:iam::1:role/{r}"} for r in roles) if roles else ({}, {})
    listed = [association(s, **ours) for s in SUBJECTS]
    listed.append(association("system:serviceaccount:other:web", **theirs))
    assert marks(judge({"associations": listed})) == expected


def credential(subject, audience="api://AzureADTokenExchange", **more):
    return {"name": "fc", "issuer": "https://oidc.prod-aks.azure.com/t/c/", "subject": subject,
            "audiences": [audience], **more}  # fmt: skip


CREDENTIALS = [credential(s) for s in SUBJECTS]


@pytest.mark.parametrize(
    "file",
    [
        CREDENTIALS,
        {"value": CREDENTIALS},
        [{"id": "/s", "properties": c} for c in CREDENTIALS],
    ],
)
def test_azure_credentials_for_exactly_the_agents_pass_in_every_shape(file) -> None:
    assert judge(file) == ()


@pytest.mark.parametrize("cloud", ["China", "USGov"])
def test_azure_audience_of_another_cloud_is_unknown_because_no_file_names_the_cloud(cloud) -> None:
    others = [credential(s, audience=f"api://AzureADTokenExchange{cloud}") for s in SUBJECTS]
    (finding,) = judge(others)
    assert marks([finding]) == [("XC060", "warn")]
    assert judge([*others, *CREDENTIALS]) == ()


def test_single_azure_credential_is_judged_as_a_list_of_one() -> None:
    assert judge(credential(WORKER), subjects=(WORKER,)) == ()
    (finding,) = judge(credential(WORKER))
    assert finding.rule.id == "XC060"
    assert f"--subject {TRIGGERER}" in finding.fix
    assert "--issuer https://oidc.prod-aks.azure.com/t/c/" in finding.fix


@pytest.mark.parametrize(
    "wrong",
    [
        credential(TRIGGERER, audience="sts.amazonaws.com"),
        credential(TRIGGERER.replace("airflow", "Airflow")),
        credential("system:serviceaccount:airflow:*"),
    ],
    ids=["audience", "case", "wildcard"],
)
def test_azure_credential_that_no_token_meets_leaves_its_agent_out(wrong) -> None:
    missing = [f for f in judge([credential(WORKER), wrong]) if f.rule.id == "XC060"]
    assert marks(missing) == [("XC060", "fail")]


def test_azure_credential_of_somebody_else_is_too_wide_and_an_expression_unknown() -> None:
    other = credential("repo:acme/infra:ref:refs/heads/main", name="github")
    (finding,) = judge([*CREDENTIALS, other])
    assert marks([finding]) == [("XC061", "fail")]
    assert "--name github" in finding.fix
    flexible = {"issuer": "i", "claimsMatchingExpression": {"value": "claims['sub'] matches '*'"}}
    findings = judge([CREDENTIALS[0], flexible])
    assert [(f.rule.id, f.is_unknown) for f in findings] == [("XC060", True), ("XC061", True)]


def member(subject):
    *_, namespace, name = subject.split(":")
    return f"serviceAccount:acme.svc.id.goog[{namespace}/{name}]"


def bindings(*members, role="roles/iam.workloadIdentityUser", **more):
    return {"role": role, "members": list(members), **more}


POOL = "iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/acme.svc.id.goog"
BOUND = bindings(*map(member, SUBJECTS))
VIEWER = bindings("user:eve@example.com", role="roles/iam.serviceAccountViewer")


@pytest.mark.parametrize(
    "listed",
    [
        [BOUND],
        [bindings(f"principal://{POOL}/subject/ns/airflow/sa/astro-worker", member(TRIGGERER))],
        [bindings(*(f"principal://{POOL}/subject/{subject}" for subject in SUBJECTS))],
        [BOUND, VIEWER],
        [BOUND, {**BOUND, "condition": {"expression": "false"}}],
    ],
    ids=[
        "pool",
        "principal",
        "of a federated cluster",
        "role that only looks",
        "a condition beside it",
    ],
)
def test_gcp_trust_in_exactly_the_agents_passes(listed) -> None:
    assert judge({"bindings": listed, "etag": "x"}) == ()


@pytest.mark.parametrize("file", [{"etag": "ACAB"}, []], ids=["gcp", "azure"])
def test_file_without_entries_trusts_nobody(file) -> None:
    (finding,) = judge(file)
    assert marks([finding]) == [("XC060", "fail")]
    assert len(finding.fix.splitlines()) == 2


def test_gcp_policy_as_yaml_is_read_as_gcloud_prints_it() -> None:
    text = f"bindings:\n- members:\n  - {member(WORKER)}\n  - {member(TRIGGERER)}\n"
    text += "  - allUsers\n  role: roles/iam.workloadIdentityUser\netag: BwY=\n"
    (finding,) = judge_trust(text, name="trust.yaml", agents=Agents(subjects=SUBJECTS)).findings
    assert finding.rule.id == "XC061"
    assert finding.observed.startswith("'allUsers'")


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (bindings("allUsers"), "everybody"),
        (bindings("allAuthenticatedUsers", role="roles/iam.serviceAccountUser"), "everybody"),
        (bindings(f"principalSet://{POOL}/namespace/airflow"), "everybody"),
        (bindings("serviceAccount:acme.svc.id.goog[other/web]"), "no service account of"),
        (bindings("user:eve@example.com", role="roles/iam.serviceAccountTokenCreator"), "tokens"),
    ],
)
def test_anybody_else_on_the_gcp_account_is_too_wide(extra, words) -> None:
    (finding,) = judge({"bindings": [BOUND, extra]})
    assert marks([finding]) == [("XC061", "fail")]
    assert words in finding.observed


def test_gcp_binding_on_a_condition_is_unknown() -> None:
    conditional = {**BOUND, "condition": {"expression": "request.time < timestamp('2030')"}}
    (finding,) = judge({"bindings": [conditional]})
    assert (finding.rule.id, finding.is_unknown) == ("XC060", True)


def test_trust_of_another_cloud_than_the_path_fails_and_is_judged_no_further() -> None:
    assert marks(judge({"bindings": []}, paths=(S3,))) == [("XC074", "fail")]
    assert judge(policy(), paths=(S3,)) == ()


def test_without_subjects_nothing_is_said_to_be_good() -> None:
    (finding,) = judge(policy(), subjects=())
    assert finding.is_unknown


@pytest.mark.parametrize(
    ("file", "words"),
    [
        *((one, "") for one in ({}, {"a": 1}, 5, "text", None, [1], [{"issuer": "x"}])),
        *(({"AssumeRolePolicyDocument": one}, "") for one in ("{", "5", {})),
        ({"Role": {"AssumeRolePolicyDocument": {"Statement": [5]}}}, "has no Effect"),
        (policy({"Effect": "allow", "Principal": "*"}), "has no Effect"),
        (policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}), "--policy"),
        ({"bindings": [bindings("user:eve@example.com", role="roles/storage.admin")]}, "--policy"),
        (policy(subjects(*(f"system:serviceaccount:airflow:w{n}" for n in range(601)))),
         "larger than IAM takes"),
    ],
)  # fmt: skip
def test_file_that_is_no_trust_is_refused_in_one_line_with_a_hint(file, words) -> None:
    with pytest.raises(InputError, match=r"^trust\.json:\d+:\d+: ") as refused:
        judge(file)
    assert refused.value.hint
    assert "\n" not in str(refused.value)
    assert words in f"{refused.value} {refused.value.hint}"


def test_others_are_reported_up_to_a_bound() -> None:
    many = (f"system:serviceaccount:airflow:w{n}" for n in range(100))
    found = judge(policy(subjects(*SUBJECTS, *many), statement({"StringEquals": AGENTS})))
    assert marks(found) == [*[("XC061", "fail")] * 20, ("XC062", "warn")]
