"""The load run: hostile measurements, percentiles of known numbers, the verdict, the chart."""

import json
from dataclasses import asdict, replace

import pytest

from xcomkit.findings.errors import ServiceError
from xcomkit.plane import load
from xcomkit.plane.load import LoadResult, Times

START = 1_700_000_000.0


def a_measurement(number: int = 0, **changes: object) -> dict[str, object]:
    begin = START + number
    times = {"before": begin, "between": begin + 0.1, "after": begin + 0.15}
    return {**times, "host": f"agent-{number % 2}", **changes}


def parsed(found: object, *, asked: int = 4, failed: int = 0) -> LoadResult:
    return load.parse(found, asked=asked, failed=failed, value_bytes=10_000)


def a_result(measured: int = 4, *, failed: int = 0) -> LoadResult:
    return parsed([a_measurement(n) for n in range(measured)], failed=failed)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "valid list"),
        ({"before": 1}, "valid list"),
        ([a_measurement(n) for n in range(5)], "5 tasks, and 4 were asked for"),
        ([a_measurement(), [1, 2, 3]], "invalid: 1 "),
        ([{}], "0 before"),
        ([a_measurement(before="1700000000")], "0 before"),
        ([a_measurement(before=True)], "0 before"),
        ([a_measurement(before=0)], "0 before"),
        ([a_measurement(between=float("nan"))], "0 between"),
        ([a_measurement(after=float("inf"))], "0 after"),
        ([a_measurement(after=10**400)], "0 after"),
        ([a_measurement(after={"__classname__": "os.system"})], "0 after"),
        ([a_measurement(between=START - 1)], "ends before it begins"),
        ([a_measurement(after=START + 0.05)], "ends before it begins"),
        ([a_measurement(between=START, after=START)], "ends before it begins"),
        ([a_measurement(host=None)], "0 host"),
    ],
)
def test_what_no_load_dag_writes_is_an_error_with_the_next_step(found: object, words: str) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        parsed(found)

    assert "clocks in step" in caught.value.hint
    assert len(str(caught.value)) < 300


def test_hostile_host_is_one_short_harmless_word() -> None:
    found = parsed([a_measurement(0, host="\x1b[2J\n" * 5_000), a_measurement(1, host="")])

    assert all(name.isprintable() and 0 < len(name) <= 100 for name in found.hosts)
    assert found.hosts["(unnamed)"] == 1


def test_percentiles_are_those_of_known_numbers() -> None:
    many = Times.of([n / 1000 for n in range(101, 0, -1)])
    one, two = Times.of([0.01]), Times.of([0.03, 0.01])

    assert many.values[0] == pytest.approx(1)
    assert (many.p50, many.p95, many.p99, many.max) == pytest.approx((51, 96, 100, 101))
    assert (one.p50, one.p95, one.p99, one.max) == (10, 10, 10, 10)
    assert (two.p50, two.p95, two.p99, two.max) == pytest.approx((20, 29, 29.8, 30))


def test_run_in_which_every_value_came_back_passes_and_says_how_fast() -> None:
    result = a_result()
    check = load.judge(result)

    assert (check.status, check.basis) == ("pass", "behaviour")
    assert check.observed == (
        "the value of 4 of 4 tasks came back; tasks per host: agent-0 2, agent-1 2;"
        " 1.3 values/s, 0.01 MB/s each way over 3.2 s;"
        " push p50 100.0, p95 100.0 ms; pull p50 50.0, p95 50.0 ms"
    )
    assert json.loads(json.dumps(asdict(result)))["push"]["p95"] > 0


@pytest.mark.parametrize(
    ("measured", "failed", "status", "observed"),
    [
        (3, 1, "fail", "3 of 4 tasks came back; 1 failed; tasks per host"),
        (0, 1, "fail", "0 of 4 tasks came back; 1 failed; the measurements of 3 are missing"),
        (3, 0, "unknown", "3 of 4 tasks came back; the measurements of 1 are missing;"),
        (0, 0, "unknown", "0 of 4 tasks came back; the measurements of 4 are missing"),
    ],
    ids=["failed", "failed and the rest missing", "one missing", "all missing"],
)
def test_failed_task_fails_the_run_and_missing_measurements_are_unknown(
    measured: int, failed: int, status: str, observed: str
) -> None:
    check = load.judge(a_result(measured, failed=failed))

    assert check.status == status
    assert observed in check.observed


def test_values_that_stayed_in_the_database_load_no_store() -> None:
    check = load.judge(replace(a_result(), value_bytes=0))

    assert check.status == "unknown"
    assert "no such value is in the bucket" in check.observed
