"""A bucket and agents' roles on the stand-in, the environment of a worker, a temporary folder."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from xcomkit.findings.model import StoredObject, StoredXCom
from xcomkit.objects.keys import parse_key
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn

SUBJECT = "system:serviceaccount:astro:astro-agent-worker-default-worker"
OPTION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE"


class Bucket:
    """One bucket of the stand-in: roles for it, worker environments, a listing."""

    def __init__(self, stand_in: AwsStandIn, *, folder: Path) -> None:
        self.stand_in = stand_in
        self.folder = folder
        self.settings = Settings(
            bucket=f"xcom-{uuid4().hex[:12]}", prefix="astro/xcom", region="eu-central-1"
        )
        self.s3 = self._client("s3")
        self.iam = self._client("iam")
        self.s3.create_bucket(
            Bucket=self.settings.bucket,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )

    def _client(self, name: str) -> Any:
        keys = self.stand_in.environment
        return boto3.client(
            name,
            endpoint_url=self.stand_in.url,
            verify=str(self.stand_in.ca_bundle),
            region_name="eu-central-1",
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        )

    def make_role(self, *actions: str) -> str:
        """Return the ARN of a role that may list the bucket and do ``actions`` on the prefix."""
        host = self.stand_in.issuer.removeprefix("https://")
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{host}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{host}:aud": "sts.amazonaws.com", f"{host}:sub": SUBJECT}
            },
        }
        bucket = f"arn:aws:s3:::{self.settings.bucket}"
        allowed = [
            {
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
                "Resource": bucket,
            },
            {
                "Effect": "Allow",
                "Action": list(actions),
                "Resource": f"{bucket}/{self.settings.prefix}/*",
            },
        ]
        name = f"role-{uuid4().hex[:12]}"
        role = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=_policy(trust))
        self.iam.put_role_policy(RoleName=name, PolicyName="xcom", PolicyDocument=_policy(*allowed))
        return str(role["Role"]["Arn"])

    def deny(self, role: str, action: str, *, keys: Iterable[str]) -> None:
        """Refuse a role one action on keys of the bucket, whatever else it may do."""
        denied = {
            "Effect": "Deny",
            "Action": action,
            "Resource": [f"arn:aws:s3:::{self.settings.bucket}/{key}" for key in keys],
        }
        name = role.rpartition("/")[2]
        self.iam.put_role_policy(RoleName=name, PolicyName="denied", PolicyDocument=_policy(denied))

    def environment(self, role: str, **changes: str) -> dict[str, str]:
        """Return the effective environment of a worker and its workload identity."""
        token = self.folder / f"token-{uuid4().hex}"
        token.write_text(self.stand_in.mint_token(SUBJECT), encoding="utf-8")
        connection = {"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}
        return {
            "AIRFLOW__CORE__XCOM_BACKEND": (
                "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
            ),
            f"{OPTION}_PATH": self.settings.base_path,
            f"{OPTION}_THRESHOLD": "0",
            "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
            **self.stand_in.platform_environment,
            "AWS_ROLE_ARN": role,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            **changes,
        }

    def listing(self) -> list[StoredXCom]:
        """Return every object of the bucket."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.settings.bucket)
        found = (entry for page in pages for entry in page.get("Contents", []))
        return [
            parse_key(
                StoredObject(key=e["Key"], size=e["Size"], modified=e["LastModified"]),
                prefix=self.settings.prefix,
            )
            for e in found
        ]


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


@pytest.fixture(scope="module")
def bucket(stand_in: AwsStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    made = Bucket(stand_in, folder=tmp_path_factory.mktemp("tokens"))
    yield made
    made.s3.close()
    made.iam.close()


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return an empty folder, with a space, in which programs get their private ones."""
    folder = tmp_path / "with space"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
