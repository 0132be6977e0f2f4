import json
from urllib.parse import quote

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.cloud_files import judge_trust
from xcomkit.values.names import BasePath

HOST = "oidc.eks.eu-west-1.amazonaws.com/id/CAFE"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{HOST}"
AUDIENCE = "sts.amazonaws.com"
WORKER, TRIGGERER = (f"system:serviceaccount:airflow:astro-{n}" for n in ("worker", "triggerer"))
SUBJECTS = (WORKER, TRIGGERER)
S3 = BasePath("s3", "aws", "acme-xcom", "xcom")


def judge(file, subjects=SUBJECTS, paths=()):
    return judge_trust(
        json.dumps(file, indent=1), name="trust.json", subjects=subjects, paths=paths
    )


def marks(findings) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.severity) for finding in findings]


def statement(condition=None, **changes):
    usual = {"StringEquals": {f"{HOST}:sub": list(SUBJECTS), f"{HOST}:aud": AUDIENCE}}
    return {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": usual if condition is None else condition,
        **changes,
    }


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements or (statement(),))}


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
        policy(
            statement({"StringEquals": {f"{HOST.upper()}:SUB": SUBJECTS, f"{HOST}:AUD": AUDIENCE}})
        ),
        policy(
            statement({"StringEquals": {f"{HOST}:sub": WORKER, f"{HOST}:aud": AUDIENCE}}),
            statement({"StringLike": {f"{HOST}:sub": TRIGGERER, f"{HOST}:aud": AUDIENCE}}),
        ),
        policy(
            statement(
                {
                    "StringEquals": {f"{HOST}:sub": SUBJECTS, f"{HOST}:aud": AUDIENCE},
                    "StringLike": {f"{HOST}:sub": "system:serviceaccount:airflow:*"},
                }
            )
        ),
        policy(
            statement(),
            {"Effect": "Deny", "Principal": "*", "Action": "sts:*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ),
    ],
)  # fmt: skip
def test_aws_trust_in_exactly_the_agents_passes_in_every_spelling(file) -> None:
    assert judge(file) == ()


def test_missing_subjects_are_named_and_the_fix_is_the_whole_trust_sorted() -> None:
    findings = judge(
        policy(statement({"StringEquals": {f"{HOST}:sub": WORKER, f"{HOST}:aud": AUDIENCE}}))
    )
    assert marks(findings) == [("XC060", "fail")]
    assert findings[0].observed == f"not let in: {TRIGGERER!r}"
    condition = json.loads(findings[0].fix)["Statement"][0]["Condition"]["StringEquals"]
    assert condition == {f"{HOST}:aud": AUDIENCE, f"{HOST}:sub": sorted(SUBJECTS)}
    assert judge(json.loads(findings[0].fix)) == ()


def test_wildcard_below_string_equals_is_explained_as_matching_nobody() -> None:
    wild = "system:serviceaccount:airflow:astro-*"
    (finding,) = judge(
        policy(statement({"StringEquals": {f"{HOST}:sub": wild, f"{HOST}:aud": AUDIENCE}}))
    )
    assert finding.rule.id == "XC060"
    assert "compares literally" in finding.observed
    assert repr(wild) in finding.observed


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"StringEquals": {f"{HOST}:sub": SUBJECTS, f"{HOST}:aud": "vault"}}, "tokens carry"),
        (
            {"StringEquals": {"oidc.eks.eu-west-1.amazonaws.com/id/DEAD:sub": SUBJECTS,
                              f"{HOST}:aud": AUDIENCE}},
            "is no claim of the provider",
        ),
    ],
)  # fmt: skip
def test_condition_that_no_token_meets_leaves_every_subject_out_and_says_why(
    condition, words
) -> None:
    missing = [f for f in judge(policy(statement(condition))) if f.rule.id == "XC060"]
    assert [f.severity for f in missing] == ["fail"]
    assert words in missing[0].observed


@pytest.mark.parametrize(
    "trusted",
    ["*:*", "*", "system:serviceaccount:airflow:*", "system:serviceaccount:airflow:astro-worke?"],
)
def test_wildcard_subject_is_too_wide_however_narrow(trusted) -> None:
    condition = {
        "StringLike": {f"{HOST}:sub": [*SUBJECTS, trusted]},
        "StringEquals": {f"{HOST}:aud": AUDIENCE},
    }
    findings = judge(policy(statement(condition)))
    assert marks(findings) == [("XC061", "fail")]
    assert repr(trusted) in findings[0].observed


def test_exact_stranger_of_another_namespace_is_too_wide_and_named_with_its_statement() -> None:
    stranger = "system:serviceaccount:other:astro-worker"
    file = policy(
        statement({"StringEquals": {f"{HOST}:sub": [*SUBJECTS, stranger], f"{HOST}:aud": AUDIENCE}})
    )
    (finding,) = judge(file)
    assert finding.rule.id == "XC061"
    assert finding.observed.startswith(f"statement 1: {stranger!r}")
    assert judge(json.loads(finding.fix)) == ()


@pytest.mark.parametrize(
    "extra",
    [
        statement({"StringEquals": {f"{HOST}:aud": AUDIENCE}}),
        statement({"StringEquals": {f"{HOST}:aud": AUDIENCE},
                   "StringNotLike": {f"{HOST}:sub": "system:serviceaccount:kube-system:*"}}),
        statement({"ForAllValues:StringLike": {f"{HOST}:sub": list(SUBJECTS)},
                   "StringEquals": {f"{HOST}:aud": AUDIENCE}}),
        statement({"StringEqualsIfExists": {f"{HOST}:sub": list(SUBJECTS)},
                   "StringEquals": {f"{HOST}:aud": AUDIENCE}}),
        {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:*"},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
         "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": ["sts:AssumeRole"]},
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:role/ops"},
         "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "NotPrincipal": {"AWS": "arn:aws:iam::111122223333:user/eve"},
         "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"},
         "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"Federated": "accounts.google.com"},
         "Action": "sts:AssumeRoleWithWebIdentity"},
    ],
)  # fmt: skip
def test_anybody_else_who_is_let_in_is_too_wide(extra) -> None:
    assert marks(judge(policy(statement(), extra))) == [("XC061", "fail")]


@pytest.mark.parametrize("audience", [None, "*", "sts.*"])
def test_audience_that_is_not_exact_is_a_warning(audience) -> None:
    condition = {"StringEquals": {f"{HOST}:sub": list(SUBJECTS)}}
    if audience:
        condition["StringLike"] = {f"{HOST}:aud": audience}
    marked = marks(judge(policy(statement(condition))))
    assert marked == ([("XC062", "warn")] if audience != "sts.*" else [])


def test_condition_that_only_a_request_decides_is_unknown() -> None:
    condition = {
        "StringEquals": {f"{HOST}:sub": list(SUBJECTS), f"{HOST}:aud": AUDIENCE},
        "IpAddress": {"aws:SourceIp": "10.0.0.0/8"},
    }
    findings = judge(policy(statement(condition)))
    assert marks(findings) == [("XC060", "warn")]
    assert findings[0].is_unknown


def test_explicit_deny_leaves_a_subject_out_whatever_else_allows_it() -> None:
    denial = statement({"StringEquals": {f"{HOST}:sub": WORKER}}, Effect="Deny")
    (finding,) = judge(policy(statement(), denial))
    assert finding.rule.id == "XC060"
    assert repr(WORKER) in finding.observed
    assert "denies" in finding.observed


PODS = {
    "Effect": "Allow",
    "Principal": {"Service": "pods.eks.amazonaws.com"},
    "Action": ["sts:AssumeRole", "sts:TagSession"],
}


def test_pod_identity_trust_leaves_the_subjects_unknown_and_asks_for_the_associations() -> None:
    (finding,) = judge(policy(PODS))
    assert (finding.rule.id, finding.is_unknown) == ("XC060", True)
    assert "list-pod-identity-associations" in finding.fix


def test_pod_identity_trust_without_tag_session_fails() -> None:
    findings = judge(policy({**PODS, "Action": "sts:AssumeRole"}))
    assert ("XC060", "fail") in marks(findings)


def association(subject, **more):
    *_, namespace, name = subject.split(":")
    return {"clusterName": "prod", "namespace": namespace, "serviceAccount": name, **more}


def test_pod_identity_association_is_wanted_for_each_subject() -> None:
    assert judge({"associations": [association(s) for s in SUBJECTS]}) == ()
    (finding,) = judge({"associations": [association(WORKER)]})
    assert marks([finding]) == [("XC060", "fail")]
    assert "--service-account astro-triggerer" in finding.fix


def test_association_of_a_stranger_is_unknown_without_roles_and_fails_with_the_same() -> None:
    stranger = "system:serviceaccount:other:web"
    listed = [association(s) for s in (*SUBJECTS, stranger)]
    assert marks(judge({"associations": listed})) == [("XC061", "warn")]
    same = [association(s, roleArn="arn:aws:iam::1:role/x") for s in (*SUBJECTS, stranger)]
    assert marks(judge({"associations": same})) == [("XC061", "fail")]
    same[-1]["roleArn"] = "arn:aws:iam::1:role/web"
    assert judge({"associations": same}) == ()


def credential(subject, audience="api://AzureADTokenExchange", **more):
    return {
        "name": "fc",
        "issuer": "https://oidc.prod-aks.azure.com/t/c/",
        "subject": subject,
        "audiences": [audience],
        **more,
    }


@pytest.mark.parametrize("shape", ["list", "arm", "value"])
def test_azure_credentials_for_exactly_the_agents_pass_in_every_shape(shape) -> None:
    listed = [credential(s) for s in SUBJECTS]
    if shape == "arm":
        listed = [{"id": "/subscriptions/s", "properties": one} for one in listed]
    assert judge({"value": listed} if shape == "value" else listed) == ()


def test_single_azure_credential_is_judged_as_a_list_of_one() -> None:
    assert judge(credential(WORKER), subjects=(WORKER,)) == ()
    (finding,) = judge(credential(WORKER))
    assert finding.rule.id == "XC060"
    assert f"--subject {TRIGGERER}" in finding.fix
    assert "--issuer https://oidc.prod-aks.azure.com/t/c/" in finding.fix


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (credential(TRIGGERER, audience="sts.amazonaws.com"), "the audience of"),
        (credential(TRIGGERER.replace("airflow", "Airflow")), "differs in case"),
        (credential("system:serviceaccount:airflow:*"), "matches nobody"),
    ],
)
def test_azure_credential_that_no_token_meets_is_explained(wrong, words) -> None:
    missing = [f for f in judge([credential(WORKER), wrong]) if f.rule.id == "XC060"]
    assert marks(missing) == [("XC060", "fail")]
    assert words in missing[0].observed


def test_azure_credential_of_a_stranger_is_too_wide() -> None:
    stranger = credential("repo:acme/infra:ref:refs/heads/main", name="github")
    (finding,) = judge([*map(credential, SUBJECTS), stranger])
    assert finding.rule.id == "XC061"
    assert "--name github" in finding.fix


def test_azure_identity_takes_twenty_credentials() -> None:
    many = tuple(f"system:serviceaccount:airflow:astro-worker-{n}" for n in range(21))
    assert marks(judge([credential(s) for s in many[:20]], subjects=many[:20])) == []
    assert marks(judge([credential(s) for s in many], subjects=many)) == [("XC060", "fail")]


def test_empty_list_trusts_nobody() -> None:
    assert marks(judge([])) == [("XC060", "fail")]


def member(subject):
    *_, namespace, name = subject.split(":")
    return f"serviceAccount:acme.svc.id.goog[{namespace}/{name}]"


def bindings(*members, role="roles/iam.workloadIdentityUser", **more):
    return {"role": role, "members": list(members), **more}


AGENTS = bindings(*map(member, SUBJECTS))


def test_gcp_trust_in_exactly_the_agents_passes_also_by_principal() -> None:
    direct = (
        "principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/"
        "acme.svc.id.goog/subject/ns/airflow/sa/astro-worker"
    )
    assert judge({"bindings": [AGENTS], "etag": "x"}) == ()
    assert judge({"bindings": [bindings(direct, member(TRIGGERER))]}) == ()


def test_gcp_account_without_bindings_trusts_nobody() -> None:
    (finding,) = judge({"etag": "ACAB"})
    assert marks([finding]) == [("XC060", "fail")]
    assert finding.fix.count("add-iam-policy-binding") == 2


def test_gcp_policy_as_yaml_is_read_as_gcloud_prints_it() -> None:
    text = f"bindings:\n- members:\n  - {member(WORKER)}\n  - {member(TRIGGERER)}\n"
    text += "  - allUsers\n  role: roles/iam.workloadIdentityUser\netag: BwY=\n"
    (finding,) = judge_trust(text, name="trust.yaml", subjects=SUBJECTS)
    assert finding.rule.id == "XC061"
    assert finding.observed.startswith("'allUsers'")


@pytest.mark.parametrize(
    "extra",
    [
        bindings("allUsers"),
        bindings("allAuthenticatedUsers", role="roles/iam.serviceAccountUser"),
        bindings("serviceAccount:acme.svc.id.goog[other/web]"),
        bindings("user:eve@example.com", role="roles/iam.serviceAccountTokenCreator"),
        bindings("principalSet://iam.googleapis.com/projects/1/locations/global/"
                 "workloadIdentityPools/acme.svc.id.goog/namespace/airflow"),
    ],
)  # fmt: skip
def test_anybody_else_on_the_gcp_account_is_too_wide(extra) -> None:
    assert marks(judge({"bindings": [AGENTS, extra]})) == [("XC061", "fail")]


def test_gcp_role_that_only_looks_is_harmless() -> None:
    viewer = bindings("user:eve@example.com", role="roles/iam.serviceAccountViewer")
    assert judge({"bindings": [AGENTS, viewer]}) == ()


def test_gcp_binding_on_a_condition_is_unknown() -> None:
    conditional = {**AGENTS, "condition": {"expression": "request.time < timestamp('2030')"}}
    findings = judge({"bindings": [conditional]})
    assert marks(findings) == [("XC060", "warn")]
    assert findings[0].is_unknown


def test_trust_of_another_cloud_than_the_path_fails_and_is_judged_no_further() -> None:
    assert marks(judge({"bindings": []}, paths=(S3,))) == [("XC074", "fail")]
    assert judge(policy(), paths=(S3,)) == ()


def test_without_subjects_nothing_is_said_to_be_good() -> None:
    (finding,) = judge(policy(), subjects=())
    assert finding.is_unknown


@pytest.mark.parametrize(
    "file",
    [{}, {"a": 1}, 5, "text", None, [1], [{"issuer": "x"}], {"AssumeRolePolicyDocument": "{"},
     {"AssumeRolePolicyDocument": "5"}, {"Statement": [5]}, {"Statement": {"Effect": "allow"}}],
)  # fmt: skip
def test_file_of_no_known_shape_is_refused_in_one_line_with_a_hint(file) -> None:
    with pytest.raises(InputError, match=r"^trust\.json:\d+:\d+: ") as refused:
        judge(file)
    assert refused.value.hint
    assert "\n" not in str(refused.value)


def test_account_as_principal_is_told_from_one_identity() -> None:
    def told(principal):
        extra = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
        (finding,) = judge(policy(statement(), extra))
        return finding.observed

    assert told("arn:aws:iam::111122223333:root").endswith("everybody in an account")
    assert told("arn:aws:iam::111122223333:role/ops").endswith("another identity")


def test_trust_larger_than_iam_takes_is_refused() -> None:
    many = [f"system:serviceaccount:airflow:w{n}" for n in range(601)]
    with pytest.raises(InputError, match="larger than IAM takes"):
        judge(policy(statement({"StringEquals": {f"{HOST}:sub": many}})))


def test_strangers_are_reported_up_to_a_bound() -> None:
    many = [*SUBJECTS, *(f"system:serviceaccount:airflow:w{n}" for n in range(100))]
    condition = {"StringEquals": {f"{HOST}:sub": many, f"{HOST}:aud": AUDIENCE}}
    assert marks(judge(policy(statement(condition)))) == [("XC061", "fail")] * 20


@pytest.mark.parametrize(
    "file",
    [
        policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
        {"bindings": [bindings("user:eve@example.com", role="roles/storage.admin")]},
    ],
)
def test_file_of_rights_is_refused_with_the_option_it_belongs_to(file) -> None:
    with pytest.raises(InputError, match="--policy"):
        judge(file)
