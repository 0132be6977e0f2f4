"""The rules over files that a cloud's own command line exported, and how a finding is worded."""

import re
from collections.abc import Iterable

from xcomkit.findings import text as plain
from xcomkit.findings.model import CloudName, Finding, Rule

XC060 = Rule(
    id="XC060",
    title="The trust lets in every service account of the agents",
    severity="fail",
    why="a component that is left out gets no credentials: all of its tasks fail, or on S3 with"
    " boto3's chain sign as somebody else.",
    remedy="name every service account of the chart in full.",
    source="IAM user guide, web identity federation; Entra, federated credentials; GKE, Workload"
    " Identity Federation",
)
XC061 = Rule(
    id="XC061",
    title="The trust lets in nobody else",
    severity="fail",
    why="whoever else is let in reads and writes every XCom; with a wildcard that is every pod"
    " somebody may start.",
    remedy="name the service accounts of the chart and nobody else.",
    source="IAM user guide, role trust policies; GKE, Workload Identity Federation",
)
XC062 = Rule(
    id="XC062",
    title="The trust asks for the audience of the tokens",
    severity="warn",
    why="without it a token that a pod made for another service opens the role as well.",
    remedy="add StringEquals <oidc>:aud = sts.amazonaws.com.",
    source="IAM user guide, OIDC federation, condition keys",
)
XC063 = Rule(
    id="XC063",
    title="The rights let agents read and write below the XCom path",
    severity="fail",
    why="without them pushes and pulls fail; with compression the stock backend hides a failed"
    " push, and the reader gets the path instead of the value.",
    remedy="grant reading, writing and listing of the objects below the path.",
    source="measured with s3fs, adlfs and gcsfs; Service Authorization Reference, Amazon S3",
)
XC064 = Rule(
    id="XC064",
    title="The rights let agents look at the bucket itself, without a condition",
    severity="fail",
    why="the filesystem probes the bucket; refused, it takes the bucket for missing and tries to"
    " create it.",
    remedy="grant the right on the bucket in a statement of its own, without a condition.",
    source="measured with s3fs and gcsfs",
)
XC065 = Rule(
    id="XC065",
    title="The rights let agents delete what they wrote",
    severity="fail",
    why="on S3 clearing a task reports success and leaves its old objects in the bucket.",
    remedy="grant deletion below the path.",
    source="measured with s3fs, purge without s3:DeleteObject",
)
XC066 = Rule(
    id="XC066",
    title="The rights reach no further than the XCom path",
    severity="warn",
    why="any task could read, change or delete what belongs to others.",
    remedy="narrow the grant to what the agents need.",
    source="IAM user guide, least privilege",
)
XC067 = Rule(
    id="XC067",
    title="The bucket is not open to everybody",
    severity="fail",
    why="every XCom can be read, or replaced, by whoever learns its name.",
    remedy="remove the grant to everybody.",
    source="Cloud Storage, allUsers; S3, blocking public access",
)
XC068 = Rule(
    id="XC068",
    title="No right depends on encryption headers",
    severity="fail",
    why="the backend cannot send any, so every push is refused.",
    remedy="use the bucket's default encryption in place of the condition.",
    source="common.io provider, xcom backend; S3, default encryption",
)
XC070 = Rule(
    id="XC070",
    title="No XCom object expires or is archived inside the re-run window",
    severity="fail",
    why="the stock backend reads the path of an expired object as its value, without an error;"
    " an archived one is refused until somebody restores it.",
    remedy="keep the objects readable longer than the longest time after which a task is run"
    " again.",
    source="measured with common.io, pull of a deleted object; S3 user guide, archived objects",
)
XC071 = Rule(
    id="XC071",
    title="XCom objects expire at all",
    severity="warn",
    why="UI delete, Dag deletion and airflow db clean leave objects behind; the bucket grows for"
    " ever.",
    remedy="add a lifecycle rule for the XCom path.",
    source="apache/airflow 31774, PR 45506, PR 59874",
)
XC072 = Rule(
    id="XC072",
    title="The expiry is compared with the longest re-run",
    severity="info",
    why="a task that runs again after its input expired gets a path instead of the value.",
    remedy="say the longest re-run in days with --rerun-days.",
    source="measured with common.io, pull of a deleted object",
)
XC073 = Rule(
    id="XC073",
    title="Unfinished uploads below the XCom path are cleaned up",
    severity="warn",
    why="a failed upload of a large value leaves parts that no listing shows and that are billed.",
    remedy="add AbortIncompleteMultipartUpload to the lifecycle.",
    source="S3 user guide, aborting incomplete multipart uploads",
)
XC074 = Rule(
    id="XC074",
    title="The file is of the cloud that the XCom path leads to",
    severity="fail",
    why="a grant on one cloud opens nothing on another.",
    remedy="export the file of the cloud of the path, or correct the path.",
    source="Airflow, object storage; provider filesystems",
)

TRUST_RULES: tuple[Rule, ...] = (XC060, XC061, XC062, XC074)
POLICY_RULES: tuple[Rule, ...] = (XC063, XC064, XC065, XC066, XC067, XC068, XC074)
LIFECYCLE_RULES: tuple[Rule, ...] = (XC070, XC071, XC072, XC073, XC074)
RULES: tuple[Rule, ...] = tuple(
    sorted({*TRUST_RULES, *POLICY_RULES, *LIFECYCLE_RULES}, key=lambda rule: rule.id)
)  # fmt: skip

STORES: dict[CloudName, str] = {
    "aws": "Amazon S3",
    "azure": "Azure Blob Storage",
    "gcp": "Google Cloud Storage",
}
MOST_FINDINGS = 20  # per rule; a file with more has one cause
_LONGEST = 400
_PLAIN = re.compile(r"[\w.:/@\[\]~+=,()* -]{1,400}", re.ASCII)


def shown(text: object) -> str:
    """Return what a file holds as one printable, bounded word."""
    words = str(text)
    return repr(words[:120]) + ("..." if len(words) > 120 else "")


def is_agents(subject: str, subjects: tuple[str, ...]) -> bool:
    """Tell whether a subject is of the agents; Sentinel's is made by the chart as well."""
    spaces = {known.rpartition(":")[0] for known in subjects}
    space, _, name = subject.rpartition(":")
    return subject in subjects or (space in spaces and name.endswith("-sentinel"))


def listed(texts: Iterable[object]) -> str:
    """Return texts of a file as one printable line, the first few by name."""
    return plain.listed([shown(text) for text in texts], most=5)


def pasted(text: object, *, otherwise: str) -> str:
    """Return a text of a file for use in a command, or a placeholder where it looks odd."""
    words = str(text)
    return words if _PLAIN.fullmatch(words) else otherwise


class Collector:
    """Collects the findings of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.findings: list[Finding] = []

    def add(
        self,
        rule: Rule,
        observed: str,
        *,
        expected: str,
        fix: str = "",
        is_unknown: bool = False,
    ) -> None:
        """Note what a rule objects to."""
        finding = Finding(
            rule=rule,
            file=self.name,
            line=1,
            observed=_bounded(observed),
            expected=_bounded(expected),
            fix=fix if fix.replace("\n", "").isprintable() else "",
            is_unknown=is_unknown,
        )
        same_rule = [one for one in self.findings if one.rule is rule]
        if finding not in same_rule and len(same_rule) < MOST_FINDINGS:
            self.findings.append(finding)


def _bounded(text: str) -> str:
    text = plain.plain(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
