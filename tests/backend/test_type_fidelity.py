from pathlib import Path

import pytest
from backend_target import Target

from xcomkit.backend.process import open_worker
from xcomkit.backend.type_fidelity import KNOWN, Fate, check, examine
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import BACKENDS

pytestmark = pytest.mark.usefixtures("forked")
LOSSY = """from datetime import datetime
from airflow.providers.common.io.xcom.backend import XComObjectStorageBackend as Stock

class Lossy(Stock):
    @staticmethod
    def deserialize_value(result):
        value = Stock.deserialize_value(result)
        return str(value) if isinstance(value, datetime) else value
"""
CLASS = "AIRFLOW__CORE__XCOM_BACKEND"
KEPT = Fate("str", "kept", "kept")
TUPLE = Fate("tuple in a list", "becomes list [[1]]", "kept")


@pytest.mark.parametrize("backend", ["stock", "durable"])
def test_types_that_change_are_those_that_are_known(target: Target, backend: str):
    environment = {**target.effective, CLASS: BACKENDS[backend]}
    with open_worker({**environment, **target.identity().environment}, timeout=60) as worker:
        found = examine(worker, run_id="run")

    assert not isinstance(found, ProcessError)
    fates = {one.name: one for one in found}
    assert {name for name, one in fates.items() if one.is_altered} == KNOWN
    assert fates["datetime"].through_object == fates["timedelta"].through_object == "kept"
    assert fates["tuple in a list"].through_object == "becomes list [[1, 'a']]"
    assert fates["pandas DataFrame"].through_object == "kept"
    assert "not JSON serializable" in fates["bytes"].through_object
    assert check(found).status == "pass"


def test_class_that_alters_a_type_of_its_own_is_a_warning(target: Target, tmp_path: Path):
    (tmp_path / "lossy.py").write_text(LOSSY)
    own = {CLASS: "lossy.Lossy", "PYTHONPATH": str(tmp_path)}
    environment = {**target.effective, **target.identity().environment, **own}
    with open_worker(environment, timeout=60) as worker:
        found = check(examine(worker, run_id="run"))

    assert (found.status, "datetime becomes str" in found.observed) == ("warn", True)


def test_known_changes_are_told_in_the_check_that_passes():
    found = check((KEPT, TUPLE))
    assert found.status == "pass"
    assert "tuple in a list becomes list" in found.observed


def test_type_that_only_the_object_changes_is_a_warning_when_nobody_knew():
    found = check((KEPT, TUPLE, Fate("datetime", "becomes str 2026", "kept")))
    assert (found.status, "datetime becomes str" in found.observed) == ("warn", True)


def test_errors_and_changes_on_both_ways_are_no_silent_difference():
    loud = Fate("bytes", "TypeError: not JSON", "kept")
    both = Fate("dict with int keys", "becomes dict", "becomes dict")
    assert check((KEPT, loud, both)).status == "pass"


def test_object_that_took_nothing_at_all_leaves_it_unknown():
    refused = Fate("str", "PermissionError: AccessDenied", "kept")
    assert check((refused, Fate("int", "PermissionError: AccessDenied", "kept"))).status == (
        "unknown"
    )


def test_database_that_kept_nothing_leaves_nothing_to_compare_with():
    assert check((Fate("str", "kept", "ImportError: no serde"),)).status == "unknown"


def test_worker_that_could_not_try_leaves_it_unknown():
    assert check(ProcessError("gave up", hint="")).status == "unknown"
