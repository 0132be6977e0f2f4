"""A target on the stand-in: settings and cloud, with a bucket and a role of its own."""

import json
from typing import Any
from uuid import uuid4

import boto3

from xcomkit.clouds import Platform, open_cloud
from xcomkit.clouds.aws import AwsCloud
from xcomkit.local.aws import AwsStandIn
from xcomkit.model import Check
from xcomkit.settings import Settings

SUBJECTS = ("system:serviceaccount:astro:agent-worker", "system:serviceaccount:astro:agent-trig")


class Target:
    def __init__(self, stand_in: AwsStandIn, **changes: object) -> None:
        self.stand_in = stand_in
        name = uuid4().hex[:12]
        values: dict[str, object] = {
            "bucket": f"xcom-{name}",
            "prefix": "astro/xcom",
            "region": "eu-central-1",
            "role_name": f"agents-{name}",
            "endpoint_url": "embedded",
            "tags": {"team": "data"},
            "apply": True,
        }
        self.settings = Settings.from_mapping({**values, **changes})
        self.cloud = self.open()

    def open(self, *, can_mint: bool = True) -> AwsCloud:
        platform = Platform(
            label="stand-in",
            issuer=self.stand_in.issuer,
            environment=self.stand_in.platform_environment,
            mint_token=self.stand_in.mint_token if can_mint else None,
            plain_http_url=self.stand_in.http_url if self.settings.is_embedded else "",
        )
        cloud = open_cloud(self.settings, platform=platform)
        assert isinstance(cloud, AwsCloud)
        return cloud

    def client(self, service: str) -> Any:
        return boto3.client(service, region_name=self.settings.region)

    def make_bucket(self) -> None:
        self.cloud.apply_bucket(self.cloud.plan_bucket())

    def make_access(self) -> None:
        self.cloud.apply_access(self.cloud.plan_access(SUBJECTS), SUBJECTS)

    def bucket_checks(self, *, applied: bool = False) -> dict[str, Check]:
        return {check.id: check for check in self.cloud.verify_bucket(applied=applied)}

    def access_checks(self) -> dict[str, Check]:
        return {check.id: check for check in self.cloud.verify_access(SUBJECTS)}

    def put_role_policy(self, document: dict[str, Any], *, name: str = "xcom-objects") -> None:
        self.client("iam").put_role_policy(
            RoleName=self.settings.role_name, PolicyName=name, PolicyDocument=json.dumps(document)
        )

    def role_policy(self) -> dict[str, Any]:
        answer = self.client("iam").get_role_policy(
            RoleName=self.settings.role_name, PolicyName="xcom-objects"
        )
        document: dict[str, Any] = answer["PolicyDocument"]
        return document

    def without_right(self, action: str) -> None:
        document = self.role_policy()
        for statement in document["Statement"]:
            statement["Action"] = [a for a in statement["Action"] if a != action]
        self.put_role_policy(document)


def red(checks: dict[str, Check]) -> set[str]:
    return {check.id for check in checks.values() if check.closes_gate}
