"""Values that another tool fills in: neither in plain text, nor of the wrong type, nor good."""

import pytest
from good_values import COMMON, CONNECTION, GOOD, changed, failed, own, with_entry

from xcomkit.findings.errors import InputError
from xcomkit.values.merge import merge

ENCRYPTED = "ENC[AES256_GCM,data:c2VjcmV0,iv:aXY=,tag:dGFn,type:str]"
VALS = "ref+awssecrets://xcom/prod#/threshold"
AVP = "<path:secret/data/xcom#threshold>"
SOPS = "sops: {mac: 'ENC[AES256_GCM,data:bWFj]', version: 3.9.0}\n"


@pytest.mark.parametrize("reference", [ENCRYPTED, VALS, AVP, "vault:secret/data/x#k", "op://v/i/f"])
@pytest.mark.parametrize(
    ("old", "rule"),
    [('"0"', "XC002"), ('"s3://aws_default@xcom-bucket/astro/xcom"', "XC001"),
     (CONNECTION, "XC004")],
)  # fmt: skip
def test_reference_is_unknown_and_no_rule_takes_it_for_the_value(judged, reference, old, rule):
    found = judged(changed((old, f"'{reference}'")))

    assert found.keys() == {rule}
    assert [finding.is_unknown for finding in found[rule]] == [True]


@pytest.mark.parametrize(
    "reference", [ENCRYPTED, VALS, AVP, "${TOKEN}", "{{ .Values.token }}", "secretref+vault://x"]
)
def test_reference_is_no_secret_in_plain_text(judged, reference):
    text = with_entry("MY_PASSWORD", reference) + f"agentToken: '{reference}'\n"
    url = with_entry("URL", "postgresql://user:${PASSWORD}@host/db")

    assert "XC014" not in judged(text)
    assert "XC014" not in judged(url)
    assert "XC014" in judged(with_entry("MY_PASSWORD", "hunter2"))


def test_identity_that_another_tool_fills_in_is_unknown(judged):
    role = "arn:aws:iam::123456789012:role/xcom-agents"

    (finding,) = judged(changed((role, "${ROLE_ARN}")))["XC048"]
    assert finding.is_unknown


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("iam.gkeusercontent.com/gcp-service-account", "iam.gke.io/gcp-service-account"),
        ("iam.gke.com/gcp-service-account", "iam.gke.io/gcp-service-account"),
        ("IAM.gke.io/gcp-service-account", "iam.gke.io/gcp-service-account"),
    ],
)
def test_annotation_that_no_platform_reads_is_named_with_the_one_that_is_read(judged, key, meant):
    account = "xcom@acme-prod-1.iam.gserviceaccount.com"
    text = changed(("eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents",
                    f"{key}: {account}"), ("s3://", "gs://"))  # fmt: skip

    (finding,) = judged(text)["XC048"]
    assert finding.severity == "fail"
    assert key in finding.observed
    assert meant in finding.observed


ROLE, EMAIL = "arn:aws:iam::123456789012:role/xcom-agents", "x@acme-data.iam.gserviceaccount.com"
CLIENT = "6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("eks.amazon.com/role-arn", ROLE),
        ("eks.aws.com/role-arn", ROLE),
        ("eks.amazonaws.com/role_arn", ROLE),
        ("eks.amazonaws.com/iam-role", ROLE),
        ("eks\\.amazonaws\\.com/role-arn", ROLE),
        ("eks.amazonaws.com.role-arn", ROLE),
        ("role-arn", ROLE),
        ("iam.amazonaws.com/role", ROLE),
        ("iam.gke.io/gsa", EMAIL),
        ("cloud.google.com/service-account", EMAIL),
        ("azure.workload.identity/clientId", CLIENT),
        ("azure.workload.identity/identity", CLIENT),
        ("azure.workload.identity.io/client-id", CLIENT),
        ("client-id", CLIENT),
    ],
)
def test_key_that_looks_like_the_platforms_own_is_named_with_what_is_read(judged, key, value):
    text = changed((f"eks.amazonaws.com/role-arn: {ROLE}", f"{key}: {value}"))
    if value != ROLE:
        text = text.replace("s3://", {EMAIL: "gs://", CLIENT: "abfs://"}[value])
    found = judged(text)
    assert "XC048" in failed(found)
    words = {ROLE: "eks.amazonaws.com/role-arn", EMAIL: "iam.gke.io/gcp-service-account",
             CLIENT: "azure.workload.identity/client-id"}[value]  # fmt: skip
    assert any(words in one.observed for one in found["XC048"])


def test_key_that_looks_alike_is_found_in_what_helm_rendered(judged):
    account = "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: agents\n  annotations:\n"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: agents}\nspec:\n  containers:\n"
    pod += "    - {name: worker, env: [{name: AIRFLOW__CORE__XCOM_BACKEND, value: a.b}]}\n"
    text = f"{account}    eks.amazonaws.com/role_arn: {ROLE}\n---\n{pod}"
    (finding,) = judged(text)["XC048"]
    assert "eks.amazonaws.com/role-arn is" in finding.observed
    assert finding.line == 6
    assert "XC048" not in judged(text.replace("role_arn", "role-arn"))


@pytest.mark.parametrize(
    ("key", "value"),
    [("acme.example/owner", EMAIL), ("ci.acme.example/deploy-role", ROLE),
     ("acme.example/tenant-id", CLIENT), ("acme.example/role-arn", "reader"),
     ("eks.amazonaws.com/audience", "sts.amazonaws.com")],
)  # fmt: skip
def test_key_of_somebody_else_with_an_identity_is_left_alone(judged, key, value):
    assert judged(f"{GOOD}    {key}: {value}\n") == {}


@pytest.mark.parametrize(
    ("text", "is_placeholder"),
    [
        ("<green>{time}</green> <level>{message}</level>", False),
        ("<bucket> and </b>", True),
        ("id/<0A1B2C3D>", True),
        ("1 <2 and 3> 1", False),
        ("line<br>line<br/><hr>", False),
        (r"(?P<name>\w+)", False),
        ("know-your-customer", False),
        ("your-team", True),
        ("XXXXXXXX", True),
        ("INSERT_TOKEN_HERE", True),
        ("TODO", True),
        ("todo", False),
    ],
)
def test_markup_is_no_placeholder(judged, text, is_placeholder):
    assert ("XC008" in judged(with_entry("LOG_FORMAT", text))) is is_placeholder


@pytest.mark.parametrize(
    ("bucket", "is_name"),
    [
        ("acme-ap-k3j2h1g0f9e8d7c6b5a4z3y2x1w0veuc1a-s3alias", True),
        ("acme-ol-k3j2h1g0f9e8d7c6b5a4z3y2x1w0veuc1a--ol-s3", True),
        ("acme-xcom--euc1-az2--x-s3", True),
        ("acme-xcom.s3.eu-central-1.amazonaws.com", False),
        ("acme-123456789012-eu-central-1-an", True),
        ("arn:aws:s3:eu-central-1:111122223333:accesspoint/acme-ap", True),
        ("arn:aws:s3:eu-central-1:111122223333:accesspoint:acme-ap", True),
        ("arn:aws:s3:::acme-xcom", False),
        ("acme-xcom-an", False),
        ("Acme-s3alias", False),
        ("a" * 60 + "-s3alias", False),
        ("acme--x-s3", False),
        ("acme--ol-s3", False),
        ("acme.mrap", False),
    ],
)
def test_name_that_answers_in_place_of_a_bucket_is_accepted(judged, bucket, is_name):
    assert ("XC026" in judged(changed(("@xcom-bucket/", f"@{bucket}/")))) is not is_name


def test_bucket_of_the_state_store_must_have_a_name_that_can_exist(judged):
    name = "  - name: AIRFLOW__COMMON_IO__"
    state = f'{name}STATE_STORE_OBJECTSTORAGE_PATH\n    value: "s3://aws_default@acme_state/x"\n'
    (finding,) = judged(
        changed((f"{name}XCOM_OBJECTSTORAGE_PATH", f"{state}{name}XCOM_OBJECTSTORAGE_PATH"))
    )["XC026"]
    assert "acme_state" in finding.observed


def test_annotation_of_another_tool_is_left_alone(judged):
    other = "    vault.example.com/role: xcom\n    checksum/config: abc\n"

    assert judged(GOOD + other) == {}


@pytest.mark.parametrize(("value", "is_refused"), [("value: 'a'", True), ("value: ''", False)])
def test_entry_with_value_and_value_from_is_what_kubernetes_refuses(judged, value, is_refused):
    entry = f"{value}\n      valueFrom: {{secretKeyRef: {{name: s, key: k}}}}"

    found = judged(GOOD + own("triggerer", "MINE", entry))
    assert ("XC006" in failed(found)) is is_refused


@pytest.mark.parametrize("where", ["workers", "triggerer", "commonEnvFrom"])
def test_variables_of_an_env_from_are_unknown_not_missing(judged, where):
    source = "envFrom: [{secretRef: {name: s}}]"
    text = changed((f"{COMMON}THRESHOLD", "OTHER"))
    match where:
        case "workers":
            text = text.replace("    env: []", f"    env: []\n    {source}")
        case "triggerer":
            text += f"triggerer: {{{source}}}\n"
        case _:
            text += "commonEnvFrom: [{secretRef: {name: s}}]\n"

    found = judged(text)["XC002"]
    assert {f.is_unknown for f in found} == ({True} if where == "commonEnvFrom" else {True, False})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (GOOD + SOPS, "sops edit"),
        ("apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {}\n", "yq"),
    ],
)
def test_file_that_no_fragment_may_be_written_into_is_refused_with_the_way(text, hint):
    with pytest.raises(InputError, match=hint):
        merge(text, {"commonEnv": [{"name": "A", "value": "1"}]}, name="values.yaml")
