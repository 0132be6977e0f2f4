"""The rule over an organisation's own conventions, which it keeps in xcomkit.yaml."""

from collections.abc import Iterator

from xcomkit.cloud_documents.conditions import any_matches, matches
from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import Configuration, Place
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
    for path, place, where in paths(config):
        for key, text in (("bucket", path.bucket), ("prefix", path.prefix)):
            yield from _misfits(config, key, text, place=place, where=where)
        forbidden = _asked(config, "forbidden_connection_ids")
        if any_matches(list(forbidden), path.connection_id):
            yield Objection(f"connection id {path.connection_id[:80]!r} is forbidden", place)
    for setting in config.settings(COMPRESSION) if _asked(config, "compression") else ():
        if setting.is_elsewhere:
            yield set_elsewhere(COMPRESSION, setting)
        else:
            value = (setting.value or "").strip() or "none"
            place, where = setting.place, setting.where
            yield from _misfits(config, "compression", value, place=place, where=where)


def _misfits(
    config: Configuration, key: str, text: str, *, place: Place, where: str
) -> Iterator[Objection]:
    patterns = _asked(config, key)
    if patterns and not any_matches(list(patterns), text):
        words = f"{key} {text[:80]!r} fits none of {', '.join(map(repr, patterns[:5]))}"
        yield Objection(f"{words} ({where})", place)


def _asked(config: Configuration, key: str) -> Patterns:
    """Return the patterns for the Deployment, known by its name or by what it installs."""
    names = [named_deployment(config)]
    names += [config.values.get(name) for name in ("resourceNamePrefix", "namespace")]
    known = [name for name in names if isinstance(name, str) and name] or [""]
    for deployment, patterns in config.conventions.get(key, {}).items():
        if any(matches(deployment, name) for name in known):
            return patterns
    return ()
