"""Rules about the state store: whether agents need one, and where it keeps what it is given.

Its connection, compression and agreement are judged by the rules that judge those of XCom.
"""

from collections.abc import Iterator

from xcomkit.findings.model import DURABLE_STATE_STORE, STOCK_STATE_STORE, Rule
from xcomkit.findings.text import listed
from xcomkit.lint.configuration import Configuration, Place
from xcomkit.lint.registry import Objection, judge_values, lint_rule, value_rule
from xcomkit.lint.rules.chart_keys import Agent, list_agents
from xcomkit.lint.rules.prefixes import display, list_log_paths, overlap, paths
from xcomkit.lint.rules.storage import (
    judge_class,
    missing,
    path_problem,
    read_threshold,
    set_elsewhere,
)
from xcomkit.values.names import STATE_BACKEND, STATE_PATH, STATE_THRESHOLD

_AGENT_SINCE, _RUNTIME_SINCE = (1, 8, 0), (3, 3)
_SOURCE = "remote agents Helm reference, stateStoreBackend; Agent Client 1.8.0"

XC430 = Rule(
    id="XC430",
    title="Agents that need a state store have one",
    severity="fail",
    why="Agents from 1.8.0 on do not start without one on Runtime 3.3 and newer.",
    remedy="Set stateStoreBackend, the path and the threshold; the runbook's values have them.",
    source=_SOURCE,
)
XC431 = Rule(
    id="XC431",
    title="A state store is configured",
    severity="info",
    why="Agents from 1.8.0 on need one; without one state goes to the orchestration plane's"
    " database.",
    remedy="Set stateStoreBackend with the update to agents that know it.",
    source=_SOURCE,
)
XC432 = Rule(
    id="XC432",
    title="The agents know the state store that is configured",
    severity="warn",
    why="Agents before 1.8.0 do not read the setting, and charts before 2.3.0 not the key.",
    remedy="Update chart and agents, or leave the state store out.",
    source=_SOURCE,
)
XC433 = Rule(
    id="XC433",
    title="The state store is Airflow's object storage class, or the durable one",
    severity="fail",
    why="A class that cannot be imported fails every task that reads or writes state.",
    remedy=f"Set stateStoreBackend to {STOCK_STATE_STORE} or {DURABLE_STATE_STORE}.",
    source="Airflow, [workers] state_store_backend",
)
XC434 = Rule(
    id="XC434",
    title="The state store has a path that uses a connection",
    severity="fail",
    why="Without a path every task that stores state fails; without a scheme state stays in the"
    " pod, and the next attempt finds nothing.",
    remedy=f"Set {STATE_PATH} to <s3|gs|abfs>://<connection-id>@<bucket>/<prefix>.",
    source="Airflow, [common.io] state_store_objectstorage_path",
)
XC435 = Rule(
    id="XC435",
    title="The threshold of the state store is a whole number from 0",
    severity="fail",
    why="A negative one raises ValueError in every task that stores state, unlike that of XCom.",
    remedy="Write plain digits, such as 0.",
    source="common.io provider, state_store backend, _get_threshold",
)
XC436 = Rule(
    id="XC436",
    title="State has a prefix apart from XComs and task logs",
    severity="fail",
    why="XComs and logs expire, and asset state must outlive every run: a watermark that expired"
    " starts over, a job is submitted twice.",
    remedy="Give the state store a prefix that is no part of theirs, nor the other way round.",
    source="common.io provider, state_store backend, key layout",
)
_PATH = (STATE_PATH, "s3://aws_default@<bucket>/<prefix>")
_CLASS = (STATE_BACKEND, STOCK_STATE_STORE)
_EXPECTED = f"{STOCK_STATE_STORE} or the durable one"


def _is_set(config: Configuration) -> bool:
    return any(one.variable is not None for one in config.settings(STATE_BACKEND))


def _missing(config: Configuration, *, is_needed: bool) -> Iterator[Objection]:
    """Yield the components without a state store whose agents need one, or may not."""
    agents = {agent.component: agent for agent in list_agents(config)}
    for one in config.settings(STATE_BACKEND):
        new = [
            agent
            for agent in map(agents.get, one.components)
            if agent and agent.version >= _AGENT_SINCE
            if not agent.runtime or agent.runtime >= _RUNTIME_SINCE
        ]
        if bool(new) is not is_needed or (one.variable is not None and one.value != ""):
            continue
        if one.is_elsewhere:
            yield set_elsewhere(STATE_BACKEND, one)
        elif new:
            is_sure = any(agent.runtime for agent in new)
            text = f"none in {one.where}: {new[0].text}{'' if is_sure else ', on which Runtime?'}"
            yield Objection(text, one.place, False if is_sure else None)
        else:
            yield Objection(f"none in {one.where}", one.place)


@lint_rule(XC430, _EXPECTED, fix=_CLASS, applies=lambda config: any(list_agents(config)))
def _needed(config: Configuration) -> Iterator[Objection]:
    yield from _missing(config, is_needed=True)


@lint_rule(XC431, _EXPECTED, fix=_CLASS, kinds=("values",))
def _possible(config: Configuration) -> Iterator[Objection]:
    if "stateStoreBackend" in config.values.data:  # the chart knows it, the agents may not
        yield from _missing(config, is_needed=False)


def _storing(config: Configuration) -> list[Agent]:
    found = config.environment
    return [a for a in list_agents(config) if found.get(a.component, {}).get(STATE_BACKEND)]


@lint_rule(
    XC432, "agents from 1.8.0 on", applies=lambda c: any(_storing(c)), kinds=("values", "pod")
)
def _unknown_to_agents(config: Configuration) -> Iterator[Objection]:
    old: dict[tuple[str, Place], list[str]] = {}
    for agent in _storing(config):
        if agent.version < _AGENT_SINCE:
            old.setdefault((agent.text, agent.place), []).append(agent.component[:80])
    for (text, place), components in old.items():
        yield Objection(f"{listed(components, most=5)}: {text}", place)


@lint_rule(XC433, _EXPECTED, fix=_CLASS, applies=_is_set)
def _bad_class(config: Configuration) -> Iterator[Objection]:
    for value, setting in config.known(STATE_BACKEND):
        if value:  # an empty one is XC430's
            yield from judge_class(
                STATE_BACKEND, setting, stock=STOCK_STATE_STORE, durable=DURABLE_STATE_STORE
            )


@lint_rule(XC434, "s3, gs, abfs or adl", fix=_PATH, applies=_is_set)
def _bad_path(config: Configuration) -> Iterator[Objection]:
    yield from missing(config, STATE_PATH, beside=STATE_BACKEND)
    yield from judge_values(config, STATE_PATH, path_problem, beside=STATE_BACKEND)


@value_rule(
    XC435, STATE_THRESHOLD, "a whole number from 0", fix=(STATE_THRESHOLD, "0"),
    beside=STATE_BACKEND,
)  # fmt: skip
def _bad_threshold(value: str) -> str:
    number = read_threshold(value)
    return "no whole number" if number is None else "is negative" if number < 0 else ""


@lint_rule(XC436, "three prefixes apart", applies=_is_set)
def _shared_prefix(config: Configuration) -> Iterator[Objection]:
    others = [(path, "XComs") for path, _, _ in paths(config)]
    others += [(path, "logs") for path, _ in list_log_paths(config)]
    for state, place, where in paths(config, STATE_PATH):
        for other, what in dict.fromkeys(others):
            if overlap(state, other):
                text = f"state in {display(state)!r}, {what} in {display(other)!r} ({where})"
                yield Objection(text, place)
