"""Which fields of a connection the filesystem of each cloud reads, and what others stand for.

Measured with ``get_fs`` of the amazon, microsoft.azure and google providers: hooks of the same
provider read more. ``tests/lint/test_connection_fields.py`` measures the installed ones again.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xcomkit.findings.model import CloudName

_NEAR = 0.85


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one cloud; those of the extra begin with ``extra.``, others are Airflow's own.

    ``read`` are what the filesystem takes from the extra, ``decisive`` those of them without which
    it goes to another store, or goes there as somebody else. ``meant`` has, for a field or a
    variable that is read, the fields that people write for it, and that are not read.
    """

    read: frozenset[str]
    decisive: tuple[str, ...]
    meant: Mapping[str, tuple[str, ...]]

    @property
    def instead(self) -> Mapping[str, str]:
        """Return what is read in place of each field that is not."""
        return {name: read for read, names in self.meant.items() for name in names}


FIELDS: Mapping[CloudName, Fields] = {
    "aws": Fields(
        frozenset(
            {"region_name", "endpoint_url", "profile_name", "role_arn", "assume_role_method",
             "assume_role_kwargs", "aws_access_key_id", "aws_secret_access_key",
             "aws_session_token", "session_kwargs", "config_kwargs", "service_config"}
        ),
        decisive=("endpoint_url", "role_arn"),
        meant={
            "endpoint_url": ("host", "extra.host", "extra.endpoint", "extra.s3_endpoint",
                             "extra.s3_endpoint_url", "extra.client_kwargs", "extra.url"),
            "role_arn": ("extra.aws_iam_role", "extra.iam_role", "extra.role"),
            "assume_role_kwargs": ("extra.external_id",),
            "region_name": ("extra.region", "extra.aws_region", "extra.aws_default_region"),
            "profile_name": ("extra.profile",),
            "AWS_CA_BUNDLE": ("extra.verify",),
        },
    ),
    "azure": Fields(
        frozenset(
            {"account_name", "account_key", "sas_token", "connection_string", "tenant_id", "anon",
             "account_host", "client_secret_auth_config"}
        ),
        decisive=("account_name",),
        meant={
            "account_name": ("host", "login", "extra.account_url", "extra.host", "extra.account",
                             "extra.storage_account", "extra.storage_account_name", "extra.login"),
            "tenant_id": ("extra.tenantId",),
        },
    ),
    "gcp": Fields(
        frozenset(
            {"project", "key_path", "keyfile_dict", "credential_config_file", "key_secret_name",
             "key_secret_project_id", "impersonation_chain", "scope", "is_anonymous",
             "quota_project_id", "idp_issuer_url", "gcs.access", "gcs.consistency",
             "gcs.cache-timeout", "gcs.requester-pays", "gcs.session-kwargs", "gcs.endpoint",
             "gcs.default-bucket-location", "gcs.version-aware"}
        ),
        decisive=("gcs.endpoint", "impersonation_chain"),
        meant={
            "gcs.endpoint": ("host", "extra.host", "extra.endpoint", "extra.endpoint_url"),
            "impersonation_chain": ("extra.service_account", "extra.service_account_email",
                                    "extra.impersonate_service_account", "extra.target_principal"),
            "project": ("extra.project_id", "extra.gcs.project-id"),
            "gcs.default-bucket-location": ("extra.location",),
            "gcs.requester-pays": ("extra.requester_pays",),
            "is_anonymous": ("extra.anon",),
        },
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unread:
    """A field that the filesystem does not read, and what it reads instead."""

    name: str
    instead: str
    is_decisive: bool


def options(extra: Mapping[str, Any], *, cloud: CloudName, conn_type: str) -> dict[str, Any]:
    """Return an extra by short names, as its provider reads it; the short one counts before.

    Source: ``get_field`` of the azure and the google provider; the amazon provider has none.
    """
    owner = {"aws": "", "azure": conn_type or "azure_data_lake", "gcp": "google_cloud_platform"}
    prefix = f"extra__{owner[cloud]}__"
    long = {
        name.removeprefix(prefix): value for name, value in extra.items() if name.startswith(prefix)
    }
    found = {**long, **{n: v for n, v in extra.items() if not n.startswith("extra__")}}
    own = found.get("service_config") if cloud == "aws" else None
    of_s3 = own.get("s3") if isinstance(own, dict) else None
    if isinstance(of_s3, dict) and of_s3.get("endpoint_url"):
        found["endpoint_url"] = of_s3["endpoint_url"]
    return found


def find_unread(
    fields: Mapping[str, Any], extra: Mapping[str, Any], *, cloud: CloudName
) -> Iterator[Unread]:
    """Yield the fields that were meant for the filesystem, and that it does not read.

    What is set where it is read as well does no harm, and a field of no known meaning is another
    reader's.
    """
    known = FIELDS[cloud]
    conn_type = str(fields.get("conn_type") or "")
    found = options(extra, cloud=cloud, conn_type=conn_type)
    written = {f"extra.{name}": value for name, value in extra.items()}
    written |= {name: fields.get(name) for name in ("host", "login")}
    for name, value in written.items():
        short = name.removeprefix("extra.").rpartition("__")[2]
        is_read = name.startswith("extra.") and short in known.read and short in found
        if not value or is_read:
            continue
        meant = known.instead.get(name) or _meant(name, short=short, known=known)
        if meant and not found.get(meant):
            yield Unread(name, meant, meant in known.decisive)


def _meant(name: str, *, short: str, known: Fields) -> str:
    """Return the field of the extra that a name was meant to be, or ``""``."""
    if not name.startswith("extra."):
        return ""
    if short in known.read:
        return short  # behind a prefix that is not read
    alias = known.instead.get(f"extra.{short}", "")
    plain = re.sub(r"[^a-z]", "", short.lower()[:60])
    names = {re.sub(r"[^a-z]", "", one): one for one in known.read}
    near = difflib.get_close_matches(plain, names, n=1, cutoff=_NEAR)
    return alias or (names[near[0]] if near else "")
