"""Judges a values file beside what lint says: workload identity, account names, a clean merge."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xcomkit.findings.model import Check, Rule
from xcomkit.settings.settings import Settings
from xcomkit.values import accounts
from xcomkit.values.environment import list_variables
from xcomkit.values.helm import XC402
from xcomkit.values.merge import Merged
from xcomkit.values.names import SECRETS_BACKEND, STORE_KEYS, connection_variable
from xcomkit.values.sensitive import find_secret
from xcomkit.values.tree import Node
from xcomkit.values.values import Values

XC403 = Rule(
    id="XC403",
    title="The merge leaves the user's own lines alone",
    severity="warn",
    why="A value that differs from the runbook's may be there for a reason.",
    remedy="Look at each value named and take the runbook's or change the parameter.",
    source="own rule: replaced are only the keys the runbook owns",
)
XC404 = Rule(
    id="XC404",
    title="The identity annotation reaches every service account",
    severity="warn",
    why="With IAM roles for service accounts a pod without it gets no role; EKS Pod Identity"
    " needs none.",
    remedy="Set serviceAccount.annotations, annotate accounts that exist already, or use EKS Pod"
    " Identity associations.",
    source="Amazon EKS User Guide, IAM roles for service accounts",
)
XC407 = Rule(
    id="XC407",
    title="The identity annotation is the same everywhere",
    severity="fail",
    why="The pods would sign as that other identity, which was not proved here.",
    remedy="Remove the other annotation, or name that identity in the settings.",
    source="EKS, IAM roles for service accounts; Azure and GKE, workload identity",
)
XC408 = Rule(
    id="XC408",
    title="The file fixes the name of every service account",
    severity="warn",
    why="The trust policy lists exact names; the chart documents its defaults for workers only.",
    remedy="Set serviceAccount.dagProcessor.name and serviceAccount.triggerer.name.",
    source="comments of the downloaded values.yaml",
)
XC409 = Rule(
    id="XC409",
    title="No variable of the file takes the place of the workload identity",
    severity="fail",
    why="Keys, a profile or another identity in the environment stand over what the platform"
    " injects, so the pods would not be who was proved here.",
    remedy="Remove the variable from commonEnv and env, or say in accepted who the agents are.",
    source="order of credentials in boto3, azure-identity, adlfs and google-auth",
)
XC410 = Rule(
    id="XC410",
    title="Every pod carries the label of workload identity",
    severity="fail",
    why="The webhook looks at labelled pods only; without token and client id nobody signs in.",
    remedy="Add it to labels at the top of the file, its value in quotes.",
    source="AKS, Microsoft Entra Workload ID overview, pod labels",
)
XC411 = Rule(
    id="XC411",
    title="Every service account names the identity it becomes",
    severity="fail",
    why="Without the annotation the platform does not say who the pod is, and every push fails.",
    remedy="Set serviceAccount.annotations, or annotate accounts that exist already yourself.",
    source="AKS, Workload ID service account annotations; GKE, Workload Identity Federation",
)
XC412 = Rule(
    id="XC412",
    title="The agents get the keys of the S3-compatible store",
    severity="fail",
    why="Such a store has no workload identity; without a key the amazon provider asks as nobody,"
    " and every push fails.",
    remedy="Make a Kubernetes Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and name it"
    " in agent_keys_secret; or keep the connection in a secrets backend.",
    source="amazon provider, fs/s3; boto3, credentials",
)
RULES: tuple[Rule, ...] = (
    XC402, XC403, XC404, XC407, XC408, XC409, XC410, XC411, XC412
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """What a cloud asks of pods and accounts.

    ``is_needed`` tells whether a pod without the annotation is nobody; on EKS an association may
    take its place. ``rivals`` are variables that stand over the injected identity.
    """

    annotations: Mapping[str, str]
    labels: Mapping[str, str]
    rivals: tuple[str, ...]
    is_needed: bool


def judge(values: Values, *, settings: Settings, pods: PodIdentity) -> tuple[Check, ...]:
    """Return the checks of a values file that is going to be installed."""
    found = accounts.read_accounts(values, prefix=settings.resource_name_prefix)
    return (
        _on_every_account(values, found=found, identity=pods),
        _same_everywhere(values, identity=pods),
        _rivals(values, identity=pods),
        *_labels(values, identity=pods),
        *_store_keys(values, settings=settings),
        _names(values, found=found),
    )


def judge_merge(merged: Merged, *, original: Values) -> Check:
    """Return whether every line that was not to be rewritten is still there, in order."""
    lines = enumerate(original.text.split("\n"), start=1)
    foreign = [line.rstrip("\r") for number, line in lines if number not in merged.rewritten]
    after = iter([line.rstrip("\r") for line in merged.text.split("\n")])
    lost = next((line for line in foreign if line not in after), None)
    notes = [
        f"{original.name}:{c.line}: {c.path} {c.before} -> {c.after}"
        f" ({'replaced' if c.replaced else 'kept'})"
        for c in merged.conflicts
    ]
    if lost is not None:
        notes.insert(0, "a line of the user's is gone")
    return XC403.judge(
        not notes,
        expected="only lines of the XCom settings differ",
        observed="; ".join(notes) or f"{len(foreign)} lines untouched",
        how=f"compared with {original.name} line by line",
        basis="behaviour",
    )


def _on_every_account(
    values: Values, *, found: Sequence[accounts.ServiceAccount], identity: PodIdentity
) -> Check:
    rule = XC411 if identity.is_needed else XC404
    how = f"service accounts computed from {values.name}"
    if not identity.annotations and identity.is_needed:
        observed = "the identity does not exist yet, so its id is not known"
        return rule.judge(None, expected="an annotation on every account", observed=observed,
                          how=how, basis="rule", remedy="Run step 02 with apply: true.",
                          fix_in="02")  # fmt: skip
    if not identity.annotations:
        observed = "no annotation is asked for"
        return rule.skip(expected="no annotation", observed=observed, how=how)
    missing = [
        f"{a.component}: {a.name}"
        for a in found
        if a.created and identity.annotations.keys() - a.annotations.keys()
    ]
    foreign = [
        f"{a.component}: {a.name} (not created by the chart; annotate it yourself)"
        for a in found
        if not a.created
    ]
    without = "; ".join((*missing, *foreign))
    return rule.judge(
        None if foreign and not missing and identity.is_needed else not without,
        expected=f"{_words(identity.annotations)} on every account",
        observed=f"missing on {without}" if without else f"on {len(found)} accounts",
        how=how,
        basis="rule",
    )


def _same_everywhere(values: Values, *, identity: PodIdentity) -> Check:
    how, wanted = f"every place of {values.name}", _words(identity.annotations)
    places = [(key, node) for key in identity.annotations for node in _places(values.root, key)]
    if not places:
        observed = "not proved: no annotation in the file" if wanted else "no annotation is known"
        return XC407.skip(expected=wanted or "no annotation", observed=observed, how=how)
    other = [
        f"line {node.line}: {key} = {str(node.value)[:80]!r}"
        for key, node in places
        if node.value != identity.annotations[key]
    ]
    return XC407.judge(
        not other,
        expected=wanted,
        observed="; ".join(other) or "no other value anywhere",
        how=how,
        basis="rule",
    )


def _words(annotations: Mapping[str, str]) -> str:
    return ", ".join(f"{key} = {value}" for key, value in annotations.items())


def _places(node: Node, key: str) -> Iterator[Node]:
    """Yield every scalar that is under the key, wherever in the tree."""
    for name, value in node.pairs:
        held = value.target or value
        if name.value == key and held.kind == "scalar":
            yield held
        yield from _places(value, key)
    for item in node.items:
        yield from _places(item, key)


def _rivals(values: Values, *, identity: PodIdentity) -> Check:
    """Return whether the file itself sets what the platform is to inject."""
    how = f"variables written in {values.name}, also those from elsewhere"
    expected = f"none of {', '.join(identity.rivals)}"
    if not (identity.annotations or identity.is_needed):
        return XC409.skip(expected=expected, observed="no identity is asked for", how=how)
    allowed = {"", *identity.annotations.values()}
    found = {
        f"{component}: {variable.name} in {variable.source}, line {variable.line}"
        for component, variables in list_variables(values).items()
        for variable in variables
        if variable.name in identity.rivals and variable.value not in allowed
    }
    observed = "; ".join(sorted(found)) or "none"
    return XC409.judge(not found, expected=expected, observed=observed, how=how, basis="rule")


def _labels(values: Values, *, identity: PodIdentity) -> Iterator[Check]:
    for key, value in identity.labels.items():
        found = values.get("labels", key)
        kind = "" if isinstance(found, str) else ", which is no text"
        yield XC410.judge(
            found == value,
            expected=f'{key}: "{value}"',
            observed="missing" if found is None else f"{str(found)[:80]!r}{kind}",
            how=f"labels of {values.name}",
            basis="rule",
        )


def _store_keys(values: Values, *, settings: Settings) -> Iterator[Check]:
    """Yield whether every component gets a key, where the store is asked with one."""
    if not settings.is_compatible_store:
        return
    how = f"variables written in {values.name}, also those from elsewhere"
    expected = f"{' and '.join(STORE_KEYS)} in every component"
    connection = connection_variable(settings.connection_id)
    backends: dict[str, str | None] = {}  # of the components without a key
    for component, variables in list_variables(values).items():
        seen = {variable.name: variable.value for variable in variables}
        held = seen.get(connection, "")
        has_key = held is None or find_secret(connection, held)
        if not has_key and not seen.keys() >= set(STORE_KEYS):
            backends[component] = seen.get(SECRETS_BACKEND)
    if backends and all(backends.values()):
        named = ", ".join(sorted({str(name) for name in backends.values()}))
        observed = f"not proved: {named} may hold the key"
        yield XC412.skip(expected=expected, observed=observed, how=how)
        return
    observed = f"no key for {', '.join(backends)}" if backends else "in every component"
    yield XC412.judge(not backends, expected=expected, observed=observed, how=how, basis="rule")


def _names(values: Values, *, found: Sequence[accounts.ServiceAccount]) -> Check:
    guessed = [
        f"{account.component}: {account.name} is a guess" for account in found if not account.named
    ]
    return XC408.judge(
        not guessed,
        expected="a name in the file, or the documented <resourceNamePrefix>-worker-<name>",
        observed="; ".join(guessed) or ", ".join(account.name for account in found),
        how=f"service accounts computed from {values.name}",
        basis="rule",
    )
