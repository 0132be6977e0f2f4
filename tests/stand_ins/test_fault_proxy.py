"""What boto3, without Airflow and without retries, sees through the wire."""

import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BrokenConnectionError

from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.stand_ins.fault_proxy.faults import SLOW_SECONDS, Act, Fault, Kind, act_of
from xcomkit.stand_ins.fault_proxy.proxy import FaultProxy, open_fault_proxy

BUCKET, BODY = "on-the-wire", b"0123456789" * 10
WRITES: tuple[Act, ...] = ("upload", "part", "complete")


@pytest.fixture(scope="module")
def wire(stand_in: AwsStandIn) -> Iterator[FaultProxy]:
    client(stand_in).create_bucket(Bucket=BUCKET)
    with open_fault_proxy("aws", environment=stand_in.platform_environment) as running:
        yield running


@pytest.fixture
def s3(stand_in: AwsStandIn, wire: FaultProxy) -> Any:
    wire.spoil("astro/xcom", {})
    wire.hits.clear()
    return client(stand_in, wire)


def client(stand_in: AwsStandIn, wire: FaultProxy | None = None, *, url: str = "") -> Any:
    admin = stand_in.environment
    bundle = wire.environment["AWS_CA_BUNDLE"] if wire else str(stand_in.ca_bundle)
    proxies = {n: wire.environment[f"{n.upper()}_PROXY"] for n in ("http", "https") if wire}
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


def test_only_keys_that_are_named_are_spoilt_and_only_these_are_counted(s3: Any, wire: FaultProxy):
    wire.spoil("astro/xcom", {"bad": Fault("403", WRITES)})

    put(s3, "good")
    with pytest.raises(ClientError, match="AccessDenied"):
        put(s3, "bad")

    assert get(s3, "good") == BODY
    assert wire.hits == {"bad": 1}


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [("403", "AccessDenied", 403), ("500", "InternalError", 500), ("503", "SlowDown", 503)],
)
def test_refusal_speaks_as_s3_does(s3: Any, wire: FaultProxy, kind: Kind, code: str, status: int):
    wire.spoil("astro/xcom", {"one": Fault(kind, WRITES)})

    with pytest.raises(ClientError) as caught:
        put(s3, "one")

    told = caught.value.response
    assert (told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_other_acts_on_a_spoilt_key_go_through(s3: Any, wire: FaultProxy):
    wire.spoil("astro/xcom", {"one": Fault("403", ("delete",))})

    put(s3, "one")
    assert get(s3, "one") == BODY
    with pytest.raises(ClientError):
        s3.delete_object(Bucket=BUCKET, Key=key("one"))


def test_fault_that_strikes_once_lets_the_second_try_through(s3: Any, wire: FaultProxy):
    wire.spoil("astro/xcom", {"once": Fault("503", WRITES, times=1)})

    with pytest.raises(ClientError):
        put(s3, "once")
    put(s3, "once")

    assert wire.hits == {"once": 1}


def test_reset_breaks_the_connection_and_nothing_is_stored(s3: Any, wire: FaultProxy):
    wire.spoil("astro/xcom", {"reset": Fault("reset", WRITES)})

    with pytest.raises((BrokenConnectionError, HTTPClientError)):
        put(s3, "reset")

    wire.spoil("astro/xcom", {})
    with pytest.raises(ClientError, match="NoSuchKey"):
        get(s3, "reset")


def test_truncated_answer_ends_before_its_length_and_a_short_object_does_not(
    s3: Any, wire: FaultProxy
):
    for name in ("cut", "short", "empty"):
        put(s3, name)
    wire.spoil("astro/xcom", {"cut": Fault("truncated", ("download",)),
                              "short": Fault("short", ("download",)),
                              "empty": Fault("empty", ("download",))})  # fmt: skip

    with pytest.raises(Exception, match=r"(?i)incomplete|broken|reset"):
        get(s3, "cut")
    assert get(s3, "short") == BODY[: len(BODY) // 2]
    assert get(s3, "empty") == b""


def test_slow_answer_is_late_and_whole(s3: Any, wire: FaultProxy):
    put(s3, "late")
    wire.spoil("astro/xcom", {"late": Fault("slow", ("download",))})

    started = time.monotonic()
    assert get(s3, "late") == BODY
    assert time.monotonic() - started >= SLOW_SECONDS


def test_delete_of_many_keys_can_fail_inside_a_success(s3: Any, wire: FaultProxy):
    put(s3, "kept")
    wire.spoil("astro/xcom", {"kept": Fault("inside 200", ("delete many",))})

    told = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key("kept")}]})

    assert [error["Code"] for error in told["Errors"]] == ["AccessDenied"]
    assert get(s3, "kept") == BODY


@pytest.mark.parametrize("spoilt", ["part", "complete"])
def test_upload_in_parts_is_spoilt_where_it_is_said(s3: Any, wire: FaultProxy, spoilt: Act):
    wire.spoil("astro/xcom", {"large": Fault("403", (spoilt,))})
    place = {"Bucket": BUCKET, "Key": key("large")}
    upload = {**place, "UploadId": s3.create_multipart_upload(**place)["UploadId"]}

    if spoilt == "part":
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.upload_part(**upload, PartNumber=1, Body=BODY)
        return
    tag = s3.upload_part(**upload, PartNumber=1, Body=BODY)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.complete_multipart_upload(**upload, MultipartUpload=parts)


def test_way_of_gcsfs_without_tls_is_refused_with_the_next_step(stand_in: AwsStandIn):
    environment = {**stand_in.platform_environment, "STORAGE_EMULATOR_HOST": "http://gcs:9000"}

    with (
        pytest.raises(ProcessError, match="is not https") as caught,
        open_fault_proxy("gcp", environment=environment),
    ):
        pass
    assert caught.value.hint


def test_store_without_tls_is_spoilt_as_well(stand_in: AwsStandIn, wire: FaultProxy):
    s3 = client(stand_in, wire, url=stand_in.http_url)
    put(s3, "whole")
    wire.spoil("astro/xcom", {"lost": Fault("500", acts=WRITES)})

    with pytest.raises(ClientError, match="Injected by the runbook"):
        put(s3, "lost")

    assert get(s3, "whole") == BODY
    assert wire.hits["lost"] == 1


def test_ca_bundle_of_a_pod_that_is_not_here_is_one_sentence(stand_in: AwsStandIn):
    environment = {**stand_in.platform_environment, "REQUESTS_CA_BUNDLE": "/etc/pod/ca.pem"}
    with (
        pytest.raises(ProcessError, match=r"No such file or directory, /etc/pod/ca\.pem") as caught,
        open_fault_proxy("aws", environment=environment),
    ):
        pass
    assert "REQUESTS_CA_BUNDLE" in caught.value.hint


def test_host_that_no_proxy_names_is_reached_past_the_proxy(stand_in: AwsStandIn):
    around = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "127.0.0.1"}
    environment = {**stand_in.platform_environment, **around}
    with open_fault_proxy("aws", environment=environment) as wire:
        assert client(stand_in, wire).list_buckets()["Buckets"]


def test_a_store_out_of_reach_is_a_bad_gateway_and_no_silence(stand_in: AwsStandIn):
    environment = {**stand_in.platform_environment, "HTTPS_PROXY": "http://127.0.0.1:1"}
    with open_fault_proxy("aws", environment=environment) as wire:
        with pytest.raises(ClientError) as caught:
            client(stand_in, wire).list_buckets()
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 502


@pytest.mark.usefixtures("wire")
@pytest.mark.parametrize(("act", "times"), [("upload", 2), ("complete", 1)])
def test_request_without_an_answer_is_repeated_only_where_that_changes_nothing(
    stand_in: AwsStandIn, act: Act, times: int
):
    platform = stand_in.platform_environment
    with (
        open_fault_proxy("aws", environment=platform) as store,
        open_fault_proxy("aws", environment={**platform, **store.environment}) as wire,
    ):
        store.spoil("astro/xcom", {"silent": Fault("reset", (act,))})
        s3 = client(stand_in, wire)
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
def test_act_of_a_request_is_read_from_method_path_and_query(
    cloud: CloudName, method: str, path: str, query: str, act: Act
):
    assert act_of(cloud, method=method, uri=f"{path}?{query}" if query else path) == act
