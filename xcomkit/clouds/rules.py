"""The rules by which bucket and access are judged, one id for the same question on every cloud."""

from typing import Literal

from xcomkit.findings.model import Rule

_BUCKET = "Run step 01 with apply: true."
_ACCESS = "Run step 02 with apply: true."


def _bucket(
    number: int,
    title: str,
    why: str,
    source: str,
    *,
    severity: Literal["fail", "warn"] = "fail",
    remedy: str = _BUCKET,
    blocks: bool = False,
) -> Rule:
    return Rule(f"XC{number}", title, severity, why, remedy, source, blocks)


def _access(number: int, title: str, why: str, source: str, *, remedy: str = _ACCESS) -> Rule:
    return Rule(f"XC{number}", title, "fail", why, remedy, source)


EXISTS = _bucket(
    201,
    "The bucket exists and belongs to this account",
    "Without it every push fails; in somebody else's bucket your data is theirs.",
    "S3 HeadBucket with ExpectedBucketOwner; Blob Get Container Properties; GCS buckets.get",
    remedy="Run step 01 with apply: true, or choose another bucket name.",
    blocks=True,
)
REGION = _bucket(
    202,
    "The bucket is in the region of the settings",
    "Agents sign for the region of the connection; another one costs redirects or fails.",
    "S3 HeadBucket, x-amz-bucket-region; ARM storageAccounts location; GCS buckets location",
    remedy="Set region to the bucket's region, or choose another bucket.",
)
PUBLIC = _bucket(
    203,
    "Public access is blocked",
    "A policy or list set by mistake could publish every XCom.",
    "S3 GetPublicAccessBlock; ARM allowBlobPublicAccess; GCS publicAccessPrevention",
)
OWNERSHIP = _bucket(
    204,
    "Access control lists are off",
    "Lists can grant access past the bucket's policy.",
    "S3 GetBucketOwnershipControls; GCS uniformBucketLevelAccess",
)
VERSIONING = _bucket(
    205,
    "Versioning is on",
    "An overwritten or deleted XCom cannot be brought back.",
    "S3 GetBucketVersioning; ARM blobServices isVersioningEnabled; GCS versioning",
)
ENCRYPTION = _bucket(
    206,
    "Default encryption is as set",
    "The backend cannot send encryption headers, so the bucket must encrypt.",
    "S3 GetBucketEncryption; ARM storageAccounts encryption; GCS defaultKmsKeyName",
)
LIFECYCLE = _bucket(
    207,
    "XCom objects expire, old versions and partial uploads too",
    "Airflow leaves objects behind on Dag deletion and db clean; the bucket grows for ever.",
    "S3 GetBucketLifecycleConfiguration; ARM managementPolicies; GCS lifecycle",
)
SOONER = _bucket(
    208,
    "No lifecycle rule deletes or archives XCom objects sooner",
    "A reader of an expired object silently gets its path instead of the value, of an archived one"
    " an error until somebody restores it.",
    "the same lifecycle documents; common-io deserialize_value",
    remedy="Narrow or remove the named lifecycle rules, or accept a shorter retention_days.",
)
STATE_KEPT = _bucket(
    439,
    "No lifecycle rule deletes or archives state",
    "The state of assets must outlive every run: a watermark that expired starts over, a task whose"
    " state is gone submits its job again.",
    "the same lifecycle documents; common-io state_store backend, key layout",
    remedy="Narrow or remove the named lifecycle rules, or move state_prefix out of their reach.",
)
TLS_ONLY = _bucket(
    209,
    "Requests without TLS are refused by configuration",
    "XCom values would cross the network in clear.",
    "S3 GetBucketPolicy; ARM supportsHttpsTrafficOnly and minimumTlsVersion",
)
PLAIN_HTTP = _bucket(
    210,
    "A request without TLS is refused",
    "XCom values would cross the network in clear.",
    "Amazon S3 User Guide, policy condition aws:SecureTransport",
)
TAGS = _bucket(
    211,
    "The bucket carries the tags of the settings",
    "Nobody can tell later what this bucket is for and who pays.",
    "S3 GetBucketTagging; blob container metadata; GCS labels",
    severity="warn",
)
SOFT_DELETE = _bucket(
    212,
    "Deleted objects can be brought back for some days",
    "A purge by mistake, or a container that an agent deletes, would be final.",
    "ARM blobServices deleteRetentionPolicy, containerDeleteRetentionPolicy; GCS softDeletePolicy",
)
KEY = _bucket(
    214,
    "The encryption key is there and enabled",
    "Without its key the bucket takes no object, and gives none back.",
    "AWS KMS DescribeKey, KeyState",
    remedy="Enable the key, or set kms_key to another and run step 01 with apply: true.",
)
SHARED_KEY = _bucket(
    213,
    "Shared-key access is disabled",
    "A key that leaks, or stands in an agent's environment, beats every role assignment.",
    "ARM storageAccounts allowSharedKeyAccess",
)

PROVIDER = _access(
    301,
    "The account trusts the cluster's token issuer",
    "Without an OIDC provider no service-account token is accepted.",
    "IAM user guide, OIDC providers; EKS user guide, IRSA",
    remedy="Run: eksctl utils associate-iam-oidc-provider --cluster NAME --approve",
)
TRUST = _access(
    302,
    "The identity trusts exactly the service accounts of the chart",
    "One too few and a component cannot reach the bucket; one too many and an untrusted one can.",
    "IAM trust with aud and sub; Azure federated credentials; GCP roles/iam.workloadIdentityUser",
)
POLICY = _access(
    303,
    "The identity has the least rights that agents need",
    "Each missing right fails in its own way, deleting even silently.",
    "requests of s3fs, adlfs and gcsfs under the backend: probe the bucket, list, get, put, delete",
)
ASSUME = _access(
    304,
    "Every service account can become the identity",
    "Its tasks cannot reach XCom.",
    "STS AssumeRoleWithWebIdentity; Entra client assertion; GCP STS and generateAccessToken",
)
LIST = _access(
    305,
    "The identity can list the prefix",
    "The filesystem lists before it writes: every push fails.",
    "S3 ListObjectsV2; List Blobs; GCS objects.list",
)
PUT = _access(
    306,
    "The identity can write below the prefix",
    "Every push fails, compressed ones silently.",
    "S3 PutObject; Put Blob; GCS objects.insert",
)
GET = _access(
    307,
    "The identity can read below the prefix",
    "Every pull fails.",
    "S3 GetObject; Get Blob; GCS objects.get",
)
DELETE = _access(
    308,
    "The identity can delete below the prefix",
    "Purging reports success, objects stay.",
    "S3 DeleteObject; Delete Blob; GCS objects.delete",
)
OUTSIDE = _access(
    309,
    "Writing outside the prefix is denied",
    "Agents could overwrite foreign data.",
    "S3 PutObject; Put Blob; GCS objects.insert",
)
OTHER = _access(
    310,
    "Other buckets are denied",
    "Agents could read foreign data.",
    "S3 ListObjectsV2; List Blobs; GCS objects.list",
)
DROP = _access(
    311,
    "Deleting the bucket is denied",
    "One task could destroy every XCom.",
    "S3 DeleteBucket; Delete Container; GCS buckets.delete",
)
UNTRUSTED = _access(
    312,
    "An untrusted service account cannot use the identity",
    "Any pod could read every XCom.",
    "STS AssumeRoleWithWebIdentity; Entra client assertion; GCP STS and generateAccessToken",
)
READ_SECRET = _access(
    313,
    "The role reads the connection",
    "The backend falls back to another identity.",
    "amazon provider, SecretsManagerBackend",
)
SECRET = _access(
    314,
    "The connection is in Secrets Manager as the settings describe it",
    "A missing connection makes the backend fall back to whatever identity is around.",
    "amazon provider, SecretsManagerBackend connections_prefix",
    remedy="Run step 02 with apply: true; a foreign connection of that name stays untouched.",
)
USE_KEY = _access(
    315,
    "The identity may use the key",
    "Every push and pull fails.",
    "S3 guide, SSE-KMS; Azure customer-managed keys; GCS customer-managed keys",
)
IDENTITY = _access(
    316,
    "The agents' identity exists",
    "There is nobody the service accounts could become.",
    "ARM userAssignedIdentities; GCP IAM projects.serviceAccounts",
)

RULES: tuple[Rule, ...] = tuple(found for found in vars().values() if isinstance(found, Rule))
