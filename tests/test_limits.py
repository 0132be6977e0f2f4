"""Below, at and above the limits of listings, opened objects, records and logs."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.cloud_documents.lifecycle import Effect
from xcomkit.findings import evidence, redaction
from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import Basis, Check, Rule, StoredObject
from xcomkit.objects import checks, keys, summary, sums
from xcomkit.objects.beside import Beside
from xcomkit.objects.decode import _MAX_MEMBERS, decode, read_value
from xcomkit.objects.retention import forecast
from xcomkit.plane import task_log
from xcomkit.record import cover, differences, picture

NOW = datetime(2026, 6, 1, tzinfo=UTC)
A_SECOND = timedelta(seconds=1)
RULE = Rule("XC999", "title", "fail", "why", "remedy", "source")


def stored(number: int = 0, *, age: timedelta = timedelta(), dag: str = "d") -> StoredObject:
    return StoredObject(f"{dag}/r/t/{number:08}-d9cb-469f-a165-70867728950e", 3, NOW - age)


def summed(found: Iterator[StoredObject] | list[StoredObject]) -> summary.Summary:
    counted = sums.Sums("", NOW, 30)
    for one in found:
        counted.add([one])
    return summary.to_summary(counted)


@pytest.mark.parametrize(("more", "count"), [(-A_SECOND, 0), (timedelta(), 0), (A_SECOND, 1)])
def test_object_outlives_its_retention_after_the_grace_and_not_at_its_end(more, count):
    age = timedelta(days=30) + sums.GRACE + more

    assert summed([stored(age=age)]).past.count == count


@pytest.mark.parametrize(("more", "place"), [(-A_SECOND, 1), (timedelta(), 1), (A_SECOND, 2)])
def test_object_of_exactly_seven_days_is_up_to_seven_days_old(more, place):
    ages = summed([stored(age=timedelta(days=7) + more)]).ages

    assert [total.count for total in ages].index(1) == place


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_names_and_examples_are_kept_up_to_their_limit(more):
    found = summed([stored(dag=f"d{dag}") for dag in range(summary.TOP + more)])

    by_name = {total.name: total.count for total in found.dags}
    assert by_name.get(summary.OTHERS, 0) == max(more, 0)

    old = [stored(n, age=timedelta(days=99)) for n in range(sums.EXAMPLES + more)]
    assert len(summed(old).past.keys) == min(len(old), sums.EXAMPLES)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_names_days_and_members_count_up_to_their_limit(more):
    name = "d" * (250 + more)  # as Airflow has it
    assert keys.parse_key(stored(dag=name), prefix="").layout == ("foreign" if more > 0 else "uuid")

    effect = Effect("r", {}, "deletes", 30 + more, "all", "then")
    rerun = checks.judge_reruns([effect], unread="", rerun_days=30)
    assert rerun.status == ("warn" if more < 0 else "pass")
    begun = NOW - timedelta(days=30) - sums.GRACE - more * A_SECOND
    uploads = checks.judge_uploads(Beside(oldest=begun), now=NOW, days=30)
    assert uploads.status == ("warn" if more > 0 else "pass")

    found = summed([stored(age=timedelta(days=31 + more))])
    due = {-1: f"{NOW + timedelta(days=1):%Y-%m-%d}", 0: f"{NOW:%Y-%m-%d}", 1: "overdue"}
    assert [one.name for one in forecast(found, days=30)] == [due[more]]
    assert summary.size_text(1024 + more) == {-1: "1023 B", 0: "1 KiB", 1: "1 KiB"}[more]

    body = b"PK\x01\x02" * (_MAX_MEMBERS + more) + b"PK\x05\x06"
    problem = decode(body, codec="zip", limit_bytes=999).problem
    assert ("more than 16 members" in problem) is (more > 0)


@pytest.mark.parametrize(
    ("days", "unread", "status"),
    [(None, "", "unknown"), (40, "403", "unknown"), (10, "500", "warn")],
)
def test_lifecycle_that_is_not_known_is_no_pass(days, unread, status):
    effect = Effect("r", {}, "deletes", days, "all", "then")
    assert checks.judge_reruns([effect], unread=unread, rerun_days=30).status == status


@pytest.mark.parametrize(("more", "is_whole"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("codec", ["none", "gzip"])
def test_object_is_opened_up_to_the_limit_stored_and_unpacked(codec, more, is_whole):
    text = b'"' + b"x" * 98 + b'"'
    body = gzip.compress(text) if codec == "gzip" else text

    found = decode(body, codec=codec, limit_bytes=100 + more)

    assert (found.is_json, found.truncated) == ((True, False) if is_whole else (None, True))
    if is_whole:
        assert read_value(body, codec=codec, limit_bytes=100 + more) == "x" * 98
    else:
        with pytest.raises(ServiceError, match="more than 99 bytes"):
            read_value(body, codec=codec, limit_bytes=100 + more)


@given(st.text(max_size=60), st.integers(min_value=2, max_value=40))
def test_text_of_a_difference_is_whole_up_to_its_limit(text, longest):
    shown = differences.cut(text, longest)
    whole = differences.cut(text, 1000)

    assert shown == whole or (len(whole) > longest >= len(shown) and shown.endswith("…"))


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_cover_and_differences_say_what_they_leave_out(monkeypatch, more):
    text = "x" * (cover._LONGEST + more)
    assert (cover._cut(text) == text) is (more < 1)

    assert len(differences._more(differences.MOST_SHOWN + more, what="x")) == (more > 0)

    monkeypatch.setattr(differences, "_lines_of_check", lambda one: [one.kind])
    record: Any = SimpleNamespace(run="r", checks=[], steps=[], practice=False)
    drifted = [SimpleNamespace(kind="turned")] * (differences.MOST_SHOWN + more)
    found: Any = SimpleNamespace(checks=drifted, before=record, after=record)
    assert ("more:" in differences.list_drift(found, record)[-1]) is (more > 0)


@pytest.mark.parametrize(
    ("basis", "status", "seen"),
    [("behaviour", "pass", True), ("echo", "pass", True), ("rule", "pass", False),
     ("behaviour", "unknown", False), ("behaviour", "skip", False), ("echo", "fail", False)],
)  # fmt: skip
def test_arrow_of_the_picture_is_green_where_something_was_seen_to_hold(basis: Basis, status, seen):
    check = Check("XC999", "t", status, "fail", "e", "o", "h", "r", basis)

    assert picture._is_seen(check) is seen


def test_run_directory_is_of_a_target_of_exactly_that_name(tmp_path):
    made = evidence.make_run_directory(tmp_path, name="n", target="aws s3://b/x")

    def find(target: str) -> object:
        return evidence.find_run_directory(tmp_path, name="n", target=target)

    assert (find("aws s3://b"), find("aws s3://b/x")) == (None, made)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_lines_of_an_event_and_of_a_log_are_kept_up_to_their_limit(more):
    event = "\n".join(str(n) for n in range(task_log._MOST_OF_EVENT + more))
    lines, _ = task_log.to_log([{"event": event}], secrets=())
    assert ("left out" in str(lines)) is (more > 0)

    lines, _ = task_log.to_log(["x"] * (task_log.MOST_LINES + more), secrets=())
    assert ("left out" in str(lines)) is (more > 0)
    pairs = [["a", "b"]] * (task_log.MOST_LINES // 2 + more)
    assert ("left out" in str([*task_log._cut(pairs)])) is (more > 0)


@pytest.mark.parametrize(("secret", "is_hidden"), [("abc", False), ("abcd", True), ("abcde", True)])
def test_secret_of_four_letters_is_one(secret, is_hidden):
    assert bool(redaction.secret_texts({"X_PASSWORD": secret})) is is_hidden


@pytest.mark.parametrize(
    ("holds", "status", "closes"),
    [(True, "pass", False), (False, "fail", True), (None, "unknown", True)],
)
def test_what_is_not_known_is_never_a_pass(holds, status, closes):
    check = RULE.judge(holds, expected="e", observed="o", how="h", basis="echo")

    assert (check.status, check.closes_gate) == (status, closes)
