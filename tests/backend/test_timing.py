import pytest
from backend_target import Target

from xcomkit.backend.process import open_worker
from xcomkit.backend.timing import measure, payloads_to_time

pytestmark = pytest.mark.usefixtures("forked")


def settings_of(target: Target, **changes: object):
    return target.settings.model_copy(update={"payload_sizes": (2_000,), **changes})


def test_sizes_requests_and_times_are_measured_and_nothing_is_left(target: Target) -> None:
    settings = settings_of(target, repetitions=2)
    told: list[str] = []
    environment = {**target.effective, **target.identity().environment}
    with open_worker(environment, timeout=120) as worker:
        timing = measure(
            worker, settings=settings, codecs=("none", "gzip", "zip"), progress=told.append
        )
    assert timing.problems == ()
    assert target.keys() == set()
    assert told == [
        "timing Airflow's encoder",
        *(f"timing {c}" for c in ("none", "gzip", "zip")),
    ]
    found = {(one.payload, one.codec): one for one in timing.measurements}
    assert len(found) == 3 * len(payloads_to_time(settings))

    plain, packed = found["text 300 kB", "none"], found["text 300 kB", "gzip"]
    assert plain.stored_bytes == plain.json_bytes
    assert packed.stored_bytes < packed.json_bytes / 3
    zipped = found["random 100 kB", "zip"]
    assert zipped.json_bytes < zipped.stored_bytes < zipped.json_bytes + 200
    assert zipped.pull_requests is not None
    assert plain.pull_requests is not None
    assert zipped.pull_requests > plain.pull_requests
    assert all(one.push_ms.low <= one.push_ms.median <= one.push_ms.high for one in found.values())


def test_codec_that_stores_nothing_is_a_problem_in_words_not_a_measurement(target: Target) -> None:
    settings = settings_of(target, repetitions=1)
    role = target.identity(without=("s3:PutObject",))
    with open_worker({**target.effective, **role.environment}, timeout=60) as worker:
        timing = measure(worker, settings=settings, codecs=("none", "gzip"), progress=str)
    assert timing.measurements == ()
    assert any("none: PermissionError" in problem for problem in timing.problems)
    assert any("gzip: the push reported success" in problem for problem in timing.problems)


@pytest.mark.parametrize(("seconds", "repetitions"), [(60, 3), (0, 1)])
def test_every_payload_is_measured_and_repeated_only_while_its_time_lasts(
    target: Target, seconds: float, repetitions: int
) -> None:
    settings = settings_of(target, repetitions=3)
    environment = {**target.effective, **target.identity().environment}
    with open_worker(environment, timeout=60) as worker:
        timing = measure(
            worker, settings=settings, codecs=("zip",), progress=str, repeated_seconds=seconds
        )
    assert timing.problems == ()
    assert len(timing.measurements) == len(payloads_to_time(settings))
    assert {one.repetitions for one in timing.measurements} == {repetitions}
