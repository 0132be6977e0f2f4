"""What a file tells of the secrets backend: whether agents may find a connection there."""

from collections.abc import Iterator

from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules.connections import load_json
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


XC052 = Rule(
    id="XC052",
    title="Airflow can read the settings of the secrets backend",
    severity="fail",
    why="Keyword arguments that are no JSON mapping are dropped in silence, and the backend looks"
    " under its default names.",
    remedy='Write a JSON mapping, such as {"connections_prefix": "airflow/connections"}.',
    source="Airflow, configuration parser, secrets backend_kwargs",
)


def knows_connections(config: Configuration, component: str) -> bool | None:
    """Return whether a backend may hold connections; ``None`` where the file does not tell.

    Source: Airflow, secrets backends: a prefix of null means that connections are not looked up.
    """
    written = config.variables[component]
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
    settings = load_json(kwargs)[0]
    if not isinstance(settings, dict):  # XC052 speaks of it
        settings = {}
    if parts[-1] == "LocalFilesystemBackend":
        return bool(settings.get("connections_file_path"))
    names = ("connections_prefix", "connections_path")
    if any(name in settings and settings[name] is None for name in names):
        return False
    return True if parts[-1] in _KNOWN else None


@lint_rule(
    XC052, "a JSON mapping", fix=(SECRETS_KWARGS, '{"connections_prefix": "airflow/connections"}')
)
def _unreadable_kwargs(config: Configuration) -> Iterator[Objection]:
    for name in _KWARGS:
        for value, setting in config.known(name):
            if value.strip() and not isinstance(load_json(value)[0], dict):
                yield Objection(f"{name} in {setting.where} is no JSON mapping", setting.place)
