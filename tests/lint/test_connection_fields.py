"""The table of fields is what the installed providers do, and the rules say what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from good_values import CONNECTION, GOOD, changed

from xcomkit.lint.rules.connection_fields import FIELDS

# values that have an effect where they are read, beside what they need to be looked at
EXAMPLES = {
    "role_arn": "arn:aws:iam::444455556666:role/x",
    "session_kwargs": {"aws_access_key_id": "z", "aws_secret_access_key": "b"},
    "config_kwargs": {"signature_version": "s3"},
    "service_config": {"s3": {"endpoint_url": "http://store"}},
    "connection_string": "AccountName=x;AccountKey=eA==",
    "keyfile_dict": '{"type": "x"}',
    "impersonation_chain": "a@acme-data.iam.gserviceaccount.com",
    "is_anonymous": True,
    "anon": True,
    "quota_project_id": "quota-project",
    "gcs.version-aware": "true",
    "gcs.requester-pays": True,
    "gcs.session-kwargs": {"trust_env": True},
}
BASE = {
    "aws": {"conn_type": "aws", "extra": {}},
    "azure": {"conn_type": "wasb", "extra": {"account_name": "acme"}},
    "gcp": {"conn_type": "google_cloud_platform", "extra": {}},
}
NEEDS = {
    "assume_role_method": {"role_arn": "arn:aws:iam::444455556666:role/x"},
    "assume_role_kwargs": {"role_arn": "arn:aws:iam::444455556666:role/x"},
    "key_secret_project_id": {"key_secret_name": ""},
    "client_secret_auth_config": {"tenant_id": "t"},
}
# read by the hook that signs in, and without an effect that can be seen offline
NOT_SEEN = {"scope", "key_secret_name", "key_secret_project_id", "assume_role_kwargs"}


def with_field(cloud, name, value, **more):
    """Return a connection with one field more; those of the extra begin with ``extra.``."""
    connection = json.loads(json.dumps(BASE[cloud]))
    connection["extra"] |= more
    if name.startswith("extra."):
        connection["extra"][name.removeprefix("extra.")] = value
    elif name:
        connection[name] = value
    if "client_secret_auth_config" in name:
        connection |= {"login": "c", "password": "s"}
    return cloud, connection


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Return what the filesystem of a cloud makes of a connection, in one process for all."""
    home = tmp_path_factory.mktemp("airflow")
    signed_in = home / "adc.json"
    signed_in.write_text(
        '{"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}'
    )
    asked = [
        with_field(cloud, f"extra.{name}", EXAMPLES.get(name, "x"), **NEEDS.get(name, {}))
        for cloud, fields in FIELDS.items() for name in sorted(fields.read - NOT_SEEN)
    ]  # fmt: skip
    asked += [with_field(cloud, "", "", **NEEDS.get(name, {}))
              for cloud, fields in FIELDS.items() for name in sorted(fields.read - NOT_SEEN)
              ]  # fmt: skip
    asked += [with_field(cloud, name, "https://store.example.com")
              for cloud, fields in FIELDS.items() for name in fields.instead]  # fmt: skip
    asked += [*BASE.items()]
    asked += [with_field("azure", "", "", extra__wasb__account_host="h"),
              with_field("azure", "", "", extra__adls__account_host="h"),
              with_field("gcp", "", "", extra__google_cloud_platform__project="p"),
              with_field("gcp", "", "", extra__gcp__project="p"),
              with_field("aws", "", "", extra__aws__endpoint_url="http://h")]  # fmt: skip
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "AIRFLOW_HOME": str(home),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL", "PYTHONWARNINGS": "ignore",
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
        "GOOGLE_APPLICATION_CREDENTIALS": str(signed_in), "GOOGLE_CLOUD_PROJECT": "ours",
        "NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": str(home),
    }  # fmt: skip
    answer = subprocess.run(
        [sys.executable, Path(__file__).with_name("get_filesystems.py")],
        input=json.dumps(asked), capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    return dict(
        zip(map(json.dumps, asked), json.loads(answer.stdout.splitlines()[-1]), strict=True)
    )


@pytest.mark.parametrize("cloud", FIELDS)
def test_fields_have_the_effect_on_the_filesystem_that_the_table_says(cloud, measured) -> None:
    plain, fields = measured[json.dumps([cloud, BASE[cloud]])], FIELDS[cloud]
    for name in fields.read - NOT_SEEN:
        needs = NEEDS.get(name, {})
        without = measured[json.dumps(with_field(cloud, "", "", **needs))]
        asked = with_field(cloud, f"extra.{name}", EXAMPLES.get(name, "x"), **needs)
        assert measured[json.dumps(asked)] != without, name
    for name in fields.instead:
        asked = with_field(cloud, name, "https://store.example.com")
        assert measured[json.dumps(asked)] == plain, name


def test_only_the_prefix_of_the_connection_type_is_read(measured) -> None:
    for cloud, name, is_read in (
        ("azure", "extra__wasb__account_host", True),
        ("azure", "extra__adls__account_host", False),
        ("gcp", "extra__google_cloud_platform__project", True),
        ("gcp", "extra__gcp__project", False),
        ("aws", "extra__aws__endpoint_url", False),
    ):
        value = {"account_host": "h", "project": "p"}.get(name.rpartition("__")[2], "http://h")
        seen = measured[json.dumps(with_field(cloud, "", "", **{name: value}))]
        assert (seen != measured[json.dumps([cloud, BASE[cloud]])]) is is_read, name


PATHS = {
    "aws": "s3://aws_default@b-1",
    "azure": "abfs://aws_default@b-1",
    "gcp": "gs://aws_default@b-1",
}
ROLE = "arn:aws:iam::444455556666:role/xcom-writer"


@pytest.mark.parametrize(
    ("cloud", "connection", "rule", "words"),
    [
        ("azure", {"login": "acme", "host": "https://acme.blob.core.windows.net"}, "XC019",
         "'host' and 'login' are not read by the filesystem; account_name is"),
        ("azure", {"host": "acme.blob.core.windows.net"}, "XC019", "'host' is not read"),
        ("azure", {"extra": {"account_url": "https://acme.blob.core.windows.net"}}, "XC019",
         "'extra.account_url' is not read"),
        ("azure", {"extra": {"accountName": "acme"}}, "XC019", "account_name is"),
        ("azure", {"extra": {"extra__adls__account_name": "acme"}}, "XC019", "account_name is"),
        ("azure", {"extra": {"account_host": "x.example.com"}}, "XC019", "no storage account"),
        ("azure", {}, "XC019", "no storage account"),
        ("aws", {"host": "http://minio:9000"}, "XC019", "'host' is not read by the"),
        ("aws", {"host": "minio", "port": 9000}, "XC019", "endpoint_url is"),
        ("aws", {"extra": {"host": "http://minio:9000"}}, "XC019", "'extra.host' is not read"),
        ("aws", {"extra": {"endpointUrl": "http://minio:9000"}}, "XC019", "endpoint_url is"),
        ("aws", {"extra": {"extra__aws__role_arn": ROLE}}, "XC019", "role_arn is"),
        ("aws", {"extra": {"aws_iam_role": "xcom"}}, "XC019", "role_arn is"),
        ("aws", {"extra": {"region": "eu-central-1"}}, "XC085", "region_name is"),
        ("aws", {"extra": {"verify": "/ca.pem"}}, "XC085", "AWS_CA_BUNDLE is"),
        ("gcp", {"extra": {"endpoint_url": "http://gcs:4443"}}, "XC019", "gcs.endpoint is"),
        ("gcp", {"extra": {"impersonate_service_account": "a@b.iam.gserviceaccount.com"}},
         "XC019", "impersonation_chain is"),
        ("gcp", {"extra": {"project_id": "acme-data"}}, "XC085", "project is"),
        ("aws", {"extra": {"role_arn": ROLE}}, "XC086", f"{ROLE!r} signs"),
        ("gcp", {"extra": {"extra__google_cloud_platform__impersonation_chain": "long",
                           "impersonation_chain": "short"}}, "XC086", "'short' signs"),
        ("azure", {"password": "x", "extra": {"account_name": "a"}}, "XC016", "a password"),
        ("gcp", {"extra": {"extra__google_cloud_platform__impersonation_chain":
                           "a@b.iam.gserviceaccount.com, c@d.iam.gserviceaccount.com"}},
         "XC086", "'c@d.iam.gserviceaccount.com' signs"),
    ],
)  # fmt: skip
def test_field_that_the_filesystem_does_not_read_is_named(judged, cloud, connection, rule, words):
    found = judged(connected(cloud, connection))
    assert any(words in finding.observed for finding in found[rule]), found[rule]
    severities = {"XC016": "fail", "XC019": "fail", "XC085": "warn", "XC086": "info"}
    assert {finding.severity for finding in found[rule]} == {severities[rule]}


@pytest.mark.parametrize(
    ("cloud", "connection", "more"),
    [
        ("azure", {"login": "acme", "extra": {"account_name": "acme"}}, {}),
        ("azure", {"extra": {"extra__wasb__account_name": "acme"}}, {}),
        ("azure", {"login": "acme"}, {"AZURE_STORAGE_ACCOUNT_NAME": "acme"}),
        ("aws", {"host": "https://s3.eu-central-1.amazonaws.com"}, {}),
        ("aws", {"host": "minio", "extra": {"endpoint_url": "http://minio:9000"}}, {}),
        ("aws", {"host": "minio", "extra": {
            "service_config": {"s3": {"endpoint_url": "http://minio:9000"}}}}, {}),
        ("aws", {"extra": {"region_name": "eu-central-1", "verify": True, "team": "data"}}, {}),
        ("aws", {"extra": {"verify": "/ca.pem"}}, {"AWS_CA_BUNDLE": "/ca.pem"}),
        ("gcp", {"password": "x"}, {}),
        ("gcp", {"extra": {"project": "acme", "endpoint_url": "storage.googleapis.com"}}, {}),
        ("gcp", {"extra": {"extra__google_cloud_platform__project": "acme"}}, {}),
    ],
)  # fmt: skip
def test_field_that_is_read_or_says_nothing_else_is_left_alone(judged, cloud, connection, more):
    rules = {"XC016", "XC019", "XC085", "XC086"}
    assert not rules & judged(connected(cloud, connection, **more)).keys()


def connected(cloud, connection, **more):
    kind = {"aws": "aws", "azure": "wasb", "gcp": "google_cloud_platform"}[cloud]
    written = f"'{json.dumps({'conn_type': kind, **connection})}'"
    text = changed((CONNECTION, written), ("s3://aws_default@xcom-bucket", PATHS[cloud]), text=GOOD)
    entries = "".join(f"  - name: {name}\n    value: {value}\n" for name, value in more.items())
    return text.replace("commonEnv:\n", f"commonEnv:\n{entries}")
