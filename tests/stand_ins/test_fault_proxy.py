"""What boto3, without Airflow and without retries, sees through the proxy that injects faults."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BrokenConnectionError

from xcomkit.findings.errors import ProcessError
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.stand_ins.fault_proxy.faults import Act, Fault, act_of
from xcomkit.stand_ins.fault_proxy.proxy import FaultProxy, open_fault_proxy

BUCKET, BODY = "behind-a-proxy", b"0123456789" * 10
WRITES: tuple[Act, ...] = ("upload", "part", "complete")


@pytest.fixture(scope="module")
def proxy(stand_in: AwsStandIn) -> Iterator[FaultProxy]:
    client(stand_in).create_bucket(Bucket=BUCKET)
    with open_fault_proxy("aws", environment=stand_in.platform_environment) as running:
        yield running


@pytest.fixture
def s3(stand_in: AwsStandIn, proxy: FaultProxy) -> Any:
    proxy.disturb("astro/xcom", {})
    proxy.hits.clear()
    return client(stand_in, proxy)


def client(stand_in: AwsStandIn, proxy: FaultProxy | None = None, *, url: str = "") -> Any:
    admin = stand_in.environment
    bundle = proxy.environment["AWS_CA_BUNDLE"] if proxy else str(stand_in.ca_bundle)
    proxies = {n: proxy.environment[f"{n.upper()}_PROXY"] for n in ("http", "https") if proxy}
    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=url or stand_in.url,
        verify=bundle,
        config=Config(proxies=proxies or None, retries={"total_max_attempts": 1}, read_timeout=60),
        aws_access_key_id=admin["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=admin["AWS_SECRET_ACCESS_KEY"],
    )


def key(name: str) -> str:
    return f"astro/xcom/{name}/value"


def put(s3: Any, name: str) -> None:
    s3.put_object(Bucket=BUCKET, Key=key(name), Body=BODY)


def get(s3: Any, name: str) -> bytes:
    return bytes(s3.get_object(Bucket=BUCKET, Key=key(name))["Body"].read())


def test_only_keys_that_are_named_are_disturbed_and_only_these_are_counted(s3, proxy):
    proxy.disturb("astro/xcom", {"bad": Fault("403", WRITES)})

    put(s3, "good")
    with pytest.raises(ClientError, match="AccessDenied"):
        put(s3, "bad")

    assert get(s3, "good") == BODY
    assert proxy.hits == {"bad": 1}


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [("403", "AccessDenied", 403), ("500", "InternalError", 500), ("503", "SlowDown", 503)],
)
def test_error_is_that_of_s3_and_only_for_the_requests_that_are_named(
    s3, proxy, kind, code, status
):
    proxy.disturb("astro/xcom", {"one": Fault(kind, ("delete",))})

    put(s3, "one")
    with pytest.raises(ClientError) as caught:
        s3.delete_object(Bucket=BUCKET, Key=key("one"))

    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert get(s3, "one") == BODY


def test_fault_that_strikes_once_lets_the_second_try_through(s3, proxy):
    proxy.disturb("astro/xcom", {"once": Fault("503", WRITES, times=1)})

    with pytest.raises(ClientError):
        put(s3, "once")
    put(s3, "once")

    assert proxy.hits == {"once": 1}


def test_reset_breaks_the_connection_and_nothing_is_stored(s3, proxy):
    proxy.disturb("astro/xcom", {"reset": Fault("reset", WRITES)})

    with pytest.raises((BrokenConnectionError, HTTPClientError)):
        put(s3, "reset")
    with pytest.raises(ClientError, match="NoSuchKey"):
        get(s3, "reset")


def test_truncated_answer_ends_before_its_length_and_a_short_object_does_not(s3, proxy):
    for name in ("cut", "short", "empty"):
        put(s3, name)
    proxy.disturb("astro/xcom", {"cut": Fault("truncated", ("download",)),
                              "short": Fault("short", ("download",)),
                              "empty": Fault("empty", ("download",))})  # fmt: skip

    with pytest.raises(Exception, match=r"(?i)incomplete|broken|reset"):
        get(s3, "cut")
    assert get(s3, "short") == BODY[: len(BODY) // 2]
    assert get(s3, "empty") == b""


def test_slow_answer_is_late_and_whole(s3, proxy, monkeypatch):
    monkeypatch.setattr("xcomkit.stand_ins.fault_proxy.proxy.SLOW_SECONDS", 0.5)
    put(s3, "late")
    proxy.disturb("astro/xcom", {"late": Fault("slow", ("download",))})

    started = time.monotonic()
    assert get(s3, "late") == BODY
    assert time.monotonic() - started >= 0.5


def test_delete_of_many_keys_can_fail_inside_a_success(s3, proxy):
    put(s3, "stays")
    proxy.disturb("astro/xcom", {"stays": Fault("inside 200", ("delete many",))})

    answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key("stays")}]})

    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    assert get(s3, "stays") == BODY


@pytest.mark.parametrize("disturbed", ["part", "complete"])
def test_upload_in_parts_is_disturbed_where_it_is_said(s3, proxy, disturbed):
    proxy.disturb("astro/xcom", {"large": Fault("403", (disturbed,))})
    place = {"Bucket": BUCKET, "Key": key("large")}
    upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}

    if disturbed == "part":
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.upload_part(**upload, PartNumber=1, Body=BODY)
        return
    tag = s3.upload_part(**upload, PartNumber=1, Body=BODY)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.complete_multipart_upload(**upload, MultipartUpload=parts)


@pytest.mark.parametrize(
    ("cloud", "variables", "problem", "step"),
    [
        ("gcp", {"STORAGE_EMULATOR_HOST": "http://gcs:9000"}, "is not https", "certificate"),
        ("aws", {"REQUESTS_CA_BUNDLE": "/etc/pod/ca.pem"},
         r"No such file or directory, /etc/pod/ca\.pem", "REQUESTS_CA_BUNDLE"),
    ],
    ids=["gcsfs without TLS", "CA bundle of a pod"],
)  # fmt: skip
def test_environment_no_fault_can_be_injected_in_is_one_sentence_with_the_next_step(
    stand_in, cloud, variables, problem, step
):
    environment = {**stand_in.platform_environment, **variables}
    with (
        pytest.raises(ProcessError, match=problem) as caught,
        open_fault_proxy(cloud, environment=environment),
    ):
        pass
    assert step in caught.value.hint


def test_store_without_tls_is_disturbed_as_well(stand_in, proxy):
    s3 = client(stand_in, proxy, url=stand_in.http_url)
    put(s3, "whole")
    proxy.disturb("astro/xcom", {"lost": Fault("500", acts=WRITES)})

    with pytest.raises(ClientError, match="Injected by the runbook"):
        put(s3, "lost")

    assert get(s3, "whole") == BODY
    assert proxy.hits["lost"] == 1


@pytest.mark.parametrize(("excluded", "is_reached"), [("127.0.0.1", True), ("", False)])
def test_platforms_own_proxy_is_asked_unless_the_host_is_excluded(stand_in, excluded, is_reached):
    around = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": excluded}
    environment = {**stand_in.platform_environment, **around}
    with open_fault_proxy("aws", environment=environment) as proxy:
        try:
            answer = client(stand_in, proxy).list_buckets()
        except ClientError as error:
            answer = error.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    assert status == (200 if is_reached else 502)  # a bad gateway, and no silence


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize(("act", "times"), [("upload", 2), ("complete", 1)])
def test_request_without_an_answer_is_repeated_only_where_that_changes_nothing(
    stand_in, act, times
):
    platform = stand_in.platform_environment
    with (
        open_fault_proxy("aws", environment=platform) as store,
        open_fault_proxy("aws", environment={**platform, **store.environment}) as proxy,
    ):
        store.disturb("astro/xcom", {"silent": Fault("reset", (act,))})
        s3 = client(stand_in, proxy)
        place = {"Bucket": BUCKET, "Key": key("silent")}
        upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}
        tag = s3.upload_part(**upload, PartNumber=1, Body=BODY)["ETag"]
        parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}

        calls = {
            "upload": lambda: put(s3, "silent"),
            "complete": lambda: s3.complete_multipart_upload(**upload, MultipartUpload=parts),
        }

        with pytest.raises(ClientError) as caught:
            calls[act]()

        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502
        assert store.hits == {"silent": times}


@pytest.mark.parametrize(
    ("cloud", "method", "path", "query", "act"),
    [
        ("aws", "PUT", "/b/k", "", "upload"),
        ("aws", "PUT", "/b/k", "partNumber=1&uploadId=u", "part"),
        ("aws", "POST", "/b/k", "uploads", "other"),
        ("aws", "POST", "/b/k", "uploadId=u", "complete"),
        ("aws", "POST", "/b", "delete", "delete many"),
        ("aws", "DELETE", "/b/k", "uploadId=u", "other"),
        ("aws", "GET", "/b", "list-type=2", "other"),
        ("azure", "PUT", "/c/k", "comp=block&blockid=a", "part"),
        ("azure", "PUT", "/c/k", "comp=blocklist", "complete"),
        ("azure", "PUT", "/c/k", "", "upload"),
        ("azure", "GET", "/c", "restype=container&comp=list", "other"),
        ("azure", "HEAD", "/c/k", "", "look"),
        ("gcp", "POST", "/upload/storage/v1/b/b/o", "uploadType=multipart", "upload"),
        ("gcp", "POST", "/upload/storage/v1/b/b/o", "uploadType=resumable", "other"),
        ("gcp", "PUT", "/upload/storage/v1/b/b/o", "uploadType=resumable&upload_id=u", "part"),
        ("gcp", "GET", "/download/storage/v1/b/b/o/k", "alt=media", "download"),
        ("gcp", "GET", "/storage/v1/b/b/o/k", "", "look"),
        ("gcp", "DELETE", "/storage/v1/b/b/o/k", "", "delete"),
        ("gcp", "GET", "/storage/v1/b/b", "", "other"),
    ],
)
def test_act_of_a_request_is_read_from_method_path_and_query(cloud, method, path, query, act):
    assert act_of(cloud, method=method, uri=f"{path}?{query}" if query else path) == act
