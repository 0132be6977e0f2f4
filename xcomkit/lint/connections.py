"""Rules about the connection of the XCom path: that it leaves signing to the workload identity."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from xcomkit.chart.names import PATH, connection_variable, parse_base_path
from xcomkit.lint.context import Context, Finding, LintRule
from xcomkit.model import Rule

XC016 = Rule(
    id="XC016",
    title="The connection leaves signing to the workload identity",
    severity="fail",
    why="an account key, a key file or anonymous access in the connection stands over the identity;"
    ' adlfs takes any text for anon, also "false", as yes.',
    remedy="keep the account's name or the project only, and write anon as a boolean: false.",
    source="azure provider, fs/adls; google provider, base_google; adlfs, anon",
)

_STANDS_OVER = {
    "account_key": "an account key",
    "sas_token": "a SAS token",
    "connection_string": "a connection string",
    "client_secret_auth_config": "a client secret",
    "keyfile_dict": "a key file",
    "key_path": "the path of a key file",
    "key_secret_name": "a key kept in Secret Manager",
}
_ANONYMOUS = ("anon", "is_anonymous")


def find_other_signers(context: Context) -> Iterator[Finding]:
    """Yield what in the path's connection signs in place of the workload identity."""
    reported: set[tuple[int, str]] = set()
    for seen in context.seen(PATH):
        path = parse_base_path(seen.value or "")
        if path is None or not path.connection_id:
            continue
        name = connection_variable(path.connection_id)
        for connection in context.seen(name):
            for problem in _problems(read_extra(connection.value or "")):
                if (connection.line, problem) not in reported:
                    reported.add((connection.line, problem))
                    yield Finding(f"{name[:80]} holds {problem}", connection.line)


def _problems(extra: dict[str, Any]) -> Iterator[str]:
    for name, value in extra.items():
        short = name.rpartition("__")[2]  # extra__azure_data_lake__anon of older releases
        if short in _STANDS_OVER and value:
            yield _STANDS_OVER[short]
        elif short in _ANONYMOUS and isinstance(value, str):
            yield f"{short} as the text {value[:20]!r}, which means yes"
        elif short in _ANONYMOUS and value:
            yield f"{short}: true, so nobody signs"


def read_extra(value: str) -> dict[str, Any]:
    """Return the extra of a connection given as JSON or as a URI; ``{}`` when it has none."""
    if not value.lstrip().startswith("{"):
        try:
            return dict(parse_qsl(urlsplit(value).query))
        except ValueError:
            return {}
    try:
        document = json.loads(value)
        extra = document.get("extra") or {}
        extra = json.loads(extra) if isinstance(extra, str) else extra
    except (ValueError, AttributeError, RecursionError):
        return {}
    return extra if isinstance(extra, dict) else {}


CONNECTIONS: tuple[LintRule, ...] = (
    LintRule(XC016, "no key, no secret, anon: false", "nothing else signs", find_other_signers),
)
