"""Judges the lifecycle of a bucket: when XCom objects expire, and whether they do at all.

A rule that reaches only some of the objects counts where it expires them too soon, but not as the
expiry that keeps the bucket from growing.
"""

import json
from typing import Any

from xcomkit.cloud_documents import block, items
from xcomkit.cloud_documents.lifecycle import lifecycle_rules, read_lifecycle
from xcomkit.findings.model import CloudName
from xcomkit.lint.cloud_files.report import Collector, quoted
from xcomkit.lint.cloud_files.rules import XC070, XC071, XC072, XC073, XC438
from xcomkit.values.names import BasePath

_DAYS = 30  # what the settings of the runbook begin with
_OLD_DAYS = 7


def find_lifecycle(data: object) -> tuple[CloudName, list[Any]] | None:
    """Return cloud and rules of an exported lifecycle, ``None`` where it is none."""
    found = block(data)
    if "Rules" in found:
        return "aws", items(found["Rules"])
    for holder in (found, block(found.get("lifecycle")), block(found.get("lifecycle_config"))):
        if "rule" in holder:
            return "gcp", items(holder["rule"])
    # a bucket as gcloud describes it, without any lifecycle
    is_bucket = {"name", "location"} <= set(found) or "storage_url" in found
    if is_bucket or found.get("kind") == "storage#bucket" or "lifecycle" in found:
        return "gcp", []
    inner = block(found.get("properties"))
    for holder in (found, block(found.get("policy")), inner, block(inner.get("policy"))):
        if "rules" in holder:
            return "azure", items(holder["rules"])
    return None


def judge_expiry(
    cloud: CloudName, rules: list[Any], *, path: BasePath, rerun_days: int | None, report: Collector
) -> None:
    """Note expiry that comes too soon, is missing, or cannot be compared."""
    effects = read_lifecycle(cloud, rules, bucket=path.bucket, prefix=path.prefix)
    ends = [effect for effect in effects if effect.takes]
    done_to_all = {effect.action for effect in effects if effect.reach == "all"}
    below = quoted(f"{path.prefix}/" if path.prefix else path.bucket)
    expected = f"{rerun_days or 1} d or more below {below}"
    for end in ends:
        text = f"rule {quoted(end.label)} {end.text}"
        if end.days is None:
            report.add(XC070, text, expected="a number of days", is_unknown=True)
        elif end.days < (rerun_days or 1):  # 0 d is the next midnight, which a run may span
            fix = _rule(cloud, path=path, days=rerun_days or _DAYS)
            why = f"re-runs reach back {rerun_days} d" if rerun_days else "runs may be at work"
            text += f", {why}"
            report.add(XC070, text, expected=expected, fix=fix)
        elif rerun_days is None:
            report.add(XC072, text, expected="the longest re-run in days: --rerun-days")
    if "deletes" not in done_to_all:
        text = f"no rule expires every object below {below}"
        fix = _rule(cloud, path=path, days=rerun_days or _DAYS)
        report.add(XC071, text, expected="a rule for the path", fix=fix)
    if cloud == "aws" and "aborts uploads" not in done_to_all:
        text = f"no rule aborts unfinished uploads below {below}"
        fix = _rule(cloud, path=path, leave_out=("Expiration", "NoncurrentVersionExpiration"))
        report.add(XC073, text, expected="AbortIncompleteMultipartUpload", fix=fix)


def judge_state(cloud: CloudName, rules: list[Any], *, path: BasePath, report: Collector) -> None:
    """Note whatever takes state: that of assets outlives every run, and lies below one prefix."""
    for one in read_lifecycle(cloud, rules, bucket=path.bucket, prefix=path.prefix):
        if one.takes:
            expected = f"no such rule below {quoted(path.prefix + '/')}"
            report.add(XC438, f"rule {quoted(one.label)} {one.text}", expected=expected)


def _rule(
    cloud: CloudName, *, path: BasePath, days: int = _DAYS, leave_out: tuple[str, ...] = ()
) -> str:
    """Return the rule that expires the objects, as its cloud's configuration takes it."""
    rule, *_ = lifecycle_rules(
        cloud, bucket=path.bucket, prefix=path.prefix, days=days, old_days=_OLD_DAYS,
        name="xcom-unfinished-uploads" if leave_out else "xcom-expiry",
    )  # fmt: skip
    return json.dumps({k: v for k, v in rule.items() if k not in leave_out}, indent=2)
