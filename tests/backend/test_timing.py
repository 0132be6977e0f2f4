import pytest
from backend_target import Target

from xcomkit.backend.process import open_worker
from xcomkit.backend.timing import advise, measure, payloads_to_time
from xcomkit.model import STOCK_BACKEND, Codec, Measurement, Spread


def settings_of(target: Target, **changes: object):
    return target.settings.model_copy(update={"payload_sizes": (2_000,), **changes})


def test_sizes_requests_and_times_are_measured_and_nothing_is_left(target: Target) -> None:
    settings = settings_of(target, repetitions=2)
    told: list[str] = []
    environment = {**target.effective, **target.identity().environment}
    with open_worker(environment, timeout=120) as worker:
        timing = measure(
            worker, settings=settings, codecs=("none", "gzip", "zip", "xz"), progress=told.append
        )
    assert timing.problems == ()
    assert timing.left == ()
    assert target.keys() == set()
    assert told == [
        "timing Airflow's encoder",
        *(f"timing {c}" for c in ("none", "gzip", "zip", "xz")),
    ]
    found = {(one.payload, one.codec): one for one in timing.measurements}
    assert len(found) == 4 * len(payloads_to_time(settings))

    plain, packed = found["text 300 kB", "none"], found["text 300 kB", "gzip"]
    assert plain.stored_bytes == plain.json_bytes
    assert packed.stored_bytes < packed.json_bytes / 3
    zipped = found["random 100 kB", "zip"]
    assert zipped.json_bytes < zipped.stored_bytes < zipped.json_bytes + 200
    assert zipped.pull_requests is not None
    assert plain.pull_requests is not None
    assert zipped.pull_requests > plain.pull_requests
    assert all(one.push_ms.low <= one.push_ms.median <= one.push_ms.high for one in found.values())


def test_role_without_delete_leaves_objects_and_they_are_named(target: Target) -> None:
    settings = settings_of(target, repetitions=1)
    role = target.identity(without=("s3:DeleteObject",))
    with open_worker({**target.effective, **role.environment}, timeout=60) as worker:
        timing = measure(worker, settings=settings, codecs=("none",), progress=str)
    assert timing.measurements
    assert set(timing.left) == target.keys() != set()


def test_codec_that_stores_nothing_is_a_problem_in_words_not_a_measurement(target: Target) -> None:
    settings = settings_of(target, repetitions=1)
    role = target.identity(without=("s3:PutObject",))
    with open_worker({**target.effective, **role.environment}, timeout=60) as worker:
        timing = measure(worker, settings=settings, codecs=("none", "gzip"), progress=str)
    assert timing.measurements == ()
    assert timing.left == ()
    assert any("none: PermissionError" in problem for problem in timing.problems)
    assert any("gzip: the push reported success" in problem for problem in timing.problems)


def measurement(codec: Codec, *, stored: int, requests: int | None = 2) -> Measurement:
    spread = Spread(median=10, low=9, high=11)
    return Measurement("records 5 MB", codec, 3, 5_000_000, stored, *[spread] * 3, 4, requests)


SERIES = (
    measurement("none", stored=5_000_000),
    measurement("gzip", stored=840_000),
    measurement("zip", stored=5_001_000, requests=5),
    measurement("bz2", stored=560_000),
)


@pytest.mark.parametrize("configured", ["none", "gzip", "zip"])
def test_advice_gives_the_numbers_and_never_a_codec_with_the_stock_backend(configured) -> None:
    told = advise(SERIES, configured=configured, backend=STOCK_BACKEND)
    assert "zip stored 100.02% of the bytes" in told
    assert "5 requests" in told
    assert "every codec hides a failed upload" in told
    assert ("Keep none" if configured == "none" else f"Change {configured} to none") in told
    assert told.count(". ") == 1


def test_advice_for_another_class_asks_for_the_proof_first() -> None:
    told = advise(SERIES, configured="gzip", backend="mine.Backend")
    assert "prove what mine.Backend does when an upload fails" in told


def test_advice_without_numbers_says_so_and_without_a_counter_leaves_requests_out() -> None:
    assert "nothing to advise" in advise((), configured="none", backend=STOCK_BACKEND)
    uncounted = (measurement("none", stored=5_000_000, requests=None),)
    assert "requests" not in advise(uncounted, configured="none", backend=STOCK_BACKEND)


def test_large_payloads_are_repeated_less_and_the_measurement_says_how_often(
    target: Target,
) -> None:
    settings = settings_of(target, repetitions=3, payload_sizes=(1_000_000,))
    environment = {**target.effective, **target.identity().environment}
    with open_worker(environment, timeout=60) as worker:
        timing = measure(worker, settings=settings, codecs=("zip", "xz"), progress=str)
    found = {(one.payload, one.codec): one.repetitions for one in timing.measurements}
    assert found["records 1 MB", "zip"] == 2
    assert found["records 1 MB", "xz"] == 1
    assert found["small dict", "xz"] == 3
