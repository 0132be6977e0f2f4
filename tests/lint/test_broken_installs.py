"""The doctor names the cause of a broken install first or second.

Each was written from the description of a defect, with its cause, before the doctor was run on it.
"""

import json
import textwrap

import pytest
import yaml
from good_values import COMMON, CONNECTION, GOOD, STOCK, changed, with_entry
from test_diagnosis import SETTINGS
from test_diagnosis import pods as pods_with

from xcomkit.lint.diagnosis import diagnose

PATH = "s3://aws_default@xcom-bucket/astro/xcom"
BUCKET = "arn:aws:s3:::xcom-bucket"
NAME = "00000002-1111-4222-8333-444455556666"
AWS_ERROR = (
    "botocore.exceptions.ClientError: An error occurred ({}) when calling the {} operation: "
)
KMS = "arn:aws:sts::1:assumed-role/x is not authorized to perform: kms:GenerateDataKey on resource"
S3_KEYS = '{"conn_type": "aws", "login": "AK", "password": "x", "extra": {"endpoint_url": "%s"}}'


def log(last: str, *before: str) -> dict[str, str]:
    lines = [
        *before,
        "Traceback (most recent call last):",
        '  File "task_runner.py", line 12, in run',
    ]
    return {"worker.log": "\n".join([*lines, last, ""])}


def connection(text: str) -> str:
    return changed((CONNECTION, f"'{text}'"))


def path(text: str) -> str:
    return changed((PATH, text))


def pods(
    *names: str, image: str = "r/agent:3.1-9-astro-agent-1.5.1", state: dict | None = None, **more
) -> dict:
    """Return the pods as kubectl prints them; ``more`` changes settings."""
    names = names or ("worker-default-worker", "dag-processor", "triggerer")
    made = tuple(f"{name}-7c9-abcde" for name in names)
    return {"pods.yaml": pods_with(SETTINGS | more, names=made, image=image, state=state)}


def with_status(status: dict) -> dict[str, str]:
    """Return the pods, the first of which has another status."""
    listed = yaml.safe_load(pods()["pods.yaml"])
    listed["items"][0]["status"] = status
    return {"pods.yaml": json.dumps(listed)}


def policy(prefix: str, *actions: str) -> dict[str, str]:
    allowed = [f"s3:{name}Object" for name in actions]
    statements = [
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": BUCKET},
        {"Effect": "Allow", "Action": allowed, "Resource": f"{BUCKET}/{prefix}/*"},
    ]
    return {"policy.json": json.dumps({"Version": "2012-10-17", "Statement": statements})}


def lifecycle(*rules: dict) -> dict[str, str]:
    return {"lifecycle.json": json.dumps({"Rules": rules})}


def rows(value: object) -> dict[str, str]:
    entry = {"key": "return_value", "dag_id": "d", "run_id": "r", "task_id": "t", "value": value}
    return {"xcoms.json": json.dumps({"xcom_entries": [entry], "total_entries": 1})}


def on_azure(extra: str, where: str = "abfs://adls@xcom/astro") -> str:
    text = changed((PATH, where), ("AWS_DEFAULT", "ADLS"), (CONNECTION, f"'{extra}'"))
    label = 'labels: {azure.workload.identity/use: "true"}\nserviceAccount:'
    return changed(
        ("serviceAccount:", label),
        ("eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents",
         "azure.workload.identity/client-id: 11111111-2222-3333-4444-555555555555"), text=text,
    )  # fmt: skip


def on_google(annotation: str = "iam.gke.io/gcp-service-account") -> str:
    return changed(
        (PATH, "gs://google@xcom-bucket/astro"), ("AWS_DEFAULT", "GOOGLE"),
        (CONNECTION, """'{"conn_type": "google_cloud_platform", "extra": {"project": "p-1"}}'"""),
        ("eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents",
         f"{annotation}: xcom-agents@data-proj.iam.gserviceaccount.com"),
    )  # fmt: skip


AZURE = '{"conn_type": "azure_data_lake", "extra": {"account_name": "xcomacct", "anon": false}}'
GROUP = "  - {name: %s, serviceAccount: {create: true, name: agents}}\n"
MERGED = f"  - {{name: {COMMON}PATH, value: {PATH}, <<: *d}}\n"
CASES = {
    # what a team has in Git, installed
    "values of an umbrella chart, with a unit": ({"values.yaml": "agents:\n" + textwrap.indent(
        changed(('"0"', '"1MB"')), "  ")}, "XC010"),
    "encrypted by sops": (
        {"values.yaml": connection("ENC[AES256_GCM,data:p67=,iv:Rw=,tag:9g==,type:str]"),
         **log("airflow.exceptions.AirflowNotFoundException: not deserialized")}, "XC164"),
    "value and valueFrom": ({"values.yaml": with_entry("APP_MODE", "prod").replace(
        "'prod'\n", "'prod'\n    valueFrom: {secretKeyRef: {name: app, key: mode}}\n")}, "XC006"),
    "a group whose pods have other settings": (
        {"values.yaml": changed(("default-worker", "sentinelone-worker")),
         **pods("worker-sentinelone-worker", **{f"{COMMON}THRESHOLD": "1048576"})}, "XC159"),
    "a merge key overrides the value beside it": (
        {"values.yaml": changed(
            (f'  - name: {COMMON}PATH\n    value: "{PATH}"\n', MERGED),
            ("commonEnv:", "defaults: &d {value: xcom-bucket/astro}\ncommonEnv:"))}, "XC011"),
    "a number for Kubernetes": ({"values.yaml": changed(('"0"', "0X0"))}, "XC006"),
    "no worker group": ({"values.yaml": changed(
        ("workers:\n  - name: default-worker\n    env: []", "workers: []"))}, "XC080"),
    "a reference to an unknown variable": (
        {"values.yaml": path("s3://aws_default@$(XCOM_BUCKET)/astro"),
         **log('botocore.exceptions.ParamValidationError: Invalid bucket name "$(XCOM_BUCKET)"')},
        "XC023"),
    "a name twice": ({"values.yaml": with_entry(f"{COMMON}THRESHOLD", "-1")}, "XC007"),
    "what helm prints for people, and None for no compression": (
        {"values.yaml": "USER-SUPPLIED VALUES:\n" + with_entry(f"{COMMON}COMPRESSION", "None"),
         **log("ValueError: Compression None is not supported. Make sure it is installed.")},
        "XC005"),
    "a placeholder": ({"values.yaml": path("s3://aws_default@<your-bucket-name>/astro")}, "XC008"),
    # at run time
    "rows below another path": (
        {"values.yaml": changed((STOCK, "xcomkit.durable.DurableXComObjectStorageBackend")),
         **log(f"xcomkit.durable.XComObjectError: s3://b/old/d/r/t/{NAME} is a reference, but not"
               " below s3://aws_default@xcom-bucket/new")}, "XC163"),
    "a class that may not be imported": (
        {"values.yaml": GOOD, **log("ImportError: shop.models.Order was not found in allow list for"
                                    " deserialization imports. To allow it, add it")}, "XC150"),
    "the bucket's key": ({"values.yaml": GOOD, **log(
        AWS_ERROR.format("AccessDenied", "PutObject") + KMS, f"PermissionError: {KMS}")}, "XC146"),
    "a policy for another prefix": (
        {"values.yaml": path("s3://aws_default@xcom-bucket/team-b"),
         **policy("team-a", "Get", "Put", "Delete")}, "XC063"),
    "objects that live a day": (
        {"values.yaml": GOOD, **rows(f"{PATH}/d/r/t/{NAME}"), "objects.json": "[]", **lifecycle(
            {"ID": "t", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}})}, "XC072"),
    "a private authority": (
        {"values.yaml": connection(S3_KEYS % "https://minio.corp:9000"),
         **log("botocore.exceptions.SSLError: SSL validation failed for https://minio.corp:9000/b"
               " [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")}, "XC154"),
    "a store without chunked uploads": (
        {"values.yaml": connection(S3_KEYS % "https://rgw.corp"),
         **log(AWS_ERROR.format("MissingContentLength", "PutObject"))}, "XC166"),
    "the store's address as host": (
        {"values.yaml": connection((S3_KEYS % "http://m:9000").replace("endpoint_url", "host")),
         **log(AWS_ERROR.format("InvalidAccessKeyId", "PutObject"))}, "XC019"),
    "another region": (
        {"values.yaml": GOOD, **log(AWS_ERROR.format("AuthorizationHeaderMalformed", "PutObject")
                                    + "the region 'a' is wrong; expecting 'b'")}, "XC165"),
    "an account that nobody creates": (
        {"values.yaml": changed(("serviceAccount:", "serviceAccount:\n  workers: {create: ~}")),
         **pods("dag-processor", "triggerer")}, "XC158"),
    "AWS_ENDPOINT_URL of something else": (
        {"values.yaml": GOOD, **pods(AWS_ENDPOINT_URL="http://localstack.dev:4566"),
         **log(AWS_ERROR.format("405", "HeadBucket") + "Method Not Allowed")}, "XC168"),
    "a store that is not there": (
        {"values.yaml": connection(S3_KEYS % "http://minio:9000"),
         **log("botocore.exceptions.EndpointConnectionError: Could not connect to the endpoint URL:"
               ' "http://minio:9000/xcom-bucket"')}, "XC155"),
    "no keys for a store that needs keys": (
        {"values.yaml": connection('{"conn_type": "aws", "extra": {"endpoint_url": "https://r"}}'),
         **log("botocore.exceptions.NoCredentialsError: Unable to locate credentials")}, "XC138"),
    "an account in a sovereign cloud": (
        {"values.yaml": on_azure(AZURE), **log("azure.core.exceptions.ServiceRequestError: Cannot"
         " connect to host xcomacct.blob.core.windows.net:443 [Name or service not known]")},
        "XC155"),
    "an upgrade without a state store": (
        {"values.yaml": "image: r/agent:3.3-2-astro-agent-1.8.0\n" + GOOD,
         **pods(image="r/agent:3.3-2-astro-agent-1.8.0",
                state={"waiting": {"reason": "CrashLoopBackOff"}})}, "XC430"),
    "anon as a text": (
        {"values.yaml": on_azure(AZURE.replace("false", '"false"')),
         **log("azure.core.exceptions.HttpResponseError: Public access is not permitted")},
        "XC016"),
    "no lifecycle": ({"values.yaml": GOOD, **lifecycle()}, "XC071"),
    "no right to create": (
        {"values.yaml": on_google(), **log("gcsfs.retry.HttpError: x@p.iam.gserviceaccount.com does"
         " not have storage.objects.create access to the Google Cloud Storage object.")}, "XC144"),
    "values in the database": ({"values.yaml": GOOD, **rows({"rows": ["c"] * 300})}, "XC162"),
    "a misspelt annotation": (
        {"values.yaml": on_google("iam.gke.io/gcp-serviceaccount")}, "XC048"),
    "no federated credential": (
        {"values.yaml": on_azure(AZURE), **log("azure.core.exceptions.ClientAuthenticationError:"
         " AADSTS700213: No matching federated identity record found for presented assertion")},
        "XC141"),
    "the path as Azure prints it": ({"values.yaml": on_azure(
        AZURE, "abfss://xcom@xcomacct.dfs.core.windows.net/astro")}, "XC011"),
    "a path without a scheme": ({"values.yaml": path("xcom-bucket/astro")}, "XC011"),
    "no such bucket": (
        {"values.yaml": GOOD, **log(AWS_ERROR.format("NoSuchBucket", "PutObject"))}, "XC147"),
    "a store that throttles": (
        {"values.yaml": GOOD, **log(AWS_ERROR.format("SlowDown", "PutObject"))}, "XC148"),
    "no route": ({"values.yaml": GOOD, **log(
        'botocore.exceptions.ConnectTimeoutError: Connect timeout on endpoint URL: "https://b"')},
        "XC155"),
    "no OIDC provider": (
        {"values.yaml": GOOD, **log(AWS_ERROR.format("InvalidIdentityToken", "Assume") +
         "No OpenIDConnect provider found in your account for https://oidc")}, "XC140"),
    "nobody may delete": ({"values.yaml": GOOD, **policy("astro/xcom", "Get", "Put")}, "XC065"),
    "the node signs": ({"values.yaml": GOOD, **log(
        AWS_ERROR.format("AccessDenied", "PutObject") + "User: arn:aws:sts::1:assumed-role/"
        "eks-NodeInstanceRole/i-0abc is not authorized to perform: s3:PutObject")}, "XC138"),
    "a firewall of the storage account": ({"values.yaml": on_azure(AZURE), **log(
        "azure.core.exceptions.HttpResponseError: This request is not authorized to perform this"
        " operation.", "ErrorCode:AuthorizationFailure")}, "XC155"),
    "no node has room": ({"values.yaml": GOOD, **with_status({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]})}, "XC158"),
    "evicted": ({"values.yaml": GOOD, **with_status({"phase": "Failed", "reason": "Evicted"})},
                "XC158"),
    "a secret that may not be read": ({"values.yaml": changed(
        ("AIRFLOW_CONN_AWS_DEFAULT", "AIRFLOW__SECRETS__BACKEND_KWARGS"), (CONNECTION, "'{}'"),
        ("xcomBackend", "secretBackend: a.b.VaultBackend\nxcomBackend")), **log("airflow.exceptions"
         ".AirflowNotFoundException: The conn_id `aws_default` isn't defined")}, "XC136"),
    "two groups with one account": ({"values.yaml": changed(
        ("  - name: default-worker\n    env: []\n", GROUP % "a" + GROUP % "b"))}, "XC051"),
    "gzip on Cloud Storage": (
        {"values.yaml": with_entry(f"{COMMON}COMPRESSION", "gzip", text=on_google()),
         "xcoms.json": json.dumps([f"gs://google@xcom-bucket/astro/d/r/t/{n}.gz" for n in "12"]),
         "objects.json": json.dumps([{"url": "gs://xcom-bucket/astro/d/r/t/1.gz"}])}, "XC160"),
    "a lifecycle that takes the state": ({"values.yaml": with_entry(
        f"{COMMON}PATH".replace("XCOM", "STATE_STORE"), "s3://aws_default@xcom-bucket/state"),
        **lifecycle({"ID": "all", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 30}})},
        "XC438"),
    "a proxy that is not there": ({"values.yaml": GOOD, **log(
        'botocore.exceptions.ProxyConnectionError: Failed to connect to proxy URL: "http://p"')},
        "XC155"),
    "a node whose clock is off": ({"values.yaml": GOOD, **log(
        AWS_ERROR.format("RequestTimeTooSkewed", "PutObject"))}, "XC169"),
    "a disabled key": ({"values.yaml": GOOD, **log(
        AWS_ERROR.format("KMS.DisabledException", "PutObject"))}, "XC146"),
    "no path, and a lifecycle to compare it with": (
        {"values.yaml": changed((f"{COMMON}PATH", "OTHER")), **lifecycle()}, "XC001"),
    "a reference for bank-vaults": ({"values.yaml": connection("vault:s/data/aws#uri")}, "XC164"),
    "a reference for 1Password": ({"values.yaml": connection("op://prod/aws/uri")}, "XC164"),
    "a reference for vals": ({"values.yaml": connection("ref+awssecrets://prod/aws")}, "XC164"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_cause_is_named_first_or_second(tmp_path, case):
    files, cause = CASES[case]
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    found = [finding.rule.id for _, finding in diagnose(tmp_path).findings]

    assert cause in found[:2]
