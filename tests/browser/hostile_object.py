"""An XCom that somebody stored in order to run a script where people look at it."""

import json
import os

import boto3

from xcomkit.settings import Settings

HOSTILE = "<script>window.hit=1</script><img src=x onerror='window.hit=1;alert(1)'>\"'&"
"""What would leave a trace in a page that let it run."""


def store_hostile_object(target: Settings) -> None:
    """Store the largest and newest XCom of the bucket, hostile in key and value."""
    s3 = boto3.client("s3", region_name=target.region, endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    key = f"{target.prefix}/dag/{HOSTILE}/task/00000000-0000-4000-8000-000000000000"
    value = json.dumps([HOSTILE, "x" * 100_000])
    s3.put_object(Bucket=target.bucket, Key=key, Body=value.encode(), ServerSideEncryption="AES256")
