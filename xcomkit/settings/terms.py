"""What differs between the clouds in words and limits: data, looked up by the settings.

Everything a cloud *does* is in ``xcomkit.clouds``; here is only how it is called.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from xcomkit.findings.model import CloudName


@dataclass(frozen=True, slots=True)
class Terms:
    """The vocabulary of one cloud.

    ``encryptions`` begins with the default; the last one needs ``kms_key``; ``key`` is
    its pattern, and the same in words. ``needed`` are the
    parameters without which nothing can be addressed. ``noncurrent_days`` is the range the store
    accepts, ``place`` how a person would write down where the objects are. ``annotation`` is what
    names the identity on a service account, ``rivals`` the variables that stand over the identity
    the platform injects.
    """

    store: str
    scheme: str
    place: str
    connection_id: str
    region: str
    encryptions: tuple[str, str]
    key: tuple[str, str]
    needed: tuple[str, ...]
    noncurrent_days: tuple[int, int]
    annotation: str
    rivals: tuple[str, ...]


_AWS_RIVALS = (
    "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE",
    "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
)  # fmt: skip
# adlfs takes key, connection string and SAS before any identity
_AZURE_RIVALS = (
    "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ANON", "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CLIENT_ID", "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_TENANT_ID", "AZURE_AUTHORITY_HOST", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_USERNAME", "AZURE_PASSWORD",
)  # fmt: skip
# google-auth asks for these before the metadata server, or in its place
_GCP_RIVALS = (
    "GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG", "GCE_METADATA_HOST", "GCE_METADATA_ROOT",
    "GCE_METADATA_IP", "NO_GCE_CHECK", "STORAGE_EMULATOR_HOST",
)  # fmt: skip
TERMS: Mapping[CloudName, Terms] = {
    "aws": Terms(
        store="Amazon S3",
        scheme="s3",
        place="s3://{bucket}/{prefix}",
        connection_id="aws_default",
        region="us-east-1",
        encryptions=("sse-s3", "sse-kms"),
        key=(
            r"arn:[\w-]+:kms:[\w-]+:\d+:(key|alias)/\S+",
            "an ARN such as arn:aws:kms:REGION:ACCOUNT:key/ID",
        ),
        needed=("role_name",),
        noncurrent_days=(1, 36_500),
        annotation="eks.amazonaws.com/role-arn",
        rivals=_AWS_RIVALS,
    ),
    "azure": Terms(
        store="Azure Blob Storage",
        scheme="abfs",
        place="https://{storage_account}.blob.core.windows.net/{bucket}/{prefix}",
        connection_id="azure_data_lake_default",
        region="westeurope",
        encryptions=("microsoft-managed", "key-vault"),
        key=(
            r"https://[^/\s]+/keys/[^/\s]+(/[^/\s]+)?",
            "a URL such as https://VAULT.vault.azure.net/keys/NAME",
        ),
        needed=("subscription_id", "resource_group", "storage_account", "managed_identity"),
        noncurrent_days=(1, 365),
        annotation="azure.workload.identity/client-id",
        rivals=_AZURE_RIVALS,
    ),
    "gcp": Terms(
        store="Google Cloud Storage",
        scheme="gs",
        place="gs://{bucket}/{prefix}",
        connection_id="google_cloud_default",
        region="europe-west1",
        encryptions=("google-managed", "customer-managed"),
        key=(
            r"projects/[^/\s]+/locations/[^/\s]+/keyRings/[^/\s]+/cryptoKeys/[^/\s]+",
            "a path such as projects/P/locations/L/keyRings/R/cryptoKeys/K",
        ),
        needed=("project", "service_account"),
        noncurrent_days=(7, 90),
        annotation="iam.gke.io/gcp-service-account",
        rivals=_GCP_RIVALS,
    ),
}

EMBEDDED = "embedded"
"""What ``endpoint_url`` says where the target is our own stand-in."""

_LABEL = (
    r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?",
    "1 to 63 lower case letters, digits and inner dashes",
)
_PREFIX = (
    r"(?!.*\.\.)[\w.=-]+(?:/[\w.=-]+)*",
    "letters, digits and . _ = - in parts separated by /",
)
NAMES: Mapping[str, tuple[str, str]] = {
    "prefix": _PREFIX,
    "state_prefix": _PREFIX,
    "connection_id": (r"\w[\w.-]*", "letters, digits and _ . -"),
    "agent_keys_secret": (
        rf"{_LABEL[0]}(?:\.{_LABEL[0]})*",
        "lower case letters, digits, dashes and dots",
    ),
    "ca_bundle": (r"/[\w./+-]+", "an absolute path, such as /etc/ssl/store/ca.pem"),
    "namespace": _LABEL,
    "release": _LABEL,
    "chart": (r"[^\s-]\S*", "a folder, a .tgz, oci://HOST/PATH or REPOSITORY/NAME, without spaces"),
    "chart_version": (r"v?\d[\w.+-]*", "a version such as 2.3.0"),
    "resource_name_prefix": _LABEL,
    "pod": (rf"(?:[a-z]+/)?{_LABEL[0]}(?:\.{_LABEL[0]})*", "NAME or deployment/NAME"),
    "container": _LABEL,
    "role_name": (r"[\w+=,.@-]{1,64}", "1 to 64 letters, digits and _ + = , . @ -"),
    "storage_account": (r"[a-z0-9]{3,24}", "3 to 24 lower case letters and digits"),
    "subscription_id": (r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID"),
    "resource_group": (r"[\w().-]{0,89}[\w()-]", "1 to 90 letters, digits and _ ( ) . -"),
    "managed_identity": (r"[A-Za-z0-9][\w-]{2,127}", "3 to 128 letters, digits and _ -"),
    "project": (r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "the id: 6 to 30 of a-z, 0-9 and inner dashes"),
    "service_account": (
        r"[a-z][a-z0-9-]{4,28}[a-z0-9](?:@[a-z0-9.-]+\.iam\.gserviceaccount\.com)?",
        "the part before @ (6 to 30 of a-z, 0-9 and inner dashes), or the whole e-mail",
    ),
    "workload_pool": (r"[a-z][a-z0-9.:-]+\.svc\.id\.goog", "a name such as PROJECT.svc.id.goog"),
}
"""Pattern and words per parameter that is a name; an empty one is judged by who needs it.

Sources: naming rules of IAM, Azure Resource Manager, GCP IAM and Kubernetes (RFC 1123 labels).
"""


def contradictions(settings: Any) -> Iterator[tuple[str, str]]:
    """Yield each parameter that does not fit the others, and what it must be."""
    cloud, terms = settings.cloud, TERMS[settings.cloud]
    low, high = terms.noncurrent_days
    is_other_store = settings.endpoint_url not in ("", EMBEDDED)
    if settings.encryption not in ("", *terms.encryptions):
        yield "encryption", f"must be {' or '.join(terms.encryptions)} on {cloud}"
    yield from _key(settings, terms)
    if not low <= settings.noncurrent_days <= high:
        yield "noncurrent_days", f"must be {low} to {high}, as {terms.store} accepts"
    yield from _state_among_xcoms(settings)
    if is_other_store and cloud != "aws":
        yield "endpoint_url", f"must be {EMBEDDED} or empty on {cloud}"
    if settings.connection_store != "values" and cloud != "aws":
        yield "connection_store", f"must be values on {cloud}, whose connection holds no secret"
    if settings.connection_store != "values" and is_other_store:
        yield "connection_store", "must be values: AWS Secrets Manager knows no keys of this store"
    for name in ("agent_keys_secret", "ca_bundle", "checksums"):
        if not is_other_store and getattr(settings, name) not in ("", "when_supported"):
            yield name, "is for a store behind endpoint_url; AWS has workload identity"
    if settings.payload_callable and not re.fullmatch(r"[\w.]+:\w+", settings.payload_callable):
        yield "payload_callable", "must be module:function"


def _key(settings: Any, terms: Terms) -> Iterator[tuple[str, str]]:
    _, own_key = terms.encryptions
    pattern, form = terms.key
    if (settings.encryption == own_key) is not bool(settings.kms_key):
        yield "kms_key", f"{own_key} needs a key, and only {own_key} takes one"
    if settings.kms_key and not re.fullmatch(pattern, settings.kms_key):
        yield "kms_key", f"must be {form}"


def _state_among_xcoms(settings: Any) -> Iterator[tuple[str, str]]:
    both = permutations((settings.prefix, settings.state_prefix))
    if settings.state_store and any(f"{one}/".startswith(f"{other}/") for one, other in both):
        yield "state_prefix", "must be apart from prefix, where XComs expire"
