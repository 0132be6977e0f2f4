from backend_target import Target

from xcomkit.backend import timing
from xcomkit.backend.timing import measure, payloads_to_time


def settings_of(target: Target, **changes: object):
    return target.settings.model_copy(update={"payload_sizes": (2_000,), **changes})


def test_sizes_requests_and_times_are_measured_and_nothing_is_left(
    shared_target: Target, monkeypatch
) -> None:
    monkeypatch.setattr(timing, "MOST_REPEATED", 100_000)
    settings = settings_of(shared_target, repetitions=2)
    codecs = ("none", "gzip", "zip", "xz")
    said: list[str] = []
    with shared_target.worker() as worker:
        measured = measure(
            worker, settings=settings, codecs=codecs, progress=said.append, run_id="run"
        )
    assert measured.problems == ()
    assert shared_target.keys() == set()
    assert said == ["timing Airflow's encoder", *(f"timing {codec}" for codec in codecs)]
    found = {(one.payload, one.codec): one for one in measured.measurements}
    assert len(found) == 4 * len(payloads_to_time(settings))

    bare, packed = found["text 300 kB", "none"], found["text 300 kB", "gzip"]
    assert bare.stored_bytes == bare.json_bytes
    assert packed.stored_bytes < packed.json_bytes / 3
    zipped = found["random 100 kB", "zip"]
    assert zipped.json_bytes < zipped.stored_bytes < zipped.json_bytes + 200
    assert zipped.pull_requests is not None
    assert bare.pull_requests is not None
    assert zipped.pull_requests > bare.pull_requests
    assert all(one.push_ms.low <= one.push_ms.median <= one.push_ms.high for one in found.values())
    # what is slow anyway, and what is large, is measured once
    assert (zipped.repetitions, packed.repetitions) == (2, 1)
    assert {one.repetitions for (_, codec), one in found.items() if codec == "xz"} == {1}


def test_codec_that_stores_nothing_is_a_problem_in_words_not_a_measurement(
    shared_target: Target,
) -> None:
    settings = settings_of(shared_target, repetitions=1)
    with shared_target.worker(without=("s3:PutObject",)) as worker:
        measured = measure(
            worker, settings=settings, codecs=("none", "gzip"), progress=str, run_id="run"
        )
    assert measured.measurements == ()
    assert any("none: PermissionError" in problem for problem in measured.problems)
    assert any("gzip: the push reported success" in problem for problem in measured.problems)
