"""How much memory a push and a pull of a large value take, beside the value itself.

A fresh process per case, on the embedded S3 stand-in; what grows is the peak of resident memory
from just before the call, as a multiple of the JSON. `python benchmarks/backend_memory.py [MB]`.
"""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from urllib.parse import quote

import boto3

from xcomkit.local.aws import AwsStandIn
from xcomkit.model import BACKENDS

CODECS = ("none", "gzip", "zip")
CHILD = """\
import importlib, json, os, random, resource, sys
from types import SimpleNamespace
act, megabytes, reference = sys.argv[1:]
module, _, name = os.environ["AIRFLOW__CORE__XCOM_BACKEND"].rpartition(".")
backend = getattr(importlib.import_module(module), name)
from airflow.sdk import ObjectStoragePath
ObjectStoragePath(os.environ["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"]).fs.exists("a/b")
value = None
if act == "push":  # half random: what gzip makes of it is neither nothing nor everything
    text = random.Random(1).randbytes(int(megabytes) * 250_000).hex()
    value = text + "0" * (int(megabytes) * 1_000_000 - len(text))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
if act == "push":
    print(backend.serialize_value(value, key="k", task_id="t", dag_id="d", run_id="r"))
else:
    assert len(backend.deserialize_value(SimpleNamespace(key="k", value=reference))) > 1000
    print(reference)
print(peak() - before)
"""


def main() -> None:
    """Print one row per backend and codec."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with AwsStandIn.start() as stand_in, tempfile.TemporaryDirectory() as home:
        bucket = f"memory-{uuid.uuid4().hex[:8]}"
        _client(stand_in).create_bucket(Bucket=bucket)
        print(f"{megabytes} MB of JSON; peak beside the value, as a multiple of it")
        print(f"{'backend':10}{'codec':8}{'push':>6}{'pull':>6}")
        for backend, class_path in BACKENDS.items():
            for codec in CODECS:
                environment = _environment(stand_in, bucket, class_path, codec, home)
                reference, push = _run(environment, "push", megabytes, "-")
                _, pull = _run(environment, "pull", megabytes, reference)
                size = megabytes * 1e6
                print(f"{backend:10}{codec:8}{push / size:6.1f}{pull / size:6.1f}", flush=True)


def _client(stand_in: AwsStandIn) -> "boto3.client":
    admin = stand_in.environment
    return boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=stand_in.url,
        verify=str(stand_in.ca_bundle),
        aws_access_key_id=admin["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=admin["AWS_SECRET_ACCESS_KEY"],
    )


def _environment(
    stand_in: AwsStandIn, bucket: str, class_path: str, codec: str, home: str
) -> dict[str, str]:
    admin = stand_in.environment
    extra = json.dumps({"region_name": "us-east-1", "endpoint_url": stand_in.url})
    return {
        **stand_in.platform_environment,
        "PATH": os.environ["PATH"],
        "HOME": home,
        "AIRFLOW_HOME": str(Path(home, "airflow")),
        "AIRFLOW__CORE__XCOM_BACKEND": class_path,
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"s3://aws_default@{bucket}/xcom",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION": "" if codec == "none" else codec,
        "AIRFLOW_CONN_AWS_DEFAULT": f"aws://{quote(admin['AWS_ACCESS_KEY_ID'])}:"
        f"{quote(admin['AWS_SECRET_ACCESS_KEY'], safe='')}@/?__extra__={quote(extra, safe='')}",
    }


def _run(environment: dict[str, str], act: str, megabytes: int, reference: str) -> tuple[str, int]:
    command = [sys.executable, "-c", CHILD, act, str(megabytes), reference]
    done = subprocess.run(command, env=environment, text=True, check=True, stdout=subprocess.PIPE)
    *_, found, grown = done.stdout.split()
    return found, int(grown)


if __name__ == "__main__":
    main()
