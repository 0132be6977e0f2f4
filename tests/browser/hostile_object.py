"""An XCom that somebody stored in order to run a script where people look at it."""

import json

import boto3

from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn

HOSTILE = "<script>window.hit=1</script><img src=x onerror='window.hit=1;alert(1)'>\"'&"
"""What would leave a trace in a page that let it run."""


def store_hostile_object(stand_in: AwsStandIn, target: Settings) -> None:
    """Store the largest and newest XCom of the bucket, hostile in key and value."""
    keys = stand_in.environment
    s3 = boto3.client(
        "s3", region_name=target.region, endpoint_url=stand_in.url,
        verify=str(stand_in.ca_bundle), aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip
    key = f"{target.prefix}/dag/{HOSTILE}/task/00000000-0000-4000-8000-000000000000"
    value = json.dumps([HOSTILE, "x" * 100_000])
    s3.put_object(Bucket=target.bucket, Key=key, Body=value.encode())
