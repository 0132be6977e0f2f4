import pytest

from xcomkit.backend.fault_checks import check, not_injected, silent_faults
from xcomkit.backend.fault_matrix import Case, Cell, Operation, Verdict
from xcomkit.backend.timing import CONTRAST
from xcomkit.findings.model import DURABLE_BACKEND, STOCK_BACKEND
from xcomkit.stand_ins.fault_proxy.faults import Fault


def cell(operation: Operation, verdict: Verdict, *, codec: str = "none") -> Cell:
    return Cell(Case(operation, "403", Fault("403", ())), codec, verdict, "as seen")


GOOD = (
    cell("push", "raised"),
    cell("push", "retried and stored"),
    cell("pull", "raised"),
    cell("purge", "raised"),
)


def statuses(*cells: Cell, configured: str = "none") -> dict[str, str]:
    return {one.id: one.status for one in check(cells, configured=configured)}


def test_faults_that_raise_or_are_retried_are_green_whatever_others_lose() -> None:
    good = {"XC511": "pass", "XC516": "pass", "XC517": "pass"}
    zipped = [cell(one.case.operation, one.verdict, codec="zip") for one in GOOD]
    lost = (cell("push", "silent loss", codec="gzip"), cell("push", "silent loss", codec=CONTRAST))
    assert statuses(*GOOD, *lost) == statuses(*zipped, *lost, configured="zip") == good


@pytest.mark.parametrize(
    ("operation", "verdict", "rule"),
    [
        ("push", "silent loss", "XC511"),
        ("push", "silent wrong value", "XC511"),
        ("pull", "silent wrong value", "XC516"),
        ("purge", "silent leftover", "XC517"),
    ],
)
def test_one_silent_fault_is_red_and_named(operation, verdict, rule) -> None:
    found = {one.id: one for one in check([*GOOD, cell(operation, verdict)], configured="none")}
    assert found.pop(rule).observed == f"no compression: 403: {verdict}, as seen"
    assert {one.status for one in found.values()} == {"pass"}


def test_a_fault_that_could_not_be_proved_is_unknown_unless_another_is_silent() -> None:
    open_one = cell("push", "not proved")
    assert statuses(*GOOD, open_one)["XC511"] == "unknown"
    assert statuses(*GOOD, open_one, cell("push", "silent loss"))["XC511"] == "fail"
    assert set(statuses(*GOOD, configured="xz").values()) == {"unknown"}


@pytest.mark.parametrize(
    ("codec", "backend", "in_pod", "found"),
    [
        ("gzip", STOCK_BACKEND, False, ["fail", "unknown", "unknown"]),
        ("gzip", STOCK_BACKEND, True, ["fail", "skip", "skip"]),
        ("", STOCK_BACKEND, False, ["unknown", "unknown", "unknown"]),
        ("gzip", DURABLE_BACKEND, False, ["unknown", "unknown", "unknown"]),
    ],
)
def test_without_a_wire_only_what_is_known_to_lose_is_red(codec, backend, in_pod, found) -> None:
    checks = not_injected("no https", codec=codec, backend=backend, in_pod=in_pod)
    assert [one.status for one in checks] == found


def test_silent_faults_are_listed_per_codec_that_was_tried() -> None:
    cells = (*GOOD, cell("push", "silent loss", codec="gzip"), cell("pull", "silent wrong value"))
    assert silent_faults(GOOD) == {"none": []}
    assert silent_faults([cell("push", "not proved")]) == {"none": ["push 403 (not proved)"]}
    assert silent_faults(cells) == {"gzip": ["push 403"], "none": ["pull 403"]}
