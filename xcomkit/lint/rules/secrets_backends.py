"""What a file tells of the secrets backend: whether agents may find a connection there."""

import json

from xcomkit.lint.context import Context
from xcomkit.values.names import SECRETS_BACKEND, SECRETS_KWARGS

_BACKENDS = (SECRETS_BACKEND, "AIRFLOW__WORKERS__SECRETS_BACKEND")
_KWARGS = (SECRETS_KWARGS, "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS")
# what the providers of Airflow bring, by the last part of the class
_KNOWN = frozenset(
    {"SecretsManagerBackend", "SystemsManagerParameterStoreBackend", "VaultBackend",
     "AzureKeyVaultBackend", "CloudSecretManagerBackend", "LockboxSecretBackend"}
)  # fmt: skip
# agents see no metadata database, and their own variables were looked at already
_EMPTY = frozenset({"MetastoreBackend", "EnvironmentVariablesBackend"})


def knows_connections(context: Context, component: str) -> bool | None:
    """Return whether a backend may hold connections; ``None`` where the file does not tell.

    Source: Airflow, secrets backends: a prefix of null means that connections are not looked up.
    """
    written = context.variables[component]
    classes = [v.value for v in written if v.name in _BACKENDS and v.value != ""]
    kwargs = [v.value for v in written if v.name in _KWARGS]
    verdicts = {_knows(path, kwargs[-1] if kwargs else "") for path in classes}
    return True if True in verdicts else None if None in verdicts else False


def _knows(path: str | None, kwargs: str | None) -> bool | None:
    if path is None:
        return None
    parts = path.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts) or parts[-1] in _EMPTY:
        return False
    if kwargs is None:
        return None
    settings = _read(kwargs)
    if parts[-1] == "LocalFilesystemBackend":
        return bool(settings.get("connections_file_path"))
    names = ("connections_prefix", "connections_path")
    if any(name in settings and settings[name] is None for name in names):
        return False
    return True if parts[-1] in _KNOWN else None


def _read(text: str) -> dict[str, object]:
    try:
        found = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):  # XC052 speaks of it
        return {}
    return found if isinstance(found, dict) else {}
