"""What a push and a pull of a large value take in memory, beside the value itself, and in requests.

A fresh process per case, on the embedded S3 stand-in, through the entry that tasks use; what grows
is the peak of resident memory from just before the call, as a multiple of the JSON.
`python benchmarks/backend_memory.py [MB [CLASS...]]` compares further classes, an earlier one say.
"""

import json
import os
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3

from xcomkit.findings.model import BACKENDS
from xcomkit.stand_ins.aws import AwsStandIn

CODECS = ("none", "gzip", "zip")
CHILD = """\
import json, random, resource, sys
from xcomkit.backend import worker
act, megabytes, reference = sys.argv[1:]
witness = worker.Witness()
witness.count_requests()
worker.airflow("sdk", "ObjectStoragePath")(worker.setting("path")).fs.exists("a/b")
value = None
if act == "push":  # half random: what gzip makes of it is neither nothing nor everything
    text = random.Random(1).randbytes(int(megabytes) * 250_000).hex()
    value = text + "0" * (int(megabytes) * 1_000_000 - len(text))
supervisor = worker.Supervisor()
supervisor.row = reference
task = worker.Task(worker.ANYWHERE, worker.backend())
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
witness.take()
before = peak()
if act == "push":
    task.push(value)
else:
    assert len(task.pull()) > 1000
grown = peak() - before
print(json.dumps([supervisor.row, grown, sum(witness.take()["requests"].values())]))
"""


def main() -> None:
    """Print one row per backend and codec."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    classes = {**BACKENDS, **{path.rpartition(".")[0]: path for path in sys.argv[2:]}}
    with AwsStandIn.start() as stand_in, tempfile.TemporaryDirectory() as home:
        bucket = f"memory-{uuid.uuid4().hex[:8]}"
        _client(stand_in).create_bucket(Bucket=bucket)
        print(f"{megabytes} MB of JSON; peak beside the value, as a multiple of it, and requests")
        print(f"{'backend':14}{'codec':8}{'push':>13}{'pull':>13}")
        for backend, class_path in classes.items():
            for codec in CODECS:
                environment = _environment(stand_in, bucket, class_path, codec, home)
                reference, *push = _run(environment, "push", megabytes, "-")
                _, *pull = _run(environment, "pull", megabytes, reference)
                told = [f"{grown / megabytes / 1e6:6.2f} {sent:6}" for grown, sent in (push, pull)]
                print(f"{backend:14}{codec:8}{told[0]}{told[1]}", flush=True)


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
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": home,
        "AIRFLOW_HOME": str(Path(home, "airflow")),
        "AIRFLOW__CORE__XCOM_BACKEND": class_path,
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"s3://aws_default@{bucket}/xcom",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION": "" if codec == "none" else codec,
        "AIRFLOW_CONN_AWS_DEFAULT": f"aws://{quote(admin['AWS_ACCESS_KEY_ID'])}:"
        f"{quote(admin['AWS_SECRET_ACCESS_KEY'], safe='')}@/?__extra__={quote(extra, safe='')}",
    }


def _run(environment: dict[str, str], act: str, megabytes: int, reference: str) -> list[Any]:
    command = [sys.executable, "-c", CHILD, act, str(megabytes), reference]
    done = subprocess.run(command, env=environment, text=True, check=True, stdout=subprocess.PIPE)
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
