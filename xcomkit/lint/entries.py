"""Rules about the file itself: texts, duplicates, placeholders, secrets."""

from collections.abc import Iterator

from xcomkit.chart.names import find_placeholder
from xcomkit.chart.sensitive import list_secrets
from xcomkit.chart.tree import Node
from xcomkit.chart.values import Key
from xcomkit.lint.context import Context, Finding, LintRule
from xcomkit.model import Rule

XC006 = Rule(
    id="XC006",
    title="Every variable is a name with a text",
    severity="fail",
    why="Kubernetes takes texts only, and helm turns 1048576 without quotes into 1.048576e+06.",
    remedy='put the value in quotes: value: "0".',
    source="Kubernetes API, EnvVar; Helm, chart values",
)
XC007 = Rule(
    id="XC007",
    title="No list holds a name twice",
    severity="fail",
    why="the later entry silently wins, whichever was meant.",
    remedy="keep one entry.",
    source="Kubernetes API, EnvVar",
)
XC008 = Rule(
    id="XC008",
    title="No placeholder is left in",
    severity="fail",
    why="a copied example installs without complaint and fails in the first task.",
    remedy="fill it in.",
    source="placeholders of the guide and of the downloaded values.yaml",
)
XC012 = Rule(
    id="XC012",
    title="No key stands twice in a mapping",
    severity="fail",
    why="helm keeps the last one silently; everything under the first is lost.",
    remedy="merge both into one key.",
    source="YAML 1.2, section 3.2.1.3; Helm",
)
XC013 = Rule(
    id="XC013",
    title="No name is set in two places",
    severity="fail",
    why="which of commonEnv, the component's env and the chart's own field wins is documented"
    " nowhere.",
    remedy="keep the setting in one place.",
    source="Helm reference, commonEnv",
)
XC014 = Rule(
    id="XC014",
    title="No secret stands in clear",
    severity="warn",
    why="a values file is copied, mailed and committed; helm keeps it in the release as well.",
    remedy="use valueFrom with a Kubernetes secret, the secrets backend, or workload identity.",
    source="Helm reference, agentTokenSecretName; Kubernetes, Secrets",
)

# a sidecar's own configuration language may use angle brackets
_NOT_OURS = ("loggingSidecar", "config")


def find_refused(context: Context) -> Iterator[Finding]:
    """Yield entries that Kubernetes or helm would refuse."""
    for variable in context.written():
        if variable.problem:
            text = f"{variable.source}: {variable.name[:80]!r}: {variable.problem}"
            yield Finding(text, variable.line)


def find_repeated(context: Context) -> Iterator[Finding]:
    """Yield names that one list holds more than once, with all their lines."""
    found: dict[tuple[str, str], list[int]] = {}
    for variable in context.written():
        if variable.name != "(no name)":
            found.setdefault((variable.source, variable.name), []).append(variable.line)
    groups = context.values.get("workers")
    for index, group in enumerate(groups if isinstance(groups, list) else []):
        if isinstance(group, dict) and isinstance(group.get("name"), str):
            line = context.values.line("workers", index)
            found.setdefault(("workers", group["name"]), []).append(line)
    for (source, name), lines in found.items():
        if len(lines) > 1:
            text = f"{source}: {name[:80]!r} on lines {', '.join(map(str, lines))}"
            yield Finding(text, lines[-1])


def find_placeholders(context: Context) -> Iterator[Finding]:
    """Yield texts that still wait to be filled in."""
    for path, node in _texts(context.values.root, path=()):
        placeholder = find_placeholder(node.value)
        if placeholder and path[:2] != _NOT_OURS:
            label = ".".join(str(part) for part in path)
            yield Finding(f"{label[:80]}: {placeholder!r}", node.line)


def _texts(node: Node, *, path: Key) -> Iterator[tuple[Key, Node]]:
    """Yield every text of the tree; aliases count where their anchor stands."""
    if node.kind == "scalar" and isinstance(node.value, str):
        yield path, node
    for index, item in enumerate(node.items):
        yield from _texts(item, path=(*path, index))
    for key, value in node.pairs:
        yield from _texts(value, path=(*path, str(key.value)))


def find_duplicate_keys(context: Context) -> Iterator[Finding]:
    """Yield keys that a mapping holds more than once."""
    for duplicate in context.values.duplicates:
        label = ".".join(str(part) for part in duplicate.path)
        lines = ", ".join(map(str, duplicate.lines))
        yield Finding(f"{label[:80]!r} on lines {lines}", duplicate.lines[-1])


def find_set_twice(context: Context) -> Iterator[Finding]:
    """Yield names a component gets from more than one place."""
    reported: set[str] = set()
    for variables in context.variables.values():
        places: dict[str, dict[str, int]] = {}
        for variable in variables:
            places.setdefault(variable.name, {})[variable.source] = variable.line
        for name, found in places.items():
            text = " and ".join(f"{source} (line {line})" for source, line in found.items())
            if len(found) > 1 and name != "(no name)" and f"{name} {text}" not in reported:
                reported.add(f"{name} {text}")
                yield Finding(f"{name[:80]!r} in {text}", max(found.values()))


def find_secrets(context: Context) -> Iterator[Finding]:
    """Yield secrets, by place and kind only."""
    for secret in list_secrets(context.values):
        yield Finding(f"{secret.label[:80]}: {secret.kind} (value hidden)", secret.line)


ENTRIES: tuple[LintRule, ...] = (
    LintRule(XC006, "name and a text in quotes", "every variable is a text", find_refused),
    LintRule(XC007, "each name once per list", "no name twice", find_repeated),
    LintRule(XC008, "values that are filled in", "no placeholder", find_placeholders),
    LintRule(XC012, "each key once", "no key twice", find_duplicate_keys),
    LintRule(XC013, "one place per name", "no name in two places", find_set_twice),
    LintRule(XC014, "references instead of secrets", "no secret found", find_secrets),
)
