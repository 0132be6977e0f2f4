"""What clearing, deleting and a threshold leave behind, over listings made by hand."""

from collections.abc import Collection

import pytest

from xcomkit.findings.model import Check, Rule
from xcomkit.plane.reruns import judge_deletion, judge_rerun

REFERENCE = "s3://aws_default@some-bucket/astro/xcom/x"


def rerun(
    before: Collection[str],
    after: Collection[str],
    rows: Collection[str],
    earlier: Collection[str] = (),
) -> Check:
    return judge_rerun(
        before=before, after=after, rows=rows, earlier=earlier, how="cleared push_small"
    )


def test_new_object_in_place_of_the_old_one_passes() -> None:
    found = rerun({"a", "old"}, {"a", "new"}, {"a", "new"})

    assert (found.status, found.observed) == (
        "pass",
        "1 objects written anew, 1 old ones purged",
    )


def test_old_object_that_stayed_is_named() -> None:
    found = rerun({"old"}, {"old", "new"}, {"new"})

    assert found.status == "fail"
    assert found.observed.endswith("; no row for 1: old")


def test_object_of_an_earlier_try_may_stay_and_is_counted() -> None:
    found = rerun({"old"}, {"old", "new"}, {"new"}, {"old"})

    assert found.status == "pass"
    assert found.observed.startswith(
        "1 objects written anew, 0 old ones purged; 1 of earlier tries stay: Airflow 3.4 keeps"
    )


def test_object_of_nobody_beside_one_of_an_earlier_try_is_named() -> None:
    found = rerun({"old", "lost"}, {"old", "lost", "new"}, {"new"}, {"old"})

    assert found.status == "fail"
    assert found.observed.endswith("; no row for 1: lost")


def test_one_old_object_that_stayed_among_those_purged_is_enough() -> None:
    found = rerun({"a", "b"}, {"a", "new a", "new b"}, {"new a", "new b"})

    assert found.status == "fail"
    assert found.observed == "2 objects written anew, 1 old ones purged; no row for 1: a"


def test_row_whose_object_is_gone_is_named() -> None:
    found = rerun({"a", "b"}, {"a"}, {"a", "b"})

    assert found.status == "fail"
    assert found.observed.endswith("; no object for 1: b")


def test_task_that_did_not_run_again_is_no_pass() -> None:
    assert rerun({"a"}, {"a"}, {"a"}).status == "fail"


def test_run_without_objects_before_is_unknown() -> None:
    assert rerun((), {"new"}, {"new"}).status == "unknown"


def test_hostile_keys_are_named_in_one_harmless_line_and_only_a_few_of_them() -> None:
    stayed = {f"<script>\x1b[2J\n{n}" for n in range(9)}
    found = rerun(stayed, stayed, ())

    assert "no row for 9: <script>\\x1b[2J\\n0, " in found.observed
    assert found.observed.endswith(" and 6 more")
    assert found.observed.isprintable()


@pytest.mark.parametrize(
    ("holds", "status", "words"),
    [
        (True, "pass", "the bucket's lifecycle removes them, as read now"),
        (False, "warn", "nothing removes them: XComs expire: fail, unset"),
        (None, "unknown", "whether they expire is not known: XComs expire: unknown, unset"),
    ],
)
def test_deletion_says_what_stays_and_whether_the_bucket_removes_it(
    *, holds: bool | None, status: str, words: str
) -> None:
    rule = Rule("XC207", "XComs expire", "fail", "why", "fix", "source")
    expiry = rule.judge(holds, expected="a rule", observed="unset", how="asked", basis="echo")

    found = judge_deletion(left=["a", "b"], expiry=[expiry])

    assert (found.status, found.basis) == (status, "echo")
    assert found.observed.startswith(f"2 objects stay without a row; {words}")


def test_bucket_whose_lifecycle_was_not_read_is_unknown() -> None:
    assert judge_deletion(left=["a"], expiry=()).status == "unknown"


def test_deletion_that_left_nothing_says_so() -> None:
    found = judge_deletion(left=(), expiry=())

    assert found.status == "warn"
    assert "something else deletes them" in found.observed
