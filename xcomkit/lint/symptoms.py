"""Lines that agents log when XCom is set up wrongly, each with its cause and what to do.

``python -m xcomkit.lint.symptoms`` writes them as ``docs/troubleshooting.md``.
"""

from dataclasses import dataclass
from typing import Literal

from xcomkit.findings.model import Rule
from xcomkit.lint.saved_xcoms import XC163

Harm = Literal["lost", "silent", "leaves", "fails", "other"]
"""Values were lost; can be lost silently; leave the execution plane; tasks fail; the rest."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """Texts in a log, as they are written there, and the rule that says what they mean."""

    rule: Rule
    texts: tuple[str, ...]
    harm: Harm = "fails"


def _symptom(
    number: int, title: str, *texts: str, why: str, remedy: str, source: str, harm: Harm = "fails"
) -> Symptom:
    return Symptom(Rule(f"XC{number}", title, "fail", why, remedy, source), texts, harm)


_AIRFLOW = "Airflow's own message"
SYMPTOMS: tuple[Symptom, ...] = (
    _symptom(
        130, "Every value that is pulled is in the bucket",
        "lost when it was written", "XComObjectError: XCom object",
        harm="lost",
        why="The database holds a reference to an object that is missing or damaged: the upload"
        " failed unseen, a lifecycle rule expired it, or somebody deleted it.",
        remedy="Run the task that pushed it again; then look at the compression (XC015), the"
        " lifecycle (XC070) and who may delete (XC066).",
        source="xcomkit.durable",
    ),
    _symptom(
        131, "Airflow can read the threshold",
        'Failed to convert value to int. Please check "xcom_objectstorage_threshold"',
        why="A threshold with a unit, a fraction or a comment stops every push.",
        remedy="Write plain digits in AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD, such as"
        ' "0".',
        source=_AIRFLOW,
    ),
    _symptom(
        132, "Airflow knows the compression",
        "is not supported. Make sure it is installed.",
        why="None is a name to Airflow, not the absence of one; others need a package on every"
        " agent.",
        remedy="Remove AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION for no compression, or"
        " install the package in the image.",
        source=_AIRFLOW,
    ),
    _symptom(
        133, "The backend class can be imported in the image",
        'The object could not be loaded. Please check "xcom_backend" key',
        "No module named 'xcomkit",
        why="The class is misspelt, or the image does not hold it: no task of these agents runs.",
        remedy="Correct xcomBackend, or build an image with common-io, and with the file"
        " xcomkit/durable.py where xcomBackend names xcomkit.durable.",
        source=_AIRFLOW,
    ),
    _symptom(
        134, "The filesystem of the path's scheme is installed",
        "requires the s3fs library", "No module named 's3fs'", "No module named 'adlfs'",
        "No module named 'gcsfs'", "Unsupported filesystem: '",
        why="The image lacks the filesystem of the store, or the path has an unknown scheme.",
        remedy="Install apache-airflow-providers-amazon[s3fs], -microsoft-azure or -google with"
        " adlfs or gcsfs in the image of every component, and write s3, abfs or gs in the path.",
        source="Astro docs, packages of the agent image; Airflow, object storage",
    ),
    _symptom(
        135, "The Azure connection names its storage account where adlfs looks",
        "Must provide either a connection_string or account_name",
        why="adlfs reads extra.account_name only; the login and host that hooks accept are not"
        " read.",
        remedy='Write {"conn_type": "wasb", "extra": {"account_name": "ACCOUNT"}}.',
        source="adlfs; apache/airflow 40410",
    ),
    _symptom(
        136, "The connection of the path is defined",
        "` isn't defined", "Google Cloud API Call Error (PermissionDenied)",
        why="Agents cannot see the metadata database, so a connection made in the UI is unknown; a"
        " secrets backend that refuses them counts as one without it.",
        remedy="Define AIRFLOW_CONN_<ID> in commonEnv, or a secrets backend that holds it and that"
        " the agents may read; most say that they refused at the log level DEBUG only.",
        source=_AIRFLOW,
    ),
    _symptom(
        137, "The bucket is found, so that nobody tries to create it",
        "when calling the CreateBucket operation",
        why="The filesystem asks HeadBucket first; refused or missing, it tries to create the"
        " bucket.",
        remedy="Grant s3:ListBucket on the bucket itself; compare the bucket's name and region.",
        source="s3fs, measured",
    ),
    _symptom(
        138, "Agents find credentials",
        "Unable to locate credentials", "No credentials found, using anonymous access",
        "Your default credentials were not found",
        "DefaultAzureCredential failed to retrieve a token", ":assumed-role/*/i-0",
        "-compute@developer.gserviceaccount.com does not have",
        why="The pod has no identity, or signs as its node: its service account lacks the"
        " annotation or the association, or the pod is older than it.",
        remedy="Annotate the service account (XC046), or associate it, and restart the pods.",
        source="botocore; google-auth; azure-identity",
    ),
    _symptom(
        139, "The role trusts the agents' service accounts",
        "Not authorized to perform sts:AssumeRoleWithWebIdentity",
        why="The role's trust policy does not name this service account, namespace or audience.",
        remedy="Compare them: aws iam get-role --role-name ROLE > trust.json, then xcomkit lint"
        " values.yaml --trust trust.json.",
        source="AWS STS",
    ),
    _symptom(
        140, "The cluster's OIDC provider is registered in the role's account",
        "No OpenIDConnect provider found in your account",
        why="STS looks for the provider in the account of the role, and finds none.",
        remedy="Create the IAM OIDC provider of the cluster's issuer in the role's account.",
        source="AWS STS",
    ),
    _symptom(
        141, "A federated credential matches the agents' service accounts",
        "AADSTS70021", "No matching federated identity record found",
        why="The managed identity has no federated credential with this issuer, subject and"
        " audience.",
        remedy="Compare them: az identity federated-credential list > trust.json, then xcomkit lint"
        " values.yaml --trust trust.json.",
        source="Microsoft Entra ID, error codes",
    ),
    _symptom(
        142, "The managed identity may read and write the container",
        "AuthorizationPermissionMismatch",
        why="The identity has no data role on the container: Owner and Contributor are none.",
        remedy="Assign Storage Blob Data Contributor on the container, and wait some minutes.",
        source="Azure Storage, error codes",
    ),
    _symptom(
        143, "The Kubernetes service account may become the Google service account",
        "Permission 'iam.serviceAccounts.getAccessToken' denied",
        why="The binding roles/iam.workloadIdentityUser of this service account is missing.",
        remedy="Grant it to serviceAccount:PROJECT.svc.id.goog[NAMESPACE/SERVICE_ACCOUNT].",
        source="Google Cloud IAM",
    ),
    _symptom(
        144, "The Google service account may read and write the bucket",
        "does not have storage.objects.", "does not have storage.buckets.",
        why="The account lacks the right on this bucket.",
        remedy="Grant roles/storage.objectUser on the bucket, and storage.buckets.get.",
        source="Cloud Storage",
    ),
    _symptom(
        146, "The agents may use the bucket's key",
        "kms:GenerateDataKey", "kms:Decrypt", "cloudkms.cryptoKeyVersions.", "(KMS.",
        why="The bucket is encrypted by a key that the agents' identity may not use, or that is"
        " disabled or deleted.",
        remedy="Allow kms:GenerateDataKey and kms:Decrypt in the key's policy and in the role, and"
        " enable the key.",
        source="AWS KMS; Cloud KMS",
    ),
    _symptom(
        145, "The role may read, write, list and delete below the path",
        "(AccessDenied) when calling the PutObject", "(AccessDenied) when calling the GetObject",
        "(AccessDenied) when calling the ListObjects",
        "(AccessDenied) when calling the DeleteObject", "PermissionError: Forbidden",
        why="A right is missing, or the bucket's policy or key denies it.",
        remedy="Compare them: aws iam get-role-policy --role-name ROLE --policy-name NAME >"
        " policy.json, then xcomkit lint values.yaml --policy policy.json.",
        source="Amazon S3",
    ),
    _symptom(
        147, "The bucket exists",
        "NoSuchBucket", "The specified bucket does not exist", "ContainerNotFound",
        why="The name in the path is not the name of the bucket.",
        remedy="Correct the path, or run 01_create_bucket.",
        source="Amazon S3; Cloud Storage; Azure Storage",
    ),
    _symptom(
        148, "The store does not throttle the agents",
        "(SlowDown)", "reduce your request rate", "ServerBusy", "rateLimitExceeded",
        harm="silent",
        why="A throttled upload fails; behind a compression the stock class hides that.",
        remedy="Use no compression or the durable class, and spread the runs.",
        source="Amazon S3, Azure Storage, Cloud Storage, error codes",
    ),
    _symptom(
        149, "No XCom object is archived",
        "InvalidObjectState", "BlobArchived",
        why="A lifecycle rule moved the object to an archive class, where it cannot be read.",
        remedy="Restore it, and take the transition out of the lifecycle of the path (XC070).",
        source="Amazon S3; Azure Storage",
    ),
    _symptom(
        150, "Classes whose instances are pulled are allowed",
        "was not found in allow list for deserialization imports",
        why="The value was pushed as an instance of a class that agents may not import.",
        remedy="Push plain data (model_dump()), or name the class in"
        " AIRFLOW__CORE__ALLOWED_DESERIALIZATION_CLASSES of every agent.",
        source=_AIRFLOW,
    ),
    _symptom(
        151, "Airflow can write the values that tasks push",
        "annot serialize object of type", "is not JSON serializable",
        why="The encoder has no form for this type, so the task fails at its end.",
        remedy="Push text, numbers, lists and mappings; xcomkit scan-dags DIR names the tasks.",
        source=_AIRFLOW,
    ),
    _symptom(
        152, "The connection's extra is of the form that its reader expects",
        "expected dict, got str",
        why="A field of the connection's extra holds JSON as text where a mapping belongs.",
        remedy='Write the field as a mapping: "extra": {"extra_args": {...}}, without quotes'
        " around it.",
        source="Airflow's Amazon provider, S3Hook",
    ),
    _symptom(
        153, "The installed versions of Airflow and universal-pathlib go together",
        "KeyError: 'conn_id'", "unexpected keyword argument 'conn_id'",
        why="Some releases of the task SDK hand the connection id to the filesystem, or look for"
        " it there in vain.",
        remedy="Install the versions that Airflow's own constraints file names.",
        source="apache/airflow 62691, PR 62701",
    ),
    _symptom(
        155, "The store can be reached from the pods",
        "Could not connect to the endpoint URL", "Cannot connect to host",
        "Connect timeout on endpoint URL", "Failed to connect to proxy URL",
        "ErrorCode:AuthorizationFailure", "prohibited by organization's policy",
        why="No route, a proxy, a firewall of the store, or an endpoint that the filesystem does"
        " not use: s3fs ignores extra.host.",
        remedy="Allow egress to the store, name the pods' network in its network rules or service"
        " perimeter, and the endpoint as endpoint_url in the connection's extra.",
        source="botocore; aiohttp; s3fs, measured; Azure Storage and VPC Service Controls, errors",
    ),
    _symptom(
        154, "The pods trust the store's certificate",
        "CERTIFICATE_VERIFY_FAILED", "certificate verify failed",
        why="The store, or a proxy before it, has a certificate of a private authority.",
        remedy="Mount the authority's file in every component and name it in AWS_CA_BUNDLE, or"
        " SSL_CERT_FILE and REQUESTS_CA_BUNDLE.",
        source="OpenSSL; botocore",
    ),
    _symptom(
        156, "The agents' state store is set",
        "STATE_STORE_BACKEND", "state_store_backend",
        why="Agent Client 1.8.0 and later does not start on Runtime 3.3 without it.",
        remedy="Set AIRFLOW__WORKERS__STATE_STORE_BACKEND and the state_store_objectstorage"
        " settings in commonEnv.",
        source="Astro docs, remote execution agents",
    ),
    _symptom(
        165, "The connection names the region of the bucket",
        "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException",
        why="The request was signed for, or sent to, another region than the bucket's.",
        remedy="Set extra.region_name of the connection to the bucket's region, and leave out an"
        " endpoint_url of another one.",
        source="Amazon S3, error codes",
    ),
    _symptom(
        166, "The store takes uploads as the client sends them",
        "MissingContentLength", "(XAmzContentSHA256Mismatch)", "(NotImplemented) when calling",
        why="New clients add checksums in a form that stores other than AWS may not know.",
        remedy="Set AWS_REQUEST_CHECKSUM_CALCULATION to when_required in commonEnv.",
        source="botocore, data integrity protections; Ceph and Swift, measured",
    ),
    _symptom(
        167, "The store knows the keys that agents sign with",
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidClientTokenId",
        why="The keys are of another store or account, expired, or incomplete; a connection without"
        " endpoint_url sends the keys of any store to AWS.",
        remedy="Compare the connection's login and endpoint_url with the store's; on AWS take the"
        " keys out, for the workload identity.",
        source="Amazon S3 and STS, error codes",
    ),
    _symptom(
        168, "Requests go to the store, and not to another server",
        "(405) when calling", "(MethodNotAllowed) when calling", "XMLParseError",
        "Unable to parse response",
        why="What answers is no object store: an endpoint_url, AWS_ENDPOINT_URL or proxy of"
        " something else.",
        remedy="Correct endpoint_url, and take AWS_ENDPOINT_URL out of the pods.",
        source="botocore",
    ),
    _symptom(
        169, "The nodes' clocks are right",
        "RequestTimeTooSkewed", "AADSTS700024",
        why="A request that is signed for another time is refused as a forged one would be.",
        remedy="Correct the clock of the pod's node (its time service), or take it out of use.",
        source="Amazon S3 and Microsoft Entra ID, error codes",
    ),
    Symptom(XC163, ("is a reference, but not below",), "silent"),
)  # fmt: skip


def to_markdown() -> str:
    """Return the table of ``docs/troubleshooting.md``."""
    rows = [
        "# Troubleshooting",
        "",
        "`xcomkit doctor` looks for these texts in the logs of agents. Written by `make docs`.",
        "",
        "| text in the log | what it means | what to do | check |",
        "|---|---|---|---|",
    ]
    for symptom in SYMPTOMS:
        texts = ", ".join(f"`` {text} ``" for text in symptom.texts)
        rule = symptom.rule
        rows.append(f"| {texts} | {rule.why} | {rule.remedy.replace('|', '&#124;')} | {rule.id} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(to_markdown())
