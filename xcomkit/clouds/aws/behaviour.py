"""What the agents' role can really do: tried with a service-account token, or computed by IAM.

With a token every right is used once on probe objects of our own. Without one (nobody but the
cluster can mint it) IAM's policy simulator answers instead, and each check says so in ``basis``.
"""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.objects import AwsObjects
from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.clouds.rules import (
    ASSUME,
    DELETE,
    DROP,
    GET,
    LIST,
    OTHER,
    OUTSIDE,
    PUT,
    READ_SECRET,
    STRANGER,
    USE_KEY,
)
from xcomkit.clouds.trying import allowed, refused, untried
from xcomkit.findings.errors import AccessDeniedError, ServiceError
from xcomkit.findings.model import Check, Rule
from xcomkit.settings.settings import Settings

TRIED: tuple[Rule, ...] = (ASSUME, LIST, PUT, GET, DELETE, OUTSIDE, OTHER, DROP, STRANGER)


_allowed = partial(allowed, errors=aws_errors)
_refused = partial(refused, errors=aws_errors)


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


def use_store(settings: Settings, *, clients: Clients, environment: Mapping[str, str]) -> None:
    """Put and delete an object with keys, CA and checksum mode of a worker's environment.

    Raises:
        ServiceError: the store refuses it, or is not reached; the cause is named.
    """
    import boto3
    from botocore.config import Config

    keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    mode: Any = environment.get("AWS_REQUEST_CHECKSUM_CALCULATION", "when_supported")
    with aws_errors("opening a session with the worker's keys"):
        signed: Any = {name.lower(): environment.get(name) for name in keys}
        session = boto3.Session(**signed, region_name=settings.region)
    s3 = clients.client(
        "s3",
        session=session,
        verify=environment.get("AWS_CA_BUNDLE") or True,
        config=Config(request_checksum_calculation=mode),
    )
    where: Document = {
        "Bucket": settings.bucket,
        "Key": f"{settings.prefix}/xcomkit-probe-{uuid.uuid4()}",
    }
    with aws_errors("putting a probe object with what the worker has"):
        s3.put_object(**where, Body=b"{}")
    AwsObjects(clients, bucket=settings.bucket).delete_keys((where["Key"],))


class Behaviour:
    """Tries the role's rights; everything it puts it deletes again, by its recorded key."""

    def __init__(
        self,
        settings: Settings,
        *,
        clients: Clients,
        role_arn: str,
        mint_token: Callable[[str], str],
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._role_arn = role_arn
        self._mint_token = mint_token
        self._probe = f"xcomkit-probe-{uuid.uuid4()}"

    def verify(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return one check per right and per refusal, all by behaviour."""
        assumed, first = self._verify_assume(subjects)
        if first is None:  # that others are refused would prove nothing
            rest = (STRANGER, LIST, PUT, GET, DELETE, OUTSIDE, OTHER, DROP, *self._secret_rules())
            return (assumed, *untried(rest, "the role could not be assumed"))
        return (assumed, self._verify_stranger(), *self._verify_rights(first))

    def _secret_rules(self) -> tuple[Rule, ...]:
        return (READ_SECRET,) if self._settings.connection_store == "secrets-manager" else ()

    def _verify_assume(self, subjects: tuple[str, ...]) -> tuple[Check, Document | None]:
        refused: list[str] = []
        first: Document | None = None
        for subject in subjects:
            try:
                credentials = self._assume(subject)
            except (AccessDeniedError, ServiceError) as error:
                refused.append(f"{subject}: {error}")
            else:
                first = first or credentials
        check = ASSUME.judge(
            first is not None and not refused,
            expected=f"{len(subjects)} of {len(subjects)} subjects",
            observed="; ".join(refused) or f"{len(subjects)} of {len(subjects)} subjects",
            how="sts AssumeRoleWithWebIdentity with a token per service account",
            basis="behaviour",
        )
        return check, first

    def _verify_stranger(self) -> Check:
        subject = f"system:serviceaccount:{self._settings.namespace}:xcomkit-stranger"
        return _refused(
            STRANGER,
            lambda: self._assume(subject),
            how=f"sts AssumeRoleWithWebIdentity as {subject}",
        )

    def _assume(self, subject: str) -> Document:
        token = self._mint_token(subject)
        return assume(self._clients, role_arn=self._role_arn, token=token)

    def _verify_rights(self, credentials: Document) -> list[Check]:
        import boto3

        session = boto3.Session(
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            region_name=self._settings.region,
        )
        s3 = self._clients.client("s3", session=session)
        bucket, prefix = self._settings.bucket, self._settings.prefix
        inside, outside = f"{prefix}/{self._probe}", self._probe
        here: Document = {"Bucket": bucket, "Key": inside}
        checks = [
            _allowed(LIST, lambda: s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)),
            _allowed(PUT, lambda: s3.put_object(**here, Body=b"{}")),
        ]
        # The probe stays in the bucket while DeleteBucket is tried: a role that may delete it is
        # answered 409 BucketNotEmpty, and nothing is lost.
        try:
            with aws_errors("putting the probe object as the caller of the runbook"):
                self._clients.s3.put_object(**here, Body=b"{}")
        except ServiceError as error:
            rest = (GET, DROP, DELETE, OUTSIDE, OTHER, *self._secret_rules())
            return [*checks, *untried(rest, error)]
        try:
            checks += [
                _allowed(GET, lambda: s3.get_object(**here)),
                _refused(DROP, lambda: s3.delete_bucket(Bucket=bucket)),
                _allowed(DELETE, lambda: s3.delete_object(**here)),
                _refused(OUTSIDE, lambda: s3.put_object(Bucket=bucket, Key=outside, Body=b"{}")),
                self._verify_other_bucket(s3),
            ]
        finally:
            AwsObjects(self._clients, bucket=bucket).delete_keys((inside, outside))
        if self._secret_rules():
            secrets = self._clients.client("secretsmanager", session=session)
            name = documents.secret_name(self._settings)
            checks.append(_allowed(READ_SECRET, lambda: secrets.get_secret_value(SecretId=name)))
        return checks

    def _verify_other_bucket(self, s3: Any) -> Check:
        expected, how = "403", "s3 ListObjectsV2 on another bucket of the account"
        try:
            with aws_errors("listing the account's buckets"):
                found = self._clients.s3.list_buckets()["Buckets"]
        except AccessDeniedError as error:
            return OTHER.judge(
                None, expected=expected, observed=str(error), how=how, basis="behaviour"
            )
        names = [b["Name"] for b in found if b["Name"] != self._settings.bucket]
        if not names:
            return OTHER.skip(
                expected=expected, observed="not tried: the account has no other bucket", how=how
            )
        return _refused(OTHER, lambda: s3.list_objects_v2(Bucket=names[0], MaxKeys=1), how=how)


def simulate(
    settings: Settings, *, clients: Clients, account: str, role_arn: str, stranger: str
) -> tuple[Check, ...]:
    """Return the same checks from IAM's policy simulator; subjects cannot be tried there."""
    bucket = documents.bucket_arn(settings)
    inside, outside = f"{bucket}/{settings.prefix}/probe", f"{bucket}/xcomkit-probe"
    other = f"{bucket}-xcomkit-other"
    questions = [
        (LIST, "s3:ListBucket", bucket, True),
        (PUT, "s3:PutObject", inside, True),
        (GET, "s3:GetObject", inside, True),
        (DELETE, "s3:DeleteObject", inside, True),
        (OUTSIDE, "s3:PutObject", outside, False),
        (OTHER, "s3:ListBucket", other, False),
        (DROP, "s3:DeleteBucket", bucket, False),
    ]
    if settings.encryption == "sse-kms":
        questions += [(USE_KEY, "kms:GenerateDataKey", settings.kms_key, True)]
    if settings.connection_store == "secrets-manager":
        secret = documents.secret_arn(settings, account=account)
        questions += [(READ_SECRET, "secretsmanager:GetSecretValue", secret, True)]
    checks = [
        _simulated(
            rule,
            clients=clients,
            role_arn=role_arn,
            action=action,
            resource=resource,
            allowed=allowed,
        )
        for rule, action, resource, allowed in questions
    ]
    untried = "not proved: only the cluster can mint a service-account token"
    how = "needs sts AssumeRoleWithWebIdentity with a token of the cluster"
    return (
        ASSUME.skip(expected=ASSUME.title, observed=untried, how=how),
        STRANGER.skip(expected=stranger, observed=untried, how=how),
        *checks,
    )


def _simulated(
    rule: Rule, *, clients: Clients, role_arn: str, action: str, resource: str, allowed: bool
) -> Check:
    how = f"iam SimulatePrincipalPolicy {action} on {resource}"
    expected = "allowed" if allowed else "denied"
    try:
        with aws_errors(f"simulating {action}"):
            answer = clients.iam.simulate_principal_policy(
                PolicySourceArn=role_arn, ActionNames=[action], ResourceArns=[resource]
            )
    except ServiceError as error:
        return rule.judge(None, expected=expected, observed=str(error), how=how, basis="simulation")
    decision = str(answer["EvaluationResults"][0]["EvalDecision"])
    holds = (decision == "allowed") is allowed
    return rule.judge(holds, expected=expected, observed=decision, how=how, basis="simulation")
