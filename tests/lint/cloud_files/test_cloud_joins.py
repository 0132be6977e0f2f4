"""Exports of the cloud are joined with the identity that the values name."""

import json
import re
from pathlib import Path

import pytest

from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration

OURS, WRITER = "arn:aws:iam::111122223333:role/agents", "arn:aws:iam::444455556666:role/xcom-writer"
HOST = "oidc.eks.eu-central-1.amazonaws.com/id/0A1B2C3D"
PROVIDER = f"arn:aws:iam::111122223333:oidc-provider/{HOST}"
EMAIL, OTHER = (
    f"{name}.iam.gserviceaccount.com" for name in ("agents@acme-data", "etl@acme-store")
)
CLIENT = "0a1b2c3d-0000-4000-8000-000000000001"
SUBJECTS = [f"system:serviceaccount:astro:astro-agent-{name}"
            for name in ("worker-default-worker", "dag-processor", "triggerer")]  # fmt: skip
POOL = "iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/acme.svc.id.goog"
KEYS = {
    "s3": "eks.amazonaws.com/role-arn",
    "abfs": "azure.workload.identity/client-id",
    "gs": "iam.gke.io/gcp-service-account",
}


@pytest.fixture
def compared(tmp_path):
    """Return what is found in values of one cloud beside an export, by rule."""

    def compare(scheme="s3", identity="", extra=None, bucket="acme-xcom", variables=None, **files):
        text = (Path(__file__).parents[1] / "good.yaml").read_text()
        kind = {"s3": "aws", "abfs": "azure_data_lake", "gs": "google_cloud_platform"}[scheme]
        extra = extra or ({"account_name": "acme"} if scheme == "abfs" else {})
        connection = json.dumps({"conn_type": kind, "extra": extra})
        text = text.replace("s3://aws_default@xcom-bucket/astro/xcom",
                            f"{scheme}://aws_default@{bucket}/xcom")  # fmt: skip
        text = re.sub(r"'\{.*\}'", f"'{connection}'", text).partition("serviceAccount:")[0]
        for name, value in (variables or {}).items():
            entry = f"commonEnv:\n  - name: {name}\n    value: {value}\n"
            text = text.replace("commonEnv:\n", entry)
        if identity:
            text += f"serviceAccount:\n  annotations:\n    {KEYS[scheme]}: {identity}\n"
        if scheme == "abfs":
            text += 'labels:\n  azure.workload.identity/use: "true"\n'
        (tmp_path / "values.yaml").write_text(text)
        given = {}
        for name, document in files.items():
            given[name] = str(tmp_path / f"{name}.json")
            Path(given[name]).write_text(json.dumps(document))
        config = read_configuration([str(tmp_path / "values.yaml")])
        found = {}
        for finding in judge([config], cloud=CloudFiles(**given)).findings:
            found.setdefault(finding.rule.id, []).append(finding)
        return found

    return compare


def words(found, rule):
    return " ".join(finding.observed for finding in found.get(rule, []))


def severities(found):
    return {rule: {f.severity for f in findings} for rule, findings in found.items()}


def trust(*statements, arn=OURS):
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return {"Role": {"Arn": arn, "AssumeRolePolicyDocument": document}}


def tokens(provider=PROVIDER, host=HOST, subjects=SUBJECTS):
    condition = {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": subjects}
    return {"Effect": "Allow", "Principal": {"Federated": provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {"StringEquals": condition}}  # fmt: skip


def rights(name="", bucket="acme-xcom"):
    arn = f"arn:aws:s3:::{bucket}"
    objects = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    statements = [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn},
                  {"Effect": "Allow", "Action": objects, "Resource": f"{arn}/xcom/*"}]  # fmt: skip
    document = {"Version": "2012-10-17", "Statement": statements}
    return {"RoleName": name, "PolicyDocument": document} if name else document


def assume(role=WRITER, name=""):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"RoleName": name, "PolicyDocument": document} if name else document


def test_trust_and_policy_of_the_annotated_role_pass(compared) -> None:
    assert compared(identity=OURS, trust=trust(tokens()), policy=rights("agents")) == {}


def test_state_store_of_the_values_is_no_further_grant(compared) -> None:
    policy = rights()
    policy["Statement"][1]["Resource"] = [
        f"arn:aws:s3:::acme-xcom/{p}/*" for p in ("xcom", "state")
    ]
    assert severities(compared(identity=OURS, policy=policy)) == {"XC066": {"warn"}}
    state = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH"
    values = {state: "s3://aws_default@acme-xcom/state"}
    assert "XC066" not in compared(identity=OURS, policy=policy, variables=values)


def test_rights_below_the_path_of_xcom_alone_are_none_on_the_state_of_the_bucket(compared) -> None:
    state = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH"
    values = {state: "s3://aws_default@acme-xcom/state"}
    found = compared(identity=OURS, policy=rights(), variables=values)
    assert severities(found) == {"XC063": {"fail"}, "XC065": {"fail"}}
    assert "acme-xcom/state/*" in found["XC063"][0].expected


def test_trust_or_policy_of_another_role_fails_and_names_both(compared) -> None:
    found = compared(identity=OURS, trust=trust(tokens(), arn=WRITER), policy=rights("web"))
    assert severities(found) == {"XC060": {"fail"}, "XC063": {"fail"}}
    assert WRITER in words(found, "XC060")
    assert OURS in words(found, "XC060")
    assert "'web'" in words(found, "XC063")
    assert OURS in words(found, "XC063")


@pytest.mark.parametrize("arn", [OURS, ""])
def test_provider_of_another_account_than_the_role_lets_nobody_in(compared, arn) -> None:
    foreign = PROVIDER.replace("111122223333", "444455556666")
    found = compared(identity=OURS, trust=trust(tokens(foreign), arn=arn))
    assert severities(found) == {"XC060": {"fail"}}
    observed = found["XC060"][0].observed
    assert "of another account than the role (111122223333)" in observed
    assert observed.endswith("and STS looks for it in the role's")
    fix = json.loads(found["XC060"][0].fix)
    assert compared(identity=OURS, trust=fix) == {}


@pytest.mark.parametrize(
    "host", [PROVIDER, f"https://{HOST}", "oidc.eks.eu-west-1.amazonaws.com/id/F"]
)
def test_claims_of_nobody_leave_all_out_and_nothing_is_said_to_be_open(compared, host) -> None:
    found = compared(identity=OURS, trust=trust(tokens(host=host)))
    assert severities(found) == {"XC060": {"fail"}}
    assert "is no claim of the trusted provider" in words(found, "XC060")


def test_trust_that_is_denied_to_all_is_not_said_to_be_open_as_well(compared) -> None:
    denial = {"Effect": "Deny", "Principal": "*", "Action": "*"}
    everybody = {**tokens(), "Condition": {"StringEquals": {f"{HOST}:aud": "sts.amazonaws.com"}}}
    assert severities(compared(identity=OURS, trust=trust(everybody))) == {"XC061": {"fail"}}
    found = compared(identity=OURS, trust=trust(everybody, denial))
    assert severities(found) == {"XC060": {"fail"}}


def test_audience_is_not_asked_for_where_nobody_gets_in(compared) -> None:
    statement = {**tokens(), "Condition": {"StringEquals": {f"{PROVIDER}:sub": SUBJECTS}}}
    assert severities(compared(identity=OURS, trust=trust(statement))) == {"XC060": {"fail"}}


@pytest.mark.parametrize(
    "host",
    ["oidc.eks.eu-central-1.amazonaws.com/id/<0A1B2C3D>", "${OIDC_HOST}", "${var.oidc}",
     "{{ oidc }}", "<OIDC_PROVIDER>", "x.com/id/EXAMPLED5", "$oidc_provider", "%OIDC%",
     "x.com/id/XXXXXXXX"],
)  # fmt: skip
def test_placeholder_in_a_trust_fails(compared, host) -> None:
    provider = f"arn:aws:iam::111122223333:oidc-provider/{host}"
    found = compared(identity=OURS, trust=trust(tokens(provider, host=host)))
    assert severities(found)["XC008"] == {"fail"}


@pytest.mark.parametrize(
    "account", ["ACCOUNT_ID", "account-id", "${AWS::AccountId}", "<account>", "$account_id"]
)
def test_placeholder_of_an_account_fails(compared, account) -> None:
    provider = PROVIDER.replace("111122223333", account)
    assert "XC008" in compared(trust=trust(tokens(provider), arn=""))


def test_variable_of_iam_is_no_placeholder(compared) -> None:
    own = rights()
    own["Statement"][1]["Resource"] = "arn:aws:s3:::acme-xcom/${aws:PrincipalTag/team}/*"
    assert "XC008" not in compared(identity=OURS, policy=own)


ROLE_ARN = {"role_arn": WRITER}
DENIED = {"Statement": {"Effect": "Deny", "Action": "sts:*", "Resource": "*"}}


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (assume(), {"XC063": {"warn"}}),
        (assume(name="agents"), {"XC063": {"warn"}}),
        ([assume(name="agents"), rights("xcom-writer")], {}),
        ([assume(), rights()], {}),
        (rights("xcom-writer"), {}),
        (rights(), {}),
        (rights("agents"), {"XC063": {"fail", "warn"}}),
        (assume(OURS, name="agents"), {"XC063": {"fail", "warn"}}),
        ([assume(name="agents"), rights("web")], {"XC063": {"fail"}}),
        ([DENIED, rights()], {"XC063": {"fail"}}),
    ],
)
def test_role_of_the_connection_needs_the_rights_and_the_pods_own_only_to_become_it(
    compared, policy, expected
) -> None:
    found = compared(identity=OURS, extra=ROLE_ARN, policy=policy)
    assert severities(found) == {"XC086": {"info"}, **expected}
    if expected:
        assert WRITER in words(found, "XC063")


def test_role_that_nobody_named_is_told_by_what_it_may_become(compared) -> None:
    """With EKS Pod Identity the values do not name the role of the pods."""
    pods = [assume(name="of-the-pods"), rights("xcom-writer")]
    assert "XC063" not in compared(extra=ROLE_ARN, policy=pods)
    (finding,) = compared(extra=ROLE_ARN, policy=pods[:1])["XC063"]
    assert finding.is_unknown


def test_trust_of_the_connections_role_has_to_let_in_the_agents_role(compared) -> None:
    def to(principal):
        return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}

    def judged(principal, arn=WRITER):
        found = compared(identity=OURS, extra=ROLE_ARN, trust=trust(to(principal), arn=arn))
        return {rule: s for rule, s in severities(found).items() if rule != "XC086"}

    assert judged(OURS) == judged(OURS, arn="") == {}
    assert judged("arn:aws:iam::111122223333:root") == {"XC061": {"fail"}}
    assert judged("arn:aws:iam::111122223333:role/web") == {"XC060": {"fail"}, "XC061": {"fail"}}


def test_role_that_the_pods_token_opens_itself_is_the_agents_own(compared) -> None:
    direct = {**ROLE_ARN, "assume_role_method": "assume_role_with_web_identity"}
    provider = PROVIDER.replace("111122223333", "444455556666")
    found = compared(identity=OURS, extra=direct, trust=trust(tokens(provider), arn=WRITER),
                     policy=rights("xcom-writer"))  # fmt: skip
    assert severities(found) == {"XC086": {"info"}}


def to_bucket(principal):
    return {"Version": "2012-10-17", "Statement": [
        {**s, "Principal": {"AWS": principal}} for s in rights()["Statement"]]}  # fmt: skip


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (OURS, {}),
        (WRITER, {"XC063": {"fail"}}),
        ("arn:aws:iam::444455556666:role/agents", {"XC063": {"fail"}}),
        (
            "arn:aws:iam::111122223333:root",
            {rule: {"warn"} for rule in ("XC063", "XC064", "XC065")},
        ),
    ],
)
def test_policy_of_the_bucket_is_joined_by_its_principals(compared, principal, expected) -> None:
    found = compared(identity=OURS, policy=to_bucket(principal))
    assert severities(found) == expected
    assert ("who may write" in words(found, "XC063")) is (expected == {"XC063": {"fail"}})


ALL = {rule: {"fail"} for rule in ("XC063", "XC064", "XC065")}
MAYBE = {rule: {"warn"} for rule in ALL}
ADMIN = "arn:aws:iam::111122223333:role/admin"


@pytest.mark.parametrize(
    ("unless", "expected"),
    [
        ({"StringNotLike": {"aws:PrincipalArn": [OURS, "arn:aws:iam::*:role/admin*"]}}, {}),
        ({"ArnNotEquals": {"aws:PrincipalArn": ADMIN}}, ALL),
        ({"StringNotEquals": {"aws:PrincipalAccount": "111122223333"}}, {}),
        ({"StringNotEquals": {"aws:PrincipalAccount": "444455556666"}}, ALL),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, {}),
        ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, MAYBE),
        ({"NumericLessThan": {"s3:TlsVersion": "1.4"}}, ALL),
        ({"StringNotEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, {}),
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}, MAYBE),
    ],
)
def test_denial_in_the_buckets_policy_is_judged_by_what_the_role_and_its_requests_are(
    compared, unless, expected
) -> None:
    denial = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": "*"}
    own = [rights("agents"), {"Statement": [{**denial, "Condition": unless}]}]
    assert severities(compared(identity=OURS, policy=own)) == expected


@pytest.mark.parametrize(
    ("spared", "expected"),
    [([ADMIN], ALL), ([OURS, "arn:aws:iam::111122223333:root"], MAYBE)],  # sessions are not named
)
def test_denial_to_all_but_some_is_one_to_a_role_that_is_not_named(
    compared, spared, expected
) -> None:
    denial = {"Effect": "Deny", "Action": "s3:*", "Resource": "*", "NotPrincipal": {"AWS": spared}}
    own = [rights("agents"), {"Statement": [denial]}]
    assert severities(compared(identity=OURS, policy=own)) == expected


def test_role_that_may_become_itself_trusts_nobody_else(compared) -> None:
    itself = {"Effect": "Allow", "Principal": {"AWS": OURS}, "Action": "sts:AssumeRole"}
    assert compared(identity=OURS, trust=trust(tokens(), itself)) == {}


def test_permissions_boundary_of_the_role_leaves_its_rights_open(compared) -> None:
    role = trust(tokens())
    role["Role"]["PermissionsBoundary"] = {"PermissionsBoundaryArn": "arn:aws:iam::1:policy/b"}
    found = compared(identity=OURS, trust=role)
    assert severities(found) == {"XC063": {"warn"}}
    assert "arn:aws:iam::1:policy/b" in words(found, "XC063")


@pytest.mark.parametrize(
    "bucket",
    ["acme-ap-k3j2h1g0f9e8d7c6b5a4z3-s3alias", "acme--euc1-az2--x-s3",
     "acme-ol-k3j2h1g0f9e8d7c6b5a4z3y2x1w0veuc1a--ol-s3",
     "arn:aws:s3:eu-central-1:111122223333:accesspoint/acme-ap"],
)  # fmt: skip
def test_other_name_of_a_bucket_has_rights_that_no_policy_tells(compared, bucket) -> None:
    found = compared(identity=OURS, bucket=bucket, policy=rights())
    assert severities(found) == {"XC063": {"warn"}}


def associations(*names):
    return {"associations": [{"namespace": "astro", "serviceAccount": name} for name in names]}


NAMES = [subject.rpartition(":")[2] for subject in SUBJECTS]
PODS = {"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"]}  # fmt: skip


def test_missing_annotation_is_answered_by_what_the_cloud_says_of_the_pods(compared) -> None:
    assert severities(compared()) == {"XC046": {"warn"}}
    assert compared(trust=associations(*NAMES)) == {}
    assert {"XC008"} == compared(trust=associations(*NAMES), variables={"A": "<a>"}).keys()
    assert severities(compared(trust=associations(*NAMES[:2]))) == {"XC060": {"fail"}}
    listed = associations(*NAMES)["associations"]
    assert compared(trust=listed) == {}
    assert severities(compared(trust={"association": listed[0]})) == {"XC060": {"fail"}}
    assert compared(trust=[{"association": one} for one in listed]) == {}
    assert severities(compared(trust=trust(PODS))) == {"XC060": {"warn"}}
    for space, severity in (("astro", "warn"), ("web", "fail")):
        tag = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": space}}
        tagged = compared(trust=trust({**PODS, "Condition": tag}))
        assert severities(tagged) == {"XC060": {severity}}
    assert "XC046" in compared(trust=trust(tokens()))


def bound(*members, roles=("objectUser", "legacyBucketReader")):
    return {"bindings": [{"role": f"roles/storage.{role}", "members": list(members)}
                         for role in roles], "etag": "x"}  # fmt: skip


def test_bucket_of_google_cloud_is_asked_for_the_annotated_account(compared) -> None:
    found = compared("gs", EMAIL, policy=bound(f"serviceAccount:{OTHER}"))
    assert severities(found) == {rule: {"fail"} for rule in ("XC063", "XC064", "XC065")}
    assert f"who has rights: 'serviceAccount:{OTHER}'" in words(found, "XC063")
    assert f"--member=serviceAccount:{EMAIL}" in found["XC063"][0].fix
    ours = compared("gs", EMAIL, policy=bound(f"serviceAccount:{EMAIL}"))
    assert severities(ours) == {"XC066": {"warn"}}
    project = "principalSet://cloudresourcemanager.googleapis.com/projects/1/type/ServiceAccount"
    for several in ("group:agents@acme.example", project):
        assert severities(compared("gs", EMAIL, policy=bound(several))) == MAYBE
    lister = compared("gs", EMAIL, policy=bound("group:agents@acme.example", roles=["objectUser"]))
    assert severities(lister) == MAYBE


@pytest.mark.parametrize(
    ("member", "text"),
    [
        (f"principalSet://{POOL}/namespace/astro", "every service account of namespace 'astro'"),
        (f"principalSet://{POOL}/*", "every service account of the pool 'acme.svc.id.goog'"),
        (f"principalSet://{POOL}/kubernetes.cluster/https://container.googleapis.com/v1/c",
         "every service account of cluster"),
    ],
)  # fmt: skip
def test_set_of_pods_lets_agents_in_and_everybody_else_in_it(compared, member, text) -> None:
    found = compared("gs", policy=bound(member))
    assert severities(found) == {"XC066": {"warn"}}  # no annotation is asked for either
    assert text in words(found, "XC066")
    assert len(found["XC066"]) == 2  # the set, and one for all of the agents
    trusted = {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [member]}]}
    assert severities(compared("gs", EMAIL, trust=trusted)) == {"XC061": {"fail"}}


@pytest.mark.parametrize("member", [f"principalSet://{POOL}/namespace/web", "user:eve@example.com"])
def test_set_of_other_pods_lets_no_agent_in(compared, member) -> None:
    found = compared("gs", policy=bound(member))
    assert severities(found)["XC063"] == {"fail"}
    assert member in words(found, "XC063")


def test_set_by_an_attribute_may_hold_the_agents_or_not(compared) -> None:
    found = compared("gs", policy=bound(f"principalSet://{POOL}/attribute.team/data"))
    rights = {rule: {"warn"} for rule in ("XC063", "XC064", "XC065")}
    assert severities(found) == {"XC046": {"warn"}, **rights}


def test_impersonated_account_needs_the_rights_and_lets_the_agents_account_call(compared) -> None:
    chain = {"impersonation_chain": OTHER}

    def judged(**files):
        found = compared("gs", EMAIL, chain, **files)
        return {rule: s for rule, s in severities(found).items() if rule != "XC086"}

    assert judged(policy=bound(f"serviceAccount:{OTHER}")) == {"XC066": {"warn"}}
    assert judged(policy=bound(f"serviceAccount:{EMAIL}"))["XC063"] == {"fail"}
    creator = {"role": "roles/iam.serviceAccountTokenCreator"}
    assert judged(trust={"bindings": [{**creator, "members": [f"serviceAccount:{EMAIL}"]}]}) == {}
    wrong = judged(trust={"bindings": [{**creator, "members": ["user:eve@example.com"]}]})
    assert wrong == {"XC060": {"fail"}, "XC061": {"fail"}}


def assignment(account="acme", **more):
    group = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage"
    scope = f"{group}/storageAccounts/{account}/blobServices/default/containers/acme-xcom"
    return {"roleDefinitionName": "Storage Blob Data Contributor", "scope": scope, **more}


@pytest.mark.parametrize(
    ("assigned", "text"),
    [
        (assignment(principalName=CLIENT.upper()), ""),
        (assignment(principalName=""), ""),
        (assignment(principalName="ffffffff-0000-4000-8000-000000000009"), "ffffffff-0000"),
        (assignment("another"), "storageAccounts/another"),
    ],
)
def test_assignments_are_joined_by_client_id_and_storage_account(compared, assigned, text) -> None:
    found = compared("abfs", CLIENT, policy=[assigned])
    assert severities(found) == ({"XC063": {"fail"}} if text else {})
    assert text in words(found, "XC063")


def test_assignment_of_a_group_may_be_the_agents_or_not(compared) -> None:
    group = assignment(principalName="data-team", principalType="Group")
    assert severities(compared("abfs", CLIENT, policy=[group])) == {"XC063": {"warn"}}


def credential(subject, issuer):
    audiences = ["api://AzureADTokenExchange"]
    return {"name": "a", "subject": subject, "audiences": audiences, "issuer": issuer}


def test_credentials_of_all_agents_are_of_the_issuer_of_one_cluster(compared) -> None:
    one, other = "https://eu.oic.example/t/c/", "https://eu.oic.example/t/c"
    mixed = [credential(name, one) for name in SUBJECTS[:2]] + [credential(SUBJECTS[2], other)]
    found = compared("abfs", CLIENT, trust=mixed)
    assert severities(found) == {"XC060": {"fail"}}
    assert f"'{other}', '{one}'" in words(found, "XC060")
    assert compared("abfs", CLIENT, trust=[*mixed, credential(SUBJECTS[2], one)]) == {}


def test_width_of_a_grant_below_a_variable_of_iam_is_unknown(compared) -> None:
    own = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]}
    for prefix, is_unknown in (("${aws:PrincipalTag/team}", True), ("other", False)):
        statement = {**own, "Resource": f"arn:aws:s3:::acme-xcom/{prefix}/*"}
        (found,) = compared(identity=OURS, policy={"Statement": [statement]})["XC066"]
        assert found.is_unknown is is_unknown


@pytest.mark.parametrize("doubt", [{"principalType": "Group"}, {"condition": "@Resource[...]"}])
def test_width_of_an_assignment_that_may_not_be_the_agents_is_unknown(compared, doubt) -> None:
    wide = assignment(principalName=CLIENT) | {"roleDefinitionName": "Owner"}
    sure = compared("abfs", CLIENT, policy=[wide])["XC066"]
    (unsure,) = compared("abfs", CLIENT, policy=[wide | doubt])["XC066"]
    assert [one.is_unknown for one in (*sure, unsure)] == [False, True]


@pytest.mark.parametrize("container", ["$logs", "$web", "$root", "$blobchangefeed"])
def test_container_of_azures_own_is_no_placeholder(compared, container) -> None:
    another = assignment(principalName=CLIENT)
    another["scope"] = another["scope"].replace("acme-xcom", container)
    assert "XC008" not in compared("abfs", CLIENT, policy=[another])
    another["scope"] += "_NAME"
    assert "XC008" in compared("abfs", CLIENT, policy=[another])


def test_placeholder_in_a_policy_or_a_lifecycle_fails(compared) -> None:
    rules = {"Rules": [{"Status": "Enabled", "Filter": {"Prefix": "<prefix>/"}}]}
    found = compared(identity=OURS, policy=rights(bucket="${BUCKET}"), lifecycle=rules)
    assert words(found, "XC008") == (
        "'${BUCKET}' is still a placeholder '<prefix>' is still a placeholder"
    )


def test_lifecycle_of_another_bucket_or_account_is_named(compared) -> None:
    rules = {"lifecycle_config": {"rule": []}}
    found = compared("gs", EMAIL, lifecycle={**rules, "storage_url": "gs://other/"})
    assert severities(found) == {"XC074": {"fail"}}
    assert "XC074" not in compared(
        "gs", EMAIL, lifecycle={**rules, "storage_url": "gs://acme-xcom/"}
    )
    policy = {
        "id": "/s/x/storageAccounts/other/managementPolicies/default",
        "policy": {"rules": []},
    }
    assert severities(compared("abfs", CLIENT, lifecycle=policy)) == {"XC074": {"fail"}}
