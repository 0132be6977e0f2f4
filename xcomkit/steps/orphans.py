"""``xcomkit inspect --orphans``: objects joined with the rows of XCom of a Deployment."""

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from xcomkit.clouds import Cloud
from xcomkit.clouds.rules import SOFT_DELETE, VERSIONING
from xcomkit.findings.errors import InputError, MissingError, XcomkitError
from xcomkit.findings.model import Check
from xcomkit.findings.text import shorten
from xcomkit.notebook import show
from xcomkit.objects.orphans import MOST, Join, Orphans
from xcomkit.objects.rows import Entry, Row, read_export, read_oldest_running, read_time
from xcomkit.objects.summary import size_text
from xcomkit.plane.deployment import Deployment, open_deployment
from xcomkit.plane.rest_client import number
from xcomkit.plane.run_reader import RunReader
from xcomkit.settings.settings import Settings
from xcomkit.steps.inspect_objects import totals
from xcomkit.steps.orchestration import read_token

BATCH = 1_000
"""Objects that are deleted before the next line of progress."""
_SKEW = timedelta(minutes=5)
"""How far the clock may be ahead that wrote a row."""
_PAUSE = 0.1
"""Seconds between two questions to a Deployment, which has other things to do."""
_WAYS_BACK = (
    (VERSIONING, "true|Enabled", "from their last version until the lifecycle removes it"),
    (
        SOFT_DELETE,
        r'"deleteRetentionPolicy": {[^}]*"enabled": true|^\d',
        "while soft delete lasts",
    ),
)
"""Settings of a bucket that keep deleted objects, what they say then, and for how long."""
_NAMES = ("dag_id", "run_id", "task_id", "key")


def join_rows(
    join: Join, *, rows: str, settings: Settings, days: int, say: Callable[[str], None]
) -> Orphans:
    """Return what has no counterpart among the objects that a join has, and rows from somewhere.

    Nothing counts that was written in the last ``days``, or those before the newest row of an
    export, which may be old itself, or since the longest running Dag run began.

    Raises:
        XcomkitError: the rows cannot be read, or the newest is of a time that is still to come.
    """
    now, young = datetime.now(UTC), timedelta(days=days)
    if "://" not in rows:
        file = Path(rows)
        running = read_oldest_running(file)  # first: a run that ends meanwhile has its rows
        join.add_rows(read_export(file))
        newest = join.newest or now
        if newest > now + _SKEW:
            raise InputError(
                f"{file}: its newest row is of {newest:%Y-%m-%d %H:%M} UTC, now it is"
                f" {now:%Y-%m-%d %H:%M}.",
                hint="look at the clock of this machine and at the column timestamp.",
            )
        before = min(filter(None, (min(newest, now) - young, running)))
        return join.result(source=file.name, before=before, unread="")
    token = read_token(settings.token_variable)
    with open_deployment(rows, token=token) as deployment:
        times = (now - young, deployment.oldest_running())
        before = min(filter(None, times)).astimezone(UTC)
        say("reading the rows of XCom, 100 at a time and ten times a second at most")
        join.add_rows(_entries(deployment))
        unread = join.unread_rows(before=before)
        join.add_rows(_values(deployment, unread[:MOST]))
    why = f"of {MOST:,} rows whose task has no object the value was read, there are more"
    return join.result(source=rows, before=before, unread=why if len(unread) > MOST else "")


def delete_orphans(
    cloud: Cloud, join: Join, found: Orphans, check: Check, *, say: Callable[[str], None]
) -> str:
    """Delete the objects that the check found, by exact key, and return what was done.

    Where it ends early, the next join finds those that are left.

    Raises:
        ServiceError: a deletion was refused.
    """
    if check.status != "warn":
        return f"Nothing was deleted: {check.observed}."
    undo = way_back(cloud)
    say(f"deleting {found.without_row.count:,} of {found.objects:,} objects; they {undo}")
    keys, count = (key for key, *_ in join.orphans(found.before)), 0
    while batch := list(islice(keys, BATCH)):
        cloud.discard_keys(batch)
        count += len(batch)
        say(f"{count:,} objects deleted, the last one is {shorten(batch[-1])}")
    return f"{count:,} objects were deleted; they {undo}."


def way_back(cloud: Cloud) -> str:
    """Return how deleted objects can be brought back, as the bucket is set."""
    undo = "cannot be brought back: the bucket keeps neither versions nor deleted objects"
    for rule, on, way in _WAYS_BACK:
        if any(setting.rule is rule for setting in cloud.bucket.table):
            try:
                if re.search(on, cloud.bucket.read_setting(rule)):
                    return f"can be restored {way}"
            except XcomkitError:
                undo = "may be lost for good: whether the bucket keeps them was not seen"
    return undo


def orphans_table(found: Orphans) -> show.Table:
    """Return whose the objects without a row are."""
    one, since = found.without_row, f"{found.oldest:%Y-%m-%d}" if found.oldest else "-"
    caption = (
        f"Without a row: {one.count:,} of {found.objects:,} objects with {size_text(one.size)}, the"
        f" oldest of {since}; without an object: {found.without_object.count:,} references in"
        f" {found.rows:,} rows"
    )
    return totals("Dag", found.dags, caption=caption)


def _entries(deployment: Deployment) -> Iterator[Row]:
    """Yield whose every row is that the token may read, without their values."""
    for entry in deployment.list_xcoms(pause=_PAUSE):
        try:
            at, _ = read_time(str(entry.get("timestamp")))
        except ValueError:
            at = datetime.max.replace(tzinfo=UTC)
        dag, run, task, key = (str(entry.get(name)) for name in _NAMES)
        index = number(entry.get("map_index"), otherwise=-1)
        yield Row(at, entry=Entry(dag, run, task, index, key))


def _values(deployment: Deployment, rows: Iterable[Row]) -> Iterator[Row]:
    """Yield the rows with their values; one that was deleted meanwhile refers to nothing."""
    for row in rows:
        time.sleep(_PAUSE)
        if one := row.entry:
            reader = RunReader(deployment.client, one.dag, one.run)
            with suppress(MissingError):
                yield Row(row.at, json.dumps(reader.value(one.task, one.map_index, one.key)))
