import json

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.cloud_files import Agents, judge_policy
from xcomkit.lint.cloud_files.reading import MOST_TEXTS
from xcomkit.values.names import BasePath

S3 = BasePath("s3", "aws", "acme-xcom", "prod/xcom")
ABFS = BasePath("abfs", "azure", "acme-xcom", "prod/xcom")
GS = BasePath("gs", "gcp", "acme-xcom", "prod/xcom")
SUBJECTS = ("system:serviceaccount:airflow:astro-worker", "system:serviceaccount:airflow:astro-trg")
BUCKET = "arn:aws:s3:::acme-xcom"
ON_BUCKET = ["s3:ListBucket"]
ON_OBJECTS = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]


def judge(file, *paths, path=S3, **more):
    agents = Agents(subjects=SUBJECTS, paths=paths or (path,), **more)
    return tuple(judge_policy(json.dumps(file), name="policy.json", agents=agents).findings)


def marks(findings) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.severity) for finding in findings]


def allow(actions, resource, **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


def deny(actions, resource, **more):
    return {**allow(actions, resource, **more), "Effect": "Deny"}


def condition(operator, key, wanted):
    return {"Condition": {operator: {key: wanted}}}


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements or (LOOK, WORK))}


LOOK = allow(ON_BUCKET, BUCKET)
WORK = allow(ON_OBJECTS, f"{BUCKET}/prod/xcom/*")
TLS_ONLY = deny("s3:*", f"{BUCKET}/*", **condition("Bool", "aws:SecureTransport", "false"))
OF_BUCKET = {"Policy": json.dumps(policy({**TLS_ONLY, "Principal": "*"}))}
IF_LISTED = condition("StringLikeIfExists", "s3:prefix", "prod/xcom/*")


@pytest.mark.parametrize(
    "file",
    [
        policy(),
        {"PolicyDocument": policy()},
        {"PolicyVersion": {"Document": policy()}},
        [{"PolicyDocument": policy(LOOK)}, {"PolicyVersion": {"Document": policy(WORK)}}],
        [policy(), OF_BUCKET],
        policy(LOOK, allow(["s3:*Object", "s3:Abort*"], f"{BUCKET}/prod/xcom/*")),
        policy(*(allow(action, BUCKET) for action in ON_BUCKET), WORK),
        *(json.loads(json.dumps(policy()).replace("arn:aws:", f"arn:{partition}:"))
          for partition in ("aws-cn", "aws-us-gov")),
        policy(LOOK, WORK, TLS_ONLY),
        policy(LOOK, WORK, deny("s3:*", "arn:aws:s3:::old/*")),
        policy(LOOK, WORK, {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}),
        policy(LOOK, WORK, allow("kms:Decrypt", "*")),
        policy({**LOOK, **IF_LISTED}, WORK),
    ],
)  # fmt: skip
def test_aws_rights_that_are_enough_pass_in_every_spelling(file) -> None:
    assert judge(file) == ()


@pytest.mark.parametrize(
    ("withheld", "rule"),
    [
        ("s3:GetObject", "XC063"),
        ("s3:PutObject", "XC063"),
        ("s3:ListBucket", "XC064"),
        ("s3:DeleteObject", "XC065"),
    ],
)
def test_each_action_that_is_withheld_or_denied_is_missed(withheld, rule) -> None:
    rest = [{**s, "Action": [a for a in s["Action"] if a != withheld]} for s in (LOOK, WORK)]
    rest = [one for one in rest if one["Action"]]
    (finding,) = judge(policy(*rest))
    assert marks([finding]) == [(rule, "fail")]
    assert withheld in finding.observed
    assert judge(policy(*rest, json.loads(finding.fix))) == ()
    (finding,) = judge(policy(LOOK, WORK, deny(withheld.upper(), "*")))
    assert marks([finding]) == [(rule, "fail")]
    assert "explicitly denied by statement 3" in finding.observed


@pytest.mark.parametrize("below", ["", "/prod/xcom", "/prod/xcom/", "/prod/other/*"])
def test_resource_that_holds_no_object_of_the_path_grants_nothing(below) -> None:
    findings = judge(policy(LOOK, allow(ON_OBJECTS, f"{BUCKET}{below}")))
    assert marks(findings)[:2] == [("XC063", "fail"), ("XC065", "fail")]


@pytest.mark.parametrize(
    ("operator", "prefix"),
    [
        ("StringLike", "prod/xcom/*"),
        ("StringEquals", "prod/xcom/*"),
        ("ForAnyValue:StringLike", "prod/xcom/*"),
        ("StringLikeIfExists", "other/*"),
    ],
)
def test_prefix_condition_that_probe_or_listing_does_not_meet_is_named(operator, prefix) -> None:
    look = {**LOOK, **condition(operator, "s3:prefix", [prefix])}
    (finding,) = judge(policy(look, WORK))
    assert marks([finding]) == [("XC064", "fail")]
    assert "statement 1: 's3:prefix'" in finding.observed
    assert judge(policy(look, WORK, json.loads(finding.fix))) == ()


@pytest.mark.parametrize(
    "demand",
    [
        condition("Null", "s3:x-amz-server-side-encryption", "true"),
        condition("StringNotEquals", "s3:x-amz-server-side-encryption", "AES256"),
        condition("StringNotEquals", "s3:x-amz-server-side-encryption-aws-kms-key-id", "arn:x"),
    ],
)
def test_demanded_encryption_header_fails_in_a_policy_of_role_or_bucket(demand) -> None:
    denial = deny("s3:PutObject", f"{BUCKET}/*", **demand)
    assert marks(judge(policy(LOOK, WORK, denial))) == [("XC068", "fail")]
    of_bucket = {"Policy": json.dumps(policy({**denial, "Principal": "*"}))}
    assert marks(judge([policy(), of_bucket])) == [("XC068", "fail")]


def test_right_that_needs_the_encryption_header_fails_as_well() -> None:
    with_key = condition("StringEquals", "s3:x-amz-server-side-encryption", "aws:kms")
    put = allow("s3:PutObject", f"{BUCKET}/prod/xcom/*", **with_key)
    rest = allow(["s3:GetObject", *ON_OBJECTS[2:]], f"{BUCKET}/prod/xcom/*")
    assert marks(judge(policy(LOOK, put, rest))) == [("XC068", "fail")]


@pytest.mark.parametrize(
    "wide",
    [
        policy(allow("s3:*", "*")),
        policy(allow("*", "*")),
        policy({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        policy({"Effect": "Allow", "Action": "s3:*", "NotResource": "arn:aws:s3:::payroll/*"}),
        policy(LOOK, allow(ON_OBJECTS, f"{BUCKET}/*")),
        policy(LOOK, allow(ON_OBJECTS, f"{BUCKET}/prod/xcom*")),
        policy(LOOK, allow(ON_OBJECTS, "arn:aws:s3:::*/prod/xcom/*")),
        policy(allow(ON_BUCKET, "*"), WORK),
        policy(allow([*ON_BUCKET, "s3:PutBucketPolicy"], BUCKET), WORK),
    ],
)
def test_rights_that_reach_further_are_a_warning(wide) -> None:
    (finding,) = judge(wide)
    assert marks([finding]) == [("XC066", "warn")]
    assert judge(json.loads(finding.fix)) == ()


def test_whole_bucket_is_not_too_wide_for_a_path_without_prefix() -> None:
    whole = BasePath("s3", "aws", "acme-xcom", "")
    assert judge(policy(LOOK, allow(ON_OBJECTS, f"{BUCKET}/*")), path=whole) == ()


@pytest.mark.parametrize(
    ("undecided", "rule"),
    [
        (policy({**LOOK, **condition("StringEquals", "aws:SourceVpce", "v")}, WORK), "XC064"),
        (policy(allow(ON_BUCKET, "arn:aws:s3:::${aws:PrincipalTag/bucket}"), WORK), "XC064"),
        (policy(LOOK, WORK, deny("s3:ListBucket", "*", **condition(
            "NotIpAddress", "aws:SourceIp", "10.0.0.0/8"))), "XC064"),
        (policy({**LOOK, "Condition": "broken"}, WORK), "XC064"),
        ([policy(LOOK, WORK), policy({**deny("s3:ListBucket", BUCKET),
                                      "Principal": {"AWS": "arn:aws:iam::1:role/x"}})], "XC064"),
        (OF_BUCKET, "XC063"),
    ],
    ids=["endpoint", "variable", "deny", "broken", "another principal", "bucket's policy alone"],
)  # fmt: skip
def test_what_only_a_request_decides_is_unknown(undecided, rule) -> None:
    (finding,) = judge(undecided)
    assert marks([finding]) == [(rule, "warn")]
    assert finding.is_unknown


def test_policy_of_the_bucket_that_lets_in_everybody_fails() -> None:
    public = {**allow("s3:GetObject", f"{BUCKET}/prod/xcom/*"), "Principal": "*"}
    assert ("XC067", "fail") in marks(judge([policy(), policy(public)]))


READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/acme-xcom"


def role(identifier="ba92f5b4-2d11-453d-a403-e96b0029c9fe", scope=CONTAINER, **more):
    definition = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{identifier}"
    return {"roleDefinitionId": definition, "scope": scope, "principalId": "p", **more}


@pytest.mark.parametrize(
    "file",
    [
        [role()],
        role(),
        {"value": [{"id": "x", "properties": role(scope=CONTAINER.upper())}]},
        [{"roleDefinitionName": "Storage Blob Data Contributor", "scope": CONTAINER}],
        [role(), role(READER)],
    ],
)
def test_azure_contributor_on_the_container_passes_in_every_shape(file) -> None:
    assert judge(file, path=ABFS) == judge(file, path=ABFS, storage_account="ACME") == ()


@pytest.mark.parametrize(
    ("scope", "word"),
    [
        (ACCOUNT, "storage account"),
        (f"{ACCOUNT}/blobServices/default", "storage account"),
        ("/subscriptions/s/resourceGroups/g", "resource group"),
        ("/subscriptions/s/", "subscription"),
        ("/providers/Microsoft.Management/managementGroups/m", "management group"),
        ("/", "tenant"),
    ],
)
def test_azure_scope_beyond_the_container_is_a_warning(scope, word) -> None:
    (finding,) = judge([role(scope=scope)], path=ABFS)
    assert marks([finding]) == [("XC066", "warn")]
    assert finding.observed.endswith(f"on a whole {word}")


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ([], ["XC063"]),
        ([role(READER)], ["XC063"]),
        ([role("acdd72a7-3385-48ef-bd42-f606fba81ae7")], ["XC063"]),
        ([role(scope=CONTAINER + "-old")], ["XC063"]),
        ([role(scope="/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v")],
         ["XC063"]),
        ([role("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", ACCOUNT)], ["XC063", "XC066"]),
    ],
    ids=["none", "reader", "management reader", "other container", "other service", "owner"],
)  # fmt: skip
def test_azure_assignments_that_do_not_let_agents_write_fail(file, expected) -> None:
    findings = judge(file, path=ABFS)
    assert [f.rule.id for f in findings] == expected
    assert findings[0].severity == "fail"
    assert "az role assignment create" in findings[0].fix


@pytest.mark.parametrize(
    "file",
    [
        [role(condition="@Resource[...]", conditionVersion="2.0")],
        [role("00000000-aaaa-bbbb-cccc-dddddddddddd", roleDefinitionName="Ours")],
        [role(), role(principalId="q")],
    ],
    ids=["condition", "own role", "several principals"],
)
def test_azure_rights_that_the_file_does_not_decide_are_unknown(file) -> None:
    (finding,) = judge(file, path=ABFS)
    assert (finding.rule.id, finding.is_unknown) == ("XC063", True)


AGENT = "serviceAccount:agents@acme.iam.gserviceaccount.com"
OBJECTS = "projects/_/buckets/acme-xcom/objects/prod/xcom/"


def binding(name, *members, below="", **more):
    if below:
        more["condition"] = {"expression": f'resource.name.startsWith("{below}")'}
    return {"role": f"roles/storage.{name}", "members": list(members or (AGENT,)), **more}


USER, LISTER = binding("objectUser", below=OBJECTS), binding("legacyBucketReader")
OTHER = OBJECTS.replace("prod/xcom", "prod/other")


@pytest.mark.parametrize(
    ("bindings", "expected"),
    [
        ([USER, LISTER], []),
        ([USER], ["XC063", "XC064"]),
        ([LISTER, binding("objectUser", below=OTHER)], ["XC063", "XC065", "XC066"]),
        ([LISTER, binding("objectUser", below=OBJECTS.removesuffix("xcom/"))], ["XC066"]),
        ([binding("objectViewer"), binding("bucketViewer")], ["XC063", "XC065", "XC066"]),
        ([binding("objectCreator"), LISTER], ["XC063", "XC065", "XC066"]),
        ([binding(n) for n in ("objectCreator", "objectViewer", "bucketViewer")],
         ["XC065", "XC066"]),
        ([binding("admin")], ["XC066"]),
        ([binding("objectAdmin"), binding("bucketViewer")], ["XC066"]),
        ([binding("objectUser"), LISTER], ["XC066"]),
        ([binding("legacyBucketOwner", "projectOwner:acme")], ["XC063", "XC064", "XC065"]),
        *(([USER, LISTER, binding("objectViewer", everybody)], ["XC067"])
          for everybody in ("allUsers", "allAuthenticatedUsers")),
    ],
)  # fmt: skip
def test_gcp_roles_are_known_by_what_they_grant(bindings, expected) -> None:
    findings = judge({"bindings": bindings}, path=GS)
    assert list(dict.fromkeys(f.rule.id for f in findings)) == expected
    assert not any(f.is_unknown and f.rule.id != "XC064" for f in findings)


def test_gcp_object_user_alone_does_not_see_the_bucket_and_is_told_the_role() -> None:
    listing, probe = judge({"bindings": [USER]}, path=GS)
    assert "storage.objects.list" in listing.observed
    assert "storage.buckets.get" in probe.observed
    assert "--role=roles/storage.legacyBucketReader" in listing.fix
    assert (listing.is_unknown, probe.severity) == (False, "fail")


@pytest.mark.parametrize(
    "extra",
    [
        {"role": "projects/acme/roles/xcom", "members": [AGENT]},
        binding("objectUser", condition={"expression": "request.time < x"}),
    ],
)
def test_gcp_own_role_or_other_condition_is_unknown(extra) -> None:
    findings = judge({"bindings": [extra, LISTER]}, path=GS)
    assert {(f.rule.id, f.is_unknown) for f in findings} == {("XC063", True), ("XC065", True)}


def test_gcp_direct_access_is_wanted_for_every_subject() -> None:
    pool = "projects/1/locations/global/workloadIdentityPools/acme.svc.id.goog"
    first, second = (f"principal://iam.googleapis.com/{pool}/subject/ns/airflow/sa/{name}"
                     for name in ("astro-worker", "astro-trg"))  # fmt: skip

    def missed(users, listers):
        bound = [binding("objectUser", *users, below=OBJECTS)]
        findings = judge({"bindings": [*bound, binding("legacyBucketReader", *listers)]}, path=GS)
        assert all(SUBJECTS[1] in f.observed for f in findings)
        return [f.rule.id for f in findings]

    assert missed((first, second), (first, second)) == []
    assert missed((first, second), (first,)) == ["XC063", "XC064"]
    assert missed((first,), (first,)) == ["XC063", "XC064", "XC065"]


@pytest.mark.parametrize("scheme", ["gs", "gcs", "abfs", "abfss", "adl"])
def test_policy_of_another_cloud_than_the_path_fails_and_is_judged_no_further(scheme) -> None:
    other = BasePath(scheme, "c", "b", "p")
    assert marks(judge(policy(), path=other)) == [("XC074", "fail")]
    assert marks(judge(policy(), S3, other)) == [("XC074", "fail")]


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_every_scheme_of_s3_is_judged(scheme) -> None:
    assert judge(policy(), path=BasePath(scheme, "c", "acme-xcom", "prod/xcom")) == ()


@pytest.mark.parametrize("path", [BasePath("file", "", "", "x"), BasePath("s3", "aws", "", "x")])
def test_without_a_bucket_to_compare_nothing_is_said_to_be_good(path) -> None:
    (finding,) = judge(policy(), path=path)
    assert finding.is_unknown


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (policy({"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"},
                 "Action": ["sts:AssumeRole", "sts:TagSession"]}), "--trust"),
        ({"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [AGENT]}]}, "--trust"),
        ({"PolicyDocument": {}}, "without a Statement"),
        ({"a": 1}, "no policy of a known shape"),
    ],
)  # fmt: skip
def test_file_that_is_no_policy_is_refused_with_what_to_do(file, words) -> None:
    with pytest.raises(InputError, match=words):
        judge(file)


def test_policy_is_read_up_to_the_size_that_iam_takes() -> None:
    half = (MOST_TEXTS - 4) // 2  # a statement and its resource count as well
    assert judge(policy(*[allow(["s3:GetObject"] * half, BUCKET)] * 2))
    with pytest.raises(InputError, match="larger than IAM takes"):
        judge(policy(*[allow(["s3:GetObject"] * (half + 1), BUCKET)] * 2))
