"""What a run of the shipped Dag left behind."""

from dataclasses import dataclass, field
from pathlib import Path

DAG_ID = "xcom_runbook_check"
SECOND_DAG_ID = "xcom_runbook_second_run"
ASSET_NAMES = ("xcom_runbook_check", "x-xcom-runbook://check")
"""By which the Dags store state with their asset: its name and its URI."""
DAGS_FOLDER = Path(__file__).parent / "dags"
MAX_STORED = 4_096


@dataclass(frozen=True, slots=True)
class TaskResult:
    """A task instance; ``map_index`` is -1 when not mapped, ``state`` "none" before the first.

    ``log`` holds the masked lines of all tries, ``rendered`` the JSON of the rendered fields that
    the orchestration plane keeps, and ``hostname`` who ran it; empty where nobody could tell.
    ``earlier`` are the ids of the tries before the last one, which Airflow tells from 3.4.
    """

    task_id: str
    map_index: int
    state: str
    tries: int = 1
    hostname: str = ""
    rendered: str = field(default="", repr=False)
    log: tuple[str, ...] = field(default=(), repr=False)
    earlier: tuple[str, ...] = ()
    queue: str = ""
    has_started: bool = True

    @property
    def name(self) -> str:
        """Return the task with its index, as a person would name it."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


@dataclass(frozen=True, slots=True)
class XComRow:
    """A row of the xcom table: ``stored`` is its text, cut at ``MAX_STORED`` characters."""

    task_id: str
    map_index: int
    key: str
    stored: str = field(repr=False)
    length: int


@dataclass(frozen=True, slots=True)
class DagRun:
    """What is left of a run: states and rows as the metadata database has them, and its log.

    ``log`` is the masked log of whoever ran the tasks, beside the tasks' own; ``unread`` says which
    logs could not be read, and ``how`` in words where the run was seen.
    """

    dag_id: str
    run_id: str
    state: str
    tasks: tuple[TaskResult, ...]
    xcoms: tuple[XComRow, ...]
    log: tuple[str, ...] = field(repr=False)
    seconds: float
    how: str
    unread: tuple[str, ...] = ()
