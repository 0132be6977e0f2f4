import json

import pytest

from xcomkit.lint.cloud_files import judge_lifecycle
from xcomkit.values.names import BasePath

S3 = BasePath("s3", "aws", "acme-xcom", "prod/xcom")
ABFS = BasePath("abfs", "azure", "acme-xcom", "prod/xcom")
GS = BasePath("gs", "gcp", "acme-xcom", "prod/xcom")


def judge(file, path=S3, rerun_days=30):
    text = json.dumps(file, indent=1)
    return judge_lifecycle(text, name="lifecycle.json", paths=(path,), rerun_days=rerun_days)


def marks(findings) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.severity) for finding in findings]


def s3(days=90, prefix="prod/xcom/", **more):
    rule = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}  # fmt: skip
    return {**rule, **more}


def gcs(age=90, prefix="prod/xcom/", kind="Delete", **more):
    condition = {"age": age, "matchesPrefix": [prefix], **more}
    return {"action": {"type": kind}, "condition": condition}


def azure(days=90, prefix="acme-xcom/prod/xcom/", age="daysAfterModificationGreaterThan", **more):
    return {
        "enabled": True, "name": "x", "type": "Lifecycle", **more,
        "definition": {"filters": {"blobTypes": ["blockBlob"], "prefixMatch": [prefix]},
                       "actions": {"baseBlob": {"delete": {age: days}}}},
    }  # fmt: skip


SHAPES = [
    (S3, lambda days, prefix: {"Rules": [s3(days, prefix)]}),
    (GS, lambda days, prefix: {"rule": [gcs(days, prefix)]}),
    (GS, lambda days, prefix: {"lifecycle": {"rule": [gcs(days, prefix)]}}),
    (GS, lambda days, prefix: {"lifecycle_config": {"rule": [gcs(days, prefix)]}}),
    (ABFS, lambda days, prefix: {"policy": {"rules": [azure(days, f"acme-xcom/{prefix}")]}}),
    (ABFS, lambda days, prefix: {"rules": [azure(days, f"acme-xcom/{prefix}")]}),
    (ABFS, lambda days, prefix: {
        "properties": {"policy": {"rules": [azure(float(days), f"acme-xcom/{prefix}")]}}}),
]  # fmt: skip
EVERY = pytest.mark.parametrize(("path", "file"), SHAPES)


@EVERY
def test_expiry_at_or_beyond_the_re_run_window_passes(path, file) -> None:
    for prefix in ("prod/xcom/", "prod/", "prod/xc", ""):
        assert judge(file(30, prefix), path=path) == ()


@EVERY
def test_expiry_inside_the_re_run_window_fails_and_names_both_numbers(path, file) -> None:
    (finding,) = judge(file(29, "prod/xcom/"), path=path)
    assert marks([finding]) == [("XC070", "fail")]
    assert "29 d" in finding.observed
    assert "30 d" in finding.observed


@EVERY
def test_expiry_of_some_of_the_objects_comes_too_soon_but_is_no_expiry_of_all(path, file) -> None:
    found = [f.rule.id for f in judge(file(1, "prod/xcom/nightly/"), path=path)]
    assert found[:2] == ["XC070", "XC071"]


@EVERY
def test_expiry_elsewhere_counts_as_none(path, file) -> None:
    assert judge(file(1, "prod/other/"), path=path)[0].rule.id == "XC071"


@EVERY
def test_without_the_window_the_days_are_told_and_asked_for(path, file) -> None:
    (finding,) = judge(file(14, "prod/xcom/"), path=path, rerun_days=None)
    assert marks([finding]) == [("XC072", "info")]
    assert "14 d" in finding.observed
    assert "--rerun-days" in finding.expected


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (S3, {"Rules": []}),
        (S3, {"Rules": [s3(Status="Disabled")]}),
        (S3, {"Rules": [s3(Filter={"Tag": {"Key": "a", "Value": "b"}})]}),
        (S3, {"Rules": [s3(Filter={"And": {"Prefix": "prod/", "Tags": [{"Key": "a"}]}})]}),
        (S3, {"Rules": [s3(Expiration={"ExpiredObjectDeleteMarker": True})]}),
        (GS, {"lifecycle": {}}),
        (GS, {"storage_url": "gs://acme-xcom/"}),
        (GS, {"rule": [gcs(isLive=False)]}),
        (GS, {"rule": [gcs(numNewerVersions=3)]}),
        (GS, {"rule": [gcs(daysSinceCustomTime=3)]}),
        (GS, {"rule": [gcs(kind="SetStorageClass")]}),
        (ABFS, {"rules": [azure(enabled=False)]}),
        (ABFS, {"rules": [azure(prefix="acme/")]}),
        (ABFS, {"rules": [azure(days=None)]}),
    ],
)
def test_rule_that_deletes_no_xcom_object_counts_as_none(path, file) -> None:
    found = judge(file, path=path)
    assert ("XC071", "warn") in marks(found)
    assert "XC070" not in {f.rule.id for f in found}


def test_date_expires_everything_from_then_on_and_so_fails() -> None:
    file = {"Rules": [s3(Expiration={"Date": "2030-01-01T00:00:00Z"})]}
    (finding,) = judge(file)
    assert marks([finding]) == [("XC070", "fail")]
    assert "2030-01-01" in finding.observed


def test_prefix_of_older_s3_rules_and_and_filters_are_read() -> None:
    old = s3(1, Prefix="prod/xcom/")
    del old["Filter"]
    both = s3(1, Filter={"And": {"Prefix": "prod/xcom/", "ObjectSizeGreaterThan": 100}})
    assert [f.rule.id for f in judge({"Rules": [old]})] == ["XC070"]
    assert [f.rule.id for f in judge({"Rules": [both]})][:2] == ["XC070", "XC071"]


@pytest.mark.parametrize(
    "age", ["daysAfterCreationGreaterThan", "daysAfterLastAccessTimeGreaterThan"]
)
def test_every_age_of_an_azure_rule_counts(age) -> None:
    assert marks(judge({"rules": [azure(3, age=age)]}, path=ABFS)) == [("XC070", "fail")]


def test_azure_prefix_counts_with_the_container_before_it() -> None:
    assert "XC071" in [f.rule.id for f in judge({"rules": [azure(prefix="prod/xcom/")]}, path=ABFS)]
    assert judge({"rules": [azure(prefix="acme-xcom")]}, path=ABFS) == ()


@pytest.mark.parametrize("days", ["soon", None, True, float("inf"), [], {}])
def test_days_that_are_no_number_are_unknown(days) -> None:
    findings = judge({"Rules": [s3(days)]})
    assert marks(findings) == [("XC070", "warn")]
    assert findings[0].is_unknown


def test_unfinished_uploads_count_on_s3_only_and_below_the_path() -> None:
    bare = s3()
    del bare["AbortIncompleteMultipartUpload"]
    (finding,) = judge({"Rules": [bare]})
    assert marks([finding]) == [("XC073", "warn")]
    assert judge({"Rules": [bare, json.loads(finding.fix)]}) == ()
    assert marks(judge({"Rules": [bare, s3(99, "elsewhere/")]})) == [("XC073", "warn")]


def test_path_without_prefix_is_reached_by_every_rule() -> None:
    bucket = BasePath("s3", "aws", "acme-xcom", "")
    assert judge({"Rules": [s3(prefix="")]}, path=bucket) == ()
    found = [f.rule.id for f in judge({"Rules": [s3(1, "prod/")]}, path=bucket)]
    assert found == ["XC070", "XC071", "XC073"]


def test_lifecycle_of_another_cloud_than_the_path_fails_and_is_judged_no_further() -> None:
    assert marks(judge({"Rules": []}, path=GS)) == [("XC074", "fail")]


@pytest.mark.parametrize(
    "filters",
    [
        {"blobTypes": ["appendBlob"]},
        {"blobTypes": ["blockBlob"], "blobIndexMatch": [{"name": "a", "op": "==", "value": "b"}]},
    ],
)
def test_azure_rule_for_other_blobs_deletes_no_xcom(filters) -> None:
    rule = azure(1)
    rule["definition"]["filters"] = filters
    assert marks(judge({"rules": [rule]}, path=ABFS)) == [("XC071", "warn")]
