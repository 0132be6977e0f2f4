"""Rules about who the agents' pods are, as far as a file can tell."""

from collections.abc import Iterator

from xcomkit.findings.model import CloudName, Rule
from xcomkit.lint.configuration import Configuration, dotted, place_of
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules.annotations import CLIENT_ID, FORMS, meant_key
from xcomkit.lint.rules.connections import is_other_store
from xcomkit.lint.rules.prefixes import clouds
from xcomkit.settings.terms import TERMS
from xcomkit.values.accounts import ServiceAccount, read_accounts
from xcomkit.values.environment import worker_groups
from xcomkit.values.values import Key, Values

AZURE_LABEL = "azure.workload.identity/use"
# what the webhooks of EKS and AKS put into pods
_INJECTED = frozenset(
    {"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", CLIENT_ID, "AZURE_TENANT_ID",
     "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"}
)  # fmt: skip

XC022 = Rule(
    id="XC022",
    title="No variable overrides the workload identity",
    severity="fail",
    why="Keys, a profile or another identity in the environment override what the platform"
    " injects, so the pods run as another identity.",
    remedy="Remove the variable; the platform injects what the SDK needs.",
    source="order of credentials in boto3, azure-identity, adlfs and google-auth",
)
XC045 = Rule(
    id="XC045",
    title="Every service account has the annotation of its managed identity",
    severity="fail",
    why="Without the client id the webhook tells a pod nothing to become, and every push fails.",
    remedy="Set the annotation in serviceAccount.annotations.",
    source="AKS, Workload ID service account annotations",
)
XC046 = Rule(
    id="XC046",
    title="Every service account has its identity annotation",
    severity="warn",
    why="With IAM roles for service accounts and with GKE service accounts a pod without it has"
    " no identity; EKS Pod Identity and direct access on GKE need none.",
    remedy="Set the annotation in serviceAccount.annotations, annotate accounts that exist already"
    " yourself, or associate them with EKS Pod Identity.",
    source="EKS, IAM roles for service accounts; GKE, Workload Identity Federation",
)
XC047 = Rule(
    id="XC047",
    title="Identity annotations are on accounts that the chart creates",
    severity="fail",
    why="The chart annotates accounts it creates; with create: false the annotation has no"
    " effect and the pod has no identity.",
    remedy="Annotate the existing account with kubectl annotate serviceaccount, or let the chart"
    " create it.",
    source="comments of the downloaded values.yaml, serviceAccount",
)
XC050 = Rule(
    id="XC050",
    title="Every pod has the workload identity label",
    severity="fail",
    why="The webhook looks at labelled pods only; without token and client id nobody signs in.",
    remedy="Add it to labels at the top of the file, its value in quotes.",
    source="AKS, Microsoft Entra Workload ID overview, pod labels",
)


def _accounts(config: Configuration) -> tuple[ServiceAccount, ...]:
    return read_accounts(config.values, prefix="<resourceNamePrefix>")


@lint_rule(XC022, "no credentials in the environment", kinds=("values", "pod"))
def _rivals(config: Configuration) -> Iterator[Objection]:
    asked = () if is_other_store(config) else clouds(config)
    rivals = {name for cloud in asked for name in TERMS[cloud].rivals}
    if config.kind == "pod":
        rivals -= _INJECTED
    key = TERMS["azure"].annotation
    identities = {account.annotations.get(key, "") for account in _accounts(config)}
    for variable in config.written:
        is_same = variable.name == CLIENT_ID and (
            identities == {""} or variable.value in identities
        )
        if variable.name in rivals and variable.value != "" and not is_same:
            yield Objection(f"{variable.name} in {variable.source[:80]}", place_of(variable))


@lint_rule(XC045, "the client id on every account", kinds=("values",))
def _nameless_azure(config: Configuration) -> Iterator[Objection]:
    is_set = all(env.get(CLIENT_ID) for env in config.environment.values())
    if "azure" in clouds(config) and not is_set:
        yield from _bare(config, "azure")


@lint_rule(XC046, "the identity on every account", kinds=("values",))
def _nameless(config: Configuration) -> Iterator[Objection]:
    for cloud in () if is_other_store(config) else clouds(config):
        if cloud != "azure":
            yield from _bare(config, cloud)


def _bare(config: Configuration, cloud: CloudName) -> Iterator[Objection]:
    key = TERMS[cloud].annotation
    found = _accounts(config)
    missing = [a for a in found if a.created and not _is_named(a, key=key)]
    foreign = [a for a in found if not a.created]
    place = config.values.place("serviceAccount", "annotations")
    if missing:
        names = ", ".join(f"{a.component}: {a.name}" for a in missing)
        fix = f'serviceAccount:\n  annotations:\n    {key}: "{FORMS[key][1]}"\n'
        yield Objection(f"no {key} on {names[:300]}", place, fix=fix)
    if foreign:
        names = ", ".join(f"{a.component}: {a.name}" for a in foreign)
        text = f"not created by the chart, so this file does not say: {names[:300]}"
        yield Objection(text, place, None)


def _is_named(account: ServiceAccount, *, key: str) -> bool:
    """Tell whether the annotation is there, or one that was meant to be it, which is XC048's."""
    written = account.annotations.items()
    return any(value and key in (name, meant_key(name, value)) for name, value in written)


@lint_rule(XC047, "annotations on accounts that are created", kinds=("values",))
def _unreached(config: Configuration) -> Iterator[Objection]:
    values = config.values
    found = _accounts(config)
    is_shared = not any(account.created for account in found)
    for account in (account for account in found if not account.created):
        for path in _places(values, account.component, is_shared=is_shared):
            keys = values.get(*path)
            for key in FORMS.keys() & set(keys) if isinstance(keys, dict) else ():
                text = f"{key} for {account.name[:63]!r}, which has create: false"
                yield Objection(f"{dotted(path)}: {text}", values.place(*path, key))


def _places(values: Values, component: str, *, is_shared: bool) -> Iterator[Key]:
    """Yield where annotations for one component's account may stand."""
    kind, _, group = component.partition(":")
    for index, name in worker_groups(values) if kind == "worker" else ():
        if name == group:
            yield ("workers", index, "serviceAccount", "annotations")
    yield ("serviceAccount", "workers" if kind == "worker" else kind, "annotations")
    if is_shared:
        yield ("serviceAccount", "annotations")


@lint_rule(
    XC050,
    f'{AZURE_LABEL}: "true"',
    kinds=("values", "pod"),
    fix=f'labels:\n  {AZURE_LABEL}: "true"\n',
)
def _unlabelled(config: Configuration) -> Iterator[Objection]:
    if "azure" not in clouds(config):
        return
    labelled = [(f"{pod.component[:80]}: ", pod.labels, pod.place) for pod in config.pods]
    if config.kind == "values":
        label = config.values.get("labels", AZURE_LABEL)
        labelled = [("", {AZURE_LABEL: label}, config.values.place("labels", AZURE_LABEL))]
    for component, labels, place in labelled:
        found = labels.get(AZURE_LABEL)
        if found != "true":
            kind = "" if isinstance(found, str) or found is None else ", which is no text"
            text = "missing" if found is None else f"{str(found)[:40]!r}{kind}"
            yield Objection(f"{component}{AZURE_LABEL}: {text}", place)
