"""The stand-in starts, tells what it saw, plays the faults it is asked for, and ends cleanly."""

import os
import stat
import subprocess
import sys

import boto3
import pytest
import urllib3

from xcomkit.findings.errors import ProcessError, UnreachableError
from xcomkit.stand_ins.aws import AwsStandIn


def test_a_users_own_sign_in_loses_once_the_replaced_variables_are_gone(stand_in):
    assert not any("REGION" in name for name in stand_in.environment)
    own = {
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "old",
        "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
        "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
        "PATH": os.environ["PATH"],
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    kept = {name: value for name, value in own.items() if name not in AwsStandIn.replaced}
    code = "import boto3; print(boto3.client('sts','us-east-1').get_caller_identity()['Arn'])"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={**kept, **stand_in.environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert answer.stdout.strip().endswith(":user/administrator")


def test_platform_environment_says_only_where_aws_is(stand_in):
    assert set(stand_in.platform_environment) == {"AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"}


def test_secrets_lists_keys_tokens_and_sessions_and_no_message_holds_one(rig, stand_in):
    token = stand_in.mint_token(rig.AGENT)
    session = rig.assume(rig.make_role(), token=token)
    secrets = stand_in.secrets()
    assert token in secrets
    assert session["SecretAccessKey"] in secrets
    assert session["SessionToken"] in secrets
    assert stand_in.environment["AWS_SECRET_ACCESS_KEY"] in secrets
    assert all(len(secret) >= 16 for secret in secrets)
    with pytest.raises(ProcessError, match="refused subresource: 400") as refused:
        stand_in.set_subresource("policy", answer="nonsense")
    displayed = f"{stand_in!r} {refused.value} {refused.value!r}"
    assert not any(secret in displayed for secret in secrets)


def test_child_process_attaches_and_cannot_stop_what_it_did_not_start(stand_in, monkeypatch):
    assert AwsStandIn.attach() is None
    for name, value in stand_in.environment.items():
        monkeypatch.setenv(name, value)
    child = AwsStandIn.attach()
    assert child is not None
    assert child.environment == stand_in.environment
    child.stop()
    assert stand_in.mint_token("x").count(".") == 2


def test_nobody_gets_in_without_the_key_or_the_certificate(stand_in):
    with urllib3.PoolManager(ca_certs=str(stand_in.ca_bundle)) as pool:
        for headers in ({}, {"x-stand-in-key": "guess"}, {"x-stand-in-key": "ü"}):
            answer = pool.request("GET", f"{stand_in.url}/_stand_in/secrets", headers=headers)
            assert (answer.status, answer.data) == (403, b"")
    with (
        urllib3.PoolManager(retries=False) as pool,
        pytest.raises(urllib3.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        pool.request("GET", stand_in.url)


def test_log_names_action_principal_and_status(rig, stand_in, bucket):
    before = stand_in.read_requests()[-1].seq
    agent = rig.sign_in(rig.allow("s3:PutObject", f"arn:aws:s3:::{bucket}/*"))
    agent.put_object(Bucket=bucket, Key="a/b", Body=b"1")
    assert rig.refusal(agent.delete_object, Bucket=bucket, Key="a/b") == "AccessDenied"
    seen = [r for r in stand_in.read_requests(since=before) if r.path.endswith("/a/b")]
    assert [(r.method, r.action, r.status) for r in seen] == [
        ("PUT", "s3:PutObject", 200),
        ("DELETE", "s3:DeleteObject", 403),
    ]
    assert all(":assumed-role/role-" in r.principal for r in seen)
    numbers = [r.seq for r in stand_in.read_requests(since=before)]
    assert numbers == list(range(before + 1, before + 1 + len(numbers)))


def test_object_expires_just_before_an_agent_reads_it_and_leaves_its_version(rig, stand_in, bucket):
    agent = rig.sign_in(rig.allow("s3:*", "*"))
    rig.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("xcom/a", "xcom/b", "other/a"):
        rig.s3.put_object(Bucket=bucket, Key=key, Body=b"1")
    stand_in.expire_before_read("xcom/")
    try:
        assert rig.s3.get_object(Bucket=bucket, Key="xcom/a")["Body"].read() == b"1"
        assert rig.refusal(agent.get_object, Bucket=bucket, Key="xcom/a") == "NoSuchKey"
        assert rig.refusal(agent.head_object, Bucket=bucket, Key="xcom/b") == "404"
        assert agent.get_object(Bucket=bucket, Key="other/a")["Body"].read() == b"1"
        agent.put_object(Bucket=bucket, Key="xcom/a", Body=b"2")
    finally:
        stand_in.expire_before_read("")
    assert agent.get_object(Bucket=bucket, Key="xcom/a")["Body"].read() == b"2"
    found = rig.s3.list_object_versions(Bucket=bucket, Prefix="xcom/b")
    assert (len(found["Versions"]), len(found["DeleteMarkers"])) == (1, 1)


RULE = {"ID": "x", "Filter": {"Prefix": "x/"}, "Status": "Enabled", "Expiration": {"Days": 1}}


def test_setting_is_refused_or_forgotten_as_long_as_it_is_asked_to_be(rig, stand_in, bucket):
    wanted = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": [RULE]}}
    put = rig.s3.put_bucket_lifecycle_configuration
    get = rig.s3.get_bucket_lifecycle_configuration
    try:
        for name in ("lifecycle", "versioning"):
            stand_in.set_subresource(name, answer="ignore")
        put(**wanted)
        assert rig.refusal(get, Bucket=bucket) == "NoSuchLifecycleConfiguration"
        rig.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        assert "Status" not in rig.s3.get_bucket_versioning(Bucket=bucket)
        for answer, code in (("refuse", "NotImplemented"), ("refuse-without-body", "405")):
            stand_in.set_subresource("lifecycle", answer=answer)
            assert rig.refusal(put, **wanted) == code
            assert rig.refusal(get, Bucket=bucket) == code
    finally:
        for name in ("lifecycle", "versioning"):
            stand_in.set_subresource(name, answer="")
    assert "Status" not in rig.s3.get_bucket_versioning(Bucket=bucket)
    put(**wanted)
    get(Bucket=bucket)


def test_connections_are_kept_open(stand_in):
    with urllib3.PoolManager(ca_certs=str(stand_in.ca_bundle)) as pool:
        for _ in range(5):
            pool.request("GET", f"{stand_in.url}/some-bucket/some-key")
            pool.request("POST", stand_in.url, body=b"x" * 100_000)
            pool.request("HEAD", f"{stand_in.url}/some-bucket")
        host = pool.connection_from_url(stand_in.url)
        assert (host.num_connections, host.num_requests) == (1, 15)


def test_client_that_never_finishes_its_handshake_holds_nobody_up(rig, stand_in):
    import socket
    from urllib.parse import urlsplit

    where = urlsplit(stand_in.url)
    with socket.create_connection((where.hostname, where.port)):
        assert rig.client("sts").get_caller_identity()["Account"] == rig.ACCOUNT


def test_stream_of_unknown_length_arrives_whole(rig, bucket):
    class Stream:
        def __init__(self) -> None:
            self.left = [b"a" * 70_000, b"b" * 5]

        def read(self, _: int = -1) -> bytes:
            return self.left.pop(0) if self.left else b""

    rig.s3.put_object(Bucket=bucket, Key="stream", Body=Stream())
    stored = rig.s3.get_object(Bucket=bucket, Key="stream")["Body"].read()
    assert stored == b"a" * 70_000 + b"b" * 5


def test_stopping_removes_process_and_files_and_says_so_to_callers(monkeypatch):
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "111111111111")  # would make another account of ours
    stand_in = AwsStandIn.start()
    for name, value in stand_in.environment.items():
        monkeypatch.setenv(name, value)
    client = boto3.Session().client("sts", region_name="eu-central-1")
    assert client.get_caller_identity()["Account"] == "123456789012"
    client.close()
    directory = stand_in.ca_bundle.parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not list(directory.glob("*key*"))
    stand_in.stop()
    stand_in.stop()
    assert not directory.exists()
    with pytest.raises(UnreachableError, match="does not answer"):
        stand_in.mint_token("x")


def test_server_that_cannot_start_is_reported_with_the_end_of_its_log(monkeypatch, tmp_path):
    (tmp_path / "trustme.py").write_text("raise ImportError('no trustme here')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ProcessError, match="no trustme here") as failed:
        AwsStandIn.start()
    assert failed.value.hint
