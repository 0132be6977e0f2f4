"""What lint says of an exported lifecycle; what each rule does is in test_lifecycle_documents."""

import json

import pytest

from xcomkit.lint.cloud_files import Agents, judge_lifecycle
from xcomkit.values.names import BasePath

S3 = BasePath("s3", "aws", "acme-xcom", "prod/xcom")
ABFS = BasePath("abfs", "azure", "acme-xcom", "prod/xcom")
GS = BasePath("gs", "gcp", "acme-xcom", "prod/xcom")
UPLOADS = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}


def judge(file, path=S3, rerun_days=30, **more):
    text, agents = json.dumps(file), Agents(paths=(path,), **more)
    found = judge_lifecycle(text, name="lifecycle.json", agents=agents, rerun_days=rerun_days)
    return tuple(found.findings)


def marks(findings) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.severity) for finding in findings]


def s3(days=90, prefix="prod/xcom/", **more):
    return {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days}, **UPLOADS, **more}  # fmt: skip


def gcs(days, prefix):
    return {"action": {"type": "Delete"}, "condition": {"age": days, "matchesPrefix": [prefix]}}


def azure(days, prefix):
    filters = {"blobTypes": ["blockBlob"], "prefixMatch": [f"acme-xcom/{prefix}"]}
    actions = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}}}
    definition = {"filters": filters, "actions": actions}
    return {"enabled": True, "name": "x", "type": "Lifecycle", "definition": definition}


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (S3, lambda *rule: {"Rules": [s3(*rule)]}),
        (GS, lambda *rule: {"rule": [gcs(*rule)]}),
        (GS, lambda *rule: {"lifecycle": {"rule": [gcs(*rule)]}}),
        (GS, lambda *rule: {"lifecycle_config": {"rule": [gcs(*rule)]}}),
        (ABFS, lambda *rule: {"policy": {"rules": [azure(*rule)]}}),
        (ABFS, lambda *rule: {"rules": [azure(*rule)]}),
        (ABFS, lambda *rule: {"properties": {"policy": {"rules": [azure(*rule)]}}}),
    ],
)
def test_expiry_is_compared_with_the_re_run_window_in_every_shape(path, file) -> None:
    for prefix in ("prod/xcom/", "prod/xc", ""):
        assert judge(file(30, prefix), path=path) == ()
        (finding,) = judge(file(29, prefix), path=path)
        assert marks([finding]) == [("XC070", "fail")]
        assert "29 d, re-runs reach back 30 d" in finding.observed
    part = judge(file(1, "prod/xcom/nightly/"), path=path)
    assert [f.rule.id for f in part][:2] == ["XC070", "XC071"]
    assert judge(file(1, "prod/other/"), path=path)[0].rule.id == "XC071"
    (finding,) = judge(file(14, "prod/xcom/"), path=path, rerun_days=None)
    assert marks([finding]) == [("XC072", "info")]
    assert "14 d" in finding.observed


@pytest.mark.parametrize(
    ("path", "file"),
    [
        (S3, {"Rules": []}),
        (S3, {"Rules": [s3(Expiration={"ExpiredObjectDeleteMarker": True})]}),
        (GS, {"lifecycle": {}}),
        (GS, {"storage_url": "gs://acme-xcom/"}),
        (GS, {"kind": "storage#bucket"}),
        (ABFS, {"rules": []}),
    ],
)
def test_lifecycle_that_deletes_no_xcom_object_is_a_warning(path, file) -> None:
    found = marks(judge(file, path=path))
    assert ("XC071", "warn") in found
    assert ("XC070", "fail") not in found


@pytest.mark.parametrize("rules", [[s3(1)], [], [s3(prefix="other/")]])
def test_fixes_pasted_into_the_lifecycle_settle_the_findings(rules) -> None:
    fixes = [json.loads(finding.fix) for finding in judge({"Rules": rules})]
    assert fixes
    assert judge({"Rules": [*rules[1:], *fixes]}) == ()


@pytest.mark.parametrize("days", ["soon", None, True, float("inf"), [], {}])
def test_days_that_are_no_number_are_unknown(days) -> None:
    (finding,) = judge({"Rules": [s3(days)]})
    assert (finding.rule.id, finding.is_unknown) == ("XC070", True)


def test_unfinished_uploads_count_on_s3_only_and_below_the_path() -> None:
    bare = {name: part for name, part in s3().items() if name not in UPLOADS}
    (finding,) = judge({"Rules": [bare]})
    assert marks([finding]) == [("XC073", "warn")]
    assert judge({"Rules": [bare, json.loads(finding.fix)]}) == ()
    assert marks(judge({"Rules": [bare, s3(99, "elsewhere/")]})) == [("XC073", "warn")]


@pytest.mark.parametrize(("bucket", "rules"), [("acme-xcom", ["XC438"]), ("acme-state", [])])
def test_state_is_looked_for_in_the_bucket_of_the_file_alone(bucket, rules) -> None:
    state = BasePath("s3", "aws", bucket, "prod/state")
    found = judge({"Rules": [s3(), s3(99, "prod/state/")]}, state_paths=(state,))
    assert [one.rule.id for one in found] == rules


def test_path_without_prefix_is_reached_by_every_rule() -> None:
    bucket = BasePath("s3", "aws", "acme-xcom", "")
    assert judge({"Rules": [s3(prefix="")]}, path=bucket) == ()
    found = [f.rule.id for f in judge({"Rules": [s3(1, "prod/")]}, path=bucket)]
    assert found == ["XC070", "XC071", "XC073"]


def test_lifecycle_of_another_cloud_than_the_path_fails_and_is_judged_no_further() -> None:
    assert marks(judge({"Rules": []}, path=GS)) == [("XC074", "fail")]
