"""Rules about components and files that must say the same."""

from collections.abc import Iterator

from xcomkit.findings.model import Rule
from xcomkit.lint.context import Context, Objection, lint_rule
from xcomkit.values.names import (
    COMPRESSION,
    PATH,
    SECRETS_BACKEND,
    SECRETS_KWARGS,
    XCOM_SETTINGS,
    connection_variable,
    parse_base_path,
)
from xcomkit.values.sensitive import show

XC018 = Rule(
    id="XC018",
    title="Every component has the same XCom settings",
    severity="fail",
    why="a value written under one setting is read as a bare path, or not at all, under another.",
    remedy="keep XCom settings and the connection in commonEnv only.",
    source="configure XCom backend; Helm reference, commonEnv",
)
XC025 = Rule(
    id="XC025",
    title="No file takes entries of a list away",
    severity="warn",
    why="helm merges mappings but replaces lists: a later commonEnv is the whole commonEnv.",
    remedy="write the whole list in the last file, or leave it out there.",
    source="Helm, values files",
)


_MAY_BE_UNSET = (COMPRESSION, SECRETS_BACKEND, SECRETS_KWARGS)


@lint_rule(XC018, "the same values everywhere")
def find_disagreement(context: Context) -> Iterator[Objection]:
    """Yield settings that one component sees differently from another.

    What must be there and is missing in one is the matter of the rule that asks for it.
    """
    for name in _shared_names(context):
        seen = [s for s in context.seen(name) if s.variable is not None or name in _MAY_BE_UNSET]
        if any(s.variable and s.variable.problem for s in seen):
            continue
        is_set = any(s.value for s in seen)
        if len(seen) > 1 and is_set and any(s.is_untold for s in seen):
            place = next(s.place for s in seen if s.is_untold)
            yield Objection(f"{name[:80]}: not told by this file for all components", place, None)
            continue
        if len({s.value or "" for s in seen}) > 1:
            spread = ", ".join(
                f"{s.where} = {'unset' if s.value is None else show(name, s.value)}" for s in seen
            )
            odd = min(seen, key=lambda s: (s.variable is None, len(s.components)))
            yield Objection(f"{name[:80]}: {spread}"[:400], odd.place)


def _shared_names(context: Context) -> tuple[str, ...]:
    paths = [parse_base_path(env.get(PATH, "")) for env in context.environment.values()]
    connections = dict.fromkeys(
        connection_variable(path.connection_id) for path in paths if path and path.connection_id
    )
    return (*XCOM_SETTINGS, *connections, SECRETS_BACKEND, SECRETS_KWARGS)


@lint_rule(XC025, "lists as they were", kinds=("values",))
def find_replaced(context: Context) -> Iterator[Objection]:
    """Yield lists that a later file replaced, with the names that went with them."""
    for replaced in context.configuration.replacements:
        path = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in replaced.path)[1:]
        names = ", ".join(name[:60] for name in replaced.lost[:8])
        more = f" and {len(replaced.lost) - 8} more" if len(replaced.lost) > 8 else ""
        if names:
            text = (
                f"{':'.join(map(str, replaced.after))} replaces the whole list {path[:80]} of"
                f" {':'.join(map(str, replaced.before))}; lost: {names}{more}"
            )
            yield Objection(text, replaced.after)
