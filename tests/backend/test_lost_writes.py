from collections.abc import Sequence
from typing import Any

import pytest
from backend_target import Target

from xcomkit.backend.lost_writes import DAG_ID, Writes, check, probe
from xcomkit.backend.process import open_worker
from xcomkit.backend.timing import CONTRAST
from xcomkit.findings.errors import AccessDeniedError, MissingError
from xcomkit.findings.model import DURABLE_BACKEND

RUN_ID = "manual__2026-01-02T03:04:05+00:00"
pytestmark = pytest.mark.usefixtures("forked")


class Absent:
    """A store that has lost everything by the time somebody looks."""

    def read_object(self, key: str) -> bytes:
        raise MissingError(key)

    def object_exists(self, _key: str) -> bool:
        return False


class Closed(Absent):
    """A store that does not let the reader look."""

    def read_object(self, key: str) -> bytes:
        raise AccessDeniedError(key)


class Truncated(Absent):
    """A store that has kept the beginning of an object only."""

    def __init__(self, target: Target) -> None:
        self.target = target

    def read_object(self, key: str) -> bytes:
        return self.target.read_object(key)[:-8]


def probed(target: Target, *, reader: Any = None, environment: dict[str, str] | None = None,
           codecs: Sequence[str] = ("none", "gzip")) -> tuple[Writes, ...]:  # fmt: skip
    given = {**target.effective, **target.identity().environment, **(environment or {})}
    with open_worker(given, timeout=60) as worker:
        return probe(worker, reader=reader or target, bucket=target.bucket, codecs=codecs,
                     repetitions=2, run_id=RUN_ID, progress=str)  # fmt: skip


def test_store_that_keeps_what_it_is_given_loses_nothing_with_any_codec(target: Target) -> None:
    none, gzip = probed(target)

    assert (none.at_once, none.seen_at_once, none.at_exit, none.seen_after_exit) == (4, 4, 2, 2)
    assert (gzip.lost, gzip.kept) == (0, 1.0)
    assert check((none, gzip), configured="gzip").status == "pass"


class Recorder:
    """Looks into the bucket and remembers for which keys it was asked."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.keys: list[str] = []

    def read_object(self, key: str) -> bytes:
        self.keys.append(key)
        return self.target.read_object(key)

    def object_exists(self, key: str) -> bool:
        return self.target.object_exists(key)


def test_objects_lie_where_they_are_swept_and_tear_down_looks_for_them(target: Target) -> None:
    recorder = Recorder(target)

    probed(target, reader=recorder, codecs=("none",))

    assert len(recorder.keys) == 2
    left = target.keys()
    assert left
    assert all(key.startswith(f"astro/xcom/{DAG_ID}/{RUN_ID}/") for key in left)


def test_object_that_is_gone_after_exit_is_red_for_the_configured_codec_only(
    target: Target,
) -> None:
    writes = probed(target, reader=Absent(), codecs=("gzip",))

    found = check(writes, configured="gzip")

    assert (found.status, found.basis) == ("fail", "behaviour")
    assert "4 of 4 there at once, 0 of 2 after the process had ended" in found.observed
    assert check(writes, configured="none").status == "skip"


@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_object_without_its_end_is_lost_and_not_kept(target: Target, codec: str) -> None:
    (writes,) = probed(target, reader=Truncated(target), codecs=(codec,))

    assert (writes.seen_after_exit, writes.at_exit) == (0, 2)


def test_reader_that_is_refused_makes_it_unknown_and_not_lost(target: Target) -> None:
    writes = probed(target, reader=Closed(), codecs=("none",))

    assert (writes[0].lost, check(writes, configured="none").status) == (0, "unknown")


def test_value_that_stays_in_the_database_is_told_as_such(target: Target) -> None:
    high = {"AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "-1"}

    (writes,) = probed(target, environment=high, codecs=("none",))

    assert writes.problem == "the value stayed in the metadata database"


def test_push_that_raises_is_a_problem_in_words_and_not_a_loss(target: Target) -> None:
    path = {"AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": "s3://aws_default@no-such-bucket/x"}

    (writes,) = probed(target, environment=path, codecs=("none",))

    assert writes.problem.startswith("the push raised")
    assert writes.lost == 0


def test_contrast_is_pushed_by_the_stock_class_and_never_judged(target: Target) -> None:
    durable = {"AIRFLOW__CORE__XCOM_BACKEND": DURABLE_BACKEND}

    zipped, contrast = probed(target, environment=durable, codecs=("zip", CONTRAST))

    assert (zipped.codec, zipped.kept, contrast.codec, contrast.kept) == ("zip", 1, CONTRAST, 1)
    assert check((contrast,), configured="zip").status == "skip"


def test_contrast_loses_what_the_store_refuses_where_the_configured_class_says_so(
    target: Target,
) -> None:
    denied = target.identity(without=("s3:PutObject",)).environment
    durable = {"AIRFLOW__CORE__XCOM_BACKEND": DURABLE_BACKEND}

    zipped, contrast = probed(target, environment={**durable, **denied}, codecs=("zip", CONTRAST))

    assert zipped.problem.startswith("the push raised")
    assert (contrast.problem, contrast.kept) == ("", 0)
