"""A bucket and a role of its own per test, on the stand-in."""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from xcomkit.backend.process import Worker, open_worker
from xcomkit.findings.errors import AccessDeniedError, MissingError
from xcomkit.findings.model import STOCK_BACKEND, WorkerIdentity
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn

SUBJECT = "system:serviceaccount:astro:astro-agent-worker-default-worker"
REGION = "eu-central-1"
BUCKET_ACTIONS = ("s3:ListBucket", "s3:GetBucketLocation")
OBJECT_ACTIONS = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
CONNECTION = json.dumps({"conn_type": "aws", "extra": {"region_name": REGION}})
CLASS = "AIRFLOW__CORE__XCOM_BACKEND"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"
CODEC = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
EFFECTIVE = {
    CLASS: STOCK_BACKEND,
    PATH: "s3://aws_default@bucket/astro/xcom",
    THRESHOLD: "0",
    "AIRFLOW_CONN_AWS_DEFAULT": CONNECTION,
}


class Target:
    """A fresh bucket with a role for the agents; reads the bucket as the administrator."""

    def __init__(self, stand_in: AwsStandIn, directory: Path) -> None:
        self.stand_in = stand_in
        self.directory = directory
        self.bucket = f"round-trip-{uuid.uuid4().hex[:12]}"
        self.s3: Any = self.client("s3")
        self.iam: Any = self.client("iam")
        location: Any = {"LocationConstraint": REGION}
        self.s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=location)

    def client(self, service: str) -> Any:
        admin = self.stand_in.environment
        return boto3.client(
            service,  # type: ignore[call-overload]
            region_name=REGION,
            endpoint_url=self.stand_in.url,
            verify=str(self.stand_in.ca_bundle),
            aws_access_key_id=admin["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=admin["AWS_SECRET_ACCESS_KEY"],
        )

    @property
    def settings(self) -> Settings:
        return Settings.from_mapping(
            {"bucket": self.bucket, "prefix": "astro/xcom", "region": REGION}
        )

    @property
    def effective(self) -> dict[str, str]:
        return {**EFFECTIVE, PATH: self.settings.base_path}

    @contextmanager
    def worker(
        self, *, without: tuple[str, ...] = (), more: tuple[str, ...] = (), **changes: str
    ) -> Iterator[Worker]:
        """Open a worker under a role that may lack some rights, or have more."""
        identity = self.identity(without=without, more=more)
        with open_worker({**self.effective, **changes, **identity.environment}, timeout=60) as one:
            yield one

    def identity(
        self, *, without: tuple[str, ...] = (), more: tuple[str, ...] = ()
    ) -> WorkerIdentity:
        """Return the agents' role with the usual rights, some left out, some added."""
        issuer = self.stand_in.issuer.removeprefix("https://")
        account = self.client("sts").get_caller_identity()["Account"]
        trust = {
            "Effect": "Allow",
            "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{issuer}"},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": {
                "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": SUBJECT}
            },
        }
        bucket = f"arn:aws:s3:::{self.bucket}"
        rights = [
            _allow(BUCKET_ACTIONS, without=without, resource=bucket),
            _allow(OBJECT_ACTIONS, without=without, resource=f"{bucket}/astro/xcom/*"),
            *([_allow(more, without=(), resource="*")] if more else []),
        ]
        role = f"agents-{uuid.uuid4().hex[:12]}"
        created = self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=_policy([trust]))
        self.iam.put_role_policy(RoleName=role, PolicyName="xcom", PolicyDocument=_policy(rights))
        token = self.directory / f"{role}.token"
        token.write_text(self.stand_in.mint_token(SUBJECT))
        return WorkerIdentity(
            subject=SUBJECT,
            environment={
                **self.stand_in.platform_environment,
                "AWS_ROLE_ARN": created["Role"]["Arn"],
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            },
            proves="the agents' role under its web-identity token",
        )

    def read_object(self, key: str) -> bytes:
        return bytes(
            self._ask(lambda: self.s3.get_object(Bucket=self.bucket, Key=key))["Body"].read()
        )

    def object_exists(self, key: str) -> bool:
        try:
            self._ask(lambda: self.s3.head_object(Bucket=self.bucket, Key=key))
        except MissingError:
            return False
        return True

    def keys(self) -> set[str]:
        listed = self.s3.list_objects_v2(Bucket=self.bucket)
        return {entry["Key"] for entry in listed.get("Contents", ())}

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise {403: AccessDeniedError, 404: MissingError}[status](str(error)) from None


def _allow(actions: tuple[str, ...], *, without: tuple[str, ...], resource: str) -> dict[str, Any]:
    kept = [action for action in actions if action not in without]
    return {"Effect": "Allow", "Action": kept, "Resource": resource}


def _policy(statements: list[dict[str, Any]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})
