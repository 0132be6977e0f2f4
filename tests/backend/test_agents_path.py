"""A push goes the way of the installed Airflow's task runner, whichever hook a class implements."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from backend_target import CLASS, Target

from xcomkit.backend.configuration import check_loops
from xcomkit.backend.launch import Launch
from xcomkit.backend.process import open_worker
from xcomkit.backend.protocol import Hello, Outcome, Payload, Step, Where, pull, purge, push, size
from xcomkit.backend.version_matrix import Row
from xcomkit.findings.model import BACKENDS

WHERE = Where(dag_id="dag", run_id="run", task_id="task", key="a key")
THERE_AND_BACK = (push(Payload("small_dict"), where=WHERE), pull(describe=True), purge(), size())
OLD_STYLE = """
from airflow.providers.common.io.xcom.backend import XComObjectStorageBackend


class OldStyle(XComObjectStorageBackend):
    @staticmethod
    def serialize_value(value, **where):
        return XComObjectStorageBackend.serialize_value({"old style": value}, **where)
"""


def asked(
    target: Target, python: Path, steps: Sequence[Step] = THERE_AND_BACK, **changes: str
) -> tuple[Hello, tuple[Outcome, ...]]:
    environment = {**target.effective, **target.identity().environment, **changes}
    with open_worker(environment, timeout=60, launch=Launch(python=str(python))) as worker:
        return worker.hello, worker.run(steps)


def test_installed_airflow_stores_below_the_task_and_has_no_task_loops(target: Target) -> None:
    hello, (pushed, pulled, purged, left) = asked(target, Path(sys.executable))

    assert re.search(r"/dag/run/task/[0-9a-f-]{36}$", pushed.reference)
    assert (pulled.error, purged.error, left.bytes) == (None, None, None)
    assert pulled.value is not None
    assert check_loops(hello).status == "skip"


def test_newest_airflow_stores_below_the_task_instance_with_either_class(
    target: Target, newest: Row
) -> None:
    for class_path in BACKENDS.values():
        hello, (pushed, pulled, purged, left) = asked(
            target, newest.interpreter, **{CLASS: class_path}
        )

        assert re.search(r"/dag/run/task/ti-[0-9a-f-]{36}/a%20key\.json$", pushed.reference)
        assert (pulled.error, purged.error, left.bytes) == (None, None, None)
        assert check_loops(hello).status == "pass"


def test_class_of_the_old_hook_is_proved_through_it_and_task_loops_are_refused(
    target: Target, newest: Row, tmp_path: Path
) -> None:
    (tmp_path / "oldstyle.py").write_text(OLD_STYLE)

    hello, (pushed, pulled, *_) = asked(
        target,
        newest.interpreter,
        **{CLASS: "oldstyle.OldStyle"},
        PYTHONPATH=str(tmp_path),
    )

    assert re.search(r"/dag/run/task/[0-9a-f-]{36}$", pushed.reference)
    assert "old style" in str(pulled.value)
    check = check_loops(hello)
    assert check.status == "warn"
    assert "stores values through serialize_value rather than store_value" in check.observed
