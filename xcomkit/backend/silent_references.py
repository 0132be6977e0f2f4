"""What a reader gets for a reference that leads nowhere any more: an error, or the path as a value.

Nothing is injected here. A value is stored, then its surroundings change as they do in real life:
the prefix is moved, the connection gets another name, the object expires.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from xcomkit.backend.configuration import connection_id
from xcomkit.backend.expectation import Expectation, expect, rules
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    Outcome,
    Payload,
    Request,
    encode_and_push,
    pull,
)
from xcomkit.backend.round_trip import object_key
from xcomkit.findings.errors import ProcessError, XcomkitError
from xcomkit.findings.model import Check
from xcomkit.objects.reading import ObjectReader, is_there

DAG_ID = "xcomkit_references"
_is_error = partial(
    expect,
    source="{module}",
    fix_in="03",
    expected="an error, or the value itself",
    how="pulled in a fresh process",
)
MOVED = _is_error(
    ("XC518", "A reference below a moved prefix is an error"),
    ("XC542", "State below a moved prefix is an error"),
    why="After the prefix is changed {every} stored before, silently.",
    remedy=(
        "Set backend to durable, which raises; never change the path while XComs are alive.",
        "Move the objects with the prefix, or let running jobs end before it is changed.",
    ),
)
RENAMED = _is_error(
    ("XC519", "A reference under a renamed connection is an error"),
    ("XC543", "State under a renamed connection is an error"),
    why="The connection id is part of the path: under a new one {every} stored before.",
    remedy=(
        "Set backend to durable, which raises; never change the path while XComs are alive.",
        "Leave the connection id as it is.",
    ),
)
GONE = _is_error(
    ("XC521", "An expired object is an error"),
    ("XC544", "State whose object is gone is an error"),
    why="Lifecycle deletes objects and keeps references: a late re-run gets {missing}.",
    remedy="Set backend to durable, which raises; {expiry}.",
)
RULES = rules(MOVED, RENAMED, GONE)


def check(
    worker: Worker,
    *,
    environment: Mapping[str, str],
    reader: ObjectReader,
    delete: Callable[[list[str]], object],
    bucket: str,
    run_id: str,
) -> tuple[Check, ...]:
    """Return what becomes of a stored value when its surroundings change.

    The renamed connection is made of ``environment``; ``delete`` takes keys as lifecycle would.
    """
    moves = [one[worker.subject] for one in (MOVED, RENAMED, GONE)]
    path = worker.bound.settings["path"].rstrip("/")
    conn_id = connection_id(path)
    if not conn_id:
        return _unknown(moves, "the path names no connection id")
    where = worker.where(DAG_ID, run_id, "reference")
    steps = encode_and_push(Payload("small_dict"), where=where)
    try:
        encoded, pushed = worker.run(steps, environment=worker.small)
        key = object_key(pushed.reference, bucket=bucket)
        if not key or not is_there(key, reader=reader):
            reason = str(pushed.error or "the value is not in the bucket")
            return _unknown(moves, f"nothing to try it on: {reason}")
        variable = worker.subject.path_variable
        renamed = _renamed(path, conn_id, environment, variable=variable)
        look = [pull(pushed.reference, describe=True, where=where)]
        moved, other, here = worker.run_all(
            [Request(look, {variable: f"{path}-moved"}), Request(look, renamed), Request(look)]
        )
        if isinstance(here, ProcessError) or here[0].difference(encoded):
            observed = here if isinstance(here, ProcessError) else here[0].difference(encoded)
            return _unknown(moves, f"the value does not come back anyway: {observed}")
        delete([key])
        if is_there(key, reader=reader) is not False:
            return _unknown(moves, "the object is not known to be gone after it was deleted")
        (gone,) = worker.run_all([Request(look)])
    except XcomkitError as error:
        return _unknown(moves, str(error))
    return (
        judge(moves[0], moved, encoded, change=f"path {path}-moved"),
        judge(moves[1], other, encoded, change=f"path {renamed[variable]}"),
        judge(moves[2], gone, encoded, change="the object was deleted, the reference stayed"),
    )


def _renamed(
    path: str, conn_id: str, environment: Mapping[str, str], *, variable: str
) -> dict[str, str]:
    """Return the variables under which the same connection has another id."""
    new = f"{conn_id}_renamed"
    variables = {variable: path.replace(f"://{conn_id}@", f"://{new}@", 1)}
    uri = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    return {**variables, f"AIRFLOW_CONN_{new.upper()}": uri} if uri else variables


def judge(
    error: Expectation,
    answer: tuple[Outcome, ...] | ProcessError,
    encoded: Outcome,
    *,
    change: str,
) -> Check:
    """Return whether a pull raised, or gave back the value; silent is whatever else came back."""
    if isinstance(answer, ProcessError):
        return error.judge(None, f"{answer}; {change}")
    (pulled,) = answer
    difference = pulled.difference(encoded)
    is_silent = bool(difference) and not pulled.error
    observed = f"{difference}, without an error" if is_silent else difference or "the value"
    return error.judge(not is_silent, f"{observed}; {change}")


def _unknown(moves: Sequence[Expectation], reason: str) -> tuple[Check, ...]:
    return tuple(one.judge(None, reason) for one in moves)
