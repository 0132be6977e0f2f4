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

_CHART_LABEL = re.compile(rb"helm\.sh/chart: \"?([\w.+-]{1,100})")
# helm's words for "the chart itself could not be had", which says nothing about the values
_NO_CHART = re.compile(
    r"no such host|connection refused|network is unreachable|i/o timeout|deadline exceeded"
    r"|Client\.Timeout|failed to fetch http|not a valid chart repository|no cached repo found"
    r"|TLS handshake|x509:|proxyconnect|connection reset by peer",
    re.IGNORECASE,
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
    upgrade = ["helm", "upgrade", "--install", settings.release, f"astronomer/{CHART}"]
    lines = {
        "Know the chart": ["helm", "repo", "add", "astronomer", REPOSITORY],
        "Have its newest version": ["helm", "repo", "update"],
        "See what would change": [*upgrade, *space, "-f", values_path, "--dry-run=client"],
        "Install": [*upgrade, *space, "-f", values_path],
        "See the accounts": ["kubectl", "get", "serviceaccounts", *space, "-o", "yaml"],
    }
    for name in settings.workers:
        deployment = f"deployment/{settings.resource_name_prefix}-worker-{name}"
        lines[f"Wait for {name}"] = ["kubectl", "rollout", "status", *space, deployment]
        lines[f"Read the log of {name}"] = ["kubectl", "logs", *space, deployment, "--tail=100"]
    return {purpose: shlex.join(line) for purpose, line in lines.items()}


def template_check(values: Values, *, settings: Settings, timeout: float = 60) -> Check:
    """Return whether ``helm template`` renders the chart with this file; seconds of patience.

    Without helm, or without a way to the chart, the check is skipped and says what stays open.
    """
    expected = "helm template renders the chart"
    command = ["helm", "template", settings.release, CHART, "--repo", REPOSITORY]
    command += ["-n", settings.namespace, "-f"]
    how = shlex.join([*command, values.name])
    if shutil.which("helm") is None:
        return _open(expected, reason="helm is not on PATH", how=how)
    with tempfile.TemporaryDirectory(prefix="xcomkit-values-") as private:
        path = Path(private) / values.name
        path.write_text(values.text, encoding="utf-8")
        try:
            done = subprocess.run(
                [*command, str(path)], capture_output=True, check=False, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            return _open(expected, reason=f"helm gave no answer in {timeout:g} s", how=how)
    if done.returncode == 0:
        documents = done.stdout.count(b"\nkind: ")
        named = _CHART_LABEL.search(done.stdout)
        chart = named[1].decode("ascii") if named else "a chart without a version"
        observed = f"rendered {documents} resources of {chart}"
        holds = True if documents else None
        return XC402.judge(holds, expected=expected, observed=observed, how=how, basis="behaviour")
    said = _one_line(done.stderr.decode("utf-8", "replace"), hidden=sensitive.texts(values))
    if _NO_CHART.search(said):
        return _open(expected, reason=f"the chart could not be had: {said}", how=how)
    return XC402.judge(False, expected=expected, observed=said, how=how, basis="behaviour")


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


def _open(expected: str, *, reason: str, how: str) -> Check:
    return XC402.skip(
        expected=expected,
        observed=f"{reason}; whether the chart's schema accepts every key stays unproved",
        how=how,
        remedy="Install helm 3 where the chart repository can be reached, and run step 03 again.",
    )


def _one_line(text: str, *, hidden: tuple[str, ...]) -> str:
    """Return helm's last words on one line, bounded and without the file's secrets."""
    for secret in hidden:
        text = text.replace(secret, sensitive.MASK)
    return " ".join(text.split())[-400:] or "helm failed without a word"
