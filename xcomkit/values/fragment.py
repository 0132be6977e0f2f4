"""The part of values.yaml that makes XCom work: built from the settings, written with reasons."""

import json
from collections.abc import Mapping
from typing import Any

from xcomkit.findings.model import BACKENDS, STATE_STORES
from xcomkit.settings.settings import Settings
from xcomkit.values import emit
from xcomkit.values.names import (
    COMPRESSION,
    CONNECTION_PREFIX,
    PATH,
    PRACTICE,
    SECRETS_KWARGS,
    STATE_COMPRESSION,
    STATE_PATH,
    STATE_THRESHOLD,
    STORE_KEYS,
    THRESHOLD,
    connection_variable,
)

_HEAD = (
    "# XCom settings of the Remote Execution Agents. This is a part of values.yaml, not all of it:",
    "# merge it into the file downloaded from the Astro UI. As a second -f file it would replace",
    "# the lists (commonEnv, workers) of the first, because Helm merges mappings only.",
)
_WHY = {
    "resourceNamePrefix": "starts the name of every Deployment and service account",
    "namespace": "half of every subject that is trusted",
    "xcomBackend": "the class in every component; without it values go to the metadata database",
    "stateStoreBackend": "the class that keeps task and asset state; agents from 1.8.0 need it",
    "secretBackend": "where agents look up connections; they cannot see the metadata database",
    "commonEnv": "reaches workers, Dag processor and triggerer; every value must be a text",
    "workers": "one Deployment and one service account per group",
    "serviceAccount": "named here, so that trust rests on no default of the chart",
    "labels": "on every pod, or the platform hands it no token; a text, so in quotes",
    "annotations": "the workload identity: who the pods may become",
    PATH: "<protocol>://<connection-id>@<bucket>/<prefix>",
    THRESHOLD: "bytes from which a value goes to the bucket; 0 = always, unset = never",
    COMPRESSION: "read by every agent; the reader recognises it by the object's suffix",
    STATE_PATH: "apart from XCom, whose objects expire: asset state must outlive every run",
    STATE_THRESHOLD: "bytes from which state goes to the bucket; 0 = always, never negative",
    STATE_COMPRESSION: "read by every agent; the reader recognises it by the object's suffix",
    SECRETS_KWARGS: "how the secrets backend names connections",
}


def generate(
    settings: Settings,
    *,
    connection: Mapping[str, object],
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
    environment: Mapping[str, str],
    secrets_backend: Mapping[str, str],
) -> dict[str, Any]:
    """Return the fragment as plain data.

    The connection holds no secret; ``annotations`` are empty with EKS Pod Identity;
    ``secrets_backend`` is ``class`` and ``kwargs`` (JSON text), used with ``secrets-manager``.
    Source: remote agents Helm reference and the comments of the downloaded values.yaml.
    """
    fragment: dict[str, Any] = {
        "resourceNamePrefix": settings.resource_name_prefix,
        "namespace": settings.namespace,
        "xcomBackend": BACKENDS[settings.backend],
    }
    variables = {PATH: settings.base_path, THRESHOLD: str(settings.threshold)}
    if settings.compression != "none":
        variables[COMPRESSION] = settings.compression
    if settings.state_store:
        fragment["stateStoreBackend"] = STATE_STORES[settings.backend]
        variables |= {
            STATE_PATH: settings.state_path,
            STATE_THRESHOLD: str(settings.state_threshold),
        }
        if settings.compression != "none":
            variables[STATE_COMPRESSION] = settings.compression
    if settings.connection_store == "values":
        variables[connection_variable(settings.connection_id)] = json.dumps(dict(connection))
    else:
        fragment["secretBackend"] = secrets_backend["class"]
        variables[SECRETS_KWARGS] = secrets_backend["kwargs"]
    variables |= environment
    fragment["commonEnv"] = [
        *({"name": name, "value": text} for name, text in variables.items()),
        *_keys(settings.agent_keys_secret),
    ]
    if labels:
        fragment["labels"] = dict(labels)
    fragment["workers"] = [{"name": name} for name in settings.workers]
    fragment["serviceAccount"] = _service_accounts(settings, annotations=annotations)
    return fragment


def _keys(secret: str) -> list[dict[str, Any]]:
    """Return the entries that take the keys of a store without workload identity from a Secret."""
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": name}}}
        for name in (STORE_KEYS if secret else ())
    ]


def _service_accounts(settings: Settings, *, annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return the names the accounts shall have, and their annotations.

    The downloaded file gives the defaults of dag processor and triggerer with a ``-<name>`` that
    neither of them has, so both are named. ``serviceAccount.workers`` holds for all groups: with
    several groups its default, one account per group, is kept (helm would create one name twice).
    """
    prefix = settings.resource_name_prefix
    accounts: dict[str, Any] = {"annotations": dict(annotations)} if annotations else {}
    if len(settings.workers) == 1:
        accounts["workers"] = {"name": f"{prefix}-worker-{settings.workers[0]}"}
    accounts["dagProcessor"] = {"name": f"{prefix}-dag-processor"}
    accounts["triggerer"] = {"name": f"{prefix}-triggerer"}
    return accounts


def render(fragment: Mapping[str, Any], *, practice: bool = False) -> str:
    """Return the fragment as YAML text with the reason above each part."""
    lines = [*([f"# {PRACTICE}"] if practice else ()), *_HEAD]
    for key, value in fragment.items():
        lines += ["", f"# {_WHY[key]}"]
        match key:
            case "commonEnv":
                lines.append(f"{key}:")
                for entry in value:
                    lines += [f"  # {_reason(entry['name'])}", *emit.block([entry], indent=2)]
            case "serviceAccount":
                lines.append(f"{key}:")
                for name, inner in value.items():
                    lines += [f"  # {_WHY[name]}"] if name == "annotations" else []
                    lines += emit.pair(name, inner, indent=2)
            case _:
                lines += emit.pair(key, value, indent=0)
    return "\n".join(lines) + "\n"


def _reason(name: str) -> str:
    if name.startswith(CONNECTION_PREFIX):
        return "the connection the path names; it holds no secret"
    if name in STORE_KEYS:
        return "the store's own key, from a Secret that is yours to make; never in this file"
    return _WHY.get(name, "how the SDK of the store signs in and asks, in place of its own guess")
