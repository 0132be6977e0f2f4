from collections.abc import Iterator, Sequence

import pytest
from backend_target import Target

from xcomkit.backend.components import Reading, Seat, check, cross_read
from xcomkit.backend.process import Worker, open_worker
from xcomkit.findings.errors import ProcessError

pytestmark = pytest.mark.usefixtures("forked")
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
CODEC = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"


class Hung:
    """A worker that gives no answer."""

    def run_all(self, requests: Sequence[object]) -> list[ProcessError]:
        return [ProcessError("it hung", hint="")] * len(requests)


@pytest.fixture
def worker(target: Target) -> Iterator[Worker]:
    with open_worker({**target.effective, **target.identity().environment}, timeout=60) as opened:
        yield opened


def seats(at: Worker, /, **own: dict[str, str]) -> list[Seat]:
    return [Seat(name, at, changes) for name, changes in own.items()]


def readings(*seated: Seat) -> dict[tuple[str, str], Reading]:
    return {(one.writer, one.reader): one for one in cross_read(seated, run_id="run")}


def test_components_with_the_same_variables_read_one_another(worker: Worker):
    found = readings(*seats(worker, worker={}, triggerer={}))
    assert set(found) == {(a, b) for a in ("worker", "triggerer") for b in ("worker", "triggerer")}
    assert all(one.holds for one in found.values())
    assert check([*found.values()], identity="themselves").status == "pass"


def test_another_codec_is_read_all_the_same(worker: Worker):
    assert all(one.holds for one in readings(*seats(worker, a={}, b={CODEC: "gzip"})).values())


def test_component_with_another_prefix_gets_paths_and_is_named(worker: Worker, target: Target):
    other = {PATH: target.effective[PATH] + "-other"}
    found = readings(*seats(worker, worker={}, triggerer=other))
    assert found["worker", "worker"].holds
    assert found["worker", "triggerer"].observed == "got the reference string, without an error"
    told = check([*found.values()], identity="themselves")
    assert (told.status, "worker to triggerer" in told.observed) == ("fail", True)


def test_component_that_writes_nothing_to_the_bucket_is_red(worker: Worker):
    found = readings(*seats(worker, worker={}, triggerer={THRESHOLD: "-1"}))
    assert found["triggerer", "everybody"].holds is False
    assert "stayed in the database" in found["triggerer", "everybody"].observed
    assert check([*found.values()], identity="themselves").status == "fail"


def test_threshold_above_a_small_value_is_no_difference_between_components(worker: Worker):
    found = readings(*seats(worker, worker={}, triggerer={THRESHOLD: "100000"}))
    assert all(one.holds for one in found.values())


def test_component_that_may_not_write_is_red_with_the_cause(worker: Worker):
    nowhere = {PATH: "s3://aws_default@no-such-bucket-here/x"}
    found = readings(*seats(worker, worker={}, triggerer=nowhere))
    assert "push raised" in found["triggerer", "everybody"].observed


def test_component_that_does_not_answer_is_unknown_and_the_others_are_read(worker: Worker):
    hung = Seat("triggerer", Hung(), {})  # type: ignore[arg-type]
    found = readings(*seats(worker, worker={}), hung)
    assert found["worker", "worker"].holds
    assert found["worker", "triggerer"].holds is None
    assert check([*found.values()], identity="themselves").status == "unknown"


def test_nobody_to_read_is_unknown():
    assert check([], identity="themselves").status == "unknown"
