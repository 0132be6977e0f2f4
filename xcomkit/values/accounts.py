"""The Kubernetes service accounts the agents will run as, and their subjects in a trust policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xcomkit.values.environment import DAG_PROCESSOR, TRIGGERER, worker_groups
from xcomkit.values.names import find_placeholder, is_reference, without_templates
from xcomkit.values.values import Values


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The account of one component.

    ``created`` tells whether the chart makes it; ``named`` whether the file or its comments fix
    the name, false when it rests on an undocumented default.
    """

    component: str
    name: str
    created: bool
    named: bool
    annotations: Mapping[str, str]


def read_accounts(values: Values, *, prefix: str) -> tuple[ServiceAccount, ...]:
    """Return the account of every worker group, the Dag processor and the triggerer.

    A name written in the file counts, per group (``workers[].serviceAccount``, chart 2.x) before
    all groups (``serviceAccount.workers``); Sentinel touches no XCom and is left out. ``prefix``
    stands in where the file fixes none.
    """
    prefix = read_prefix(values, default=prefix)
    accounts = [
        _account(values, f"worker:{name}", key="workers", default=f"{prefix}-worker-{name}",
                 own=_layer(values.get("workers", index, "serviceAccount")))
        for index, name in worker_groups(values)
    ]  # fmt: skip
    for component, suffix in ((DAG_PROCESSOR, "dag-processor"), (TRIGGERER, "triggerer")):
        accounts.append(
            _account(values, component, key=component, default=f"{prefix}-{suffix}", own={})
        )
    return tuple(accounts)


def _account(
    values: Values, component: str, *, key: str, default: str, own: dict[str, Any]
) -> ServiceAccount:
    shared = _layer(values.get("serviceAccount", key))
    name = _filled(own.get("name")) or _filled(shared.get("name"))
    annotations: dict[str, str] = {}
    for found in (
        values.get("annotations"),
        values.get("serviceAccount", "annotations"),
        shared.get("annotations"),
        own.get("annotations"),
    ):
        if isinstance(found, dict):
            annotations |= {key: text for key, text in found.items() if isinstance(text, str)}
    return ServiceAccount(
        component,
        name or default,
        created=_is_created(values, key=key, own=own),
        named=bool(name) or key == "workers",  # the one default that the chart documents
        annotations=annotations,
    )


def _is_created(values: Values, *, key: str, own: dict[str, Any]) -> bool:
    """Tell whether the chart makes an account; its default is true, and ``~`` takes that away."""
    found: Any = own.get("create")
    if found is not None:
        return bool(found)
    found = values.data
    for part in ("serviceAccount", key, "create"):
        found = found.get(part, True) if isinstance(found, dict) else found
    return bool(found)


def read_prefix(values: Values, *, default: str) -> str:
    """Return what starts the name of every Deployment and service account."""
    return _filled(values.get("resourceNamePrefix")) or default


def read_namespace(values: Values, *, default: str) -> str:
    """Return the namespace the file installs into, or the one that stands in for it."""
    return _filled(values.get("namespace")) or default


def _layer(found: object) -> dict[str, Any]:
    """Return one serviceAccount block; a bare text is its name."""
    if isinstance(found, str):
        return {"name": found}
    return found if isinstance(found, dict) else {}


def _filled(value: object) -> str:
    """Return a text, or ``""`` when it is none, or is not the text that will be there."""
    if not isinstance(value, str) or find_placeholder(value) or is_reference(value):
        return ""
    return value if without_templates(value) == value else ""
