"""Rules about who the agents' pods are, as far as a file can tell."""

from collections.abc import Iterator

from xcomkit.findings.model import CloudName, Rule
from xcomkit.lint.configuration import Place
from xcomkit.lint.context import Context, Objection, lint_rule
from xcomkit.lint.rules.annotations import CLIENT_ID, FORMS
from xcomkit.lint.rules.connections import is_other_store
from xcomkit.lint.rules.prefixes import clouds
from xcomkit.settings.terms import TERMS
from xcomkit.values.accounts import ServiceAccount, read_accounts
from xcomkit.values.values import Key, Values

AZURE_LABEL = "azure.workload.identity/use"
# what the webhooks of EKS and AKS put into pods
_INJECTED = frozenset(
    {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", CLIENT_ID, "AZURE_TENANT_ID",
     "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"}
)  # fmt: skip

XC022 = Rule(
    id="XC022",
    title="No variable of the file takes the place of the workload identity",
    severity="fail",
    why="keys, a profile or another identity in the environment stand over what the platform"
    " injects, so the pods are somebody else.",
    remedy="remove the variable; the platform injects what the SDK needs.",
    source="order of credentials in boto3, azure-identity, adlfs and google-auth",
)
XC045 = Rule(
    id="XC045",
    title="Every service account names its managed identity",
    severity="fail",
    why="without the client id the webhook tells a pod nothing to become, and every push fails.",
    remedy="set the annotation in serviceAccount.annotations.",
    source="AKS, Workload ID service account annotations",
)
XC046 = Rule(
    id="XC046",
    title="Every service account names the identity it becomes",
    severity="warn",
    why="with IAM roles for service accounts and with GKE service accounts a pod without it is"
    " nobody; EKS Pod Identity and direct access on GKE need none.",
    remedy="set the annotation in serviceAccount.annotations, annotate accounts that exist already"
    " yourself, or associate them with EKS Pod Identity.",
    source="EKS, IAM roles for service accounts; GKE, Workload Identity Federation",
)
XC047 = Rule(
    id="XC047",
    title="No annotation stands where it reaches nobody",
    severity="fail",
    why="the chart annotates accounts it creates; with create: false the annotation goes nowhere"
    " and the pod is nobody.",
    remedy="annotate the existing account with kubectl annotate serviceaccount, or let the chart"
    " create it.",
    source="comments of the downloaded values.yaml, serviceAccount",
)
XC050 = Rule(
    id="XC050",
    title="Every pod carries the label of workload identity",
    severity="fail",
    why="the webhook looks at labelled pods only; without token and client id nobody signs in.",
    remedy="add it to labels at the top of the file, its value in quotes.",
    source="AKS, Microsoft Entra Workload ID overview, pod labels",
)


def _accounts(context: Context) -> tuple[ServiceAccount, ...]:
    values = context.values
    return read_accounts(values, prefix="<resourceNamePrefix>") if values else ()


@lint_rule(XC022, "no credentials in the environment", kinds=("values", "pod"))
def find_rivals(context: Context) -> Iterator[Objection]:
    """Yield variables that stand over the injected identity of the path's cloud."""
    identities = {a.annotations.get(TERMS["azure"].annotation) for a in _accounts(context)}
    reported = set()
    for cloud in () if is_other_store(context) else clouds(context):
        for variable in context.written:
            place = (variable.file, variable.line)
            if variable.name not in TERMS[cloud].rivals or variable.value == "":
                continue
            if context.kind == "pod" and variable.name in _INJECTED:
                continue
            same = variable.name == CLIENT_ID and (
                identities in ({None}, set()) or variable.value in identities
            )
            if not same and (variable.name, place) not in reported:
                reported.add((variable.name, place))
                yield Objection(f"{variable.name} in {variable.source[:80]}", place)


@lint_rule(XC045, "the client id on every account", kinds=("values",))
def find_nameless_azure(context: Context) -> Iterator[Objection]:
    """Yield service accounts without a client id."""
    if "azure" in clouds(context) and not _sets_client_id(context):
        yield from _bare(context, "azure")


def _sets_client_id(context: Context) -> bool:
    return all(env.get(CLIENT_ID) for env in context.environment.values())


@lint_rule(XC046, "the identity on every account", kinds=("values",))
def find_nameless(context: Context) -> Iterator[Objection]:
    """Yield service accounts without the annotation of AWS or Google Cloud."""
    for cloud in () if is_other_store(context) else clouds(context):
        if cloud != "azure":
            yield from _bare(context, cloud)


def _bare(context: Context, cloud: CloudName) -> Iterator[Objection]:
    values = context.values
    if values is None:
        return
    key = TERMS[cloud].annotation
    found = _accounts(context)
    missing = [a for a in found if a.created and not a.annotations.get(key)]
    foreign = [a for a in found if not a.created]
    place = values.place("serviceAccount", "annotations")
    if missing:
        names = ", ".join(f"{a.component}: {a.name}" for a in missing)
        yield Objection(f"no {key} on {names[:300]}", place, fix=_annotation(cloud))
    if foreign:
        names = ", ".join(f"{a.component}: {a.name}" for a in foreign)
        text = f"not created by the chart, so not told by this file: {names[:300]}"
        yield Objection(text, place, None)


def _annotation(cloud: CloudName) -> str:
    samples: dict[CloudName, str] = {
        "aws": "arn:aws:iam::<account>:role/<role>",
        "azure": "<client id of the managed identity>",
        "gcp": "<name>@<project>.iam.gserviceaccount.com",
    }
    return f'serviceAccount:\n  annotations:\n    {TERMS[cloud].annotation}: "{samples[cloud]}"\n'


@lint_rule(XC047, "annotations on accounts that are created", kinds=("values",))
def find_unreached(context: Context) -> Iterator[Objection]:
    """Yield annotations on accounts that the chart does not create."""
    values = context.values
    if values is None:
        return
    found = _accounts(context)
    anyone = any(a.created for a in found)
    for account in found:
        if account.created:
            continue
        for path in _places(values, account.component, shared=not anyone):
            keys = values.get(*path)
            named = [k for k in keys if k in FORMS] if isinstance(keys, dict) else []
            for key in named:
                text = f"{key} for {account.name[:63]!r}, which has create: false"
                yield Objection(f"{'.'.join(map(str, path))}: {text}", values.place(*path, key))


def _places(values: Values, component: str, *, shared: bool) -> Iterator[Key]:
    """Yield where annotations for one component's account may stand."""
    kind, _, group = component.partition(":")
    if kind == "worker":
        groups = values.get("workers")
        for index, entry in enumerate(groups if isinstance(groups, list) else ()):
            if isinstance(entry, dict) and entry.get("name") == group:
                yield ("workers", index, "serviceAccount", "annotations")
        kind = "workers"
    yield ("serviceAccount", kind, "annotations")
    if shared:
        yield ("serviceAccount", "annotations")


@lint_rule(
    XC050,
    f'{AZURE_LABEL}: "true"',
    kinds=("values", "pod"),
    fix=f'labels:\n  {AZURE_LABEL}: "true"\n',
)
def find_unlabelled(context: Context) -> Iterator[Objection]:
    """Yield pods that the webhook of Azure will not look at."""
    if "azure" not in clouds(context):
        return
    values = context.values
    if values is not None:
        yield from _label(values.get("labels", AZURE_LABEL), values.place("labels", AZURE_LABEL))
    for pod in context.configuration.pods:
        for objection in _label(pod.labels.get(AZURE_LABEL), pod.place):
            yield Objection(f"{pod.component[:80]}: {objection.observed}", pod.place)


def _label(found: object, place: Place) -> Iterator[Objection]:
    if found != "true":
        kind = "" if isinstance(found, str) or found is None else ", which is no text"
        text = "missing" if found is None else f"{str(found)[:40]!r}{kind}"
        yield Objection(f"{AZURE_LABEL}: {text}", place)
