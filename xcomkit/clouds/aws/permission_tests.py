"""What the agents' role can really do: tried with a service-account token, or computed by IAM.

With a token every right is used once on probe objects of our own. Without one (nobody but the
cluster can mint it) IAM's policy simulator answers instead, and each check says so in ``basis``.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.clouds.objects import Objects
from xcomkit.clouds.permission_tests import Call, PermissionTests
from xcomkit.clouds.rules import (
    DELETE,
    DROP,
    GET,
    LIST,
    OTHER,
    OUTSIDE,
    PUT,
    READ_SECRET,
    USE_KEY,
)
from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import Check, Rule
from xcomkit.settings.settings import Settings


def assume(clients: Clients, *, role_arn: str, token: str) -> Document:
    """Return the credentials STS gives for a service-account token.

    Raises:
        CredentialsError: the token is refused.
        AccessDeniedError: the role does not trust the token's subject.
    """
    from botocore import UNSIGNED
    from botocore.config import Config

    client = clients.client("sts", config=Config(signature_version=UNSIGNED))
    with aws_errors("assuming the role with a service-account token"):
        answer = client.assume_role_with_web_identity(
            RoleArn=role_arn, RoleSessionName="xcomkit-verify", WebIdentityToken=token
        )
    return dict(answer["Credentials"])


def use_store(cloud: Objects, *, environment: Mapping[str, str]) -> None:
    """Put and delete an object with keys, CA and checksum mode of a worker's environment.

    Raises:
        ServiceError: the store refuses it, or is not reached; the cause is named.
    """
    from botocore.config import Config

    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    mode: Any = environment.get("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    s3 = cloud.clients.client(
        "s3",
        session=cloud.clients.session_of(*(environment.get(name) for name in names)),
        verify=environment.get("AWS_CA_BUNDLE") or True,
        config=Config(request_checksum_calculation=mode),
    )
    key = f"{cloud.settings.prefix}/xcomkit-probe-{uuid.uuid4()}"
    with aws_errors("putting a probe object with what the worker has"):
        s3.put_object(Bucket=cloud.settings.bucket, Key=key, Body=b"{}")
    cloud.delete_keys((key,))


class AwsPermissionTests(PermissionTests):
    """Tries the role's rights, also the one on the connection where that is kept as a secret."""

    errors = staticmethod(aws_errors)
    exchange = "sts AssumeRoleWithWebIdentity"

    @property
    def further(self) -> tuple[Rule, ...]:
        """Return the right on the connection, where that is kept as a secret."""
        return (READ_SECRET,) if self._settings.connection_store == "secrets-manager" else ()

    def become(self, subject: str) -> Document:
        """Return the credentials of the role for a pod of the subject."""
        token = self._mint_token(subject)
        return assume(self._clients, role_arn=self._access.role_arn, token=token)

    def requests(self, credentials: Document, *, inside: str, outside: str) -> dict[Rule, Call]:
        """Return one request per right."""
        keys = (credentials[n] for n in ("AccessKeyId", "SecretAccessKey", "SessionToken"))
        session, bucket = self._clients.session_of(*keys), self._settings.bucket
        s3 = self._clients.client("s3", session=session)
        here = {"Bucket": bucket, "Key": inside}

        def list_objects(bucket: str, prefix: str = "") -> object:
            return s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)

        found: dict[Rule, Call] = {
            LIST: lambda: list_objects(bucket, self._settings.prefix),
            PUT: lambda: s3.put_object(**here, Body=b"{}"),
            GET: lambda: s3.get_object(**here),
            DROP: lambda: s3.delete_bucket(Bucket=bucket),
            DELETE: lambda: s3.delete_object(**here),
            OUTSIDE: lambda: s3.put_object(Bucket=bucket, Key=outside, Body=b"{}"),
            OTHER: list_objects,
        }
        if READ_SECRET in self.further:
            secrets = self._clients.client("secretsmanager", session=session)
            name = documents.secret_name(self._settings)
            found[READ_SECRET] = lambda: secrets.get_secret_value(SecretId=name)
        return found

    def list_buckets(self) -> Iterable[str]:
        """Yield the names of the account's buckets."""
        return (bucket["Name"] for bucket in self._clients.s3.list_buckets()["Buckets"])


def simulate(
    settings: Settings, *, clients: Clients, account: str, role_arn: str
) -> tuple[Check, ...]:
    """Return the same checks from IAM's policy simulator; subjects cannot be tried there."""
    bucket = documents.bucket_arn(settings)
    inside, outside = f"{bucket}/{settings.prefix}/probe", f"{bucket}/xcomkit-probe"
    questions = [
        (LIST, "s3:ListBucket", bucket, "allowed"),
        (PUT, "s3:PutObject", inside, "allowed"),
        (GET, "s3:GetObject", inside, "allowed"),
        (DELETE, "s3:DeleteObject", inside, "allowed"),
        (OUTSIDE, "s3:PutObject", outside, "denied"),
        (OTHER, "s3:ListBucket", f"{bucket}-xcomkit-other", "denied"),
        (DROP, "s3:DeleteBucket", bucket, "denied"),
    ]
    if settings.encryption == "sse-kms":
        questions += [(USE_KEY, "kms:GenerateDataKey", settings.kms_key, "allowed")]
    if settings.connection_store == "secrets-manager":
        secret = documents.secret_arn(settings, account=account)
        questions += [(READ_SECRET, "secretsmanager:GetSecretValue", secret, "allowed")]
    checks = []
    for rule, action, resource, expected in questions:
        holds, decision = _decide(clients, role_arn=role_arn, action=action, resource=resource)
        how = f"iam SimulatePrincipalPolicy {action} on {resource}"
        checks.append(
            rule.judge(
                None if holds is None else holds is (expected == "allowed"),
                expected=expected,
                observed=decision,
                how=how,
                basis="simulation",
            )
        )
    return tuple(checks)


def _decide(
    clients: Clients, *, role_arn: str, action: str, resource: str
) -> tuple[bool | None, str]:
    """Return whether IAM allows it, and in its words; ``None`` where it does not answer."""
    try:
        with aws_errors(f"simulating {action}"):
            answer = clients.iam.simulate_principal_policy(
                PolicySourceArn=role_arn, ActionNames=[action], ResourceArns=[resource]
            )
    except ServiceError as error:
        return None, str(error)
    decision = str(answer["EvaluationResults"][0]["EvalDecision"])
    return decision == "allowed", decision
