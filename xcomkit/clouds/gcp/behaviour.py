"""What the agents' service account can really do, tried with a service-account token.

A pod on GKE is handed an access token by the metadata server, which exchanges the pod's token at
STS and then has IAM make a token of the service account. The same exchange is made here.
"""

import tempfile
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from xcomkit.clouds.gcp.access import Access, pool
from xcomkit.clouds.gcp.session import SCOPES, Clients, gcp_errors, patience
from xcomkit.clouds.rules import (
    ASSUME,
    DELETE,
    DROP,
    GET,
    LIST,
    OTHER,
    OUTSIDE,
    PUT,
    STRANGER,
)
from xcomkit.clouds.trying import allowed, refused, untried
from xcomkit.findings.errors import MissingError, ServiceError
from xcomkit.findings.model import Check, Rule
from xcomkit.settings.settings import Settings

TRIED: tuple[Rule, ...] = (ASSUME, LIST, PUT, GET, DELETE, OUTSIDE, OTHER, DROP, STRANGER)
_RIGHTS = (LIST, PUT, GET, DELETE, OUTSIDE, OTHER, DROP)
_allowed = partial(allowed, errors=gcp_errors)
_refused = partial(refused, errors=gcp_errors)


class Behaviour:
    """Tries the account's rights; everything it puts it deletes again, by its recorded key."""

    def __init__(
        self,
        settings: Settings,
        *,
        clients: Clients,
        access: Access,
        issuer: str,
        mint_token: Callable[..., str],
        delete: Callable[[tuple[str, ...]], object],
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._access = access
        self._issuer = issuer
        self._mint_token = mint_token
        self._delete = delete
        self._probe = f"xcomkit-probe-{uuid.uuid4()}"

    def verify(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return one check per right and per refusal, all by behaviour."""
        refusals, first = [], None
        for subject in subjects:
            try:
                credentials = self._become(subject)
            except ServiceError as error:
                refusals.append(f"{subject}: {error}")
            else:
                first = first or credentials
        everybody = f"{len(subjects)} of {len(subjects)} subjects"
        assumed = ASSUME.judge(
            first is not None and not refusals,
            expected=everybody,
            observed="; ".join(refusals) or everybody,
            how="STS exchange and generateAccessToken with a token per service account",
            basis="behaviour",
        )
        if first is None:  # that others are refused would prove nothing
            return (assumed, *untried((STRANGER, *_RIGHTS), "nobody could become the account"))
        stranger = f"system:serviceaccount:{self._settings.namespace}:xcomkit-stranger"
        kept_out = _refused(
            STRANGER,
            lambda: self._become(stranger),
            how=f"STS exchange and generateAccessToken as {stranger}",
        )
        return (assumed, kept_out, *self._verify_rights(first))

    def _become(self, subject: str) -> Any:
        """Return credentials of the service account for a pod of the subject.

        Raises:
            CredentialsError: the pod's token is refused.
            AccessDeniedError: the account may not be impersonated by the subject.
        """
        from google.auth import identity_pool
        from google.auth.transport.requests import Request

        workload_pool = pool(self._settings)
        iam = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
        with tempfile.TemporaryDirectory(prefix="xcomkit-token-") as private:
            token = Path(private) / "token"
            token.write_text(self._mint_token(subject, audience=workload_pool), encoding="ascii")
            credentials = identity_pool.Credentials(
                audience=f"identitynamespace:{workload_pool}:{self._issuer}",
                subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106 - a type
                token_url="https://sts.googleapis.com/v1/token",  # noqa: S106 - an address
                credential_source={"file": str(token)},
                service_account_impersonation_url=f"{iam}/{self._access.email}:generateAccessToken",
                scopes=SCOPES,
            )
            with gcp_errors(f"becoming {self._access.email} as {subject}"):
                credentials.refresh(Request())
        return credentials

    def _verify_rights(self, credentials: Any) -> list[Check]:
        client = self._clients.storage_as(credentials)
        own = client.bucket(self._settings.bucket)
        inside = own.blob(f"{self._settings.prefix}/{self._probe}")
        outside = own.blob(self._probe)
        put = partial(inside.upload_from_string, b"{}", **patience())
        checks = [
            _allowed(LIST, lambda: _first(client, own, prefix=f"{self._settings.prefix}/")),
            _allowed(PUT, put),
        ]
        mine = self._clients.bucket.blob(inside.name)
        # The probe stays in the bucket while its deletion is tried: an account that may delete it
        # is answered 409, and nothing is lost.
        try:
            with gcp_errors("putting the probe object as the caller of the runbook"):
                mine.upload_from_string(b"{}", **patience())
        except ServiceError as error:
            return [*checks, *untried((GET, DROP, DELETE, OUTSIDE, OTHER), error)]
        try:
            checks += [
                _allowed(GET, lambda: inside.download_as_bytes(**patience())),
                _refused(DROP, lambda: own.delete(**patience())),
                _allowed(DELETE, lambda: inside.delete(**patience())),
                _refused(OUTSIDE, lambda: outside.upload_from_string(b"{}", **patience())),
                self._verify_other_bucket(client),
            ]
        finally:
            self._delete((inside.name, outside.name))
        return checks

    def _verify_other_bucket(self, client: Any) -> Check:
        expected, how = "403", "storage objects.list on another bucket of the project"
        try:
            with gcp_errors("listing the project's buckets"):
                found = list(self._clients.storage.list_buckets(**patience()))
        except ServiceError as error:
            return OTHER.judge(
                None, expected=expected, observed=str(error), how=how, basis="behaviour"
            )
        names = [bucket.name for bucket in found if bucket.name != self._settings.bucket]
        if not names:
            return OTHER.skip(
                expected=expected, observed="not tried: the project has no other bucket", how=how
            )
        return _refused(OTHER, lambda: _first(client, client.bucket(names[0])), how=how)


def ask_metadata(host: str) -> None:
    """Ask a pod's metadata server for a token once, as every Google client does.

    Raises:
        AccessDeniedError: the pod may not become the service account.
    """
    import requests

    url = f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
    with gcp_errors("asking the metadata server for a token"):
        answer = requests.get(url, headers={"Metadata-Flavor": "Google"}, timeout=5)
        if answer.status_code == 404:
            raise MissingError(f"The metadata server at {host} has no service account.")
        answer.raise_for_status()


def _first(client: Any, bucket: Any, *, prefix: str = "") -> object:
    return next(iter(client.list_blobs(bucket, prefix=prefix, max_results=1, **patience())), None)
