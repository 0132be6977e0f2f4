"""The rule over an organisation's own conventions, which it keeps in xcomkit.yaml."""

from collections.abc import Iterator

from xcomkit.cloud_documents.conditions import any_matches, matches
from xcomkit.findings.model import Rule
from xcomkit.findings.text import listed
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.conventions import Patterns
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules.prefixes import named_deployment, paths
from xcomkit.lint.rules.storage import set_elsewhere
from xcomkit.values.names import COMPRESSION

XC087 = Rule(
    id="XC087",
    title="The settings follow the conventions of xcomkit.yaml",
    severity="fail",
    why="Names that follow no convention escape the rights, lifecycles and costs that go by them.",
    remedy="Use a name that fits, or change the convention.",
    source="your own conventions: xcomkit.yaml, or the file given with --conventions",
)


@lint_rule(XC087, "what the conventions ask for")
def _breaches(config: Configuration) -> Iterator[Objection]:
    asked = config.conventions
    for path, place, where in paths(config):
        wanted = _prefixes(config)
        for what, text, patterns in (
            ("bucket", path.bucket, asked.bucket),
            ("prefix", path.prefix, wanted),
        ):
            if patterns and not any_matches(list(patterns), text):
                fits = f"{what} {text[:80]!r} fits none of {_quoted(patterns)}"
                yield Objection(f"{fits} ({where})", place)
        if any_matches(list(asked.forbidden_connection_ids), path.connection_id):
            yield Objection(f"connection id {path.connection_id[:80]!r} is forbidden", place)
    for setting in config.settings(COMPRESSION) if asked.compression else ():
        value = (setting.value or "").strip() or "none"
        if setting.is_elsewhere:
            yield set_elsewhere(COMPRESSION, setting)
        elif not any_matches(list(asked.compression), value):
            text = f"compression {value[:40]!r} is none of {_quoted(asked.compression)}"
            yield Objection(f"{text} ({setting.where})", setting.place)


def _prefixes(config: Configuration) -> Patterns:
    """Return what the prefix may be of the Deployment, known by its name or by what it installs."""
    names = [named_deployment(config)]
    names += [config.values.get(key) for key in ("resourceNamePrefix", "namespace")]
    known = [name for name in names if isinstance(name, str) and name] or [""]
    for deployment, patterns in config.conventions.prefix.items():
        if any(matches(deployment, name) for name in known):
            return patterns
    return ()


def _quoted(patterns: Patterns) -> str:
    return listed([repr(one) for one in patterns], most=5)
