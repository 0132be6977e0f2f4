import json

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.cloud_files import judge_policy
from xcomkit.values.names import BasePath

S3 = BasePath("s3", "aws", "acme-xcom", "prod/xcom")
ABFS = BasePath("abfs", "azure", "acme-xcom", "prod/xcom")
GS = BasePath("gs", "gcp", "acme-xcom", "prod/xcom")
SUBJECTS = ("system:serviceaccount:airflow:astro-worker", "system:serviceaccount:airflow:astro-trg")
BUCKET = "arn:aws:s3:::acme-xcom"
ON_BUCKET = ["s3:ListBucket", "s3:GetBucketLocation"]
ON_OBJECTS = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]


def judge(file, path=S3):
    text = json.dumps(file, indent=1)
    return judge_policy(text, name="policy.json", paths=(path,), subjects=SUBJECTS)


def marks(findings) -> list[tuple[str, str]]:
    return [(finding.rule.id, finding.severity) for finding in findings]


def allow(actions, resource, **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resource, **more}


LOOK = allow(ON_BUCKET, BUCKET)
WORK = allow(ON_OBJECTS, f"{BUCKET}/prod/xcom/*")


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements or (LOOK, WORK))}


@pytest.mark.parametrize(
    "file",
    [
        policy(),
        {"PolicyDocument": policy()},
        {"PolicyVersion": {"Document": policy()}},
        [{"PolicyDocument": policy(LOOK)}, {"PolicyVersion": {"Document": policy(WORK)}}],
        policy(LOOK, allow(["s3:*Object", "s3:Abort*"], f"{BUCKET}/prod/xcom/*")),
        policy(*(allow(action, BUCKET) for action in ON_BUCKET), WORK),
        json.loads(json.dumps(policy()).replace("arn:aws:", "arn:aws-cn:")),
        policy(LOOK, WORK, {"Effect": "Deny", "Action": "s3:*", "Resource": "*",
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}}}),
        policy(LOOK, WORK, {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::old/*"}),
        policy(LOOK, WORK, {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}),
        policy(LOOK, WORK, allow("kms:Decrypt", "*")),
        [policy(), {"Policy": json.dumps(policy(
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"{BUCKET}/*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}}))}],
    ],
)  # fmt: skip
def test_aws_rights_that_are_enough_pass_in_every_spelling(file) -> None:
    assert judge(file) == ()


@pytest.mark.parametrize(
    ("withheld", "mark"),
    [
        ("s3:GetObject", ("XC063", "fail")),
        ("s3:PutObject", ("XC063", "fail")),
        ("s3:ListBucket", ("XC064", "fail")),
        ("s3:GetBucketLocation", ("XC064", "fail")),
        ("s3:DeleteObject", ("XC065", "fail")),
    ],
)
def test_each_action_that_is_withheld_or_denied_is_missed(withheld, mark) -> None:
    kept = [{**s, "Action": [a for a in s["Action"] if a != withheld]} for s in (LOOK, WORK)]
    (finding,) = judge(policy(*kept))
    assert marks([finding]) == [mark]
    assert withheld in finding.observed
    assert judge(policy(*kept, json.loads(finding.fix))) == ()
    denial = {"Effect": "Deny", "Action": withheld.upper(), "Resource": "*"}
    (finding,) = judge(policy(LOOK, WORK, denial))
    assert marks([finding]) == [mark]
    assert "explicitly denied" in finding.observed


@pytest.mark.parametrize("resource", [BUCKET, f"{BUCKET}/prod/xcom", f"{BUCKET}/prod/xcom/"])
def test_resource_without_a_star_holds_no_object_and_the_hint_says_so(resource) -> None:
    findings = judge(policy(LOOK, allow(ON_OBJECTS, resource)))
    assert [f.rule.id for f in findings] == ["XC063", "XC065"]
    assert all("objects need /* behind it" in f.observed for f in findings)


def test_statement_for_another_prefix_grants_nothing_here() -> None:
    findings = judge(policy(LOOK, allow(ON_OBJECTS, f"{BUCKET}/prod/other/*")))
    assert "XC063" in [f.rule.id for f in findings]


@pytest.mark.parametrize("operator", ["StringLike", "StringEquals", "ForAnyValue:StringLike"])
def test_prefix_condition_on_the_bucket_fails_the_probe_and_is_named(operator) -> None:
    condition = {operator: {"s3:prefix": ["prod/xcom/*"]}}
    (finding,) = judge(policy({**LOOK, "Condition": condition}, WORK))
    assert marks([finding]) == [("XC064", "fail")]
    assert "'s3:prefix'" in finding.observed
    again = judge(policy({**LOOK, "Condition": condition}, WORK, json.loads(finding.fix)))
    assert again == ()


def test_prefix_condition_that_lets_the_probe_pass_is_judged_for_the_listing_too() -> None:
    def listing(prefix):
        condition = {"StringLikeIfExists": {"s3:prefix": prefix}}
        return judge(policy({**LOOK, "Condition": condition}, WORK))

    assert listing("prod/xcom/*") == ()
    assert marks(listing("other/*")) == [("XC064", "fail")]


@pytest.mark.parametrize(
    "condition",
    [
        {"Null": {"s3:x-amz-server-side-encryption": "true"}},
        {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}},
        {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:x"}},
    ],
)
def test_demanded_encryption_header_fails_in_a_policy_of_role_or_bucket(condition) -> None:
    denial = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"{BUCKET}/*",
              "Condition": condition}  # fmt: skip
    assert marks(judge(policy(LOOK, WORK, denial))) == [("XC068", "fail")]
    of_bucket = {"Policy": json.dumps(policy({**denial, "Principal": "*"}))}
    assert marks(judge([policy(), of_bucket])) == [("XC068", "fail")]


def test_right_that_needs_the_encryption_header_fails_as_well() -> None:
    condition = {"StringEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    put = allow("s3:PutObject", f"{BUCKET}/prod/xcom/*", Condition=condition)
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
    assert marks(judge(wide)) == [("XC066", "warn")]


def test_whole_bucket_is_not_too_wide_for_a_path_without_prefix() -> None:
    whole = BasePath("s3", "aws", "acme-xcom", "")
    assert judge(policy(LOOK, allow(ON_OBJECTS, f"{BUCKET}/*")), path=whole) == ()


@pytest.mark.parametrize(
    "undecided",
    [
        policy({**LOOK, "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}, WORK),
        policy(allow(ON_BUCKET, "arn:aws:s3:::${aws:PrincipalTag/bucket}"), WORK),
        policy(LOOK, WORK, {"Effect": "Deny", "Action": "s3:ListBucket", "Resource": "*",
                            "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}),
        policy({**LOOK, "Condition": "broken"}, WORK),
    ],
)  # fmt: skip
def test_what_only_a_request_decides_is_unknown(undecided) -> None:
    findings = judge(undecided)
    assert marks(findings) == [("XC064", "warn")]
    assert findings[0].is_unknown


def test_policy_of_the_bucket_alone_does_not_tell_the_rights_of_the_role() -> None:
    tls = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"{BUCKET}/*",
           "Condition": {"Bool": {"aws:SecureTransport": "false"}}}  # fmt: skip
    findings = judge({"Policy": json.dumps(policy(tls))})
    assert marks(findings) == [("XC063", "warn")]
    assert findings[0].is_unknown


def test_policy_of_the_bucket_that_lets_in_everybody_fails() -> None:
    public = {**allow("s3:GetObject", f"{BUCKET}/prod/xcom/*"), "Principal": "*"}
    assert ("XC067", "fail") in marks(judge([policy(), policy(public)]))


CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
ACCOUNT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/acme"
CONTAINER = f"{ACCOUNT}/blobServices/default/containers/acme-xcom"


def assignment(role=CONTRIBUTOR, scope=CONTAINER, **more):
    definition = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {"roleDefinitionId": definition, "scope": scope, "principalId": "p", **more}


@pytest.mark.parametrize(
    "file",
    [
        [assignment()],
        assignment(),
        {"value": [{"id": "x", "properties": assignment(scope=CONTAINER.upper())}]},
        [{"roleDefinitionName": "Storage Blob Data Contributor", "scope": CONTAINER}],
        [assignment(), assignment(role=READER)],
    ],
)
def test_azure_contributor_on_the_container_passes_in_every_shape(file) -> None:
    assert judge(file, path=ABFS) == ()


@pytest.mark.parametrize(
    ("scope", "word"),
    [
        (ACCOUNT, "storage account"),
        ("/subscriptions/s/resourceGroups/g", "resource group"),
        ("/subscriptions/s", "subscription"),
        ("/providers/Microsoft.Management/managementGroups/m", "management group"),
        ("/", "tenant"),
    ],
)
def test_azure_scope_beyond_the_container_is_a_warning(scope, word) -> None:
    (finding,) = judge([assignment(scope=scope)], path=ABFS)
    assert marks([finding]) == [("XC066", "warn")]
    assert word in finding.observed


@pytest.mark.parametrize(
    "file",
    [
        [],
        [assignment(role=READER)],
        [assignment(role="acdd72a7-3385-48ef-bd42-f606fba81ae7")],
        [assignment(scope=CONTAINER + "-old")],
        [
            assignment(
                scope="/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
            )
        ],
    ],
)
def test_azure_assignments_that_do_not_let_agents_write_fail(file) -> None:
    findings = judge(file, path=ABFS)
    assert marks(findings) == [("XC063", "fail")]
    assert "az role assignment create" in findings[0].fix


@pytest.mark.parametrize(
    "file",
    [
        [assignment(condition="@Resource[...]", conditionVersion="2.0")],
        [assignment(role="00000000-aaaa-bbbb-cccc-dddddddddddd", roleDefinitionName="Ours")],
        [assignment(), assignment(principalId="q")],
    ],
)
def test_azure_condition_own_role_or_several_principals_are_unknown(file) -> None:
    findings = judge(file, path=ABFS)
    assert marks(findings) == [("XC063", "warn")]
    assert findings[0].is_unknown


def test_azure_owner_manages_but_does_not_write_blobs_and_may_read_the_keys() -> None:
    owner = assignment(role="8e3af657-a8ff-443c-a75c-2fe8c4bcb635", scope=ACCOUNT)
    assert marks(judge([owner], path=ABFS)) == [("XC063", "fail"), ("XC066", "warn")]


AGENT = "serviceAccount:agents@acme.iam.gserviceaccount.com"
OBJECTS = "projects/_/buckets/acme-xcom/objects/prod/xcom/"
BELOW = {"title": "t", "expression": f'resource.name.startsWith("{OBJECTS}")'}


def binding(role, *members, **more):
    return {"role": f"roles/storage.{role}", "members": list(members or (AGENT,)), **more}


def test_gcp_rights_as_the_runbook_grants_them_pass() -> None:
    file = {"bindings": [binding("objectUser", condition=BELOW), binding("legacyBucketReader")]}
    assert judge(file, path=GS) == ()


def test_gcp_object_user_alone_does_not_see_the_bucket() -> None:
    file = {"bindings": [binding("objectUser", condition=BELOW)]}
    findings = judge(file, path=GS)
    assert [f.rule.id for f in findings] == ["XC063", "XC064"]
    assert "storage.objects.list" in findings[0].observed
    assert "storage.buckets.get" in findings[1].observed
    assert all("--role=roles/storage.legacyBucketReader" in f.fix for f in findings)


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (("objectViewer", "bucketViewer"), ["XC063", "XC065", "XC066"]),
        (("objectCreator", "legacyBucketReader"), ["XC063", "XC065", "XC066"]),
        (("objectCreator", "objectViewer", "bucketViewer"), ["XC065", "XC066"]),
        (("admin",), ["XC066"]),
        (("objectAdmin", "bucketViewer"), ["XC066"]),
        (("objectUser", "legacyBucketReader"), ["XC066"]),
    ],
)
def test_gcp_roles_are_known_by_what_they_grant(roles, expected) -> None:
    findings = judge({"bindings": [binding(role) for role in roles]}, path=GS)
    assert list(dict.fromkeys(f.rule.id for f in findings)) == expected


@pytest.mark.parametrize(
    "extra",
    [
        {"role": "projects/acme/roles/xcom", "members": [AGENT]},
        binding("objectUser", condition={"expression": "request.time < x"}),
    ],
)
def test_gcp_own_role_or_other_condition_is_unknown(extra) -> None:
    findings = judge({"bindings": [extra, binding("legacyBucketReader")]}, path=GS)
    assert set(marks(findings)) == {("XC063", "warn"), ("XC065", "warn")}
    assert all(f.is_unknown for f in findings)


def test_gcp_condition_for_another_prefix_grants_nothing() -> None:
    other = {"expression": BELOW["expression"].replace("prod/xcom", "prod/other")}
    file = {"bindings": [binding("objectUser", condition=other), binding("legacyBucketReader")]}
    assert marks(judge(file, path=GS)) == [("XC063", "fail"), ("XC065", "fail")]


def test_gcp_condition_wider_than_the_prefix_is_a_warning() -> None:
    wider = {"expression": BELOW["expression"].replace("prod/xcom/", "prod/")}
    file = {"bindings": [binding("objectUser", condition=wider), binding("legacyBucketReader")]}
    assert marks(judge(file, path=GS)) == [("XC066", "warn")]


@pytest.mark.parametrize("everybody", ["allUsers", "allAuthenticatedUsers"])
def test_gcp_bucket_open_to_everybody_fails(everybody) -> None:
    file = {"bindings": [binding("objectUser", condition=BELOW), binding("legacyBucketReader"),
                         binding("objectViewer", everybody)]}  # fmt: skip
    assert marks(judge(file, path=GS)) == [("XC067", "fail")]


def direct(subject):
    *_, namespace, name = subject.split(":")
    pool = "projects/1/locations/global/workloadIdentityPools/acme.svc.id.goog"
    return f"principal://iam.googleapis.com/{pool}/subject/ns/{namespace}/sa/{name}"


def test_gcp_direct_access_is_wanted_for_every_subject() -> None:
    members = list(map(direct, SUBJECTS))
    file = {"bindings": [binding("objectUser", *members, condition=BELOW),
                         binding("legacyBucketReader", *members)]}  # fmt: skip
    assert judge(file, path=GS) == ()
    file["bindings"][1]["members"].pop()
    findings = judge(file, path=GS)
    assert [f.rule.id for f in findings] == ["XC063", "XC064"]
    assert all(SUBJECTS[1] in f.observed for f in findings)


def test_gcp_policy_without_a_service_account_grants_nothing() -> None:
    findings = judge({"bindings": [binding("legacyBucketOwner", "projectOwner:acme")]}, path=GS)
    assert marks(findings) == [("XC063", "fail"), ("XC064", "fail"), ("XC065", "fail")]


@pytest.mark.parametrize("scheme", ["gs", "gcs", "abfs", "abfss", "adl"])
def test_policy_of_another_cloud_than_the_path_fails_and_is_judged_no_further(scheme) -> None:
    assert marks(judge(policy(), path=BasePath(scheme, "c", "b", "p"))) == [("XC074", "fail")]


@pytest.mark.parametrize("scheme", ["s3", "s3a", "s3n"])
def test_every_scheme_of_s3_is_judged(scheme) -> None:
    assert judge(policy(), path=BasePath(scheme, "c", "acme-xcom", "prod/xcom")) == ()


@pytest.mark.parametrize("path", [BasePath("file", "", "", "x"), BasePath("s3", "aws", "", "x")])
def test_without_a_bucket_to_compare_nothing_is_said_to_be_good(path) -> None:
    (finding,) = judge(policy(), path=path)
    assert finding.is_unknown


def test_gcp_subject_without_any_direct_grant_is_missed_beside_the_others() -> None:
    member = direct(SUBJECTS[0])
    file = {"bindings": [binding("objectUser", member, condition=BELOW),
                         binding("legacyBucketReader", member)]}  # fmt: skip
    findings = judge(file, path=GS)
    assert [f.rule.id for f in findings] == ["XC063", "XC064", "XC065"]
    assert all(SUBJECTS[1] in f.observed for f in findings)


def test_paths_of_two_clouds_are_judged_by_the_file_of_each() -> None:
    text = json.dumps(policy())
    findings = judge_policy(text, name="f", paths=(S3, GS), subjects=SUBJECTS)
    assert marks(findings) == [("XC074", "fail")]


def test_policy_larger_than_iam_takes_is_refused() -> None:
    with pytest.raises(InputError, match="larger than IAM takes"):
        judge(policy(LOOK, allow(["s3:GetObject"] * 5_000, BUCKET)))


@pytest.mark.parametrize(
    "file",
    [
        policy({"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"},
                "Action": ["sts:AssumeRole", "sts:TagSession"]}),
        {"bindings": [{"role": "roles/iam.workloadIdentityUser", "members": [AGENT]}]},
    ],
)  # fmt: skip
def test_file_of_a_trust_is_refused_with_the_option_it_belongs_to(file) -> None:
    with pytest.raises(InputError, match="--trust"):
        judge(file)
