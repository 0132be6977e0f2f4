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


@pytest.mark.parametrize("key", ["eks.amazon.com/role-arn", "eks.aws.com/role-arn"])
def test_other_domain_with_a_role_is_named_too(judged, key):
    assert "XC048" in failed(judged(changed(("eks.amazonaws.com/role-arn", key))))


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
