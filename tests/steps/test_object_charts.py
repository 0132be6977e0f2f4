"""Charts of step 05 show the sums of the listing, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from xcomkit.findings.model import StoredObject
from xcomkit.objects.summary import Summary, to_summary
from xcomkit.objects.sums import Sums
from xcomkit.settings.settings import Settings
from xcomkit.steps.inspect_objects import TABLES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def summary_of(*found: tuple[str, int, float]) -> Summary:
    """Return what is said of objects: the Dag, the bytes and the days since each was written."""
    sums = Sums("p", NOW, 30)
    sums.add(
        [StoredObject(f"p/{dag}/run/task/{UUID}", size, NOW - timedelta(days=age))
         for dag, size, age in found]
    )  # fmt: skip
    return to_summary(sums)


def chart(name: str, summary: Summary, *, threshold: int = 0):
    settings = Settings.from_mapping({"cloud": "aws", "bucket": "bucket", "threshold": threshold})
    return TABLES[name](summary, settings)


def test_largest_dags_have_a_bar_and_the_others_one_together():
    drawn = chart("dags", summary_of(*[(f"dag{n:02}", n, 0) for n in range(1, 61)]))

    assert [bar.name for bar in drawn.bars] == [
        *(f"dag{n}" for n in range(60, 50, -1)), "(others)"
    ]  # fmt: skip
    assert sum(bar.length for bar in drawn.bars) == sum(range(61))


def test_growth_has_a_bar_for_each_of_thirty_days_and_the_table_what_is_older():
    drawn = chart("days", summary_of(("a", 5, 0), ("a", 7, 0.2), ("a", 1, 29), ("a", 9, 30),
                                     ("a", 3, 500), ("a", 8, -3)))  # fmt: skip

    assert [bar.name for bar in (drawn.bars[0], drawn.bars[-1])] == ["2026-01-31", "2026-03-01"]
    assert [bar.length for bar in drawn.bars] == [1, *[0] * 28, 12]
    assert [[cell.text for cell in row[:3]] for row in drawn.table.rows] == [
        ["before 2026-01-31", "2", "12"], ["2026-01-31", "1", "1"], ["2026-03-01", "2", "12"],
        ["after 2026-03-01", "1", "8"],
    ]  # fmt: skip


def test_ages_and_sizes_count_every_object():
    found = summary_of(("a", 0, 0), ("a", 1, 2), ("a", 70_000, 100))

    ages, sizes = chart("ages", found), chart("sizes", found)

    assert [bar.length for bar in ages.bars] == [1, 1, 0, 0, 1]
    assert [bar.length for bar in sizes.bars] == [1, 1, *[0] * 15, 1]
    assert sizes.bars[-1].name == "under 128 KiB"


@pytest.mark.parametrize(
    ("threshold", "place"),
    [(0, None), (-1, None), (1, 0.0), (256, 0.0), (512, 1.0), (768, 1.5), (1024, 2.0), (9_999, 3)],
)
def test_threshold_is_marked_where_it_is_among_the_sizes(threshold, place):
    found = summary_of(("a", 300, 0), ("a", 600, 0), ("a", 1_025, 0))

    drawn = chart("sizes", found, threshold=threshold)

    assert [bar.name for bar in drawn.bars] == ["under 512 B", "under 1 KiB", "under 2 KiB"]
    assert drawn.mark == (place if place is None else (place, drawn.mark[1]))


def test_nothing_is_drawn_of_an_empty_prefix():
    for name in ("dags", "days", "ages", "sizes"):
        assert sum(bar.length for bar in chart(name, summary_of(), threshold=9).bars) == 0
