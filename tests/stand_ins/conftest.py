"""A rig for the stand-in: clients, buckets and roles, each new for the test that asks."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from xcomkit.stand_ins.aws import AwsStandIn


class Rig:
    REGION = "eu-central-1"
    ACCOUNT = "123456789012"
    AGENT = "system:serviceaccount:astro:astro-agent-worker-default-worker"

    def __init__(self, stand_in: AwsStandIn, opened: ExitStack) -> None:
        self.stand_in = stand_in
        self._opened = opened
        self.issuer_host = stand_in.issuer.removeprefix("https://")
        self.provider = f"arn:aws:iam::{self.ACCOUNT}:oidc-provider/{self.issuer_host}"
        self.s3 = self.client("s3")
        self.iam = self.client("iam")

    def client(
        self,
        service: str,
        *,
        who: dict[str, Any] | None = None,
        url: str = "",
        signed: bool = True,
        parameter_validation: bool = True,
    ) -> Any:
        """Return a client: the administrator's, or that of the given credentials."""
        keys = who or {
            "AccessKeyId": self.stand_in.environment["AWS_ACCESS_KEY_ID"],
            "SecretAccessKey": self.stand_in.environment["AWS_SECRET_ACCESS_KEY"],
        }
        retries = {"total_max_attempts": 1}
        made = boto3.client(
            service,
            endpoint_url=url or self.stand_in.url,
            verify=str(self.stand_in.ca_bundle),
            region_name=self.REGION,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys.get("SessionToken"),
            config=Config(
                retries=retries,
                signature_version=None if signed else UNSIGNED,
                parameter_validation=parameter_validation,
            ),
        )
        self._opened.callback(made.close)
        return made

    def make_bucket(self) -> str:
        name = f"bucket-{uuid4().hex[:12]}"
        place = {"LocationConstraint": self.REGION}
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=place)
        return name

    def put_policy(self, bucket: str, *statements: dict[str, Any]) -> None:
        self.s3.put_bucket_policy(Bucket=bucket, Policy=self.document(*statements))

    def make_role(self, *statements: dict[str, Any], trust: dict[str, Any] | None = None) -> str:
        """Return the ARN of a new role with these rights, by default trusting the agent."""
        name = f"role-{uuid4().hex[:12]}"
        role = self.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=self.document(trust or self.trust(self.AGENT))
        )
        if statements:
            policy = self.document(*statements)
            self.iam.put_role_policy(RoleName=name, PolicyName="xcom", PolicyDocument=policy)
        return role["Role"]["Arn"]

    def assume(self, role: str, *, token: str) -> dict[str, Any]:
        answer = self.client("sts", signed=False).assume_role_with_web_identity(
            RoleArn=role, RoleSessionName="worker", WebIdentityToken=token
        )
        return answer["Credentials"]

    def sign_in(self, *statements: dict[str, Any], service: str = "s3", url: str = "") -> Any:
        """Return a client that acts as a new role with these rights."""
        token = self.stand_in.mint_token(self.AGENT)
        return self.client(
            service, who=self.assume(self.make_role(*statements), token=token), url=url
        )

    def trust(self, subject: Any, **condition: Any) -> dict[str, Any]:
        claims = {
            f"{self.issuer_host}:aud": "sts.amazonaws.com",
            f"{self.issuer_host}:sub": subject,
        }
        return {
            "Effect": "Allow",
            "Principal": {"Federated": self.provider},
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": condition or {"StringEquals": claims},
        }

    @staticmethod
    def allow(actions: str | list[str], resource: str, **rest: Any) -> dict[str, Any]:
        return {"Effect": "Allow", "Action": actions, "Resource": resource, **rest}

    @staticmethod
    def document(*statements: dict[str, Any]) -> str:
        return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})

    @staticmethod
    def refusal(action: Callable[..., Any], /, *positional: Any, **arguments: Any) -> str:
        """Return the error code a call is refused with."""
        with pytest.raises(ClientError) as refused:
            action(*positional, **arguments)
        return refused.value.response["Error"]["Code"]

    @staticmethod
    def status(action: Callable[..., Any], **arguments: Any) -> int:
        """Return the HTTP status of a call, refused or not."""
        try:
            answer = action(**arguments)
        except ClientError as refused:
            answer = refused.response
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])


@pytest.fixture
def rig(stand_in: AwsStandIn) -> Iterator[Rig]:
    with ExitStack() as opened:
        yield Rig(stand_in, opened)


@pytest.fixture
def bucket(rig: Rig) -> str:
    return rig.make_bucket()
