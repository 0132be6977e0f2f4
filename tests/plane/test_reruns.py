"""What clearing and deleting leave behind, over listings made by hand."""

import pytest

from xcomkit.findings.model import Rule
from xcomkit.plane.reruns import judge_deletion, judge_rerun


@pytest.mark.parametrize(
    ("before", "after", "rows", "earlier", "status", "observed"),
    [
        ("a old", "a new", "a new", "", "pass", "1 object written anew, 1 old one purged"),
        ("old", "old new", "new", "", "fail", "; no row for 1: old"),
        ("old", "old new", "new", "old", "pass", "purged; 1 of earlier tries stay: Airflow 3.4"),
        ("old lost", "old lost new", "new", "old", "fail", "; no row for 1: lost"),
        ("a b", "a c d", "c d", "", "fail", "2 objects written anew, 1 old one purged; no row"),
        ("a b", "a", "a b", "", "fail", "; no object for 1: b"),
        ("a", "a", "a", "", "fail", "0 objects written anew"),
        ("", "new", "new", "", "unknown", "1 object written anew"),
    ],
    ids=[
        "replaced", "old one stayed", "earlier try", "nobody's beside an earlier try",
        "one of two stayed", "object is gone", "did not run again", "nothing before",
    ],
)  # fmt: skip
def test_objects_after_a_rerun_are_those_of_rows_and_earlier_tries(
    before: str, after: str, rows: str, earlier: str, status: str, observed: str
) -> None:
    found = judge_rerun(
        before=before.split(),
        after=after.split(),
        rows=rows.split(),
        earlier=earlier.split(),
        how="cleared push_small",
    )

    assert found.status == status
    assert observed in found.observed


def test_hostile_keys_are_named_in_one_harmless_line_and_only_a_few_of_them() -> None:
    stayed = {f"<script>\x1b[2J\n{n}" for n in range(9)}
    found = judge_rerun(before=stayed, after=stayed, rows=(), earlier=(), how="cleared")

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
    assert found.observed.startswith(f"2 objects without a row; {words}")


def test_bucket_whose_lifecycle_was_not_read_is_unknown() -> None:
    assert judge_deletion(left=["a"], expiry=()).status == "unknown"


def test_deletion_that_left_nothing_warns_of_something_else_that_deletes() -> None:
    found = judge_deletion(left=(), expiry=())

    assert (found.status, "something else deletes them" in found.observed) == ("warn", True)
