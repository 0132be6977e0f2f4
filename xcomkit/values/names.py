"""The names Airflow and the chart use for XCom settings, and how a base path is read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

BACKEND = "AIRFLOW__CORE__XCOM_BACKEND"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"
COMPRESSION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
STATE_BACKEND = "AIRFLOW__WORKERS__STATE_STORE_BACKEND"
STATE_PATH = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH"
STATE_THRESHOLD = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_THRESHOLD"
STATE_COMPRESSION = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_COMPRESSION"
SECRETS_BACKEND = "AIRFLOW__SECRETS__BACKEND"
SECRETS_KWARGS = "AIRFLOW__SECRETS__BACKEND_KWARGS"
CONNECTION_PREFIX = "AIRFLOW_CONN_"
STORE_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""What signs to a store that speaks S3 and has no workload identity."""

PRACTICE = "PRACTICE: made on a stand-in, not for your agents"
"""The first comment of a values file whose bucket and identity are those of a stand-in."""

XCOM_SETTINGS = (BACKEND, PATH, THRESHOLD, COMPRESSION)
STATE_SETTINGS = (STATE_BACKEND, STATE_PATH, STATE_THRESHOLD, STATE_COMPRESSION)

# Airflow 3: what these keys of the chart become in every component; the last since chart 2.3.0
CHART_FIELDS = {
    "xcomBackend": BACKEND, "secretBackend": SECRETS_BACKEND, "stateStoreBackend": STATE_BACKEND,
}  # fmt: skip

CHART_KEYS = frozenset(
    {*CHART_FIELDS, "commonEnv", "dagProcessor", "loggingSidecar", "resourceNamePrefix",
     "sentinel", "serviceAccount", "triggerer", "workers"}
)  # fmt: skip
"""Keys at the top of the chart's values that decide what agents do with XComs, and as whom."""

_PLACEHOLDER = re.compile(
    r"(?<!\?P)<[A-Za-z][\w .:/-]{0,60}>|<\d[\w-]{3,60}>"
    r"|\b(?:REPLACE|CHANGE|FILL)[_-]?ME\b|(?<![\w-])your[-_][a-z][a-z_-]{1,40}"
    r"|(?<!\w)x{4,40}(?!\w)|(?<!\w)INSERT_\w{1,40}_HERE\b|^(?-i:TODO|TBD|FIXME)$",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"</?(?:br|hr|p|li|img)\s*/?>", re.IGNORECASE)  # which nothing has to close
# what a tool puts in before helm or Kubernetes see the file: sops, eyaml, vals, bank-vaults,
# argocd-vault-plugin, 1Password, berglas, ansible-vault
_REFERENCE = re.compile(
    r"\bENC\[[A-Z0-9_]+,|\b(?:secret)?ref\+[a-z0-9]+://|<path:[^>\n]+>"
    r"|^\s*(?:(?:>>)?vault:|op://|sm://|berglas://|\$ANSIBLE_VAULT;)"
)
_TEMPLATE = re.compile(r"\$\{[A-Za-z_][^${}\n]*+\}|\{\{[^{}]*+\}\}|\{%[^{}%]*+%\}")
_PATH = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^/@]*)@)?([^/]*)(/.*)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BasePath:
    """The parts of ``<scheme>://<connection-id>@<bucket>/<prefix>``; absent parts are empty."""

    scheme: str
    connection_id: str
    bucket: str
    prefix: str


def parse_base_path(text: str) -> BasePath | None:
    """Return the parts of an XCom path, or ``None`` when it has no scheme."""
    match = _PATH.fullmatch(text)
    if match is None:
        return None
    scheme, connection_id, bucket, prefix = (part or "" for part in match.groups())
    return BasePath(scheme.lower(), connection_id, bucket, prefix.strip("/"))


def is_setting(name: str) -> bool:
    """Tell whether a variable is of XCom, state store or secrets backend, or a connection."""
    known = (*XCOM_SETTINGS, *STATE_SETTINGS, SECRETS_BACKEND, SECRETS_KWARGS)
    return name in known or name.startswith(CONNECTION_PREFIX)


def connection_variable(connection_id: str) -> str:
    """Return the variable in which Airflow looks for a connection."""
    return CONNECTION_PREFIX + connection_id.upper()


def is_reference(text: str) -> bool:
    """Tell whether another tool puts the value in, such as ``ENC[...]`` or ``ref+vault://...``."""
    return _REFERENCE.search(text) is not None


def is_sops(data: Mapping[str, object]) -> bool:
    """Tell whether sops encrypted a file: its own key holds the MAC over all values."""
    found = data.get("sops")
    return isinstance(found, dict) and bool({"mac", "lastmodified", "version"} & set(found))


def without_templates(text: str) -> str:
    """Return a text without the ``${NAME}`` and ``{{ ... }}`` in it."""
    return _TEMPLATE.sub("", text)


def find_placeholder(text: str) -> str:
    """Return what still waits to be filled in, such as ``<your-bucket>``, or ``""``.

    ``<green>`` before ``</green>`` is markup, and so is ``<br>``.
    """
    found = (match[0] for match in _PLACEHOLDER.finditer(text) if not _MARKUP.match(match[0]))
    return next((one for one in found if one[0] != "<" or f"</{one[1:]}" not in text), "")


def is_practice(text: str) -> bool:
    """Tell whether a values file was made in practice, and says so in its first line."""
    return text.removeprefix("\ufeff").startswith(f"# {PRACTICE}")
