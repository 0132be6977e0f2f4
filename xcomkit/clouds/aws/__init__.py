"""Amazon S3 and IAM: the AWS side of the contract in ``xcomkit.clouds``."""

import json
import os
import shlex
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from xcomkit.clouds import Caller, Cloud, Platform
from xcomkit.clouds.aws import behaviour, documents
from xcomkit.clouds.aws.access import Access
from xcomkit.clouds.aws.behaviour import Behaviour, simulate
from xcomkit.clouds.aws.bucket import Bucket
from xcomkit.clouds.aws.objects import AwsObjects
from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.clouds.rules import POLICY, PROVIDER, TRUST
from xcomkit.clouds.tear_down import bucket_row, identity_row
from xcomkit.findings.errors import ServiceError, SettingsError
from xcomkit.findings.model import Change, Check, Plan, WorkerIdentity
from xcomkit.settings.settings import Settings
from xcomkit.settings.terms import TERMS


class AwsCloud(AwsObjects, Cloud):
    """The bucket, the role and the objects of one target on AWS or an S3-compatible store."""

    agent_packages: tuple[str, ...] = (
        "apache-airflow-providers-amazon",
        "apache-airflow-providers-common-io",
        "s3fs",
    )
    rival_variables: tuple[str, ...] = TERMS["aws"].rivals
    annotation_is_needed: bool = False  # an EKS Pod Identity association may take its place

    def __init__(self, settings: Settings, *, platform: Platform) -> None:
        self._settings = settings
        self._platform = platform
        super().__init__(Clients(settings), bucket=settings.bucket)
        self._no_sts = ""

    @cached_property
    def _issuer(self) -> str:
        return self._settings.oidc_issuer or self._platform.issuer

    @cached_property
    def _caller(self) -> Caller:
        is_store = self._clients.is_compatible_store
        owner = self._clients.key_owner if is_store else ""
        try:
            with aws_errors("asking who the caller is"):
                answer = self._clients.sts.get_caller_identity()
        except ServiceError as error:
            if not is_store:
                raise
            owner = owner or self._clients.name_unlisted()
            self._no_sts = f"its STS was asked: {error}"
            return Caller("", f"the access key of {owner}", how="a signed s3 ListBuckets")
        return Caller(answer["Account"], answer["Arn"], how="sts GetCallerIdentity")

    def who_am_i(self) -> Caller:
        """Return the caller by sts GetCallerIdentity, which needs no right at all.

        A store that has no STS is asked with a signed request to S3.
        """
        return self._caller

    @property
    def _why_keys(self) -> str:
        """Return why agents of an S3-compatible store get keys, after its STS was asked."""
        _ = self._caller
        answers = self._no_sts or "its STS answers, and roles of other makers are not managed here"
        return f"agents of an S3-compatible store sign with keys: {answers}"

    @cached_property
    def _bucket(self) -> Bucket:
        account = self._caller.account  # asked first: a HEAD refused has no reason in it
        if self._clients.is_compatible_store:
            account = ""  # who owns a bucket there, its list of buckets tells
        return Bucket(
            self._settings,
            clients=self._clients,
            account=account,
            plain_http_url=self._platform.plain_http_url,
        )

    @cached_property
    def _access(self) -> Access:
        if not self._issuer:
            raise SettingsError(
                "oidc_issuer: '' is refused: the trust policy needs the cluster's token issuer.",
                hint="aws eks describe-cluster --name NAME --query cluster.identity.oidc.issuer",
            )
        return Access(
            self._settings,
            clients=self._clients,
            account=self._caller.account,
            issuer=self._issuer,
            connection=self.connection(),
        )

    def plan_access(self, subjects: tuple[str, ...]) -> Plan:
        """Return what would be done to role, trust, policy and connection."""
        if self._clients.is_compatible_store:
            note = f"make a user with a key at the store yourself; {self._why_keys}"
            row = Change(self._settings.bucket, "access", "-", "-", "unsupported", note=note)
            return Plan("Access", (row,))
        return self._access.plan(subjects)

    def apply_access(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan."""
        if plan.pending:
            self._access.apply(plan, subjects)

    def verify_access(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return what IAM says of the role, and what the role can do."""
        if self._clients.is_compatible_store:
            observed = f"not proved: {self._why_keys}"
            how = "sts GetCallerIdentity at endpoint_url"
            return tuple(
                rule.skip(expected=rule.title, observed=observed, how=how)
                for rule in (PROVIDER, TRUST, POLICY, *behaviour.TRIED)
            )
        documents_checks = self._access.verify_documents(subjects)
        role_arn = self._access.role_arn
        if self._platform.mint_token is None:
            stranger = f"system:serviceaccount:{self._settings.namespace}:xcomkit-stranger"
            tried = simulate(
                self._settings,
                clients=self._clients,
                account=self._caller.account,
                role_arn=role_arn,
                stranger=stranger,
            )
        else:
            tried = Behaviour(
                self._settings,
                clients=self._clients,
                role_arn=role_arn,
                mint_token=self._platform.mint_token,
            ).verify(subjects)
        return (*documents_checks, *tried)

    def plan_tear_down(self) -> Plan:
        """Return what deleting role, connection and bucket would do, and what stays."""
        bucket, role = self._settings.bucket, self._settings.role_name
        rows: list[Change] = []
        if not self._clients.is_compatible_store and not self._issuer:
            note = "not looked for: oidc_issuer is empty"
            rows.append(Change(role, "role", "unknown", "unknown", "keep", note=note))
        elif not self._clients.is_compatible_store:
            present = self._access.read_role()
            tags = {t["Key"]: t["Value"] for t in (present or {}).get("Tags", [])}
            is_ours = None if present is None else documents.MARKER.items() <= tags.items()
            command = shlex.join(["aws", "iam", "delete-role", "--role-name", role])
            rows.append(identity_row(role, "role", is_ours=is_ours, command=command))
        is_used = None if self._bucket.find() is None else self._holds_versions()
        delete = self._bucket.command("delete-bucket")
        rows.append(bucket_row(bucket, is_used=is_used, command=delete))
        return Plan(f"Tear down {' and '.join(row.resource for row in rows)}", tuple(rows))

    def _holds_versions(self) -> bool:
        with aws_errors("looking for remaining objects"):
            answer = self._clients.s3.list_object_versions(Bucket=self._settings.bucket, MaxKeys=1)
        return bool(answer.get("Versions") or answer.get("DeleteMarkers"))

    def apply_tear_down(self, plan: Plan) -> None:
        """Delete role and bucket where the plan says so; S3 itself refuses a bucket in use."""
        iam, name = self._clients.iam, self._settings.role_name
        for change in plan.pending:
            with aws_errors(f"deleting the {change.setting}"):
                if change.setting == "role":
                    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                        iam.delete_role_policy(RoleName=name, PolicyName=policy)
                    iam.delete_role(RoleName=name)
                elif change.setting == "bucket":
                    self._clients.s3.delete_bucket(Bucket=self._settings.bucket)

    def connection(self) -> Mapping[str, object]:
        """Return the connection for workload identity; it holds no secret.

        Source: amazon provider, AWS connection; without keys boto3's chain finds the role.
        """
        extra = {"region_name": self._settings.region}
        if self._clients.is_compatible_store:
            extra["endpoint_url"] = self._settings.endpoint_url
        return {"conn_type": "aws", "extra": extra}

    def annotations(self) -> Mapping[str, str]:
        """Return the IRSA annotation (EKS user guide, service accounts)."""
        if self._clients.is_compatible_store:
            return {}
        return {TERMS["aws"].annotation: self._access.role_arn}

    def agent_environment(self) -> Mapping[str, str]:
        """Return nothing on EKS; for another store whom to trust, and when to send checksums.

        Source: AWS SDKs reference guide, settings shared by SDKs.
        """
        found = {"AWS_CA_BUNDLE": self._settings.ca_bundle} if self._settings.ca_bundle else {}
        if self._settings.checksums == "when_required":
            names = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
            found |= dict.fromkeys(names, "when_required")
        return found

    def secrets_backend(self) -> Mapping[str, str]:
        """Return class and arguments of the amazon provider's SecretsManagerBackend."""
        arguments = {
            "connections_prefix": documents.CONNECTIONS_PREFIX,
            "variables_prefix": None,
            "config_prefix": None,
            "region_name": self._settings.region,
        }
        name = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
        return {"class": name, "kwargs": json.dumps(arguments)}

    def worker_identity(self, subject: str, *, directory: str) -> WorkerIdentity:
        """Return what EKS injects for the subject, or the caller's own credentials without it."""
        if self._platform.mint_token is None:
            return self._caller_as_worker()
        token = Path(directory) / "service-account-token"
        token.touch(mode=0o600)
        token.write_text(self._platform.mint_token(subject), encoding="ascii")
        environment = {
            **self._platform.environment,
            "AWS_ROLE_ARN": self._access.role_arn,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_DEFAULT_REGION": self._settings.region,
            "AWS_REGION": self._settings.region,
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        }
        return WorkerIdentity(subject, environment, proves=f"the agents' role as {subject}")

    def sign_in(self, identity: WorkerIdentity) -> None:
        """Become the role with the worker's token, once, so that a refusal has a reason.

        On an S3-compatible store an object is put and deleted with what the worker has.

        Raises:
            CredentialsError: token or key is refused.
            UnreachableError: the store is gone, or its certificate is not trusted.
            AccessDeniedError: the role does not trust the subject.
        """
        if self._clients.is_compatible_store and identity.environment:
            behaviour.use_store(
                self._settings, clients=self._clients, environment=identity.environment
            )
        elif identity.agents:
            token = Path(identity.environment["AWS_WEB_IDENTITY_TOKEN_FILE"])
            behaviour.assume(
                self._clients,
                role_arn=self._access.role_arn,
                token=token.read_text(encoding="ascii"),
            )

    def _caller_as_worker(self) -> WorkerIdentity:
        """Return the caller's resolved credentials as variables of a worker process."""
        with aws_errors("resolving the caller's credentials"):
            found = self._clients.session.get_credentials()
            frozen = found.get_frozen_credentials() if found else None
        environment = {**self._platform.environment, "AWS_DEFAULT_REGION": self._settings.region}
        bundle = os.environ.get("AWS_CA_BUNDLE", "")
        if bundle and self._clients.is_compatible_store:
            environment["AWS_CA_BUNDLE"] = bundle
        if frozen is not None:
            environment["AWS_ACCESS_KEY_ID"] = frozen.access_key
            environment["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
            if frozen.token:
                environment["AWS_SESSION_TOKEN"] = frozen.token
        return WorkerIdentity(
            self._caller.principal,
            environment,
            proves=f"the caller {self._caller.principal} in place of the agents'"
            f" {'key' if self._clients.is_compatible_store else 'role'}",
            agents=False,
        )
