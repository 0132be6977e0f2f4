"""What each lifecycle rule does to XComs: one answer, which step 01 and ``xcomkit lint`` both give.

The XComs lie below ``astro/xcom`` and are to be readable for 30 days.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aws_rig import AwsRig
from azure_rig import AzureRig
from gcp_rig import GcpRig
from refusing import settings_of
from rig import Rig

from xcomkit.clouds.lifecycle import judge_takings
from xcomkit.findings.model import CloudName, Finding
from xcomkit.lint.cloud_files import Agents, judge_lifecycle
from xcomkit.values.names import BasePath

RIGS: dict[CloudName, type[Rig]] = {"aws": AwsRig, "azure": AzureRig, "gcp": GcpRig}
HOLDERS = {"aws": ("s3", "Rules"), "azure": ("abfs", "rules"), "gcp": ("gs", "rule")}
NOTHING = ""
LAST_WEEK, LONG_AGO = (
    (datetime.now(UTC) - timedelta(days=days)).date().isoformat() for days in (7, 400)
)


def s3(**parts: Any) -> dict[str, Any]:
    chosen = {} if "Prefix" in parts else {"Filter": {"Prefix": "astro/"}}
    return {"ID": "theirs", "Status": "Enabled", **chosen, **parts}


def both(**selectors: Any) -> dict[str, Any]:
    return {"And": {"Prefix": "astro/", **selectors}}


def move(storage_class: str, days: int = 2) -> list[dict[str, Any]]:
    return [{"Days": days, "StorageClass": storage_class}]


S3_DAYS = {"Expiration": {"Days": 2}}
S3_RULES = [
    ("a few days", s3(**S3_DAYS), "deletes after 2 d"),
    ("longer than needed", s3(Expiration={"Days": 31}), NOTHING),
    ("just as long as needed", s3(Expiration={"Days": 30}), NOTHING),
    ("a part of the prefix", s3(**S3_DAYS, Filter={"Prefix": "astro/xcom/a/"}),
     "deletes some of the objects after 2 d"),
    ("another prefix", s3(**S3_DAYS, Filter={"Prefix": "logs/"}), NOTHING),
    ("prefix of the older form", s3(**S3_DAYS, Prefix="astro/xcom/"), "deletes after 2 d"),
    ("switched off", s3(**S3_DAYS, Status="Disabled"), NOTHING),
    ("a tag", s3(**S3_DAYS, Filter={"Tag": {"Key": "a", "Value": "b"}}), NOTHING),
    ("prefix and tags", s3(**S3_DAYS, Filter=both(Tags=[{"Key": "a", "Value": "b"}])), NOTHING),
    ("objects of a size", s3(**S3_DAYS, Filter={"ObjectSizeGreaterThan": 500}),
     "deletes some of the objects after 2 d"),
    ("prefix and size", s3(**S3_DAYS, Filter=both(ObjectSizeLessThan=500)),
     "deletes some of the objects after 2 d"),
    ("a date long ago", s3(Expiration={"Date": "2020-01-01T00:00:00Z"}),
     "deletes from 2020-01-01 on, however new"),
    ("delete markers", s3(Expiration={"ExpiredObjectDeleteMarker": True}), NOTHING),
    ("old versions", s3(NoncurrentVersionExpiration={"NoncurrentDays": 1}), NOTHING),
    ("unfinished uploads",
     s3(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 1}), NOTHING),
    ("Glacier", s3(Transitions=move("GLACIER")), "archives after 2 d"),
    ("Glacier on a date",
     s3(Transitions=[{"Date": "2020-01-01T00:00:00Z", "StorageClass": "GLACIER"}]),
     "archives from 2020-01-01 on, however new"),
    ("Deep Archive", s3(Transitions=move("DEEP_ARCHIVE")), "archives after 2 d"),
    ("Deep Archive afterwards", s3(Transitions=move("DEEP_ARCHIVE", days=90)), NOTHING),
    ("Glacier with instant reads", s3(Transitions=move("GLACIER_IR")), NOTHING),
    ("a colder class", s3(Transitions=move("STANDARD_IA", days=29)), NOTHING),
]  # fmt: skip


def azure(ages: dict[str, Any], *, act: str = "delete", on: str = "baseBlob", enabled: bool = True,
          **filters: Any) -> dict[str, Any]:  # fmt: skip
    chosen = {"blobTypes": ["blockBlob"], "prefixMatch": ["BUCKET/astro/"], **filters}
    definition = {"filters": chosen, "actions": {on: {act: ages}}}
    return {"name": "theirs", "type": "Lifecycle", "enabled": enabled, "definition": definition}


AGE, CREATED = {"daysAfterModificationGreaterThan": 2}, {"daysAfterCreationGreaterThan": 2}
TAGGED = [{"name": "a", "op": "==", "value": "b"}]
AZURE_RULES = [
    ("a few days", azure(AGE), "deletes after 2 d"),
    ("longer than needed", azure({"daysAfterModificationGreaterThan": 31}), NOTHING),
    ("days after creation", azure(CREATED), "deletes after 2 d"),
    ("days after the last access", azure({"daysAfterLastAccessTimeGreaterThan": 2}),
     "deletes after 2 d"),
    ("the whole account", azure(AGE, prefixMatch=[]), "deletes after 2 d"),
    ("the container alone", azure(AGE, prefixMatch=["BUCKET"]), "deletes after 2 d"),
    ("a prefix without its container", azure(AGE, prefixMatch=["astro/xcom/"]), NOTHING),
    ("another container", azure(AGE, prefixMatch=["other/astro/xcom/"]), NOTHING),
    ("one of two prefixes", azure(AGE, prefixMatch=["other/", "BUCKET/astro/xcom/"]),
     "deletes after 2 d"),
    ("switched off", azure(AGE, enabled=False), NOTHING),
    ("append blobs", azure(AGE, blobTypes=["appendBlob"]), NOTHING),
    ("append and block blobs", azure(AGE, blobTypes=["appendBlob", "blockBlob"]),
     "deletes after 2 d"),
    ("index tags", azure(AGE, blobIndexMatch=TAGGED), NOTHING),
    ("old versions", azure(CREATED, on="version"), NOTHING),
    ("snapshots", azure(CREATED, on="snapshot"), NOTHING),
    ("the archive tier", azure(AGE, act="tierToArchive"), "archives after 2 d"),
    ("the archive tier, not soon after a restore",
     azure({**AGE, "daysAfterLastTierChangeGreaterThan": 1}, act="tierToArchive"),
     "archives after 2 d"),
    ("the archive tier afterwards",
     azure({"daysAfterModificationGreaterThan": 90}, act="tierToArchive"), NOTHING),
    ("the cool tier", azure(AGE, act="tierToCool"), NOTHING),
]  # fmt: skip


def gcs(kind: str = "Delete", **condition: Any) -> dict[str, Any]:
    action = {"type": kind, **({"storageClass": "ARCHIVE"} if kind == "SetStorageClass" else {})}
    return {"action": action, "condition": condition}


SOME = "deletes some of the objects after 2 d"
GCS_RULES = [
    ("a few days", gcs(age=2), "deletes after 2 d"),
    ("longer than needed", gcs(age=31), NOTHING),
    ("no age at all", gcs(matchesPrefix=["astro/"]), "deletes at once"),
    ("live objects", gcs(age=2, isLive=True), "deletes after 2 d"),
    ("noncurrent objects", gcs(age=2, isLive=False), NOTHING),
    ("days since noncurrent", gcs(daysSinceNoncurrentTime=1), NOTHING),
    ("noncurrent this very day", gcs(age=2, daysSinceNoncurrentTime=0), NOTHING),
    ("noncurrent before a date", gcs(noncurrentTimeBefore="2026-01-01"), NOTHING),
    ("newer versions", gcs(age=2, numNewerVersions=3), NOTHING),
    ("no newer versions asked for", gcs(age=2, numNewerVersions=0), "deletes after 2 d"),
    ("a part of the prefix", gcs(age=2, matchesPrefix=["astro/xcom/a"]), SOME),
    ("another prefix", gcs(age=2, matchesPrefix=["logs/"]), NOTHING),
    ("a codec's suffix", gcs(age=2, matchesSuffix=[".gz"]), SOME),
    ("a codec's suffix without its dot", gcs(age=2, matchesSuffix=["gz"]), SOME),
    ("zstd, which agents may add", gcs(age=2, matchesSuffix=[".zst"]), SOME),
    ("the end of a uuid", gcs(age=2, matchesSuffix=["7f"]), SOME),
    ("the end of a uuid and a codec", gcs(age=2, matchesSuffix=["7f.gz"]), SOME),
    ("a key of Airflow 3.4", gcs(age=2, matchesSuffix=["/return_value.json.gz"]), SOME),
    ("logs", gcs(age=2, matchesSuffix=[".log"]), NOTHING),
    ("archives of files", gcs(age=2, matchesSuffix=[".tar.gz"]), NOTHING),
    ("a class objects may be in", gcs(age=2, matchesStorageClass=["NEARLINE"]), SOME),
    ("days since the custom time", gcs(daysSinceCustomTime=1), NOTHING),
    ("age and custom time", gcs(age=2, customTimeBefore="2026-01-01"), NOTHING),
    ("created before a date to come", gcs(createdBefore="2999-01-01"),
     "deletes some of the objects created before 2999-01-01"),
    ("created before last week", gcs(createdBefore=LAST_WEEK),
     f"deletes some of the objects created before {LAST_WEEK}"),
    ("created long ago, so old enough", gcs(createdBefore=LONG_AGO), NOTHING),
    ("created before last week, and old enough", gcs(age=30, createdBefore=LAST_WEEK), NOTHING),
    ("class ARCHIVE, which is read like any other", gcs("SetStorageClass", age=2), NOTHING),
    ("unfinished uploads", gcs("AbortIncompleteMultipartUpload", age=1), NOTHING),
]  # fmt: skip

RULES: dict[CloudName, list[tuple[str, dict[str, Any], str]]] = {
    "aws": S3_RULES, "azure": AZURE_RULES, "gcp": GCS_RULES,
}  # fmt: skip
TABLE = [
    pytest.param(cloud, rule, text, id=f"{cloud}: {name}")
    for cloud, rules in RULES.items()
    for name, rule, text in rules
]
NewRig = Callable[[CloudName], Rig]


@pytest.fixture
def made(signed_in) -> NewRig:
    def make(cloud: CloudName) -> Rig:
        rig = RIGS[cloud](signed_in(cloud))
        rig.make_bucket()
        return rig

    return make


def within(bucket: str, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    filled: list[dict[str, Any]] = json.loads(json.dumps(rules).replace("BUCKET", bucket))
    return filled


def lint(cloud: CloudName, rules: list[dict[str, Any]], *, bucket: str) -> dict[str, Finding]:
    scheme, holder = HOLDERS[cloud]
    path = BasePath(scheme, "", bucket, "astro/xcom")
    text = json.dumps({holder: rules}, indent=1)
    agents = Agents(paths=(path,))
    found = judge_lifecycle(text, name="lifecycle.json", agents=agents, rerun_days=30)
    return {finding.rule.id: finding for finding in found.findings}


@pytest.mark.parametrize(("cloud", "rule", "text"), TABLE)
def test_step_and_lint_say_the_same_of_a_rule(cloud, rule, text):
    rules = within("acme", [rule])

    check = next(judge_takings(settings_of(cloud, prefix="astro/xcom"), rules, how="read"))
    finding = lint(cloud, rules, bucket="acme").get("XC070")

    if text:
        assert finding is not None
        assert (check.status, finding.severity, finding.is_unknown) == ("fail", "fail", False)
        assert check.observed.endswith(text)
        assert f" {text}, re-runs reach back 30 d" in finding.observed
    else:
        assert (check.status, finding) == ("pass", None)


@pytest.mark.parametrize("cloud", RIGS)
def test_step_reads_the_rules_of_the_bucket_itself(made, cloud):
    rig = made(cloud)
    rules, expected = [], []
    for name, rule, text in RULES[cloud]:
        if "size" in name or "Prefix" in rule:  # moto drops the one, S3 takes no mixture
            continue
        number = len(rules) + 1
        key = {"aws": "ID", "azure": "name"}.get(cloud)
        rules.append({**rule, key: f"r{number}"} if key else rule)
        if text:
            expected.append(f"rule {f'r{number}' if key else number} {text}")
    rig.put_lifecycle(within(rig.settings.bucket, rules))

    assert rig.bucket_checks()["XC208"].observed.split(", rule ") == [
        one.removeprefix("rule ") if place else one for place, one in enumerate(expected)
    ]


@pytest.mark.parametrize(
    ("cloud", "rule", "text"),
    [
        ("aws", s3(Expiration={"Days": "soon"}), "after 'soon', which is no number of days"),
        ("gcp", gcs(createdBefore="spring"), "created before spring"),
    ],
)
def test_rule_that_tells_no_time_is_unknown_to_both(cloud, rule, text):
    check = next(judge_takings(settings_of(cloud, prefix="astro/xcom"), [rule], how="read"))
    finding = lint(cloud, [rule], bucket="acme")["XC070"]

    assert (check.status, finding.is_unknown) == ("unknown", True)
    assert text in check.observed
    assert text in finding.observed


SAME_FOR_ALL: dict[CloudName, list[dict[str, Any]]] = {
    "aws": [
        s3(Filter={"Prefix": ""}, Expiration={"Days": 30},
           NoncurrentVersionExpiration={"NoncurrentDays": 7}),
        {**s3(AbortIncompleteMultipartUpload={"DaysAfterInitiation": 7}), "ID": "uploads"},
    ],
    "azure": [
        azure({"daysAfterModificationGreaterThan": 30}),
        {**azure({"daysAfterCreationGreaterThan": 7}, on="version", prefixMatch=[]),
         "name": "versions"},
    ],
    "gcp": [
        gcs(age=30, matchesPrefix=["astro/"]), gcs(daysSinceNoncurrentTime=7),
        gcs("AbortIncompleteMultipartUpload", age=7),
    ],
}  # fmt: skip


@pytest.mark.parametrize("cloud", RIGS)
def test_rules_of_somebody_else_that_do_the_same_are_enough_for_both(made, cloud):
    rig = made(cloud)
    rules = within(rig.settings.bucket, SAME_FOR_ALL[cloud])
    rig.put_lifecycle(rules)

    checks = rig.bucket_checks()

    assert {checks["XC207"].status, checks["XC208"].status} == {"pass"}
    assert not rig.cloud.bucket.plan().pending
    assert lint(cloud, rules, bucket=rig.settings.bucket) == {}


@pytest.mark.parametrize("cloud", RIGS)
def test_rules_of_somebody_else_that_do_less_are_kept_beside_ours(made, cloud):
    rig = made(cloud)
    theirs = within(rig.settings.bucket, SAME_FOR_ALL[cloud][:1])
    rig.put_lifecycle(theirs)

    assert rig.bucket_checks()["XC207"].status == "fail"
    rig.make_bucket()

    assert rig.bucket_checks()["XC207"].status == "pass"
    assert len(rig.lifecycle_prefixes()) == {"aws": 2, "azure": 2, "gcp": 4}[cloud]


def test_rule_of_ours_that_archives_as_well_is_red_by_name(made):
    rig = made("aws")
    (ours,) = rig.lifecycle()
    rig.put_lifecycle([{**ours, "Transitions": move("GLACIER")}])

    check = rig.bucket_checks()["XC208"]

    assert check.status == "fail"
    assert check.observed == "rule xcomkit-astro/xcom archives after 2 d"
