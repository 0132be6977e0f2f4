from pathlib import Path

import pytest
from backend_target import CLASS, Target

from xcomkit.backend.type_fidelity import KNOWN, TypeResult, check, examine
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import BACKENDS

LOSSY = """from datetime import datetime
from airflow.providers.common.io.xcom.backend import XComObjectStorageBackend as Stock

class Lossy(Stock):
    @staticmethod
    def deserialize_value(result):
        value = Stock.deserialize_value(result)
        return str(value) if isinstance(value, datetime) else value
"""
SAME = TypeResult("str", "kept", "kept")
TUPLE = TypeResult("tuple in a list", "becomes list [[1]]", "kept")


@pytest.mark.parametrize("backend", ["stock", "durable"])
def test_types_that_change_are_those_that_are_known(shared_target: Target, backend: str):
    with shared_target.worker(**{CLASS: BACKENDS[backend]}) as worker:
        found = examine(worker, run_id="run")

    assert not isinstance(found, ProcessError)
    results = {one.name: one for one in found}
    assert {name for name, one in results.items() if one.is_altered} == KNOWN
    for name in ("datetime", "timedelta", "pandas DataFrame"):
        assert results[name].through_object == "kept"
    assert results["tuple in a list"].through_object == "becomes list [[1, 'a']]"
    assert "not JSON serializable" in results["bytes"].through_object
    assert check(found).status == "pass"


def test_class_that_alters_a_type_of_its_own_is_a_warning(shared_target: Target, tmp_path: Path):
    (tmp_path / "lossy.py").write_text(LOSSY)
    own = {CLASS: "lossy.Lossy", "PYTHONPATH": str(tmp_path)}
    with shared_target.worker(**own) as worker:
        found = check(examine(worker, run_id="run"))

    assert (found.status, "datetime becomes str" in found.observed) == ("warn", True)


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ((SAME, TUPLE), "pass"),
        ((SAME, TUPLE, TypeResult("datetime", "becomes str 2026", "kept")), "warn"),
        ((SAME, TypeResult("bytes", "TypeError: not JSON", "kept"),
          TypeResult("dict with int keys", "becomes dict", "becomes dict")), "pass"),
        ((TypeResult("str", "PermissionError: AccessDenied", "kept"),), "unknown"),
        ((TypeResult("str", "kept", "ImportError: no serde"),), "unknown"),
        (ProcessError("gave up", hint=""), "unknown"),
    ],
    ids=["known", "nobody knew", "loud or on both ways", "object took nothing",
         "database took nothing", "no answer"],
)  # fmt: skip
def test_type_that_only_the_object_changes_silently_is_a_warning(found, status):
    assert check(found).status == status
