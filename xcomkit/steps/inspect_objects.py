"""Step 05 and ``xcomkit inspect``: what lies below the prefix, and one object opened safely."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from xcomkit.clouds import Cloud
from xcomkit.clouds.bucket import missing_bucket
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import StoredXCom
from xcomkit.findings.text import number_of
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell
from xcomkit.objects.beside import Beside
from xcomkit.objects.checks import checks
from xcomkit.objects.decode import LIMIT, Decoded, decode
from xcomkit.objects.inventory import Deletions
from xcomkit.objects.keys import parse_key
from xcomkit.objects.listing import Listing
from xcomkit.objects.retention import forecast
from xcomkit.objects.summary import Summary, Total, size_text, to_summary
from xcomkit.objects.sums import Sums
from xcomkit.settings.settings import Settings
from xcomkit.steps import object_charts as charts

_PARTS: dict[Path, Listing] = {}
"""Per run directory the listing that was interrupted, to go on with."""


def begin_listing(settings: Settings, *, prefix: str = "") -> Listing:
    """Return a listing of the prefix of XComs, or another, in which nothing was counted yet."""
    sums = Sums(prefix or settings.prefix, datetime.now(UTC), settings.retention_days)
    return Listing(settings.place, sums)


def list_prefix(cloud: Cloud, *, listing: Listing, say: Callable[[str], None]) -> Summary:
    """Count what is left to count, and return what the sums say."""
    listing.run(cloud, say=say)
    return to_summary(listing.sums, part=listing.part)


def list_state(cloud: Cloud, *, say: Callable[[str], None]) -> Summary | None:
    """Return what lies below the prefix of the state store, if there is one; it has its own."""
    if not cloud.settings.state_store:
        return None
    listing = begin_listing(cloud.settings, prefix=cloud.settings.state_prefix)
    return list_prefix(cloud, listing=listing, say=say)


def state_table(found: Summary) -> show.Table:
    """Return whose state lies below the prefix of the state store, and what else does."""
    caption = (
        f"{_lead(found, 'the prefix of the state store')}{number_of(found.state.count, 'state')}"
        f" with {found.state.size:,} bytes, {found.count + found.foreign.count:,} other keys"
    )
    return totals("Dag and task, or asset", found.states[:10], caption=caption)


def _lead(found: Summary, place: str) -> str:
    partial = "" if found.is_whole else f"PARTIAL, {found.part}: "
    return f"Below {place}: {partial}"


def _objects(summary: Summary) -> show.Table:
    found = (*summary.largest, *filter(None, (summary.oldest,)))
    rows = [
        (
            f"{x.dag_id}, {x.task_id}, {x.run_id}",
            x.codec,
            f"{x.size:,}",
            f"{x.modified:%Y-%m-%d %H:%M}",
        )
        for x in found
    ]
    headers = ("Dag, task, run", "codec", "bytes", "written (UTC)")
    return show.table(headers, rows, caption="The largest objects, and last the oldest")


def _dags(summary: Summary) -> show.Table:
    total = (
        f"{summary.count:,} XComs with {summary.size:,} bytes,"
        f" {summary.foreign.count:,} other keys, {summary.state.count:,} of the state store"
    )
    return totals("Dag", summary.dags, caption=f"{_lead(summary, 'the prefix')}{total}")


def read_expiry(cloud: Cloud) -> tuple[float | None, str]:
    """Return after how many days the bucket deletes XComs, and how this is known."""
    try:
        effects = cloud.bucket.read_lifecycle()
    except XcomkitError as error:
        return float(cloud.settings.retention_days), f"as retention_days says, because {error}"
    days = [one.days for one in effects if one.action == "deletes" and one.reach == "all"]
    known = [number for number in days if number is not None]
    return (min(known), "as its lifecycle says") if known else (None, "")


def deletions(summary: Summary, *, cloud: Cloud) -> show.Table | show.Text:
    """Return what the bucket deletes on each day of the coming month."""
    days, how = read_expiry(cloud)
    if days is None:
        return show.Text("No lifecycle rule of the bucket deletes all XComs, so they stay.")
    caption = f"What the bucket deletes per day, {days:g} days after the writing, {how}"
    return totals("day (UTC)", forecast(summary, days=days), caption=caption)


def beside_table(found: Beside) -> show.Table:
    """Return what the bucket keeps beside the current objects, and what of it was not seen."""
    at_least = "at least " if found.unmeasured else ""
    uploads = (f"{found.uploads:,}", f"{at_least}{found.upload_size:,}", found.unseen_uploads)
    rows = [
        ("old versions", f"{found.old:,}", f"{found.old_size:,}", found.unseen),
        ("delete markers", f"{found.markers:,}", "0", found.unseen),
        ("unfinished uploads", *(("-", "-", found.no_uploads) if found.no_uploads else uploads)),
    ]
    caption = "Old versions and uploads, as the listing of versions or the inventory says"
    return show.table(("what", "count", "bytes", "not seen"), rows, caption=caption)


def deletion_tables(found: Deletions) -> tuple[show.Table, ...]:
    """Return what a journal says was deleted: by whom, and the newest of it."""
    caption = f"{number_of(found.count, 'deletion')} below the prefix in the journal of S3 Metadata"
    headers = ("at (UTC)", "key", "by", "from", "how")
    return (
        show.table(("by", "deletions", "first (UTC)", "last (UTC)"), found.by, caption=caption),
        show.table(headers, found.newest, caption="The newest deletions"),
    )


def totals(name: str, found: tuple[Total, ...], *, caption: str) -> show.Table:
    """Return counts and bytes per name."""
    rows = [(one.name, f"{one.count:,}", f"{one.size:,}", size_text(one.size)) for one in found]
    return show.table((name, "objects", "bytes", "size"), rows, caption=caption)


def _days(summary: Summary) -> show.Table:
    caption = "Growth: what was written per day and is still there"
    written = tuple(one for one in charts.last_days(summary) if one.count)
    return totals("day (UTC)", written, caption=caption)


def _sizes(found: Summary, settings: Settings) -> show.Chart:
    table = totals("size", found.sizes, caption="Sizes of all objects, as they are stored")
    return charts.draw_sizes(found, table, threshold=settings.threshold)


TABLES: Mapping[str, Callable[[Summary, Settings], show.Table | show.Chart]] = {
    "dags": lambda found, _: charts.draw_dags(found, _dags(found)),
    "tasks": lambda found, _: totals("Dag and task", found.tasks[:10], caption="The largest tasks"),
    "objects": lambda found, _: _objects(found),
    "days": lambda found, _: charts.draw_days(found, _days(found)),
    "ages": lambda found, _: charts.draw_ages(
        found, totals("age", found.ages, caption="Ages of all objects")
    ),
    "sizes": _sizes,
    "codecs": lambda found, _: totals("codec", found.codecs, caption="Codecs of XComs"),
}
"""What a listing found, as a person reads it in the notebook and in the terminal."""


@cell
def summarise_prefix(step: Step) -> show.Table | show.Chart | show.Checks:
    """Return the totals per Dag; an interrupted listing goes on where it was."""
    if missing := missing_bucket(step.cloud):
        return step.check(missing, caption="Nothing was listed")
    listing = _PARTS.pop(step.run, None) or begin_listing(step.settings)
    step.facts["summary"] = summary = list_prefix(step.cloud, listing=listing, say=step.say)
    if not listing.is_whole:
        _PARTS[step.run] = listing
    return TABLES["dags"](summary, step.settings)


@cell
def summarise_state(step: Step) -> show.Table | show.Text:
    """Return the totals of the state store, which is listed anew each time."""
    if _is_stopped(step):
        return show.Text("Nothing was listed.")
    step.facts["state_store"] = found = list_state(step.cloud, say=step.say)
    return state_table(found) if found else show.Text("No state store is configured.")


def list_part(step: Step, name: str) -> show.Table | show.Chart | show.Text:
    """Return one of ``TABLES``."""
    summary = _summary(step)
    return TABLES[name](summary, step.settings) if summary else show.Text("Nothing was listed.")


@cell
def forecast_deletions(step: Step) -> show.Table | show.Text:
    """Return what the bucket deletes on each day of the coming month."""
    summary = _summary(step)
    if summary is None:
        return show.Text("Nothing was listed.")
    return deletions(summary, cloud=step.cloud)


@cell
def open_newest(step: Step) -> show.Table | show.Text:
    """Return the newest XCom, opened within bounds, beside what the store says of it."""
    summary = _summary(step)
    newest = summary.newest if summary else None
    if newest is None:
        return show.Text("There is nothing to open: no XCom lies below the prefix.")
    opened = open_object(step.cloud, newest)
    step.facts["opened"] = {"key": newest.key, "decoded": opened}
    return describe(step.cloud, newest, opened=opened, caption="The newest XCom")


def open_object(cloud: Cloud, found: StoredXCom) -> Decoded:
    """Return what is inside an object, decoded within bounds and without Airflow."""
    body = cloud.read_object(found.key, limit=LIMIT + 1)
    return decode(body, codec=found.codec, limit_bytes=LIMIT)


def describe(cloud: Cloud, found: StoredXCom, *, opened: Decoded, caption: str) -> show.Table:
    """Return the value of an object beside what the store says of it."""
    details = asdict(cloud.describe_object(found.key))
    return show.facts(
        {
            "key": found.key,
            "value": opened.preview,
            "JSON": opened.problem or f"{opened.root} of {opened.size:,} bytes",
            "types of Airflow": ", ".join(opened.types) or "none beside plain JSON",
            **{name: value or "none" for name, value in details.items() if name != "key"},
        },
        caption=caption,
    )


def find_objects(
    cloud: Cloud, *, dag: str, run: str, task: str, key: str = ""
) -> Iterator[StoredXCom]:
    """Yield the objects of one task of a run; of a key alone where the objects are named so.

    Airflow 3.1 to 3.3 do not write the XCom's key into the object's, so all of the task are
    yielded. Airflow 3.4 quotes it, or takes its hash where it is long.
    """
    prefix = cloud.settings.prefix
    names = (quote(key, safe=""), sha256(key.encode()).hexdigest())
    for one in cloud.list_objects("/".join(filter(None, (prefix, dag, run, task, "")))):
        found = parse_key(one, prefix=prefix)
        name = found.key.rpartition("/")[2].rpartition(".json")[0]
        if (found.dag_id, found.run_id, found.task_id) == (dag, run, task) and (
            not key or found.layout != "key" or name in names
        ):
            yield found


@cell
def verify(step: Step) -> show.Checks:
    """Return the checks of the listing and of the opened object; one cause is said once."""
    if _is_stopped(step):
        return step.check(caption="For the reason above")
    opened = step.facts.get("opened", {})
    return step.check(
        *checks(_summary(step), decoded=opened.get("decoded"), key=opened.get("key", "")),
        caption="The objects",
    )


def _is_stopped(step: Step) -> bool:
    """Tell whether nothing was listed, and a check says why."""
    return _summary(step) is None and any(check.closes_gate for check in step.checks)


def _summary(step: Step) -> Summary | None:
    summary: Summary | None = step.facts.get("summary")
    return summary
