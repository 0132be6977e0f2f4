"""Judges the values of step 03: one environment for all components, identity, a clean merge."""

from collections.abc import Mapping

from xcomkit.chart import accounts, identity, sensitive
from xcomkit.chart.environment import effective_environment, list_variables
from xcomkit.chart.helm import XC402
from xcomkit.chart.identity import PodIdentity
from xcomkit.chart.merge import Merged, merge
from xcomkit.chart.names import (
    PATH,
    SECRETS_BACKEND,
    SECRETS_KWARGS,
    XCOM_SETTINGS,
    connection_variable,
    parse_base_path,
)
from xcomkit.chart.values import Values
from xcomkit.model import Check, Rule
from xcomkit.settings import Settings

XC401 = Rule(
    id="XC401",
    title="Every component has the same XCom settings",
    severity="fail",
    why="a value written under one setting is read as a bare path, or not at all, under another.",
    remedy="keep XCom settings and the connection in commonEnv only.",
    source="configure XCom backend; Helm reference, commonEnv",
)
XC403 = Rule(
    id="XC403",
    title="The merge leaves the user's own lines alone",
    severity="warn",
    why="a value that differs from the runbook's may be there for a reason.",
    remedy="look at each value named and take the runbook's or change the parameter.",
    source="own rule: replaced are only the keys the runbook owns",
)
XC405 = Rule(
    id="XC405",
    title="The connection of the path has a place to come from",
    severity="fail",
    why="S3 falls back to the ambient identity with a warning, the others fail in every task.",
    remedy="define AIRFLOW_CONN_<ID> in commonEnv or configure secretBackend.",
    source="Airflow, managing connections; configure secrets backend",
)
XC406 = Rule(
    id="XC406",
    title="Merging twice gives the same text",
    severity="fail",
    why="a merge that grows the file on every run ends in duplicate entries.",
    remedy="report the file's shape; write the settings out by hand meanwhile.",
    source="own rule",
)
XC408 = Rule(
    id="XC408",
    title="The file fixes the name of every service account",
    severity="warn",
    why="the trust policy lists exact names; the chart documents its defaults for workers only.",
    remedy="set serviceAccount.dagProcessor.name and serviceAccount.triggerer.name; with several"
    " worker groups leave serviceAccount.workers.name empty.",
    source="comments of the downloaded values.yaml",
)

RULES: tuple[Rule, ...] = (XC401, XC402, XC403, XC405, XC406, XC408, *identity.RULES)


def judge(values: Values, *, settings: Settings, pods: PodIdentity) -> tuple[Check, ...]:
    """Return the checks of a values file that is going to be installed."""
    return (
        _same_settings(values, settings=settings),
        *identity.judge(values, settings=settings, identity=pods),
        _connection(values),
        _names(values, settings=settings),
    )


def judge_merge(
    merged: Merged, *, original: Values, fragment: Mapping[str, object]
) -> tuple[Check, ...]:
    """Return the checks of a merge into the user's own file."""
    return (
        _left_alone(merged, original=original),
        _stable(merged, original=original, fragment=fragment),
    )


def _same_settings(values: Values, *, settings: Settings) -> Check:
    environments = effective_environment(values)
    paths = [parse_base_path(env.get(PATH, "")) for env in environments.values()]
    ids = [settings.connection_id, *(path.connection_id for path in paths if path)]
    connections = dict.fromkeys(connection_variable(id_) for id_ in ids if id_)
    names = (*XCOM_SETTINGS, *connections, SECRETS_BACKEND, SECRETS_KWARGS)
    found = {
        name: {component: env.get(name) for component, env in environments.items()}
        for name in names
    }
    open_names = {v.name for vs in list_variables(values).values() for v in vs if v.value is None}
    uneven = [name for name in names if len(set(found[name].values())) > 1]
    untold = [name for name in names if name in open_names]
    lines = [f"{name}: {_spread(name, found[name])}" for name in uneven]
    lines += [f"{name}: the file does not tell its value" for name in untold if name not in uneven]
    return XC401.judge(
        False if uneven else None if untold else True,
        expected="the same values in " + ", ".join(effective_environment(values)),
        observed="; ".join(lines) or "the same values everywhere",
        how=f"effective environment computed from {values.name}",
        basis="rule",
    )


def _spread(name: str, found: Mapping[str, str | None]) -> str:
    shown = {
        component: "unset" if value is None else sensitive.show(name, value)
        for component, value in found.items()
    }
    return ", ".join(f"{component} = {text}" for component, text in shown.items())


def _connection(values: Values) -> Check:
    """Return whether each component has a source for the connection its path names."""
    written = list_variables(values)
    found = {
        component: _source(env, elsewhere={v.name for v in written[component] if not v.value})
        for component, env in effective_environment(values).items()
    }
    verdicts = {verdict for verdict, _ in found.values()}
    texts = dict.fromkeys(text for _, text in found.values())
    said = "; ".join(f"{component}: {text}" for component, (_, text) in found.items())
    return XC405.judge(
        False if False in verdicts else None if None in verdicts else True,
        expected="AIRFLOW_CONN_<ID> or a secrets backend in every component",
        observed=next(iter(texts)) if len(texts) == 1 else said,
        how=f"effective environment computed from {values.name}; step 04 proves that it resolves",
        basis="rule",
    )


def _source(env: Mapping[str, str], *, elsewhere: set[str]) -> tuple[bool | None, str]:
    """Return where a component finds the connection; ``None`` where the file cannot tell."""
    path = parse_base_path(env.get(PATH, ""))
    if path is None:
        return None, "there is no path that could name a connection"
    if not path.connection_id:
        return True, "the path names no connection; the pod's own identity is used"
    variable = connection_variable(path.connection_id)
    if env.get(variable):
        return True, f"{variable} is set"
    if env.get(SECRETS_BACKEND):
        return True, f"looked up by {env[SECRETS_BACKEND]}"
    if variable in elsewhere:
        return None, f"{variable} is written, but the file does not tell its value"
    return False, f"{variable} is not set, and no secrets backend is configured"


def _names(values: Values, *, settings: Settings) -> Check:
    found = accounts.read_accounts(values, prefix=settings.resource_name_prefix)
    guessed = [
        f"{account.component}: {account.name} is a guess" for account in found if not account.named
    ]
    workers = [a for a in found if a.component.startswith("worker:") and a.created]
    names = [account.name for account in workers]
    shared = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    guessed += [f"{name} would be created once per worker group" for name in shared]
    return XC408.judge(
        not guessed,
        expected="a name in the file, or the documented <resourceNamePrefix>-worker-<name>",
        observed="; ".join(guessed) or ", ".join(account.name for account in found),
        how=f"service accounts computed from {values.name}",
        basis="rule",
    )


def _left_alone(merged: Merged, *, original: Values) -> Check:
    """Return whether every line that was not to be rewritten is still there, in order."""
    lines = enumerate(original.text.split("\n"), start=1)
    foreign = [line.rstrip("\r") for number, line in lines if number not in merged.rewritten]
    after = iter([line.rstrip("\r") for line in merged.text.split("\n")])
    lost = next((line for line in foreign if line not in after), None)
    notes = [
        f"line {c.line}: {c.path} {c.before} -> {c.after} ({'replaced' if c.replaced else 'kept'})"
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


def _stable(merged: Merged, *, original: Values, fragment: Mapping[str, object]) -> Check:
    again = merge(merged.text, fragment, name=original.name)
    return XC406.judge(
        again.text == merged.text,
        expected="no change by a second merge",
        observed="no change" if again.text == merged.text else again.diff[:400],
        how="merged the result once more",
        basis="behaviour",
    )
