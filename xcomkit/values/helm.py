"""The commands that install a values file, helm's own opinion of it, and what comes after."""

import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from xcomkit.findings.model import Check, Rule
from xcomkit.settings.settings import Settings
from xcomkit.values import sensitive
from xcomkit.values.names import STORE_KEYS
from xcomkit.values.values import Values

REPOSITORY = "https://helm.astronomer.io"
CHART = "astro-remote-execution-agent"

_CHART_LABEL = re.compile(r"helm\.sh/chart: \"?([\w.+-]{1,100})")
# helm's words where values or templates are at fault; all else is about the chart or the way to it
_ABOUT_VALUES = re.compile(
    r"values don't meet the specifications|execution error at|template: |executing |parse error|"
    r"error converting YAML|failed to parse|cannot unmarshal"
)

XC402 = Rule(
    id="XC402",
    title="helm accepts the values",
    severity="fail",
    why="The chart has a schema of its own; a file it refuses is never installed.",
    remedy="Fix the key helm names, or compare with the file downloaded from the Astro UI.",
    source="remote agents Helm reference; helm template",
)


def commands(settings: Settings, *, values_path: str, namespace: str = "") -> dict[str, str]:
    """Return the commands that install the file and watch it, by purpose, quoted for a shell.

    ``namespace`` is the one the file installs into where that differs from the settings.
    Source: remote execution, register and configure agents.
    """
    space = ["-n", namespace or settings.namespace]
    chart = [settings.chart or f"astronomer/{CHART}", *_version(settings)]
    upgrade = ["helm", "upgrade", "--install", settings.release, *chart, *space, "-f", values_path]
    lines = {} if settings.chart else {
        "Know the chart": ["helm", "repo", "add", "astronomer", REPOSITORY],
        "Have its newest version": ["helm", "repo", "update"],
    }  # fmt: skip
    lines |= {
        "See what would change": [*upgrade, "--dry-run=client", "--hide-secret"],
        "Install": upgrade,
        "See the accounts": ["kubectl", "get", "serviceaccounts", *space, "-o", "yaml"],
    }
    for name in settings.workers:
        deployment = f"deployment/{settings.resource_name_prefix}-worker-{name}"
        lines[f"Wait for {name}"] = ["kubectl", "rollout", "status", *space, deployment]
        lines[f"Read the log of {name}"] = ["kubectl", "logs", *space, deployment, "--tail=100"]
    return {purpose: shlex.join(line) for purpose, line in lines.items()}


def _version(settings: Settings) -> list[str]:
    return ["--version", settings.chart_version] if settings.chart_version else []


def template(values: Values, *, settings: Settings, timeout: float = 60) -> tuple[Check, str]:
    """Return whether ``helm template`` renders the chart with this file, and what it rendered.

    Without helm, or without a way to the chart, the check is skipped and says what stays open;
    ``timeout`` is seconds of patience.
    """
    chart = [settings.chart] if settings.chart else [CHART, "--repo", REPOSITORY]
    command = ["helm", "template", settings.release, *chart, *_version(settings)]
    command += ["-n", settings.namespace, "-f"]
    how = shlex.join([*command, values.name])
    if shutil.which("helm") is None:
        return _open("helm is not on PATH", how=how), ""
    with tempfile.TemporaryDirectory(prefix="xcomkit-values-") as private:
        path = Path(private) / values.name
        path.write_text(values.text, encoding="utf-8")
        try:
            done = subprocess.run(
                [*command, str(path)], capture_output=True, check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return _open(f"helm gave no answer in {timeout:g} s", how=how), ""
    rendered = done.stdout.decode("utf-8", "replace")
    documents = rendered.count("\nkind: ")
    named = _CHART_LABEL.search(rendered)
    chart_name = named[1] if named else "a chart without a version"
    said = _one_line(done.stderr.decode("utf-8", "replace"), hidden=sensitive.texts(values))
    if done.returncode and not _ABOUT_VALUES.search(said):
        return _open(f"the chart could not be rendered: {said}", how=how), ""
    check = XC402.judge(
        False if done.returncode else True if documents else None,
        observed=said if done.returncode else f"rendered {documents} resources of {chart_name}",
        how=how,
        basis="behaviour",
    )
    return check, "" if done.returncode else rendered


def next_steps(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return what the vendor's guide asks for after the XCom backend: title and sentence."""
    image = (
        "Before helm upgrade, build the agents' image with the lines above: without the class no"
        " task starts. Step 04 with run_in: kubectl proves it in the pod."
    )
    trust = f"Mount the CA of the store at {settings.ca_bundle} in every component."
    key = (
        f"Before helm upgrade: kubectl create secret generic {settings.agent_keys_secret}"
        f" --namespace {settings.namespace} --from-env-file=FILE, where FILE holds"
        f" {' and '.join(STORE_KEYS)}, a line each; then delete FILE."
    )
    store = (
        "Connections already come from AWS Secrets Manager; variables can live there as well."
        if settings.connection_store != "values"
        else "Agents cannot see the metadata database: set secretBackend and its"
        " AIRFLOW__SECRETS__BACKEND_KWARGS in commonEnv for every other connection and variable."
    )
    sources = (
        "Set dagBundleConfigList (git or local), so that workers and the Dag processor read"
        " the same Dags; the connection of a git bundle must resolve in both."
    )
    logging = (
        "Task logs stay in the pods until remote logging or the logging sidecar ships them;"
        " the sidecar sees nothing of commonEnv."
    )
    steps = (
        (settings.backend != "stock", "Backend class", image),
        (settings.ca_bundle, "CA of the store", trust),
        (settings.agent_keys_secret, "Key of the store", key),
        (True, "Secrets backend", store),
        (True, "Dag sources", sources),
        (True, "Logging", logging),
    )
    return tuple((title, text) for is_needed, title, text in steps if is_needed)


def _open(reason: str, *, how: str) -> Check:
    return XC402.skip(
        observed=f"{reason}; whether the chart's schema accepts every key stays unproved",
        how=how,
        remedy="Install Helm 3 or 4 where the chart can be had, name the chart in chart and"
        " chart_version if it is not the vendor's newest, and run step 03 again.",
    )


def _one_line(text: str, *, hidden: tuple[str, ...]) -> str:
    """Return helm's last words on one line, bounded and without the file's secrets."""
    for secret in hidden:
        text = text.replace(secret, sensitive.MASK)
    return " ".join(text.split())[-400:] or "helm failed without a word"
