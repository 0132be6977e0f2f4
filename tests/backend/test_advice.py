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


def advice(series=SERIES, *, writes=(), silent=None, configured: str = "none") -> str:
    tried = {**dict.fromkeys(("none", "gzip", "zip"), ()), **(silent or {})}
    return advise(series, writes=writes, silent=tried, configured=configured)


def test_the_fastest_safe_codec_is_kept() -> None:
    text = advice()
    assert "none 340 ms, 100.0% of the bytes" in text
    assert text.endswith("Keep none.")


def test_the_price_of_a_request_is_the_given_one() -> None:
    one = measurement("zip", stored=0, pull=5)
    assert estimate_ms(one, rtt_ms=0) == 20
    assert estimate_ms(one, rtt_ms=100) == 20 + 9 * 100


def test_a_codec_with_a_silent_fault_is_never_advised_even_if_it_is_fastest() -> None:
    text = advice(silent={"none": ["pull 404"], "zip": ["push 403"]}, configured="none")
    assert "Change none to gzip before any Dag runs." in text
    assert "Silent under faults: none: pull 404; zip: push 403." in text
    assert "none 340 ms" not in text


def test_a_codec_that_lost_writes_without_a_fault_is_never_advised() -> None:
    text = advice(writes=[Writes("none", 9, 1, 3, 0)], configured="none")
    assert "Change none to" in text
    assert "Without any fault: none: 1 of 9 there at once, 0 of 3 after" in text


def test_a_codec_whose_writes_could_not_be_looked_up_is_not_advised() -> None:
    blind = Writes("none", 0, 0, 0, 0, problem="the reader was refused")
    assert "none 340 ms" not in advice(writes=[blind])


def test_where_no_codec_is_safe_none_is_told() -> None:
    silent = {codec: ["pull 404"] for codec in ("none", "gzip", "zip")}
    text = advice(silent=silent, configured="gzip")
    assert text.startswith("No codec of this class is known to be safe here.")


def test_faults_that_were_not_tried_make_nothing_safe() -> None:
    text = advise(SERIES, writes=(), silent=None, configured="none")
    assert "no codec is known to be safe" in text
    assert "Keep" not in text


def test_a_codec_with_which_no_fault_was_tried_is_told_as_timed_only_and_never_as_safe() -> None:
    text = advise(SERIES, writes=(), silent={"gzip": ()}, configured="gzip")
    assert "MB/s: gzip 554 ms, 16.8% of the bytes. Keep gzip." in text
    assert "Only timed, no fault was tried: none 340 ms, 100.0% of the bytes; zip" in text
    assert text.endswith("fault_depth full tries all of them.")


def test_the_contrast_is_told_and_changes_nothing_about_the_configured_class() -> None:
    lost = Writes(CONTRAST, 9, 1, 3, 0)
    text = advice(writes=[lost], silent={CONTRAST: ["push 403"]}, configured="zip")
    assert "Safe here" in text
    assert "zip 400 ms" in text
    assert (
        "Without any fault: stock, zip (the vendor's recommendation): 1 of 9 there at once" in text
    )
    assert "Silent under faults: stock, zip (the vendor's recommendation): push 403." in text


def test_nothing_measured_is_nothing_advised() -> None:
    assert "nothing to advise" in advice(())


@pytest.mark.parametrize(
    ("configured", "status"), [("none", "skip"), ("gzip", "pass"), ("zip", "warn"), ("xz", "skip")]
)
def test_a_codec_that_saves_nothing_is_a_warning(configured: str, status: str) -> None:
    size, _ = check(SERIES, configured=configured)
    assert (size.id, size.status) == ("XC522", status)


@pytest.mark.parametrize(("configured", "status"), [("gzip", "pass"), ("zip", "warn")])
def test_a_codec_whose_reader_seeks_is_a_warning(configured: str, status: str) -> None:
    _, requests = check(SERIES, configured=configured)
    assert (requests.id, requests.status) == ("XC523", status)


def test_requests_nobody_counted_are_not_judged() -> None:
    uncounted = (SERIES[0], measurement("gzip", stored=1, pull=None))
    _, requests = check(uncounted, configured="gzip")
    assert (requests.status, "not proved" in requests.observed) == ("skip", True)


@pytest.mark.parametrize("counted", [0, None])
def test_counter_that_saw_no_request_of_any_pull_proves_nothing(counted: int | None) -> None:
    series = (
        measurement("none", stored=9, pull=counted),
        measurement("zip", stored=9, pull=counted),
    )
    assert check(series, configured="zip")[1].status == "skip"
