"""At a limit, above it and over a page: versions, documents and words beside them."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from contract import read_batches
from refusing import CLOUDS, cloud_of, settings_of

from xcomkit.clouds.aws import documents
from xcomkit.clouds.aws.objects import _MEASURED
from xcomkit.clouds.aws.session import is_unsupported
from xcomkit.clouds.azure.bucket_settings import SETTINGS as AZURE_SETTINGS
from xcomkit.clouds.azure.bucket_settings import keep_identities, rule_name
from xcomkit.clouds.errors import error_for
from xcomkit.clouds.gcp.bucket import check_labels
from xcomkit.clouds.lifecycle import expires_sooner
from xcomkit.clouds.objects import narrowest_prefixes
from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
    SettingsError,
)
from xcomkit.findings.model import StoredObject

KEY = "astro/xcom/d/r/t/a"
PAGE = 1000


class Versions:
    """A bucket with so many versions of one key and one of its neighbour; lists 1,000 a page."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.deletions: list[int] = []
        self.refused: list[dict[str, str]] = []

    def list_object_versions(self, *, VersionIdMarker: str = "", **_: object) -> dict[str, Any]:  # noqa: N803 - S3's name
        start = int(VersionIdMarker) + 1 if VersionIdMarker else 0
        end = min(start + PAGE, self.count)
        listed = [{"Key": KEY, "VersionId": str(number)} for number in range(start, end)]
        if end < self.count:
            marker = {"NextKeyMarker": KEY, "NextVersionIdMarker": str(end - 1)}
            return {"IsTruncated": True, "Versions": listed, **marker}
        neighbour = {"Key": f"{KEY}b", "VersionId": "1"}
        versions = [*listed[:-1], neighbour]  # the last one is a delete marker
        return {"IsTruncated": False, "Versions": versions, "DeleteMarkers": listed[-1:]}

    def delete_objects(self, *, Delete: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803 - S3's name
        self.deletions.append(len(Delete["Objects"]))
        return {"Errors": self.refused} if self.refused else {}


@pytest.mark.parametrize("count", [1, PAGE, PAGE + 1])
def test_all_versions_of_a_key_go_over_every_page_and_never_more_than_1000_at_once(count):
    cloud = cloud_of("aws")
    cloud.clients.s3 = there = Versions(count)

    assert [*cloud.list_keys_ever("")] == [KEY, f"{KEY}b"]
    assert cloud.find_left([KEY]) == (KEY,)
    assert cloud.delete_keys([KEY]) == count
    assert (sum(there.deletions), max(there.deletions)) == (count, min(count, PAGE))


def test_refusal_inside_the_answer_to_a_bulk_delete_is_an_error():
    cloud = cloud_of("aws")
    cloud.clients.s3 = there = Versions(1)
    there.refused = [{"Key": KEY, "Code": "AccessDenied"}]

    with pytest.raises(AccessDeniedError, match="1 versions were not deleted"):
        cloud.delete_keys([KEY])


@pytest.mark.parametrize("cloud", ["azure", "gcp"])
def test_every_version_of_exactly_the_named_keys_is_asked_for_and_deleted(cloud):
    asked, deleted = [], []
    there = [SimpleNamespace(name=name, version_id=str(n), generation=n)
             for n, name in enumerate(("d/r/t/a", "d/r/t/a", "d/r/t/ab"))]  # fmt: skip

    def listed(*_: object, **how: Any) -> list[Any]:
        asked.append(how.get("include") or how.get("versions"))
        return there

    def gone(*key: object, **which: Any) -> None:
        deleted.append(which.get("version_id", which.get("generation", key)))

    one = SimpleNamespace(delete_blob=gone)
    handle = SimpleNamespace(
        list_blobs=listed, get_blob_client=lambda _: one, delete_blob=gone, bucket=lambda _: handle
    )
    opened = cloud_of(cloud)
    opened.clients = SimpleNamespace(container=handle, storage=handle, bucket=handle)

    assert opened.delete_keys(["d/r/t/a"]) == 2
    assert asked == [["versions"] if cloud == "azure" else True]
    assert deleted == ([(), "0", "1"] if cloud == "azure" else [0, 1])


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp"])
def test_only_versions_that_are_not_current_are_old(cloud):
    def blob(size: int, version: str | None, *, is_current: bool | None) -> Any:
        deleted = None if is_current else "2026"
        return SimpleNamespace(size=size, version_id=version, is_current_version=is_current,
                               time_deleted=deleted if version else None)  # fmt: skip

    blobs = [
        blob(5, "2", is_current=True),
        blob(3, "1", is_current=None),
        blob(0, "0", is_current=None),
        blob(9, None, is_current=None),
    ]
    entries = [{"Key": "k", "Size": one.size, "IsLatest": bool(one.is_current_version)}
               for one in blobs if one.version_id]  # fmt: skip
    marker = {"Key": "k", "IsLatest": False}
    page = {"IsTruncated": False, "Versions": entries, "DeleteMarkers": [marker]}
    handle = SimpleNamespace(list_blobs=lambda *_, **__: blobs)
    opened = cloud_of(cloud)
    opened.clients = SimpleNamespace(
        container=handle, storage=handle, bucket=None,
        s3=SimpleNamespace(list_object_versions=lambda **_: page),
    )  # fmt: skip

    assert [*opened.list_old_versions("")] == [3, 0, *([None] if cloud == "aws" else [])]

    opened.list_objects, opened.list_keys_ever = (lambda _: iter(())), (lambda _: iter("k"))
    assert opened.holds_objects()


@pytest.mark.parametrize(("length", "limit"), [(0, 1), (5, 4), (5, 5), (5, 6), (5, 0)])
def test_object_on_cloud_storage_is_read_up_to_the_limit_also_an_empty_one(length, limit):
    from google.api_core.exceptions import RequestRangeNotSatisfiable

    def download(*, end: int | None = None, **_: object) -> bytes:
        if end is not None and not length:
            raise RequestRangeNotSatisfiable("416")
        return b"x" * length if end is None else (b"x" * length)[: end + 1]

    blob = SimpleNamespace(download_as_bytes=download)
    cloud = cloud_of("gcp")
    cloud.clients = SimpleNamespace(bucket=SimpleNamespace(blob=lambda _: blob))

    assert len(cloud.read_object("k", limit=limit)) == (min(length, limit) if limit else length)


@pytest.mark.parametrize(
    ("status", "holds"), [(400, True), (499, True), (500, False), (501, True), (503, False)]
)
def test_store_knows_no_setting_below_500_and_at_501(status, holds):
    from botocore.exceptions import ClientError

    answer: Any = {"ResponseMetadata": {"HTTPStatusCode": status}}
    error, denied = ServiceError("no"), AccessDeniedError("403")
    error.__cause__ = denied.__cause__ = ClientError(answer, "op")

    assert is_unsupported(error) is holds
    assert not is_unsupported(denied)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, CredentialsError), (403, AccessDeniedError), (404, MissingError), (409, ConflictError),
     (412, ConflictError), (400, ServiceError), (500, ServiceError)],
)  # fmt: skip
def test_every_status_has_its_error(status, kind):
    assert type(error_for(status, "no")) is kind


@pytest.mark.parametrize(
    ("keys", "prefixes"),
    [([], []), (["d/r/t/a"], ["d/r/t/a"]), (["d/r/t/a", "d/r/t/b"], ["d/r"]),
     (["d/r/t/a", "d/r/u/a", "d/s/t/a"], ["d/r", "d/s/t/a"])],
)  # fmt: skip
def test_prefix_of_one_key_is_the_key_and_of_two_their_run(keys, prefixes):
    assert list(narrowest_prefixes(keys)) == prefixes


@pytest.mark.parametrize(
    ("present", "wanted", "is_said"),
    [([30], [29], True), ([30], [30], False), ([30], [31], False), ([], [3], False),
     ([10, 30], [20], True), ([30], [29, 40], True), ([30], [], False)],
)  # fmt: skip
def test_shorter_expiry_is_said_in_words(present, wanted, is_said):
    before, after = (
        [{"ID": str(days), "Status": "Enabled", "Expiration": {"Days": days}} for days in rules]
        for rules in (present, wanted)
    )

    assert bool(expires_sooner(settings_of("aws"), before, after)) is is_said


def test_versioning_that_is_on_stays_with_what_else_is_in_it():
    enabled = {"Status": "Enabled", "MFADelete": "Enabled"}

    assert documents.versioning(settings_of("aws"), enabled) == enabled
    for weaker in ({}, {"Status": "Suspended"}):
        assert documents.versioning(settings_of("aws"), weaker) == {"Status": "Enabled"}


@pytest.mark.parametrize("present", [{}, {"team": "other"}, {"team": "data"}, {"cost": "7"}])
def test_tags_of_ours_win_and_those_of_others_stay(present):
    settings = settings_of("aws", tags={"team": "data", "env": "prod"})

    found = documents.tagging(settings, {"TagSet": documents.tag_list(present)})

    assert {one["Key"]: one["Value"] for one in found["TagSet"]} == {**present, **settings.tags}


def test_statements_and_encryption_of_others_stay_beside_ours():
    settings = settings_of("aws", encryption="sse-kms", kms_key="arn:aws:kms:eu-central-1:1:key/k")
    theirs, former = {"Sid": "Theirs", "Effect": "Deny"}, {"Sid": documents.TLS_ONLY_SID}
    kms = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
    present = {"Rules": [{**kms, "BucketKeyEnabled": False}]}

    policy = documents.bucket_policy(settings, {"Statement": [theirs, former]})
    (rule,) = documents.encryption(settings, present)["Rules"]
    statements = documents.permissions(settings, account="1")["Statement"]

    assert policy["Statement"] == [theirs, documents.tls_only_statement(settings)]
    assert rule["BucketKeyEnabled"] is False
    assert ["kms:GenerateDataKey", "kms:Decrypt"] in [one["Action"] for one in statements]


@pytest.mark.parametrize(("parts", "is_broken"), [(0, False), (1, False), (2, True), (3, True)])
def test_filter_of_two_parts_cannot_be_put_back(parts, is_broken):
    rule = {"ID": "r", "Filter": dict.fromkeys(("Prefix", "And", "Tag")[:parts], "x")}

    assert bool(documents.rules_that_cannot_be_put_back({"Rules": [rule]})) is is_broken


@pytest.mark.parametrize(
    ("region", "name"),
    [("eu-central-1", "aws"), ("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")],
)
def test_region_has_its_partition(region, name):
    assert documents.partition(region) == name


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_managed_identity_takes_20_credentials_those_of_others_included(more):
    access = cloud_of("azure").access
    access.read_identity = lambda: {"principal_id": "p"}
    access.read_assignments = lambda _: []
    access.read_credentials = lambda: {f"theirs-{n}": {"subject": str(n)} for n in range(18 + more)}
    subjects = ("system:serviceaccount:astro:a", "system:serviceaccount:astro:b")

    if more > 0:
        with pytest.raises(ConflictError, match=r"takes 20 federated credentials.* 19 foreign"):
            access.plan(subjects)
    else:
        rows = access.plan(subjects).changes
        assert {c.action for c in rows if c.resource.startswith("theirs")} == {"keep"}


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_uploads_are_measured_up_to_a_limit_and_one_that_ended_is_not(more):
    uploads = [{"Key": f"k{n}", "UploadId": "u", "Initiated": 0} for n in range(_MEASURED + more)]

    def pages(name: str, key: str) -> list[dict[str, Any]]:
        if name == "list_parts" and key == "k3":
            raise MissingError("ended")
        return [{"Uploads": uploads} if name != "list_parts" else {"Parts": [{"Size": 5}] * 2}]

    opened = cloud_of("aws")
    opened.clients.s3 = SimpleNamespace(get_paginator=lambda name: SimpleNamespace(
        paginate=lambda Key="", **_: pages(name, Key)))  # fmt: skip  # noqa: N803 - S3's name

    sizes = [one.size for one in opened.list_uploads("")]
    assert sizes == [
        10,
        10,
        10,
        None,
        *[10] * (_MEASURED - 4 + min(more, 0)),
        *[None] * max(more, 0),
    ]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_listing_goes_on_behind_a_key_where_the_service_begins_with_it(cloud):
    opened = cloud_of(cloud)
    found = [StoredObject(f"p//{name}", 1, datetime.now(UTC)) for name in "abc"]
    opened._list = lambda _, after: (one for one in found if one.key >= after)

    assert read_batches(opened, "p//", after="p//a") == found[1:]


@pytest.mark.parametrize(("ends", "holds"), [("", True), ("/", True), (None, False)])
def test_assignment_at_a_container_whose_name_goes_on_is_of_another(ends, holds):
    access = cloud_of("azure").access
    at = access.scope[:-1] if ends is None else access.scope + ends
    found = SimpleNamespace(role_definition_id="r", scope=at, condition=None)
    access._clients.assignments = SimpleNamespace(list_for_scope=lambda *_, **__: [found])

    assert bool(access.read_assignments("p")) is holds


@pytest.mark.parametrize(
    ("held", "identity"),
    [
        ({}, {"type": "SystemAssigned"}),
        ({"type": "SystemAssigned"}, None),
        ({"type": "UserAssigned", "userAssignedIdentities": {"u": {"x": 1}}},
         {"type": "SystemAssigned,UserAssigned", "userAssignedIdentities": {"u": {}}}),
    ],
)  # fmt: skip
def test_identities_that_an_account_has_are_kept(held, identity):
    body = {"properties": {}, "identity": {"type": "SystemAssigned"}}

    assert keep_identities(body, {"identity": held}).get("identity") == identity


@pytest.mark.parametrize("others", [[], ["xcomkitother1", "theirs"]])
def test_tear_down_takes_our_lifecycle_rule_and_no_other_ones(others):
    bucket = cloud_of("azure").bucket
    rules = [{"name": name} for name in (rule_name(bucket._settings), *others)]
    policy = {"properties": {"policy": {"rules": rules}}}
    done: list[Any] = []
    policies = SimpleNamespace(
        get=lambda *_: SimpleNamespace(as_dict=lambda: policy),
        create_or_update=lambda *found: done.append(found[-1]),
        delete=lambda *_: done.append("all"),
    )
    services = SimpleNamespace(get_service_properties=policies.get)
    bucket._clients.storage = SimpleNamespace(
        management_policies=policies, blob_services=services,
        blob_containers=SimpleNamespace(delete=lambda *_: None),
    )  # fmt: skip

    bucket.delete()

    left = {"properties": {"policy": {"rules": rules[1:]}}}
    assert done == ([left] if others else ["all"])


def test_tear_down_takes_no_role_that_the_identity_has_above_or_beside_the_container():
    access, deleted = cloud_of("azure").access, []
    access.read_identity = lambda: {"principal_id": "p"}
    scopes = (access.scope.upper(), access.scope.partition("/blobServices")[0], access.scope + "-2")
    held = [SimpleNamespace(scope=scope, name=str(n)) for n, scope in enumerate(scopes)]
    access._clients.assignments = SimpleNamespace(
        list_for_scope=lambda *_, **__: held, delete=lambda _, name: deleted.append(name)
    )
    identities = SimpleNamespace(delete=lambda *_: deleted.append("identity"))
    access._clients.identities = SimpleNamespace(user_assigned_identities=identities)

    access.delete()

    assert deleted == ["0", "identity"]


@pytest.mark.parametrize(
    ("held", "is_same"),
    [("https://v.vault.azure.net/", True), ("https://w.vault.azure.net/", False)],
)
def test_key_of_the_same_vault_is_the_same_however_its_address_ends(held, is_same):
    key = "https://v.vault.azure.net/keys/k"
    settings = settings_of("azure", encryption="key-vault", kms_key=key)
    setting = next(one for one in AZURE_SETTINGS if one.name == "encryption")
    properties = {"keyvaulturi": held, "keyname": "k", "keyversion": ""}
    present = {"keySource": "Microsoft.Keyvault", "keyvaultproperties": properties}

    assert (setting.wanted(settings, present) == present) is is_same


@pytest.mark.parametrize(
    ("name", "holds"), [("a" * 63, True), ("a" * 64, False), ("1a", False), ("A", False)]
)
def test_label_has_up_to_63_characters_and_begins_with_a_letter(name, holds):
    expected = nullcontext() if holds else pytest.raises(SettingsError, match="labels are")
    with expected:
        check_labels({name: "x"})


@pytest.mark.parametrize(("names", "is_ours"), [(["acme"], True), (["acme-2"], False), ([], False)])
def test_bucket_is_of_the_project_that_lists_exactly_its_name(names, is_ours):
    bucket = cloud_of("gcp").bucket
    listed = [SimpleNamespace(name=name) for name in names]
    handle = SimpleNamespace(reload=lambda **_: None, location="EU")
    bucket._clients = SimpleNamespace(
        bucket=handle, storage=SimpleNamespace(list_buckets=lambda **_: listed)
    )

    if is_ours:
        assert bucket.find().content is handle
    else:
        with pytest.raises(ConflictError, match="belongs to another project"):
            bucket.find()
