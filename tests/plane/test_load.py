"""The load run: hostile measurements, percentiles of known numbers, the plain loop, the verdict."""

import json
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, replace

import pytest

from xcomkit.findings.errors import AccessDeniedError, ServiceError
from xcomkit.plane import load
from xcomkit.plane.load import LoadResult, PlainLoop, Times

START = 1_700_000_000.0
ALONE = PlainLoop(20, push=Times.of([0.025]), pull=Times.of([0.02]), left=())


def a_measurement(number: int = 0, **changes: object) -> dict[str, object]:
    begin = START + number
    times = {"before": begin, "between": begin + 0.1, "after": begin + 0.15}
    return {**times, "host": f"agent-{number % 2}", **changes}


def parsed(found: object, *, asked: int = 4, failed: int = 0) -> LoadResult:
    return load.parse(found, asked=asked, failed=failed, value_bytes=10_000)


def a_result(measured: int = 4, *, asked: int = 4, failed: int = 0) -> LoadResult:
    return parsed([a_measurement(n) for n in range(measured)], asked=asked, failed=failed)


def test_result_counts_tasks_hosts_and_throughput_of_the_whole_run() -> None:
    found = a_result(4)

    assert (found.asked, found.measured, found.failed) == (4, 4, 0)
    assert found.hosts == {"agent-0": 2, "agent-1": 2}
    assert found.seconds == pytest.approx(3.15)
    assert found.values_per_second == pytest.approx(4 / 3.15)
    assert found.mb_per_second == pytest.approx(4 * 0.01 / 3.15)
    assert found.push is not None
    assert found.pull is not None
    assert (found.push.p50, found.pull.max) == (pytest.approx(100, 1e-4), pytest.approx(50, 1e-4))


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "no list"),
        ("s3://aws_default@bucket/astro/xcom/key", "no list"),
        ({"before": 1}, "no list"),
        ([a_measurement(n) for n in range(5)], "5 tasks, and 4 were asked for"),
        ([None], "Measurement 0 of the load run is no object"),
        ([a_measurement(), [1, 2, 3]], "Measurement 1 of the load run is no object"),
        ([{}], "before of measurement 0 is no time"),
        ([a_measurement(before="1700000000")], "before of measurement 0 is no time"),
        ([a_measurement(before=True)], "before of measurement 0 is no time"),
        ([a_measurement(before=-1)], "before of measurement 0 is no time"),
        ([a_measurement(between=float("nan"))], "between of measurement 0 is no time"),
        ([a_measurement(after=float("inf"))], "after of measurement 0 is no time"),
        ([a_measurement(after=10**400)], "after of measurement 0 is no time"),
        ([a_measurement(after={"__classname__": "os.system"})], "after of measurement 0"),
        ([a_measurement(between=START - 1)], "ends before it begins"),
        ([a_measurement(after=START + 0.05)], "ends before it begins"),
        ([a_measurement(between=START, after=START)], "no time at all"),
        ([a_measurement(host=None)], "names no host"),
        ([a_measurement(host=["a"])], "names no host"),
    ],
)
def test_what_no_load_dag_writes_is_refused_with_the_next_step(found: object, words: str) -> None:
    with pytest.raises(ServiceError, match=words) as caught:
        parsed(found)

    assert caught.value.hint
    assert len(str(caught.value)) < 300


def test_clock_that_went_backwards_is_told_as_a_matter_of_clocks() -> None:
    with pytest.raises(ServiceError, match="clocks in step"):
        parsed([a_measurement(between=START - 1)])


def test_hostile_host_is_one_short_harmless_word() -> None:
    found = parsed([a_measurement(0, host="\x1b[2J\n" * 5_000), a_measurement(1, host="")])

    assert all(name.isprintable() and 0 < len(name) <= 100 for name in found.hosts)
    assert found.hosts["(unnamed)"] == 1


def test_percentiles_are_those_of_known_numbers() -> None:
    times = Times.of([n / 1000 for n in range(101, 0, -1)])

    assert times.values[0] == pytest.approx(1)
    assert (times.p50, times.p95, times.p99, times.max) == pytest.approx((51, 96, 100, 101))


def test_percentiles_of_one_and_two_times_stay_between_them() -> None:
    one, two = Times.of([0.01]), Times.of([0.03, 0.01])

    assert one.values == (10,)
    assert (one.p50, one.p95, one.p99, one.max) == (10, 10, 10, 10)
    assert (two.p50, two.p95, two.p99, two.max) == pytest.approx((20, 29, 29.8, 30))


def test_run_in_which_every_value_came_back_passes_and_says_how_fast() -> None:
    check = load.judge(a_result(), alone=ALONE)

    assert (check.status, check.basis) == ("pass", "behaviour")
    assert check.observed == (
        "4 of 4 tasks told that their value came back; tasks per host: agent-0 2, agent-1 2;"
        " 1.3 values/s, 0.01 MB/s each way over 3.2 s;"
        " push p50 100.0, p95 100.0 ms; pull p50 50.0, p95 50.0 ms;"
        " median push 4.0 times and pull 2.5 times that of the plain SDK"
        " (25.0 and 20.0 ms, 20 values)"
    )


def test_reader_is_told_who_timed_the_plain_loop_and_that_agents_start_cold() -> None:
    how = load.judge(a_result(), alone=ALONE).how

    assert "the caller of the runbook" in how
    assert "one value after the other" in how
    assert "in parallel and with the first use of the store in a fresh process" in how
    assert "plain SDK" not in load.judge(a_result(), alone=None).how


def test_failed_task_fails_the_run_whatever_the_others_measured() -> None:
    check = load.judge(a_result(3, failed=1), alone=None)

    assert check.status == "fail"
    assert check.observed.startswith("3 of 4 tasks told that their value came back; 1 failed; ")
    assert "missing" not in check.observed
    assert "plain SDK" not in check.observed
    assert check.remedy


def test_failed_tasks_of_which_nothing_was_collected_fail_and_the_rest_is_missing() -> None:
    check = load.judge(a_result(0, failed=1), alone=ALONE)

    assert check.status == "fail"
    assert check.observed == (
        "0 of 4 tasks told that their value came back; 1 failed; the measurements of 3 are missing"
    )


@pytest.mark.parametrize("measured", [0, 3])
def test_missing_measurements_are_unknown_and_never_a_pass(measured: int) -> None:
    check = load.judge(a_result(measured), alone=None)

    assert check.status == "unknown"
    assert f"the measurements of {4 - measured} are missing" in check.observed


def test_values_that_stayed_in_the_database_load_no_store() -> None:
    check = load.judge(replace(a_result(), value_bytes=0), alone=None)

    assert check.status == "unknown"
    assert "no such value is in the bucket" in check.observed


def test_hosts_beyond_the_third_are_counted() -> None:
    found = replace(a_result(), hosts={f"agent-{n}": 1 for n in range(9)})

    observed = load.judge(found, alone=None).observed
    assert "agent-0 1, agent-1 1, agent-2 1 and 6 hosts more" in observed


def test_result_fits_into_the_evidence() -> None:
    assert json.loads(json.dumps([asdict(a_result()), asdict(ALONE)]))[0]["push"]["p95"] > 0


class Memory:
    """A store in memory; ``refused`` is what raises, ``pause`` the seconds of a push
    and of all deletions."""

    def __init__(self, *, refused: str = "", pause: float = 0, returned: bytes = b"") -> None:
        self.objects: dict[str, bytes] = {}
        self._refused, self._pause, self._returned = refused, pause, returned

    def _ask(self, what: str) -> None:
        if what in self._refused:
            raise AccessDeniedError(f"{what} refused")

    def write_object(self, key: str, body: bytes) -> None:
        time.sleep(self._pause)
        self.objects[key] = body
        self._ask("write")

    def read_object(self, key: str) -> bytes:
        self._ask("read")
        return self._returned or self.objects[key]

    def delete_keys(self, keys: Collection[str]) -> int:
        time.sleep(self._pause)
        self._ask("delete")
        return sum(self.objects.pop(key, None) is not None for key in keys)


def run_loop(
    store: Memory, *, values: int = 3, progress: Callable[[str], object] = str
) -> PlainLoop:
    keys = load.plain_keys("astro/xcom", run_id="run", values=values)
    return load.plain_loop(store, body=b"[]", keys=keys, progress=progress)


def test_keys_of_the_plain_loop_lie_below_the_run_and_are_bounded() -> None:
    keys = load.plain_keys("astro/xcom", run_id="run", values=1024)

    assert (len(keys), len(set(keys))) == (200, 200)
    assert all(key.startswith("astro/xcom/xcom_runbook_load/run/plain/") for key in keys)


def test_slow_store_is_told_of_while_a_value_is_under_way_and_while_it_is_deleted(
    monkeypatch,
) -> None:
    monkeypatch.setattr(load, "_BETWEEN_NEWS", 0.02)
    said: list[str] = []

    run_loop(Memory(pause=0.3), values=1, progress=said.append)

    assert said[0] == "the same 2 bytes with the SDK alone, values: 1"
    assert said.count("0 of 1 pushed and pulled with it") > 3
    assert said.count("deleting 1 objects") > 3


def test_news_come_at_least_every_two_seconds() -> None:
    assert load._BETWEEN_NEWS <= 2


def test_loop_on_a_slow_line_ends_with_fewer_values_and_says_how_many(monkeypatch) -> None:
    monkeypatch.setattr(load, "MOST_SECONDS", 0.05)
    store = Memory(pause=0.04)

    found = run_loop(store, values=50)

    assert 1 <= found.timed < 10
    assert len(found.push.values) == len(found.pull.values) == found.timed
    assert f", {found.timed} values)" in load.judge(a_result(), alone=found).observed
    assert not store.objects


@pytest.mark.parametrize("refused", ["write", "read"])
def test_refused_loop_raises_the_refusal_and_deletes_what_it_wrote(refused: str) -> None:
    store = Memory(refused=refused)

    with pytest.raises(AccessDeniedError, match=f"{refused} refused"):
        run_loop(store)

    assert not store.objects


def test_refusal_is_told_even_where_nothing_may_be_deleted() -> None:
    with pytest.raises(AccessDeniedError, match="read refused"):
        run_loop(Memory(refused="read, delete"))


def test_keys_that_may_not_be_deleted_are_left_by_name_and_the_times_are_kept() -> None:
    found = run_loop(Memory(refused="delete"), values=2)

    assert found.timed == 2
    assert found.left == load.plain_keys("astro/xcom", run_id="run", values=2)


def test_store_that_returns_other_bytes_is_no_measurement() -> None:
    store = Memory(returned=b"{}")

    with pytest.raises(ServiceError, match="other bytes"):
        run_loop(store)

    assert not store.objects


def test_interrupted_loop_ends_after_the_value_under_way_and_leaves_nothing(monkeypatch) -> None:
    monkeypatch.setattr(load, "_BETWEEN_NEWS", 0.01)
    store = Memory(pause=0.05)

    def stop(text: str) -> None:
        if text.startswith("1 of"):
            raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_loop(store, values=200, progress=stop)

    assert time.monotonic() - started < 5
    assert not store.objects
