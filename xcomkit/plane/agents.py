"""Remote agents on this machine: an Edge worker per worker group, and a triggerer.

Each has an AIRFLOW_HOME of its own and sees nothing but its effective environment, the variables
of its workload identity and the address of the plane.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from xcomkit.findings.errors import UnreachableError
from xcomkit.plane.control_plane import ControlPlane, airflow, ask
from xcomkit.plane.processes import Processes, Program, choose_home, supervise

TRIGGERER = "triggerer"
# The metadata database, the Dag and the plane are the runbook's own, whatever the values file says.
_DROPPED = (
    "AIRFLOW_CONFIG",
    "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
)
_ALIVE = ("starting", "running", "idle")
_SLOTS = 4  # tasks at a time; enough for two cores, and few enough not to starve the API server


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent: a worker group's name, or ``triggerer``, all it sees, and what it serves."""

    name: str
    environment: Mapping[str, str] = field(repr=False)
    queues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agents:
    """Running agents of a plane; made by ``open_agents``. ``started`` is of ``time.time()``."""

    plane: ControlPlane
    processes: Processes
    names: tuple[str, ...]
    started: float

    def wait_until_registered(self, *, timeout: float, progress: Callable[[str], None]) -> None:
        """Return when the plane has heard of every agent.

        Raises:
            ProcessError: one ended, or the plane, or ``timeout`` seconds are over.
        """
        missing = list(self.names)

        def look() -> bool:
            self.plane.check_running()
            for name in _heard_of(self.plane, since=self.started):
                if name in missing:
                    missing.remove(name)
                    progress(f"agent {name} is registered")
            return not missing

        self.processes.wait_for(
            look,
            what=lambda: f"the registration of agent {', '.join(missing)}",
            blamed=lambda: missing[0],
            names=self.names,
            timeout=timeout,
        )

    def check_running(self) -> None:
        """Raise ProcessError, with the end of its log, if an agent ended."""
        self.processes.check_running(*self.names)

    def read_log(self) -> list[str]:
        """Return the agents' own logs, masked."""
        return [line for name in self.names for line in self.processes.read_log(name)]


@contextmanager
def open_agents(plane: ControlPlane, agents: Sequence[Agent]) -> Iterator[Agents]:
    """Start agents of a plane and yield them at once, before they are registered."""
    home = choose_home("agents")
    programs = [_program(one, plane=plane, home=str(home)) for one in agents]
    with supervise(home, programs) as running:
        processes = Processes(home, (*running.secrets, *plane.secrets))
        yield Agents(plane, processes, tuple(one.name for one in agents), time.time())


def _program(agent: Agent, *, plane: ControlPlane, home: str) -> Program:
    given = {name: value for name, value in agent.environment.items() if name not in _DROPPED}
    own = f"{home}/{agent.name}"
    excluded = given.get("no_proxy") or given.get("NO_PROXY") or ""
    environment = {
        "HOME": own,
        "TMPDIR": home,
        **given,
        **plane.shared_environment,
        "PATH": given.get("PATH") or os.environ.get("PATH", os.defpath),
        "AIRFLOW_HOME": own,
        "AIRFLOW__EDGE__HEARTBEAT_INTERVAL": "5",
        "AIRFLOW__EDGE__JOB_POLL_INTERVAL": "1",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": f"{own}/logs",
        # the plane is on loopback, where no proxy leads
        **dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, (excluded, "127.0.0.1")))),
    }
    if agent.name == TRIGGERER:
        # Airflow's own triggerer reads the metadata database; Astro's asks its API.
        environment |= plane.inner_environment
        arguments = ["triggerer", "--skip-serve-logs"]
    else:
        queues = ",".join(agent.queues)
        arguments = ["edge", "worker", "-H", agent.name, "-q", queues, "-c", str(_SLOTS)]
    return airflow(agent.name, *arguments, environment=environment)


def _heard_of(plane: ControlPlane, *, since: float) -> Iterator[str]:
    """Yield the names of the agents that the plane knows as alive.

    A triggerer that was replaced counts as healthy for a while: only its successor, which has
    shown itself ``since`` then, is meant.
    """
    try:
        health = ask(f"{plane.url}/api/v2/monitor/health")
        workers = ask(f"{plane.url}/edge_worker/ui/worker", token=plane.make_token())
    except (OSError, ValueError, UnreachableError):
        return
    beat = (health.get("triggerer") or {}).get("latest_triggerer_heartbeat")
    if beat and datetime.fromisoformat(beat).timestamp() >= since:
        yield TRIGGERER
    yield from (one["worker_name"] for one in workers["workers"] if one["state"] in _ALIVE)
