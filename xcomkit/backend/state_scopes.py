"""Has every task, map index, asset and key a state of its own, for a retry to find and delete?"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import quote

from xcomkit.backend.cross_read import not_purged
from xcomkit.backend.expectation import Expectation
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    STATE,
    Payload,
    PushedValue,
    Where,
    encode_and_push,
    pull,
    purge,
    push,
    size,
)
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import Check, Rule

DAG_ID = "xcomkit_scopes"
EMPTY = "an empty key"
_OWN = Expectation(
    Rule(
        id="XC547",
        title="Every task, map index, asset and key has a state of its own",
        severity="fail",
        why="Two keys in one object mean that a task goes on from another one's state.",
        remedy="Use a class that quotes every part of the path, as common-io's and xcomkit's do.",
        source=f"{STATE.module}, _build_task_path and _build_asset_path",
        fix_in="03",
    ),
    "the own value for each, also after another one was deleted; an empty key is an error",
    "set in one process; read, deleted and read in another, as a retry does",
)
RULES = (_OWN.rule,)


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope or key that was tried, and what became of it: ``""`` if it has its own state."""

    name: str
    problem: str = ""


def prefixes(run_id: str) -> tuple[str, ...]:
    """Return below the path of the state store what only this run writes to."""
    names = {at.asset_name or at.asset_uri for at in places(run_id).values()} - {""}
    assets = (f"assets/{quote(name, safe='')}/" for name in sorted(names))
    return (f"{DAG_ID}/{quote(run_id, safe='')}", *assets)  # the other run's id begins so, too


def places(run_id: str) -> dict[str, Where]:
    """Return each scope and key that is tried, by name; no asset of the user's has these names."""
    task = Where(DAG_ID, run_id, "task", key="watermark", subject="state")
    asset = replace(task, asset_name=f"{DAG_ID}/{run_id} %")
    return {
        "a task": task,
        "map index 0": replace(task, map_index=0),
        "map index 1": replace(task, map_index=1),
        "another task": replace(task, task_id="other"),
        "another run": replace(task, run_id=f"{run_id}-later"),
        "key a/b": replace(task, key="a/b"),
        "key a%2Fb": replace(task, key="a%2Fb"),
        "key ü ?#": replace(task, key="ü ?#"),
        "an asset by name": asset,
        "an asset by URI": replace(asset, asset_name="", asset_uri=f"s3://{DAG_ID}/{run_id}?a=1#b"),
        "another key of the asset": replace(asset, key="watermark/2"),
    }


def examine(worker: Worker, *, run_id: str) -> tuple[Scope, ...] | ProcessError:
    """Return what became of the state of every scope; each object is deleted again."""
    tried = places(run_id)
    values = [Payload("json", text=json.dumps([name])) for name in tried]
    stores = [
        step
        for value, at in zip(values, tried.values(), strict=True)
        for step in encode_and_push(value, where=at)
    ]
    refused = push(Payload("small_dict"), where=replace(tried["a task"], key=""))
    try:
        *stored, empty = worker.run([*stores, refused], environment=worker.small)
        written = [*map(PushedValue, values, stored[::2], stored[1::2])]
        # every read but the first comes after all earlier ones were deleted
        look = [
            step
            for one, at in zip(written, tried.values(), strict=True)
            for step in (
                pull(one.pushed.reference, describe=True, where=at),
                purge(one.pushed.reference, where=at),
                size(one.pushed.reference),
            )
            if not one.problem
        ]
        looked = iter(worker.run(look, environment=worker.small))
    except ProcessError as error:
        return error
    found = []
    for name, one in zip(tried, written, strict=True):
        problem = one.problem
        if not problem:
            pulled, purged, left = islice(looked, 3)
            problem = pulled.difference(one.encoded) or not_purged(purged, left)
        found.append(Scope(name, problem))
    return (*found, Scope(EMPTY, "" if empty.error else "is stored"))


def check(found: Sequence[Scope] | ProcessError) -> Check:
    """Return whether every scope and key has a state of its own (XC547)."""
    if isinstance(found, ProcessError):
        return _OWN.judge(None, str(found))
    problems = [f"{one.name}: {one.problem}" for one in found if one.problem]
    names = ", ".join(one.name for one in found)
    return _OWN.judge(not problems, "; ".join(problems) or f"tried: {names}")
