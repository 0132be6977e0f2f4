"""boto3 clients with bounded patience, and botocore's errors in this project's words."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xcomkit.clouds.errors import error_for
from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
    SettingsError,
    UnreachableError,
    find_cause,
)
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sts import STSClient

_MEANINGS: Mapping[int, tuple[str, ...]] = {
    401: (
        "ExpiredToken", "ExpiredTokenException", "InvalidAccessKeyId", "InvalidClientTokenId",
        "InvalidIdentityToken", "SignatureDoesNotMatch", "UnrecognizedClientException",
    ),
    403: ("AccessDenied", "AccessDeniedException", "AllAccessDisabled", "UnauthorizedOperation"),
    404: ("NotFoundException",),
    409: ("BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty", "DeleteConflict"),
}  # fmt: skip
"""The HTTP status that an error code means, where services answer with another one."""
_ELSEWHERE = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Variables that send the requests of every SDK to another host (AWS SDKs reference guide)."""
_WAITS = (1, 2, 4, 8)
"""Seconds between tries while another change of the same bucket is in progress."""


def patiently(doing: str, call: Callable[[], Any]) -> Any:
    """Return what a call answers; asked again while S3 says that another change is in progress.

    Raises:
        ServiceError: whatever ``aws_errors`` makes of the last answer.
    """
    for seconds in (*_WAITS, 0):
        try:
            with aws_errors(doing):
                return call()
        except ConflictError as error:
            if not seconds or error_code(error.__cause__) != "OperationAborted":
                raise
            time.sleep(seconds)
    raise AssertionError


class Clients:
    """Makes the clients of one target on first use; every call ends within a minute."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.is_compatible_store = settings.is_compatible_store
        self.why_no_sts = ""

    @cached_property
    def session(self) -> Any:
        """Return a boto3 session on the caller's own credential chain.

        Raises:
            SettingsError: a variable of the shell would lead the requests away from AWS.
        """
        import boto3

        name = next((name for name in _ELSEWHERE if os.environ.get(name)), "")
        if name and not self._settings.endpoint_url:
            raise SettingsError(
                f"{name} is set, so requests would go to {os.environ[name]} and not to AWS.",
                hint=f"unset {name}, or give that URL as endpoint_url.",
            )
        with aws_errors("opening a session"):
            return boto3.Session(region_name=self._settings.region)

    def session_of(self, key: str | None, secret: str | None, token: str | None) -> Any:
        """Return a session of the agents, with keys of theirs."""
        import boto3

        with aws_errors("opening a session with the keys of the agents"):
            return boto3.Session(key, secret, token, region_name=self._settings.region)

    def client(self, service: str, **options: Any) -> Any:
        """Return a client of the service in the region of the bucket.

        A store that speaks S3 gets every request itself: its key is nobody's business elsewhere.
        """
        from botocore.config import Config

        # A store that accepts and never answers must not take a minute, and gets a checksum only
        # where the operation needs one.
        attempts = 2 if self.is_compatible_store else 3
        checksums: Any = "when_required" if self.is_compatible_store else "when_supported"
        config = Config(
            connect_timeout=5,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": attempts},
            request_checksum_calculation=checksums,
            response_checksum_validation=checksums,
        ).merge(options.pop("config", Config()))
        if self.is_compatible_store:
            options.setdefault("endpoint_url", self._settings.endpoint_url)
        session = options.pop("session", None) or self.session
        with aws_errors(f"opening {service}"):
            return session.client(service, config=config, **options)

    def own_buckets(self) -> tuple[str, frozenset[str]]:
        """Return who owns the caller's access key, and the buckets that are theirs.

        Raises:
            CredentialsError: there is no key, or the service does not know it.
            AccessDeniedError: the key is known and may not list.
        """
        with aws_errors("listing the buckets of the access key"):
            answer = self.s3.list_buckets()
        owner = answer.get("Owner", {})
        name = owner.get("DisplayName") or owner.get("ID") or "an owner without a name"
        return name, frozenset(one["Name"] for one in answer.get("Buckets", ()))

    @property
    def key_owner(self) -> str:
        """Return whose access key this is, as an S3-compatible store says to a signed request.

        It is empty where the key may not list buckets.

        Raises:
            CredentialsError: there is no key, or the store does not know it.
        """
        try:
            return self.own_buckets()[0]
        except AccessDeniedError as error:
            if error_code(error.__cause__) not in _MEANINGS[403]:
                raise
            return ""

    def name_unlisted(self) -> str:
        """Return words for a key that may not list; a Ceph gateway with STS says so to any key.

        Raises:
            CredentialsError: it may not see the bucket either, so nobody knows whether it is one.
        """
        try:
            with suppress(MissingError), aws_errors("looking for the bucket"):
                self.s3.head_bucket(Bucket=self._settings.bucket)
        except AccessDeniedError as error:
            raise CredentialsError(
                "The store refuses this access key the list of its buckets, and the bucket.",
                hint="look at the key: it is wrong, or may do neither.",
            ) from error
        return "somebody who may not list buckets"

    # Each client of the caller is made once; that of STS is on the regional endpoint.
    s3: "cached_property[S3Client]" = cached_property(lambda self: self.client("s3"))
    iam: "cached_property[IAMClient]" = cached_property(lambda self: self.client("iam"))
    sts: "cached_property[STSClient]" = cached_property(lambda self: self.client("sts"))
    secrets_manager: "cached_property[SecretsManagerClient]" = cached_property(
        lambda self: self.client("secretsmanager")
    )


def error_code(error: Any) -> str:
    """Return the service's error code; S3-compatible stores may send none."""
    return str(error.response.get("Error", {}).get("Code") or "")


def http_status(error: Any) -> int:
    """Return the HTTP status behind a botocore ClientError."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)


def is_unsupported(error: ServiceError) -> bool:
    """Tell whether a store does not know a setting; a missing right or an outage says nothing."""
    from botocore.exceptions import ClientError

    cause = error.__cause__
    if not isinstance(cause, ClientError) or isinstance(
        error, AccessDeniedError | ConflictError | CredentialsError
    ):
        return False
    return http_status(cause) < 500 or http_status(cause) == 501  # 501: NotImplemented


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn botocore's errors into this project's, most specific first; HTTP status decides last.

    Raises:
        CredentialsError: nobody is signed in, or the credentials are refused.
        AccessDeniedError: HTTP 403.
        MissingError: HTTP 404.
        ConflictError: HTTP 409 and friends.
        UnreachableError: no answer.
        ServiceError: anything else.
    """
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise _translate(error, doing) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.TokenRetrievalError,
            boto.UnauthorizedSSOTokenError, boto.SSOTokenLoadError, boto.ProfileNotFound,
            boto.CredentialRetrievalError) as error:  # fmt: skip
        raise CredentialsError(
            f"While {doing}: no usable AWS credentials ({type(error).__name__}).",
            hint="sign in (aws sso login, AWS_PROFILE or your platform's own way), then run again.",
        ) from error
    except (boto.HTTPClientError, boto.ConnectionError) as error:
        what, hint = find_cause(f"{error} {error.kwargs.get('error', '')}")
        raise UnreachableError(
            f"While {doing}: {what or f'no answer ({type(error).__name__})'}.",
            hint=hint or "check network, proxy, endpoint_url and AWS_CA_BUNDLE.",
        ) from error
    except boto.BotoCoreError as error:
        raise ServiceError(f"While {doing}: {error}") from error


def _translate(error: Any, doing: str) -> ServiceError:
    """Return our error for a service's answer."""
    code, status = error_code(error), http_status(error)
    reason = " ".join(str(error.response.get("Error", {}).get("Message") or "").split())[:200]
    text = f"While {doing}: the service answered {status} {code}".rstrip()
    text += f": {reason.rstrip('.')}." if reason and reason != code else "."
    if hint := find_cause(f"{status} {code}")[1]:
        return ServiceError(text, hint=hint)
    if code == "OperationAborted":
        return ConflictError(text, hint="another change is in progress: run the step again soon.")
    meant = next((number for number, codes in _MEANINGS.items() if code in codes), status)
    return error_for(404 if code.startswith("NoSuch") else meant, text)
