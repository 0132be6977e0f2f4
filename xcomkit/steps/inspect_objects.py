"""Step 05: what lies below the prefix, and one object opened safely."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from xcomkit.findings.model import StoredXCom
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell
from xcomkit.objects.checks import checks
from xcomkit.objects.decode import decode
from xcomkit.objects.keys import parse_key
from xcomkit.objects.summary import Summary, summarise

LIMIT = 5_000_000
"""Bytes an opened object may have, compressed and decompressed."""


def list_xcoms(step: Step) -> Iterator[StoredXCom]:
    """Yield every object below the prefix, read as an XCom; a line of progress per 10,000."""
    prefix = step.settings.prefix
    for number, found in enumerate(step.cloud.list_objects(f"{prefix}/"), start=1):
        if number % 10_000 == 0:
            step.say(f"{number:,} objects listed")
        yield parse_key(found, prefix=prefix)


@cell
def summarise_prefix(step: Step) -> show.Table:
    """Return the totals per Dag; the summary is kept for the checks."""
    summary = summarise(
        list_xcoms(step), now=datetime.now(UTC), retention_days=step.settings.retention_days
    )
    step.facts["summary"] = summary
    rows = [(dag.name, f"{dag.count:,}", f"{dag.size:,}") for dag in summary.dags]
    total = f"{summary.count:,} XComs with {summary.size:,} bytes, {summary.foreign:,} other keys"
    return show.table(("Dag", "objects", "bytes"), rows, caption=f"Below the prefix: {total}")


def list_extremes(step: Step) -> show.Table:
    """Return the largest objects, the oldest one, and how old they are."""
    summary = _summary(step)
    found = () if summary is None else (*summary.largest, *filter(None, (summary.oldest,)))
    rows = [
        (x.dag_id, x.task_id, x.run_id, x.codec, f"{x.size:,}", f"{x.modified:%Y-%m-%d %H:%M}")
        for x in found
    ]
    headers = ("Dag", "task", "run", "codec", "bytes", "written (UTC)")
    return show.table(headers, rows, caption="The largest objects, and last the oldest")


@cell
def open_newest(step: Step) -> show.Table | show.Text:
    """Return the newest XCom, opened within bounds, beside what the store says of it."""
    summary = _summary(step)
    newest = summary.newest if summary else None
    if newest is None:
        return show.Text("There is nothing to open: no XCom lies below the prefix.")
    body = step.cloud.read_object(newest.key, limit=LIMIT)
    details = step.cloud.describe_object(newest.key)
    opened = decode(body, codec=newest.codec, limit_bytes=LIMIT)
    step.facts["opened"] = {"key": newest.key, "decoded": opened}
    return show.facts(
        {
            "key": newest.key,
            "value": opened.preview,
            "JSON": f"{opened.root} of {opened.size:,} bytes",
            "types of Airflow": ", ".join(opened.types) or "none beside plain JSON",
            **{name: value or "none" for name, value in asdict(details).items() if name != "key"},
        },
        caption="The newest XCom",
    )


@cell
def verify(step: Step) -> show.Checks:
    """Return the checks of the listing and of the opened object."""
    opened = step.facts.get("opened", {})
    return step.check(
        *checks(_summary(step), decoded=opened.get("decoded"), key=opened.get("key", "")),
        caption="The objects",
    )


def _summary(step: Step) -> Summary | None:
    summary: Summary | None = step.facts.get("summary")
    return summary
