"""The rules over files that a cloud's own command line exported."""

from xcomkit.findings.model import Rule

XC060 = Rule(
    id="XC060",
    title="Every service account of the agents is trusted",
    severity="fail",
    why="A component that is left out gets no credentials: all of its tasks fail, or on S3 with"
    " boto3's chain sign as somebody else.",
    remedy="Name every service account of the chart in full: StringEquals and Azure take no"
    " wildcard, case counts, the claims are those of the trusted provider, and the audience is"
    " sts.amazonaws.com on AWS and api://AzureADTokenExchange on Azure.",
    source="IAM user guide, web identity federation; Entra, federated credentials; GKE, Workload"
    " Identity Federation",
)
XC061 = Rule(
    id="XC061",
    title="Nobody else is trusted",
    severity="fail",
    why="Whoever else is let in reads and writes every XCom; with a wildcard that is every pod"
    " somebody may start.",
    remedy="Name the service accounts of the chart and nobody else.",
    source="IAM user guide, role trust policies; GKE, Workload Identity Federation",
)
XC062 = Rule(
    id="XC062",
    title="The trust policy checks the audience of the tokens",
    severity="warn",
    why="Without it a token that a pod made for another service opens the role as well.",
    remedy="Add StringEquals <oidc>:aud = sts.amazonaws.com.",
    source="IAM user guide, OIDC federation, condition keys",
)
XC063 = Rule(
    id="XC063",
    title="Agents may read and write below the paths of XCom and state",
    severity="fail",
    why="Without them pushes and pulls fail; with compression the stock backend hides a failed"
    " push, and the reader gets the path instead of the value.",
    remedy="Grant reading, writing and listing of the objects below the path; the ARN of objects"
    " on S3 ends in /*.",
    source="measured with s3fs, adlfs and gcsfs; Service Authorization Reference, Amazon S3",
)
XC064 = Rule(
    id="XC064",
    title="Agents may see the bucket without a condition",
    severity="fail",
    why="The filesystem probes the bucket; refused, it takes the bucket for missing and tries to"
    " create it.",
    remedy="Grant the right on the bucket in a statement of its own, without a condition.",
    source="measured with s3fs, which asks for HeadBucket (s3:ListBucket) alone, and gcsfs",
)
XC065 = Rule(
    id="XC065",
    title="Agents may delete what they wrote",
    severity="fail",
    why="On S3 clearing a task reports success and leaves its old objects in the bucket.",
    remedy="Grant deletion below the path.",
    source="measured with s3fs, purge without s3:DeleteObject",
)
XC066 = Rule(
    id="XC066",
    title="Permissions are limited to the agents and to the XCom path",
    severity="warn",
    why="Any task could read, change or delete what belongs to others, or any pod what is ours.",
    remedy="Narrow the grant to what the agents need.",
    source="IAM user guide, least privilege",
)
XC067 = Rule(
    id="XC067",
    title="The bucket is not public",
    severity="fail",
    why="Every XCom can be read, or replaced, by whoever learns its name.",
    remedy="Remove the grant to everybody.",
    source="Cloud Storage, allUsers; S3, blocking public access",
)
XC068 = Rule(
    id="XC068",
    title="No permission depends on encryption headers",
    severity="fail",
    why="The backend cannot send any, so every push is refused.",
    remedy="Use the bucket's default encryption in place of the condition.",
    source="common.io provider, xcom backend; S3, default encryption",
)
XC070 = Rule(
    id="XC070",
    title="No XCom object expires or is archived inside the re-run window",
    severity="fail",
    why="The stock backend reads the path of an expired object as its value, without an error;"
    " an archived one is refused until somebody restores it.",
    remedy="Keep the objects readable longer than the longest time after which a task is run"
    " again.",
    source="measured with common.io, pull of a deleted object; S3 user guide, archived objects",
)
XC071 = Rule(
    id="XC071",
    title="XCom objects expire at all",
    severity="warn",
    why="UI delete, Dag deletion and airflow db clean leave objects behind; the bucket grows for"
    " ever.",
    remedy="Add a lifecycle rule for the XCom path.",
    source="apache/airflow 31774, PR 45506, PR 59874",
)
XC072 = Rule(
    id="XC072",
    title="The longest re-run window is known",
    severity="info",
    why="A task that runs again after its input expired gets a path instead of the value.",
    remedy="Say the longest re-run in days with --rerun-days.",
    source="measured with common.io, pull of a deleted object",
)
XC073 = Rule(
    id="XC073",
    title="Unfinished uploads below the XCom path are cleaned up",
    severity="warn",
    why="A failed upload of a large value leaves parts that no listing shows and that are billed.",
    remedy="Add AbortIncompleteMultipartUpload to the lifecycle.",
    source="S3 user guide, aborting incomplete multipart uploads",
)
XC074 = Rule(
    id="XC074",
    title="The exported file belongs to the store of the XCom path",
    severity="fail",
    why="What holds for another cloud, bucket or storage account says nothing of this one.",
    remedy="Export the file of the store in the path, or correct the path.",
    source="Airflow, object storage; provider filesystems",
)

XC438 = Rule(
    id="XC438",
    title="No lifecycle rule takes state",
    severity="fail",
    why="The state of assets has no end: a watermark that expired starts over, and a task whose"
    " state is gone submits its job again. That of tasks lies below the same prefix.",
    remedy="Narrow the rule to the XCom prefix; let Airflow clear the state of tasks, with"
    " [state_store] clear_on_success.",
    source="common.io provider, state_store backend, key layout",
)

TRUST_RULES: tuple[Rule, ...] = (XC060, XC061, XC062, XC063, XC074)
POLICY_RULES: tuple[Rule, ...] = (XC063, XC064, XC065, XC066, XC067, XC068, XC074)
LIFECYCLE_RULES: tuple[Rule, ...] = (XC070, XC071, XC072, XC073, XC074, XC438)
RULES: tuple[Rule, ...] = tuple(
    sorted({*TRUST_RULES, *POLICY_RULES, *LIFECYCLE_RULES}, key=lambda rule: rule.id)
)  # fmt: skip
