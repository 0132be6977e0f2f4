import pytest

from xcomkit.backend.advice import advise, check, estimate_ms
from xcomkit.backend.lost_writes import Writes
from xcomkit.backend.timing import CONTRAST
from xcomkit.findings.model import Measurement, Spread


def measurement(
    codec: str, *, stored: int, pull: int | None = 2, ms: float = 10, json: int = 5_000_000
) -> Measurement:
    spread = Spread(median=ms, low=ms, high=ms)
    return Measurement(f"records {json}", codec, 3, json, stored, *[spread] * 3, 4, pull)


SERIES = (
    measurement("none", stored=5_000_000),
    measurement("gzip", stored=840_000, ms=200),
    measurement("zip", stored=5_001_000, pull=5),
    measurement("none", stored=2_000, json=2_000, ms=1),
)
NOTHING_SILENT = {"none": (), "gzip": (), "zip": ()}


def advice(*, writes=(), silent=None, configured: str = "none") -> str:
    tried = {**NOTHING_SILENT, **(silent or {})}
    return advise(SERIES, writes=writes, silent=tried, configured=configured)


def test_requests_cost_a_round_trip_each():
    assert estimate_ms(measurement("zip", stored=0, pull=5)) == 20 + 9 * 20


def test_fastest_safe_codec_is_advised_and_the_contrast_changes_nothing_about_that():
    text = advice(writes=[Writes(CONTRAST, 9, 1, 3, 0)], silent={CONTRAST: ["push 403"]})
    assert "none 340 ms, 100.0% of the bytes; zip 400 ms" in text
    assert "Keep none. Without any fault: stock, zip (the vendor's recommendation): 1 of 9" in text
    assert text.endswith("Silent under faults: stock, zip (the vendor's recommendation): push 403.")
    assert "Both are safe; none is faster than zip." in advice(configured="zip")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"silent": {"none": ["pull 404"]}}, "Silent under faults: none: pull 404."),
        ({"writes": [Writes("none", 9, 1, 3, 0)]}, "Without any fault: none: 1 of 9 there at once"),
        ({"writes": [Writes("none", problem="the reader was refused")]}, "the reader was refused"),
    ],
    ids=["silent fault", "lost write", "writes not looked up"],
)
def test_codec_behind_which_anything_is_silent_or_unknown_is_never_advised(found, message):
    text = advice(**found)
    assert "none 340 ms" not in text
    assert "Change none to zip before any Dag runs." in text
    assert message in text


def test_codec_with_which_no_fault_was_tried_is_only_timed_and_never_safe():
    text = advise(SERIES, writes=(), silent={"gzip": ()}, configured="gzip")
    assert "MB/s: gzip 554 ms, 16.8% of the bytes. Keep gzip." in text
    assert "Only timed, no fault was tried: none 340 ms, 100.0% of the bytes; zip" in text

    text = advise(SERIES, writes=(), silent=None, configured="none")
    assert "no codec is known to be safe" in text
    assert "Keep" not in text
    silent = {codec: ["pull 404"] for codec in NOTHING_SILENT}
    assert advice(silent=silent).startswith("No codec of this class is known to be safe here.")
    assert "nothing to advise" in advise((), writes=(), silent=None, configured="none")


@pytest.mark.parametrize(
    ("configured", "size", "requests"),
    [("none", "skip", "skip"), ("gzip", "pass", "pass"), ("zip", "warn", "warn"),
     ("xz", "skip", "skip")],
)  # fmt: skip
def test_codec_that_saves_nothing_or_whose_reader_seeks_is_a_warning(configured, size, requests):
    found = check(SERIES, configured=configured)
    assert [(one.id, one.status) for one in found] == [("XC522", size), ("XC523", requests)]


@pytest.mark.parametrize(
    ("stored", "pull", "statuses"),
    [(900, 4, ("pass", "pass")), (901, 5, ("warn", "warn"))],
)
def test_size_and_requests_are_judged_exactly_at_their_limits(stored, pull, statuses):
    series = (
        measurement("none", stored=1000, json=1000),
        measurement("zip", stored=stored, pull=pull, json=1000),
    )
    assert tuple(one.status for one in check(series, configured="zip")) == statuses


@pytest.mark.parametrize("counted", [0, None])
def test_requests_that_nobody_counted_prove_nothing(counted: int | None):
    for bare, own in ((counted, 5), (2, counted)):
        series = (
            measurement("none", stored=9, pull=bare),
            measurement("zip", stored=9, pull=own),
        )
        found = check(series, configured="zip")[1]
        assert (found.status, "not proved" in found.observed) == ("skip", True)
