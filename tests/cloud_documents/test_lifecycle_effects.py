"""What a lifecycle rule does, where tests of lint and of the steps do not look."""

import pytest

from xcomkit.cloud_documents.lifecycle import read_lifecycle

OLD = {"daysSinceNoncurrentTime": 7}
MODIFIED = {"daysAfterModificationGreaterThan": 90}


def effects(cloud, rule):
    found = read_lifecycle(cloud, [rule], bucket="b", prefix="x")
    return [(e.action, e.days, e.reach) for e in found if e.action != "deletes old versions"
            or e.days is not None]  # fmt: skip


def s3(**parts):
    return {"Status": "Enabled", "Filter": {"Prefix": "x/"}, **parts}


def azure(ages, filters, **more):
    return {"definition": {"filters": filters, "actions": {"baseBlob": {"delete": ages}}}, **more}


@pytest.mark.parametrize(
    ("cloud", "rule", "expected"),
    [
        ("aws", s3(Status=None, Expiration={"Days": 5}), []),
        ("aws", s3(Expiration={"Days": float("inf")}), [("deletes", None, "all")]),
        ("aws", s3(Transition={"Days": 2, "StorageClass": "GLACIER"}), [("archives", 2, "all")]),
        ("aws", s3(NoncurrentVersionExpiration={"NoncurrentDays": 7, "NewerNoncurrentVersions": 1}),
         [("deletes old versions", 7, "some")]),
        ("azure", azure(MODIFIED, {}), [("deletes", 90, "all")]),
        ("azure", azure({**MODIFIED, "daysAfterCreationGreaterThan": 3}, {}),
         [("deletes", 3, "all")]),
        ("gcp", {"action": {"type": "Delete"}, "condition": OLD},
         [("deletes old versions", 7, "all")]),
        ("gcp", {"action": {"type": "Delete"}, "condition": {**OLD, "numNewerVersions": 3}},
         [("deletes old versions", 7, "some")]),
    ],
)  # fmt: skip
def test_rule_has_its_effects(cloud, rule, expected) -> None:
    assert effects(cloud, rule) == expected
