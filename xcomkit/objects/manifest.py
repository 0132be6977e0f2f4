"""Which files an inventory consists of, and what its manifest says of them.

Vendors deliver data and a manifest into a bucket, from where the user copies them:

- Amazon S3 Inventory: ``<config>/<date>/manifest.json`` and ``<config>/data``, in CSV without a
  header and with keys quoted as in a form, ORC or Parquet. S3 Metadata has no manifest.
  https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html
- Azure Blob Inventory: ``<rule>-manifest.json``, beside CSV or Parquet.
  https://learn.microsoft.com/en-us/azure/storage/blobs/blob-inventory
- Google Cloud Storage: ``<report>_<time>_manifest.json``, beside shards in CSV or Parquet.
  https://cloud.google.com/storage/docs/insights/inventory-reports
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import takewhile
from operator import eq
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from xcomkit.findings.errors import InputError
from xcomkit.findings.text import listed, number_of, plain
from xcomkit.findings.text_file import read_text
from xcomkit.settings.settings import Settings

FORMATS = {".parquet": "parquet", ".csv": "csv", ".gz": "csv", ".orc": "orc"}
_COPY = "copy the folder of the inventory again, whole, and name it."
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Named:
    """A file that a manifest names: its size and MD5, where they are said."""

    name: str
    size: int | None = None
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What a manifest says of an inventory, and the files of it that are here.

    ``columns`` are those of CSV without a header; its keys may be quoted as in a form. ``when`` is
    the time it speaks of, ``rows`` how many it has in all, ``missing`` what of it is not here, and
    ``unfit`` why it is not the inventory that is asked for.
    """

    named: tuple[Named, ...] = ()
    when: datetime | None = None
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    is_quoted: bool = False
    rows: int | None = None
    missing: tuple[str, ...] = ()
    unfit: str = ""
    files: tuple[Path, ...] = ()


def find_report(paths: Iterable[Path], *, settings: Settings) -> Report:
    """Return the newest inventory of the bucket below the paths; without a manifest, all data.

    Raises:
        InputError: there is none, it is another bucket's, or a file is not what it should be.
    """
    files = [*dict.fromkeys(file for path in paths for file in _walk(path))]
    found = {
        one: _read(one, settings=settings) for one in files if one.name.endswith("manifest.json")
    }
    fit = {path: one for path, one in found.items() if not one.unfit}
    if fit:
        path = max(fit, key=lambda one: fit[one].when or _EPOCH)
        return _locate(fit[path], files=files, manifest=path)
    for path, one in found.items():
        raise InputError(
            f"{plain(str(path))}: {one.unfit}.", hint=f"name an inventory of {settings.place}."
        )
    data = tuple(one for one in files if one.suffix in FORMATS)
    kinds = sorted({FORMATS[one.suffix] for one in data})
    if len(kinds) != 1:
        problem = f"files of {' and '.join(kinds)} without" if kinds else "no data and"
        raise InputError(
            f"{listed([*map(str, paths)], most=3)}: {problem} no manifest.", hint=_COPY
        )
    return Report(files=data)


def _walk(path: Path) -> Iterable[Path]:
    """Yield the files below a path; of a manifest itself, those too that may be its data."""
    if path.is_dir():
        return (one for one in sorted(path.rglob("*")) if one.is_file())
    if not path.is_file():
        raise InputError(f"{plain(str(path))}: no such file or folder.", hint=_COPY)
    if not path.name.endswith("manifest.json"):
        return (path,)
    near = (*path.parent.iterdir(), *path.parent.parent.glob("data/*"))
    return (path, *(one for one in sorted(near) if one.suffix in FORMATS))


def _read(path: Path, *, settings: Settings) -> Report:
    name = plain(str(path))
    try:
        said = json.loads(read_text(path, name=name))
        if "fileSchema" in said:
            return _of_s3(said, settings=settings)
        if "ruleDefinition" in said:
            return _of_azure(said, settings=settings)
        return _of_gcs(said, settings=settings)
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, OSError,
            RecursionError) as error:  # fmt: skip
        problem = f"{name}: no manifest of an inventory ({type(error).__name__})."
        raise InputError(problem, hint=_COPY) from None


def _of_s3(said: Mapping[str, Any], *, settings: Settings) -> Report:
    is_csv = said["fileFormat"] == "CSV"
    columns = tuple(map(str.strip, said["fileSchema"].split(","))) if is_csv else ()
    named = [Named(one["key"], int(one["size"]), one["MD5checksum"]) for one in said["files"]]
    when = datetime.fromtimestamp(int(said["creationTimestamp"]) / 1000, UTC)
    unfit = _unless(said["sourceBucket"], settings.bucket, "bucket")
    return Report(tuple(named), when, columns, is_quoted=is_csv, unfit=unfit)


def _of_azure(said: Mapping[str, Any], *, settings: Settings) -> Report:
    account = (urlsplit(said["endpoint"]).hostname or "").partition(".")[0]
    rule, status = said["ruleDefinition"], said["status"]
    unfit = _unless(account, settings.storage_account, "storage account")
    if status not in ("Succeeded", "PartiallySucceeded"):
        unfit = f"the run of the inventory is {plain(str(status))}"
    elif rule["objectType"].lower() != "blob":
        unfit = "an inventory of containers, which names no blob"
    below = f"{settings.bucket}/{settings.prefix}/"
    prefixes = rule.get("filters", {}).get("prefixMatch") or [""]
    missing = []
    if status != "Succeeded":
        missing.append("the run of the inventory succeeded in part")
    if not any(below.startswith(one) for one in prefixes):
        missing.append(f"the rule of the inventory looks only below {listed(prefixes, most=3)}")
    return Report(
        tuple(Named(one["blob"], int(one["size"])) for one in said["files"]),
        datetime.fromisoformat(said["inventoryStartTime"]),
        rows=int(said["summary"]["objectCount"]),
        missing=tuple(missing),
        unfit=unfit,
    )


def _of_gcs(said: Mapping[str, Any], *, settings: Settings) -> Report:
    config = said["report_config"]
    options = config.get("objectMetadataReportOptions", {})
    csv = config.get("csvOptions", {})
    bucket = options.get("storageFilters", {}).get("bucket", settings.bucket)
    names, count = said["report_shards_file_names"], int(said["shard_count"])
    less = f"the manifest names {len(names)} of {number_of(count, 'shard')}"
    return Report(
        tuple(Named(str(one)) for one in names),
        datetime.fromisoformat(said["snapshot_time"]),
        () if csv.get("headerRequired", True) else tuple(options["metadataFields"]),
        str(csv.get("delimiter", ",")),
        rows=int(said["records_processed"]),
        missing=(less,) if len(names) != count else (),
        unfit=_unless(bucket, settings.bucket, "bucket"),
    )


def _unless(found: object, wanted: str, what: str) -> str:
    return "" if found == wanted else f"an inventory of the {what} {plain(str(found))}"


def _locate(said: Report, *, files: Sequence[Path], manifest: Path) -> Report:
    """Return the files that a manifest names, as far as they are here.

    A copy may begin at any folder, so the name that has most of its end in common is taken, and of
    equal ones the nearest to the manifest.
    """
    found, absent = [], []
    for one in said.named:
        parts = tuple(one.name.split("/"))
        same = [file for file in files if file.name == parts[-1]]
        if not same:
            absent.append(parts[-1])
            continue
        file = max(same, key=partial(_nearness, named=parts, manifest=manifest))
        _compare(file, one)
        found.append(file)
    if not absent:
        return replace(said, files=tuple(found))
    count = f"{len(absent)} of {number_of(len(said.named), 'file')}"
    missing = f"{count} of the inventory are not here: {listed(absent, most=3)}"
    if not found:
        raise InputError(f"{plain(str(manifest))}: {missing}.", hint=_COPY)
    return replace(said, files=tuple(found), missing=(*said.missing, missing))


def _nearness(file: Path, *, named: tuple[str, ...], manifest: Path) -> tuple[int, int]:
    """Return how much of its end a file has in common with its name, and then with a manifest."""
    pairs = (file.parts[::-1], named[::-1]), (file.parts, manifest.parts)
    end, beginning = (len([*takewhile(bool, map(eq, *pair))]) for pair in pairs)
    return end, beginning


def _compare(file: Path, said: Named) -> None:
    """Compare a file with what the manifest says of it.

    Raises:
        InputError: it is another one, or not whole.
    """
    size = file.stat().st_size
    if said.size not in (None, size):
        problem = f"it has {size:,} bytes, its manifest says {said.size:,}"
    elif said.md5:
        with file.open("rb") as opened:
            md5 = hashlib.file_digest(opened, lambda: hashlib.md5(usedforsecurity=False))
        if md5.hexdigest() == said.md5:
            return
        problem = "its MD5 is not that of the manifest"
    else:
        return
    raise InputError(f"{plain(str(file))}: {problem}.", hint=_COPY)
