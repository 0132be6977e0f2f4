"""What runs agents and is not read: said as a finding, with the command that prints it."""

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.text import listed, plain
from xcomkit.lint.configuration import Place
from xcomkit.lint.sources.layers import Unread
from xcomkit.lint.sources.releases import CHART, Release
from xcomkit.values.values import Values

XC075 = Rule(
    id="XC075",
    title="Settings of agents stand where they are read",
    severity="fail",
    why="What stands elsewhere configures no agent, or has a form that was not judged.",
    remedy="Print what the tool makes of it, and lint that.",
    source="own rule",
)
XC076 = Rule(
    id="XC076",
    title="Every part of the values was read",
    severity="fail",
    why="A part that was not read may set, change or replace whatever was judged.",
    remedy="Print the part and give it beside the others.",
    source="helm, values files",
)
RULES: tuple[Rule, ...] = (XC075, XC076)

# what only a file that configures agents or their XComs has
_SETTINGS = re.compile(
    rb"AIRFLOW__CORE__XCOM_BACKEND|AIRFLOW__COMMON_IO__XCOM|xcom_objectstorage_|XComObjectStorage"
    rb"|xcomBackend|agentTokenSecretName|astroDeploymentAPIURL"
)
_CHART = re.compile(CHART.encode())
# what tells that Terraform holds values itself, and names no file of them
_INLINE = re.compile(rb"<<|\b(?:yaml|json)encode\b|\btemplatefile\b|\bset\b")
_TERRAFORM, _HELMFILE = "Terraform", "a template of helmfile"
_STATE = "terraform show -json | xcomkit lint -"
# what a file is by the end of its name, and what prints its settings
_FORMS = (
    ((".tf", ".tofu", ".tf.json", ".tfvars", ".hcl"), _TERRAFORM, _STATE),
    ((".gotmpl", ".tmpl"), _HELMFILE,
     "helmfile template | xcomkit lint -"),
    ((".tpl", ".j2", ".jinja", ".jinja2", ".erb"), "a template",
     "render it, and: xcomkit lint RENDERED.yaml"),
    ((".jsonnet", ".libsonnet"), "Jsonnet", "jsonnet {name} | xcomkit lint -"),
    ((".cue",), "CUE", "cue export --out yaml {name} | xcomkit lint -"),
    (("kustomization.yaml", "kustomization.yml", "kustomization"), "a kustomization",
     "kustomize build {folder} | xcomkit lint -"),
    (("dockerfile", "containerfile"), "a Dockerfile",
     "docker run --rm IMAGE env | xcomkit lint - --kind env"),
    ((".sh", ".bash", ".ps1", "makefile", ".mk"), "a script",
     "helm get values RELEASE | xcomkit lint -"),
    ((".ts", ".js", ".go", ".java", ".cs"), "a program",
     "helm get values RELEASE | xcomkit lint -"),
)  # fmt: skip
# whose controllers put values into a Secret that only the cluster has
_MADE_INTO_SECRETS = ("SealedSecret", "ExternalSecret", "VaultStaticSecret", "SecretProviderClass")
SUFFIXES = tuple(suffix for suffixes, _, _ in _FORMS for suffix in suffixes)
_TEMPLATE = "a template of a Helm chart"


def find_settings(text: str, *, name: str) -> re.Match[bytes] | None:
    """Return what tells that a text configures agents, outside of comments; offsets are bytes."""
    raw = text.encode()
    form = form_of(name)[0]
    has_values = (form == _TERRAFORM and _INLINE.search(raw)) or form == _HELMFILE
    for pattern in (_SETTINGS, _CHART) if has_values else (_SETTINGS,):
        if pattern.search(raw):
            code = re.sub(rb"(?m)^[ \t]*#.*", lambda line: b" " * len(line[0]), raw)
            if match := pattern.search(code):
                return match
    return None


def form_of(name: str) -> tuple[str, str]:
    """Return what a file is that is no YAML of ours, and the command that prints its settings."""
    path = PurePath(name)
    lower = re.sub(r"^((?:docker|container)file)\..*", r"\1", path.name.lower())
    for suffixes, what, command in _FORMS:
        if lower.endswith(suffixes):
            return what, command.replace("{name}", name).replace("{folder}", str(path.parent))
    if "templates" in path.parts[:-1]:
        chart = PurePath(*path.parts[: path.parts.index("templates")])
        return _TEMPLATE, f"helm template RELEASE {chart} | xcomkit lint -"
    return "", ""


def unread_file(name: str, *, text: str, reason: str = "") -> tuple[Finding, ...]:
    """Return the finding for a file of agents in a form that is not read, nothing for others."""
    match = find_settings(text, name=name)
    if match is None:
        return ()
    what, command = form_of(name)
    line = text.encode()[: match.start()].count(b"\n") + 1
    kind = re.search(r"^kind: *(\w{1,60})", text, re.MULTILINE)
    if kind and kind[1] in _MADE_INTO_SECRETS:
        command = "kubectl get secret NAME -n NAMESPACE -o yaml > secret.yaml"
        return (_finding(XC076, (name, line), f"a {kind[1]}", command, is_unknown=True),)
    what = what or (f"a Kubernetes {kind[1]}" if kind else "a form that is not read")
    observed = f"{what} ({reason})" if reason else what
    observed += f": {match[0][:40].decode(errors='replace')} stands in it"
    return (_finding(XC075, (name, line), observed, command or _cut_out(name, text)),)


def unread_release(release: Release, parts: list[Unread]) -> Finding:
    """Return the finding for a release of agents of which nothing can be read."""
    missing = "; ".join(part.what for part in parts) or "it holds no values"
    command = next((part.command for part in parts if part.command), "")
    default = "helm get values RELEASE -n NAMESPACE | xcomkit lint -"
    return _finding(XC075, release.place, f"{release.label}: {missing}", command or default)


def refused(place: Place, error: InputError) -> Finding:
    """Return the finding for what would take too long, or is none of the forms it seems to be."""
    text = str(error.args[0]).rstrip(".")
    return _finding(XC075, place, text, "", advice=plain(error.hint))


def unread_part(release: Release, part: Unread) -> Finding:
    """Return the finding for a part of the values that was not read."""
    text = f"{release.label}: {part.what}" if release.label else part.what
    return _finding(XC076, part.place, text, part.command, is_unknown=True)


def stray_keys(values: Values, keys: Sequence[str], *, subchart: str) -> Finding:
    """Return the finding for agents' keys that stand beside the key of the agents' subchart."""
    observed = f"helm does not hand {listed(keys, most=10)} to the subchart {subchart}"
    advice = f"Move {'it' if len(keys) == 1 else 'them'} below {subchart}."
    return _finding(XC075, values.place(keys[0]), observed, "", advice=plain(advice))


def _cut_out(name: str, text: str) -> str:
    """Return a command for YAML that holds environment variables under keys of its own."""
    if "airflow.cfg" in text:
        return f"yq '.data[\"airflow.cfg\"]' {name} | xcomkit lint - --kind cfg"
    found = re.search(r"^[ ]*([\w.-]+):.*\n[ ]+AIRFLOW__\w+: ", text, re.MULTILINE)
    if found is None:
        return "helm template RELEASE CHART -f values.yaml | xcomkit lint -"
    key = found[1]
    query = f'[.. | select(tag == "!!map" and has("{key}")) | .{key}] | .[0]'
    return f"yq -o=shell '{query}' {name} | xcomkit lint - --kind env"


def _finding(rule: Rule, place: Place, observed: str, command: str, **more: Any) -> Finding:
    file, line = place
    expected = "values that can be read"
    fix = f"{plain(command)}\n" if command else ""
    return Finding(rule, file, line, plain(observed[:600]), expected, fix, **more)
