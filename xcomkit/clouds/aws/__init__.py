"""Amazon S3 and IAM: the AWS side of the contract in ``xcomkit.clouds``."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from xcomkit.clouds import Caller, Cloud, write_token
from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.access import AwsAccess
from xcomkit.clouds.aws.bucket import AwsBucket
from xcomkit.clouds.aws.objects import AwsObjects
from xcomkit.clouds.aws.permission_tests import assume, use_store
from xcomkit.clouds.aws.session import Clients, aws_errors
from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import WorkerIdentity
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

    clients_class = Clients
    bucket_class = AwsBucket
    access_class = AwsAccess

    def _ask_who_am_i(self) -> Caller:
        """Return the caller by sts GetCallerIdentity, which needs no right at all.

        A store that has no STS is asked with a signed request to S3.
        """
        is_store = self.clients.is_compatible_store
        owner = self.clients.key_owner if is_store else ""
        try:
            with aws_errors("asking who the caller is"):
                answer = self.clients.sts.get_caller_identity()
        except ServiceError as error:
            if not is_store:
                raise
            owner = owner or self.clients.name_unlisted()
            self.clients.why_no_sts = f"its STS was asked: {error}"
            return Caller("", f"the access key of {owner}", how="a signed s3 ListBuckets")
        return Caller(answer["Account"], answer["Arn"], how="sts GetCallerIdentity")

    def connection(self) -> Mapping[str, object]:
        """Return the connection for workload identity; it holds no secret.

        Source: amazon provider, AWS connection; without keys boto3's chain finds the role.
        """
        extra = {"region_name": self.settings.region}
        if self.clients.is_compatible_store:
            extra["endpoint_url"] = self.settings.endpoint_url
        return {"conn_type": "aws", "extra": extra}

    @property
    def _role_arn(self) -> str:
        return documents.role_arn(self.settings, account=self._caller.account)

    def annotations(self) -> Mapping[str, str]:
        """Return the IRSA annotation (EKS user guide, service accounts)."""
        if self.clients.is_compatible_store:
            return {}
        return {TERMS["aws"].annotation: self._role_arn}

    def agent_environment(self) -> Mapping[str, str]:
        """Return nothing on EKS; for another store whom to trust, and when to send checksums.

        Source: AWS SDKs reference guide, settings shared by SDKs.
        """
        found = {"AWS_CA_BUNDLE": self.settings.ca_bundle} if self.settings.ca_bundle else {}
        if self.settings.checksums == "when_required":
            names = ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION")
            found |= dict.fromkeys(names, "when_required")
        return found

    def secrets_backend(self) -> Mapping[str, str]:
        """Return class and arguments of the amazon provider's SecretsManagerBackend."""
        arguments = {
            "connections_prefix": documents.CONNECTIONS_PREFIX,
            "variables_prefix": None,
            "config_prefix": None,
            "region_name": self.settings.region,
        }
        name = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
        return {"class": name, "kwargs": json.dumps(arguments)}

    def worker_identity(self, subject: str, *, directory: str) -> WorkerIdentity:
        """Return what EKS injects for the subject, or the caller's own credentials without it."""
        region = self.settings.region
        if self.platform.mint_token is None:
            whose = "key" if self.clients.is_compatible_store else "role"
            return self._caller_as_worker(
                {"AWS_DEFAULT_REGION": region, **self._own_credentials()}, whose=whose
            )
        token = self.platform.mint_token(subject)
        file = write_token(token, Path(directory) / "service-account-token")
        environment = {
            **self.platform.environment,
            "AWS_ROLE_ARN": self._role_arn,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(file),
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_STS_REGIONAL_ENDPOINTS": "regional",
        }
        return WorkerIdentity(subject, environment, proves=f"the agents' role as {subject}")

    def _own_credentials(self) -> dict[str, str]:
        """Return the caller's resolved credentials as variables of a worker process."""
        with aws_errors("resolving the caller's credentials"):
            found = self.clients.session.get_credentials()
            frozen = found.get_frozen_credentials() if found else None
        variables = {}
        if self.clients.is_compatible_store:
            variables["AWS_CA_BUNDLE"] = os.environ.get("AWS_CA_BUNDLE", "")
        if frozen is not None:
            variables["AWS_ACCESS_KEY_ID"] = frozen.access_key
            variables["AWS_SECRET_ACCESS_KEY"] = frozen.secret_key
            variables["AWS_SESSION_TOKEN"] = frozen.token or ""
        return {name: value for name, value in variables.items() if value}

    def sign_in(self, identity: WorkerIdentity) -> None:
        """Become the role with the worker's token, once, so that a refusal has a reason.

        On an S3-compatible store an object is put and deleted with what the worker has.

        Raises:
            CredentialsError: token or key is refused.
            UnreachableError: the store is gone, or its certificate is not trusted.
            AccessDeniedError: the role does not trust the subject.
        """
        given = identity.environment
        if self.clients.is_compatible_store and given:
            use_store(self, environment=given)
        elif identity.agents:
            token = Path(given["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text(encoding="ascii")
            assume(self.clients, role_arn=self._role_arn, token=token)
