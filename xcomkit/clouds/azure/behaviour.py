"""What the agents' managed identity can really do, tried with a service-account token."""

import logging
import tempfile
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from xcomkit.cloud_documents.access.azure import AUDIENCE
from xcomkit.clouds.azure.session import STORAGE_SCOPE, Clients, azure_errors
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
from xcomkit.findings.errors import AccessDeniedError, CredentialsError, MissingError, ServiceError
from xcomkit.findings.model import Check, Rule
from xcomkit.settings.settings import Settings

TRIED: tuple[Rule, ...] = (ASSUME, LIST, PUT, GET, DELETE, OUTSIDE, OTHER, DROP, STRANGER)
_allowed = partial(allowed, errors=azure_errors)
_refused = partial(refused, errors=azure_errors)
_WHOLE = "not limited: the role holds for the whole container, so give agents one of their own"
_KEPT = (
    "not limited: the role may delete its container; soft delete of containers (XC212) brings it"
    " back"
)


def exchange(*, tenant: str, client_id: str, token_file: Path) -> Any:
    """Return the credential of a pod, after Entra has taken its token once.

    Raises:
        CredentialsError: no federated credential matches issuer, subject and audience.
    """
    from azure.identity import WorkloadIdentityCredential

    # A refusal is a result here, told with its reason; the library would warn of it as well.
    logging.getLogger("azure.identity").setLevel(logging.ERROR)
    with azure_errors("exchanging the service-account token"):
        credential = WorkloadIdentityCredential(
            tenant_id=tenant, client_id=client_id, token_file_path=str(token_file),
            retry_total=1, connection_timeout=5, read_timeout=20,
        )  # fmt: skip
        credential.get_token(STORAGE_SCOPE)
    return credential


class Behaviour:
    """Tries the identity's rights; everything it puts it deletes again, by its recorded key."""

    def __init__(
        self,
        settings: Settings,
        *,
        clients: Clients,
        identity: dict[str, Any],
        mint_token: Callable[..., str],
        delete: Callable[[tuple[str, ...]], object],
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._identity = identity
        self._mint_token = mint_token
        self._delete = delete
        self._probe = f"{settings.prefix}/xcomkit-probe-{uuid.uuid4()}"

    def verify(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return one check per right and per refusal, by behaviour wherever it can be."""
        with tempfile.TemporaryDirectory(prefix="xcomkit-token-") as private:
            refusals, first = [], None
            for number, subject in enumerate(subjects):
                try:
                    credential = self._become(subject, Path(private, str(number)))
                except ServiceError as error:
                    refusals.append(f"{subject}: {error}")
                else:
                    first = first or credential
            everybody = f"{len(subjects)} of {len(subjects)} subjects"
            assumed = ASSUME.judge(
                first is not None and not refusals,
                expected=everybody,
                observed="; ".join(refusals) or everybody,
                how="client assertion at Entra with a token per service account",
                basis="behaviour",
            )
            if first is None:  # that others are refused would prove nothing
                rest = (STRANGER, LIST, PUT, GET, DELETE, OTHER)
                tried = untried(rest, "nobody could become it")
            else:
                stranger = self._verify_stranger(Path(private, "stranger"))
                tried = (stranger, *self._verify_rights(first))
        how = f"{self._settings.bucket}: role at container scope"
        return (
            assumed,
            *tried,
            OUTSIDE.skip(expected=OUTSIDE.title, observed=_WHOLE, how=how),
            DROP.skip(expected=DROP.title, observed=_KEPT, how=how),
        )

    def _become(self, subject: str, file: Path) -> Any:
        file.touch(mode=0o600)
        file.write_text(self._mint_token(subject, audience=AUDIENCE), encoding="ascii")
        return exchange(
            tenant=self._identity["tenant_id"],
            client_id=self._identity["client_id"],
            token_file=file,
        )

    def _verify_stranger(self, file: Path) -> Check:
        """Return whether Entra refuses a subject nobody named; it does so with a 401, not a 403."""
        subject = f"system:serviceaccount:{self._settings.namespace}:xcomkit-stranger"
        holds: bool | None = False
        observed = "let in"
        try:
            self._become(subject, file)
        except (CredentialsError, AccessDeniedError) as error:
            holds, observed = True, str(error)
        except ServiceError as error:
            holds, observed = None, str(error)
        return STRANGER.judge(
            holds,
            expected="refused by Entra",
            observed=observed,
            how=f"client assertion as {subject}",
            basis="behaviour",
        )

    def _verify_rights(self, credential: Any) -> tuple[Check, ...]:
        service = self._clients.blobs_as(credential)
        container = service.get_container_client(self._settings.bucket)
        probe = container.get_blob_client(self._probe)
        checks = [
            _allowed(LIST, lambda: _first(container, prefix=f"{self._settings.prefix}/")),
            _allowed(PUT, lambda: probe.upload_blob(b"{}", overwrite=True)),
        ]
        mine = self._clients.container.get_blob_client(self._probe)
        try:
            with azure_errors("putting the probe object as the caller of the runbook"):
                mine.upload_blob(b"{}", overwrite=True)
        except ServiceError as error:
            return (*checks, *untried((GET, DELETE, OTHER), error))
        try:
            checks += [
                _allowed(GET, lambda: probe.download_blob().readall()),
                _allowed(DELETE, probe.delete_blob),
                self._verify_other_container(service),
            ]
        finally:
            self._delete((self._probe,))
        return tuple(checks)

    def _verify_other_container(self, service: Any) -> Check:
        expected, how = "403", "List Blobs on another container of the account"
        group, account = self._settings.resource_group, self._settings.storage_account
        try:
            with azure_errors("listing the account's containers"):
                found = list(self._clients.storage.blob_containers.list(group, account))
        except (AccessDeniedError, MissingError) as error:
            return OTHER.judge(
                None, expected=expected, observed=str(error), how=how, basis="behaviour"
            )
        names = [one.name for one in found if one.name != self._settings.bucket]
        if not names:
            return OTHER.skip(
                expected=expected, observed="not tried: the account has no other container", how=how
            )
        other = service.get_container_client(names[0])
        return _refused(OTHER, lambda: _first(other), how=how)


def _first(container: Any, *, prefix: str = "") -> object:
    return next(iter(container.list_blobs(name_starts_with=prefix, results_per_page=1)), None)
