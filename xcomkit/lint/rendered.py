"""Compares the pods that helm rendered with what is computed from the values file."""

from collections import Counter
from collections.abc import Iterator, Mapping

from xcomkit.findings.model import Check, Rule
from xcomkit.findings.text import listed
from xcomkit.lint.configuration import NO_VALUES, Configuration, from_values
from xcomkit.lint.rules.annotations import FORMS
from xcomkit.lint.rules.identity import AZURE_LABEL
from xcomkit.lint.sources.pod import read_pods
from xcomkit.values.accounts import ServiceAccount, read_accounts
from xcomkit.values.environment import DAG_PROCESSOR, TRIGGERER
from xcomkit.values.values import Values, read_documents

XC083 = Rule(
    id="XC083",
    title="The rendered pods are what was computed from the file",
    severity="fail",
    why="What is proved is what was computed; the order of commonEnv and env, the accounts of pods,"
    " and where annotations and labels go are in the chart's templates.",
    remedy="Keep each variable in one place, and name the service account in the file.",
    source="helm template; Kubernetes API, Container and PodSpec",
)
RULES = (XC083,)
_ENDS = {DAG_PROCESSOR: "-dag-processor", TRIGGERER: "-triggerer"}


def judge_rendered(text: str, *, values: Values, prefix: str) -> Check:
    """Return whether the pods that helm rendered get what was computed; values are not shown.

    Raises:
        InputError: what helm rendered is larger than any chart of agents.
    """
    computed = from_values(values).environment
    rendered = read_pods(read_documents(text, name="helm template"), sources=())
    problems: list[str] = []
    missing: list[str] = []
    for account in read_accounts(values, prefix=prefix):
        wanted = computed[account.component]
        found = _find(rendered, account.component, wanted=wanted)
        if found:
            problems += _differences(
                rendered, found, wanted=wanted, account=account,
                label=values.get("labels", AZURE_LABEL),
            )  # fmt: skip
        else:
            missing.append(f"no pod of {account.component} was found")
    return XC083.judge(
        False if problems else None if missing else True,
        observed="; ".join(problems or missing) or "the same variables and accounts",
        how="compared with the pods that helm template rendered",
        basis="behaviour",
    )


def _find(rendered: Configuration, component: str, *, wanted: Mapping[str, str]) -> str:
    """Return the container of a component: in its Deployment the one with most of its names."""
    end = _ENDS.get(component) or f"-worker-{component.removeprefix('worker:')}".lower()
    found = [one for one in rendered.variables if one.partition(":")[0].endswith(end)]
    known = rendered.environment
    return max(found, key=lambda one: len(wanted.keys() & known[one].keys()), default="")


def _differences(
    rendered: Configuration,
    found: str,
    *,
    wanted: Mapping[str, str],
    account: ServiceAccount,
    label: object,
) -> Iterator[str]:
    known = rendered.environment[found]
    entries = Counter(v.name for v in rendered.variables[found] if v.index >= 0)
    if other := [name for name, value in wanted.items() if known.get(name) != value]:
        yield f"{account.component}: another {listed(other, most=5)}"
    if twice := [name for name, count in entries.items() if count > 1]:
        yield f"{account.component}: {listed(twice, most=5)} twice in one list"
    pod = next(pod for pod in rendered.pods if pod.component == found)
    if pod.account != account.name:
        yield f"{account.component}: runs as {pod.account or 'default'}, not as {account.name}"
    made = next((d for d in rendered.documents if d.get("kind") == "ServiceAccount"
                 and d.get("metadata", "name") == account.name), NO_VALUES)  # fmt: skip
    for key in FORMS if account.created else ():
        if account.annotations.get(key) not in (None, made.get("metadata", "annotations", key)):
            yield f"{account.component}: the service account lacks {key}, or has another value"
    if label not in (None, pod.labels.get(AZURE_LABEL)):
        yield f"{account.component}: the pod lacks the label {AZURE_LABEL}, or has another value"
