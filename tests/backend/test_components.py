from collections.abc import Iterator, Sequence

import pytest
from backend_target import CODEC, PATH, THRESHOLD, Target

from xcomkit.backend.components import check, examine
from xcomkit.backend.cross_read import Participant, Reading
from xcomkit.backend.process import Worker
from xcomkit.findings.errors import ProcessError


class Hung:
    """A worker that gives no answer."""

    def run_all(self, requests: Sequence[object]) -> list[ProcessError]:
        return [ProcessError("it hung", hint="")] * len(requests)


@pytest.fixture(scope="module")
def worker(shared_target: Target) -> Iterator[Worker]:
    with shared_target.worker() as opened:
        yield opened


def readings(worker: Worker, /, **own: dict[str, str]) -> dict[tuple[str, str], Reading]:
    participants = [
        Participant(name, Hung() if changes is None else worker, changes or {})  # type: ignore[arg-type]
        for name, changes in own.items()
    ]
    return {(one.writer, one.reader): one for one in examine(participants, run_id="run")}


def status(found: dict[tuple[str, str], Reading]) -> str:
    return check([*found.values()], identity="themselves").status


@pytest.mark.parametrize(
    "other", [{}, {CODEC: "gzip"}, {THRESHOLD: "100000"}], ids=["same", "codec", "threshold"]
)
def test_components_read_one_another_whatever_their_codec_and_threshold(worker: Worker, other):
    found = readings(worker, worker={}, triggerer=other)
    names = ("worker", "triggerer")
    assert set(found) == {(writer, reader) for writer in names for reader in names}
    assert status(found) == "pass"


def test_component_with_another_prefix_gets_paths_and_is_named(worker: Worker):
    path = worker.hello.settings["path"]
    found = readings(worker, worker={}, triggerer={PATH: f"{path}-other"})
    assert found["worker", "worker"].verdict == "pass"
    assert "the reference string came back" in found["worker", "triggerer"].reason
    told = check([*found.values()], identity="themselves")
    assert (told.status, "worker to triggerer" in told.observed) == ("fail", True)


@pytest.mark.parametrize(
    ("other", "reason"),
    [({THRESHOLD: "-1"}, "stayed in the metadata database"),
     ({PATH: "s3://aws_default@no-such-bucket-here/x"}, "push raised")],
)  # fmt: skip
def test_component_that_writes_nothing_to_the_bucket_is_red_with_the_cause(worker, other, reason):
    found = readings(worker, worker={}, triggerer=other)
    assert reason in found["triggerer", "worker"].reason
    assert status(found) == "fail"


def test_component_that_does_not_answer_is_unknown_and_the_others_are_read(worker: Worker):
    found = readings(worker, worker={}, triggerer=None)  # type: ignore[arg-type]
    assert found["worker", "worker"].verdict == "pass"
    assert found["worker", "triggerer"].verdict == found["triggerer", "worker"].verdict == "unknown"
    assert "it hung" in found["triggerer", "worker"].reason
    assert status(found) == "unknown"
    assert status({}) == "unknown"
