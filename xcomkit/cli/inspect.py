"""``xcomkit inspect``: what lies below the prefix of a bucket."""

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xcomkit.cli.inspect_options import refuse
from xcomkit.cli.terminal import note, read_days, read_pair, say
from xcomkit.findings.errors import InputError, MissingError, XcomkitError

if TYPE_CHECKING:
    from xcomkit.cloud_documents.lifecycle import Effect
    from xcomkit.clouds import Cloud
    from xcomkit.findings.model import Check
    from xcomkit.objects.listing import Listing
    from xcomkit.objects.summary import Summary
    from xcomkit.settings.settings import Settings

PARTIAL = 130
_MOST = 20
"""Objects of one task that are opened."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    parser = commands.add_parser(
        "inspect",
        help="count and judge what lies below the prefix of a bucket",
        description="List every object below the prefix, many folders at once, and say whose they"
        " are, how large and how old, with the checks of step 05. Memory does not grow with the"
        " number of objects. Ctrl-C ends the listing and shows the part that was counted.",
        epilog="example: xcomkit inspect -f parameters/aws.yaml --save sums.json | exit codes: 0"
        " nothing is red, 1 a check is red or unknown, 2 bad parameters, 3 environment or service,"
        " 130 only a part was counted",
    )
    parser.add_argument("-f", "--file", type=Path, required=True, help="a file of parameters/")
    parser.add_argument(
        "-p", "--parameter", action="append", default=[], metavar="NAME=VALUE",
        help="replace one parameter of the file; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="text for people, json for tools"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE",
        help="write the sums to FILE.json or FILE.parquet, also those of a part",
    )  # fmt: skip
    parser.add_argument(
        "--resume", type=Path, metavar="FILE",
        help="go on where the listing was interrupted whose sums are in FILE.json",
    )  # fmt: skip
    parser.add_argument(
        "--inventory", type=Path, nargs="+", metavar="PATH",
        help="read an inventory in place of a listing: the folder with manifest and data of S3"
        " Inventory, Azure Blob Inventory or Google's inventory reports, or Parquet of S3 Metadata",
    )  # fmt: skip
    parser.add_argument(
        "--journal", type=Path, nargs="+", metavar="PATH",
        help="show who deleted what, of S3 Metadata's journal as Parquet, in place of a listing",
    )  # fmt: skip
    parser.add_argument(
        "--price", type=float, metavar="PRICE",
        help="what a GiB costs you per month, to say what the objects cost",
    )  # fmt: skip
    parser.add_argument(
        "--rerun-days", type=read_days, metavar="N",
        help="days after its run in which a task may still be cleared and run again",
    )  # fmt: skip
    parser.add_argument(
        "--versions", action="store_true",
        help="count old versions, delete markers and unfinished uploads too: a second, slower"
        " listing, by the cloud's own SDK",
    )  # fmt: skip
    deep = parser.add_argument_group("open the objects, within bounds and without Airflow")
    deep.add_argument(
        "--decode", choices=("none", "sample", "all"), default="none",
        help="open none of them, a thousand drawn by chance, or all",
    )  # fmt: skip
    deep.add_argument(
        "--scheduler", default="local", metavar="ADDRESS",
        help="local: threads here; else the address of a Dask cluster, such as tcp://HOST:8786",
    )  # fmt: skip
    joined = parser.add_argument_group("join the objects with the rows of XCom")
    joined.add_argument(
        "--orphans", metavar="ROWS",
        help="https://HOST/PATH of the Deployment, whose token is in the variable that"
        " token_variable names; or a CSV, JSON or SQLite file with the tables of XCom",
    )  # fmt: skip
    joined.add_argument(
        "--older-than", type=read_days, default=7, metavar="DAYS",
        help="leave out what is younger, 7 unless given: more than the longest Dag run takes",
    )  # fmt: skip
    joined.add_argument(
        "--delete", metavar="PREFIX",
        help="delete the objects without a row, by exact key, where the prefix is typed in here:"
        " look at them first, without this",
    )  # fmt: skip
    one = parser.add_argument_group("find one value, in place of a listing")
    one.add_argument("--dag", metavar="ID")
    one.add_argument("--run", metavar="ID")
    one.add_argument("--task", metavar="ID")
    one.add_argument("--key", default="", help="of Airflow 3.4; before, no object names its key")
    parser.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """List, save and show what was found, and return the exit code."""
    from xcomkit.settings.settings import Settings

    overrides: dict[str, object] = dict(read_pair(text) for text in options.parameter)
    settings = Settings.from_yaml(options.file, overrides=overrides)
    refuse(options, prefix=settings.prefix)
    if options.dag or options.run or options.task:
        return _show_values(options, settings=settings)
    if options.journal:
        return _show_deletions(options, settings=settings)

    from xcomkit.clouds import open_cloud
    from xcomkit.findings.model import worst
    from xcomkit.notebook import show
    from xcomkit.objects import saved
    from xcomkit.objects.checks import checks
    from xcomkit.objects.retention import monthly_cost
    from xcomkit.objects.summary import to_summary
    from xcomkit.steps import inspect_objects as objects
    from xcomkit.steps.opening import open_platform

    listing = _begin(options.resume, settings=settings)
    platform, _ = open_platform(settings)
    cloud = open_cloud(settings, platform=platform)
    parts = [*_list(options, listing=listing, cloud=cloud)]
    summary = to_summary(listing.sums, part=listing.part)
    parts += _look_further(options, cloud=cloud, summary=summary)
    opened = [check for part in parts if part.name == "scan" for check in part.checks]
    asked = [check for part in parts if part.name != "scan" for check in part.checks]
    found = (*checks(summary, opened=opened), *asked)
    if options.format == "json":
        more = {part.name: part.found for part in parts if part.found}
        say(saved.to_json(listing, summary=summary, checks=found, more=more))
    else:
        shown: list[object] = [table(summary, settings) for table in objects.TABLES.values()]
        shown += [objects.deletions(summary, cloud=cloud), *(p.table for p in parts if p.table)]
        if options.price is not None:
            size = listing.sums.size
            cost = monthly_cost(size, price=options.price)
            shown.append(show.Text(f"Keeping these {size:,} bytes costs {cost:,.2f} per month."))
        for one in shown:
            say(f"{one!r}\n")
        say(repr(show.checks(found)))
    if not (listing.is_whole and all(part.is_whole for part in parts)):
        return PARTIAL
    return int(worst(found) in ("fail", "unknown"))


class _Part(NamedTuple):
    """What an option asked for: its name in JSON, what was found, its table and its checks."""

    name: str
    found: Any = None
    table: object = None
    checks: tuple["Check", ...] = ()
    is_whole: bool = True


def _list(options: argparse.Namespace, *, listing: "Listing", cloud: "Cloud") -> Iterator[_Part]:
    """List the prefix, and yield what was found in the objects and of their rows meanwhile."""
    from xcomkit.objects import saved

    settings = cloud.settings
    with ExitStack() as stack:
        if options.orphans:
            from xcomkit.notebook import show
            from xcomkit.objects.orphans import Join, judge_orphans
            from xcomkit.steps.orphans import delete_orphans, join_rows, orphans_table

            join = stack.enter_context(closing(Join(settings.bucket, settings.prefix)))
            listing.also.append(join.add_objects)
        if options.inventory:
            yield from _read_inventory(options, listing=listing, settings=settings)
        elif options.decode == "none":
            listing.run(cloud, say=note)
        else:
            yield _scan(options, listing=listing, cloud=cloud)
        if options.save:  # before something is deleted
            saved.write(listing, path=options.save)
            note(f"sums: {options.save}")
        if options.orphans:
            found = join_rows(
                join, rows=options.orphans, settings=settings, days=options.older_than, say=note
            )
            judged = judge_orphans(found, is_whole=listing.is_whole)
            yield _Part("orphans", found, orphans_table(found), judged)
            if options.delete:
                done = delete_orphans(cloud, join, found, judged[0], say=note)
                yield _Part("deletion", done, show.Text(done))


def _read_inventory(
    options: argparse.Namespace, *, listing: "Listing", settings: "Settings"
) -> Iterator[_Part]:
    """Count what an inventory says in place of a listing, and yield what it has beside it."""
    from xcomkit.objects.inventory import count_inventory
    from xcomkit.steps.inspect_objects import beside_table

    beside = count_inventory(options.inventory, listing=listing, settings=settings, say=note)
    if beside:
        yield _Part("beside", beside, beside_table(beside))


def _scan(options: argparse.Namespace, *, listing: "Listing", cloud: "Cloud") -> _Part:
    """List the prefix, and return what is in the objects."""
    from xcomkit.clouds.rules import ENCRYPTION
    from xcomkit.objects.checks import judge_scan
    from xcomkit.steps.deep_scan import scan_prefix, scan_table

    scan = scan_prefix(
        listing, cloud=cloud, decode=options.decode, scheduler=options.scheduler, say=note
    )
    encryption = unread = ""
    try:
        encryption = cloud.bucket.read_setting(ENCRYPTION)
    except XcomkitError as error:
        unread = str(error)
    listed = listing.sums.readable
    checks = judge_scan(scan, listed=listed, encryption=encryption, unread=unread)
    found = {**asdict(scan), "share": scan.gzip.share(of=listed)}
    return _Part("scan", found, scan_table(scan, listed=listed), checks, scan.is_whole)


def _look_further(
    options: argparse.Namespace, *, cloud: "Cloud", summary: "Summary"
) -> Iterator[_Part]:
    """Yield what is beside the objects, and the checks that only options ask for."""
    from xcomkit.objects.beside import INTERRUPTED, count_beside
    from xcomkit.objects.checks import judge_reruns, judge_uploads
    from xcomkit.steps.inspect_objects import beside_table, list_state, state_table

    if summary.is_whole and not options.inventory and (state := list_state(cloud, say=note)):
        yield _Part("state_store", state, state_table(state), is_whole=state.is_whole)
    if options.versions and summary.is_whole:
        note("counting old versions with the cloud's own SDK, one answer per 1,000 of them")
        beside = count_beside(cloud, prefix=cloud.settings.prefix)
        check = judge_uploads(beside, now=summary.now, days=summary.retention_days)
        is_whole = INTERRUPTED not in (beside.unseen, beside.unseen_uploads)
        yield _Part("beside", beside, beside_table(beside), (check,), is_whole)
    if (again := options.rerun_days) is not None:
        effects: tuple[Effect, ...] = ()
        unread = ""
        try:
            effects = cloud.bucket.read_lifecycle()
        except XcomkitError as error:
            unread = str(error)
        yield _Part("", checks=(judge_reruns(effects, unread=unread, rerun_days=again),))


def _show_values(options: argparse.Namespace, *, settings: "Settings") -> int:
    """Show the objects of one task of a run, decoded within bounds."""
    import json
    from itertools import islice

    from xcomkit.clouds import open_cloud
    from xcomkit.steps.inspect_objects import describe, find_objects, open_object
    from xcomkit.steps.opening import open_platform

    if not (options.dag and options.run and options.task):
        raise InputError("one value is named by --dag, --run and --task.", hint="give all three.")
    platform, _ = open_platform(settings)
    cloud = open_cloud(settings, platform=platform)
    named = {"dag": options.dag, "run": options.run, "task": options.task, "key": options.key}
    found = list(islice(find_objects(cloud, **named), _MOST + 1))
    if not found:
        raise MissingError(
            "no object of this task and run lies below the prefix.",
            hint="look at the ids; a value under the threshold is in the metadata database.",
        )
    documents = []
    for one in found[:_MOST]:
        opened = open_object(cloud, one)
        if options.format == "json":
            documents.append({**asdict(one), "modified": one.modified.isoformat(),
                              "decoded": asdict(opened)})  # fmt: skip
        else:
            say(f"{describe(cloud, one, opened=opened, caption=one.layout)!r}\n")
    if options.format == "json":
        say(json.dumps({"schema": 1, "objects": documents}, indent=1, sort_keys=True))
    if len(found) > _MOST:
        note(f"there are more than {_MOST} objects; name the --key")
    return 0


def _begin(resumed: Path | None, *, settings: "Settings") -> "Listing":
    from xcomkit.objects import saved
    from xcomkit.steps.inspect_objects import begin_listing

    if resumed is None:
        return begin_listing(settings)
    listing = saved.read(resumed)
    if (listing.sums.prefix, listing.bucket) != (settings.prefix, settings.place):
        raise InputError(
            f"{resumed}: these are sums of {listing.bucket}.",
            hint="name the file that --save wrote for this bucket and prefix.",
        )
    return listing


def _show_deletions(options: argparse.Namespace, *, settings: "Settings") -> int:
    """Show who deleted what."""
    import json

    from xcomkit.objects.inventory import read_journal
    from xcomkit.steps.inspect_objects import deletion_tables

    found = read_journal(options.journal, settings=settings)
    if options.format == "json":
        say(json.dumps({"schema": 1, "deletions": asdict(found)}, indent=1, sort_keys=True))
    else:
        say("\n\n".join(map(repr, deletion_tables(found))))
    return 0
