"""What a reader gets for a reference that leads nowhere any more: an error, or the path as a value.

Nothing is injected here. A value is stored, then its surroundings change as they do in real life:
the prefix is moved, the connection gets another name, the object expires.
"""

from collections.abc import Callable, Mapping, Sequence

from xcomkit.backend.configuration import connection_id, send_small_values
from xcomkit.backend.expectation import Expectation
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import (
    STATE,
    XCOM,
    Outcome,
    Payload,
    Request,
    Subject,
    Where,
    encode_and_push,
    pull,
)
from xcomkit.backend.round_trip import object_key
from xcomkit.backend.state_rules import XC542, XC543, XC544
from xcomkit.findings.errors import ProcessError, XcomkitError
from xcomkit.findings.model import Check, Rule
from xcomkit.objects.reading import ObjectReader, is_there

DAG_ID = "xcomkit_references"
_REMEDY = "Set backend to durable, which raises; never change the path while XComs are alive."

XC518 = Rule(
    id="XC518",
    title="A reference below a moved prefix is an error",
    severity="fail",
    why="After the prefix is changed every earlier value is read as its own path, silently.",
    remedy=_REMEDY,
    source="airflow.providers.common.io.xcom.backend, _get_full_path",
    fix_in="03",
)
XC519 = Rule(
    id="XC519",
    title="A reference under a renamed connection is an error",
    severity="fail",
    why="The connection id is part of the path: a new one makes every earlier value its own path.",
    remedy=_REMEDY,
    source="airflow.providers.common.io.xcom.backend, _get_full_path",
    fix_in="03",
)
XC521 = Rule(
    id="XC521",
    title="An expired object is an error",
    severity="fail",
    why="Lifecycle deletes objects and keeps references: a late re-run reads paths as values.",
    remedy="Set backend to durable, which raises; keep objects longer than any re-run.",
    source="airflow.providers.common.io.xcom.backend, deserialize_value",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC518, XC519, XC521)
_RULES = {XCOM.name: RULES, STATE.name: (XC542, XC543, XC544)}
"""Of a moved prefix, a renamed connection and an object that is gone."""


def check(
    worker: Worker,
    *,
    environment: Mapping[str, str],
    reader: ObjectReader,
    delete: Callable[[list[str]], object],
    bucket: str,
    run_id: str,
    subject: Subject = XCOM,
) -> tuple[Check, ...]:
    """Return what becomes of a stored value when its surroundings change.

    The renamed connection is made of ``environment``; ``delete`` takes keys as lifecycle would.
    """
    rules, settings = _RULES[subject.name], worker.hello.bound(subject).settings
    path = settings["path"].rstrip("/")
    conn_id = connection_id(path)
    small = send_small_values(settings["threshold"], subject=subject)
    if not conn_id:
        return _unknown(rules, "the path names no connection id")
    where = Where(DAG_ID, run_id, "reference", subject=subject.name)
    steps = encode_and_push(Payload("small_dict"), where=where)
    try:
        encoded, pushed = worker.run(steps, environment=small)
        key = object_key(pushed.reference, bucket=bucket)
        if not key or not is_there(key, reader=reader):
            reason = str(pushed.error or "the value is not in the bucket")
            return _unknown(rules, f"nothing to try it on: {reason}")
        variable = subject.path_variable
        renamed = _renamed(path, conn_id, environment, variable=variable)
        look = [pull(pushed.reference, describe=True, where=where)]
        moved, other, here = worker.run_all(
            [Request(look, {variable: f"{path}-moved"}), Request(look, renamed), Request(look)]
        )
        if isinstance(here, ProcessError) or here[0].difference(encoded):
            observed = here if isinstance(here, ProcessError) else here[0].difference(encoded)
            return _unknown(rules, f"the value does not come back anyway: {observed}")
        delete([key])
        if is_there(key, reader=reader) is not False:
            return _unknown(rules, "the object is not known to be gone after it was deleted")
        (gone,) = worker.run_all([Request(look)])
    except XcomkitError as error:
        return _unknown(rules, str(error))
    return (
        judge(rules[0], moved, encoded, change=f"path {path}-moved"),
        judge(rules[1], other, encoded, change=f"path {renamed[variable]}"),
        judge(rules[2], gone, encoded, change="the object was deleted, the reference stayed"),
    )


def _renamed(
    path: str, conn_id: str, environment: Mapping[str, str], *, variable: str
) -> dict[str, str]:
    """Return the variables under which the same connection has another id."""
    new = f"{conn_id}_renamed"
    variables = {variable: path.replace(f"://{conn_id}@", f"://{new}@", 1)}
    uri = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    return {**variables, f"AIRFLOW_CONN_{new.upper()}": uri} if uri else variables


def _expect(rule: Rule) -> Expectation:
    return Expectation(rule, "an error, or the value itself", "pulled in a fresh process")


def judge(
    rule: Rule, answer: tuple[Outcome, ...] | ProcessError, encoded: Outcome, *, change: str
) -> Check:
    """Return whether a pull raised, or gave back the value; silent is whatever else came back."""
    if isinstance(answer, ProcessError):
        return _expect(rule).judge(None, f"{answer}; {change}")
    (pulled,) = answer
    difference = pulled.difference(encoded)
    is_silent = bool(difference) and not pulled.error
    observed = f"{difference}, without an error" if is_silent else difference or "the value"
    return _expect(rule).judge(not is_silent, f"{observed}; {change}")


def _unknown(rules: Sequence[Rule], reason: str) -> tuple[Check, ...]:
    return tuple(_expect(rule).judge(None, reason) for rule in rules)
