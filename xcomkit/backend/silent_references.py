"""What a reader gets for a reference that leads nowhere any more: an error, or the path as a value.

Nothing is injected here. A value is stored, then its surroundings change as they do in real life:
the prefix is moved, the connection gets another name, the object expires.
"""

from collections.abc import Callable, Mapping

from xcomkit.backend.configuration import connection_id, send_small_values
from xcomkit.backend.process import Worker
from xcomkit.backend.protocol import Outcome, Payload, Request, Where, encode, pull, push
from xcomkit.backend.round_trip import object_key
from xcomkit.findings.errors import ProcessError, XcomkitError
from xcomkit.findings.model import Check, Rule
from xcomkit.objects.reading import ObjectReader, is_there

DAG_ID = "xcomkit_references"
PATH_VARIABLE = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
_SILENT = "the reader got the reference string as the value, without an error"
_OTHER = "the reader got another value, without an error"
_REMEDY = "set backend to durable, which raises; never change the path while XComs are alive"

XC518 = Rule(
    id="XC518",
    title="A reference below a moved prefix is an error",
    severity="fail",
    why="after the prefix is changed every earlier value is read as its own path, without an error",
    remedy=_REMEDY,
    source="airflow.providers.common.io.xcom.backend, _get_full_path",
    fix_in="03",
)
XC519 = Rule(
    id="XC519",
    title="A reference under a renamed connection is an error",
    severity="fail",
    why="the connection id is part of the path: a new one makes every earlier value its own path",
    remedy=_REMEDY,
    source="airflow.providers.common.io.xcom.backend, _get_full_path",
    fix_in="03",
)
XC521 = Rule(
    id="XC521",
    title="An expired object is an error",
    severity="fail",
    why="lifecycle deletes objects and keeps references: a late re-run reads paths as values",
    remedy="set backend to durable, which raises; keep objects longer than any re-run",
    source="airflow.providers.common.io.xcom.backend, deserialize_value",
    fix_in="03",
)
RULES: tuple[Rule, ...] = (XC518, XC519, XC521)


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

    Args:
        worker: pushes with its own path and pulls with changed ones.
        environment: the effective environment; the renamed connection is made of it.
        reader: says whether the value was there to begin with.
        delete: takes keys away as lifecycle would.
        bucket: where the reference leads.
        run_id: becomes part of the key.
    """
    release = ", ".join(
        f"{name.removeprefix('apache-airflow-providers-').removeprefix('apache-')} {version}"
        for name, version in worker.hello.packages.items()
        if name in ("apache-airflow", "apache-airflow-providers-common-io")
    )
    path = worker.hello.settings["path"]
    conn_id = connection_id(path)
    small = send_small_values(worker.hello.settings["threshold"])
    if not conn_id:
        return _unknown("the path names no connection id", release)
    where = Where(dag_id=DAG_ID, run_id=run_id, task_id="reference")
    try:
        payload = Payload("small_dict")
        steps = [encode(payload, describe=True), push(payload, where=where)]
        encoded, pushed = worker.run(steps, environment=small)
        key = object_key(pushed.reference, bucket=bucket)
        if not key or not is_there(key, reader=reader):
            reason = str(pushed.error or "the value is not in the bucket")
            return _unknown(f"nothing to try it on: {reason}", release)
        renamed = _renamed(path, conn_id, environment)
        look = [pull(pushed.reference, describe=True)]
        moved, other, here = worker.run_all(
            [Request(look, {PATH_VARIABLE: f"{path}-moved"}), Request(look, renamed), Request(look)]
        )
        if (result := _result(here, encoded)) != "the value":
            return _unknown(f"the value does not come back anyway: {result}", release)
        delete([key])
        if is_there(key, reader=reader) is not False:
            return _unknown("the object is not known to be gone after it was deleted", release)
        gone = worker.run_all([Request(look)])[0]
    except XcomkitError as error:
        return _unknown(str(error), release)
    return (
        _judge(XC518, _result(moved, encoded), f"path {path}-moved", release),
        _judge(XC519, _result(other, encoded), f"path {renamed[PATH_VARIABLE]}", release),
        _judge(
            XC521, _result(gone, encoded), "the object was deleted, the reference kept", release
        ),
    )


def _renamed(path: str, conn_id: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables under which the same connection has another id."""
    new = f"{conn_id}_renamed"
    variables = {PATH_VARIABLE: path.replace(f"://{conn_id}@", f"://{new}@", 1)}
    uri = environment.get(f"AIRFLOW_CONN_{conn_id.upper()}")
    return {**variables, f"AIRFLOW_CONN_{new.upper()}": uri} if uri else variables


def _result(outcomes: tuple[Outcome, ...] | ProcessError, encoded: Outcome) -> str | ProcessError:
    if isinstance(outcomes, ProcessError):
        return outcomes
    (pulled,) = outcomes
    if pulled.error:
        return f"the pull raised {pulled.error}"
    if pulled.is_reference:
        return _SILENT
    is_same = pulled.value and encoded.value and pulled.value["digest"] == encoded.value["digest"]
    return "the value" if is_same else _OTHER


def _judge(rule: Rule, result: str | ProcessError, change: str, release: str) -> Check:
    return rule.judge(
        None if isinstance(result, ProcessError) else result not in (_SILENT, _OTHER),
        expected="an error, or the value itself",
        observed=f"{result}; {change}",
        how=f"pulled in a fresh process, {release}",
        basis="behaviour",
    )


def _unknown(reason: str, release: str) -> tuple[Check, ...]:
    return tuple(
        rule.judge(
            None,
            expected="an error, or the value itself",
            observed=reason,
            how=f"a fresh process, {release}",
            basis="behaviour",
        )
        for rule in RULES
    )
