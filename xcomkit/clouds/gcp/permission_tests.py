"""What the agents' service account can really do, tried with a service-account token.

A pod on GKE is handed an access token by the metadata server, which exchanges the pod's token at
STS and then has IAM make a token of the service account. The same exchange is made here.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from xcomkit.clouds.gcp.session import SCOPES, gcp_errors, patience
from xcomkit.clouds.permission_tests import Call, PermissionTests
from xcomkit.clouds.rules import DELETE, DROP, GET, LIST, OTHER, OUTSIDE, PUT
from xcomkit.findings.model import Rule

_IAM = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"


class GcpPermissionTests(PermissionTests):
    """Tries the account's rights, with tokens for the workload identity pool of the cluster."""

    errors = staticmethod(gcp_errors)
    exchange = "STS exchange and generateAccessToken"

    def become(self, subject: str) -> Any:
        """Return credentials of the service account for a pod of the subject."""
        from google.auth import identity_pool
        from google.auth.transport.requests import Request

        pool, email = self._access.pool, self._access.name
        with tempfile.TemporaryDirectory(prefix="xcomkit-token-") as private:
            token = Path(private) / "token"
            token.write_text(self._mint_token(subject, audience=pool), encoding="ascii")
            credentials = identity_pool.Credentials(
                audience=f"identitynamespace:{pool}:{self._cloud.platform.issuer}",
                subject_token_type="urn:ietf:params:oauth:token-type:jwt",  # noqa: S106 - a type
                token_url="https://sts.googleapis.com/v1/token",  # noqa: S106 - an address
                credential_source={"file": str(token)},
                service_account_impersonation_url=f"{_IAM}/{email}:generateAccessToken",
                scopes=SCOPES,
            )
            with gcp_errors(f"becoming {email} as {subject}"):
                credentials.refresh(Request())
        return credentials

    def requests(self, credentials: Any, *, inside: str, outside: str) -> dict[Rule, Call]:
        """Return one request per right."""
        client = self._clients.storage_as(credentials)
        own = client.bucket(self._settings.bucket)
        probe, elsewhere = own.blob(inside), own.blob(outside)

        def first(bucket: Any, prefix: str = "") -> object:
            listed = client.list_blobs(bucket, prefix=prefix, max_results=1, **patience())
            return next(iter(listed), None)

        return {
            LIST: lambda: first(own, f"{self._settings.prefix}/"),
            PUT: lambda: probe.upload_from_string(b"{}", **patience()),
            GET: lambda: probe.download_as_bytes(**patience()),
            DROP: lambda: own.delete(**patience()),
            DELETE: lambda: probe.delete(**patience()),
            OUTSIDE: lambda: elsewhere.upload_from_string(b"{}", **patience()),
            OTHER: lambda name: first(client.bucket(name)),
        }

    def list_buckets(self) -> Iterable[str]:
        """Yield the names of the project's buckets."""
        return (bucket.name for bucket in self._clients.storage.list_buckets(**patience()))
