"""A run read through Airflow's REST API: its task instances, its XCom rows, its logs."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from xcomkit.findings.errors import CredentialsError, ServiceError, UnreachableError
from xcomkit.findings.redaction import redact
from xcomkit.plane.access import path_of
from xcomkit.plane.answers import Call, number
from xcomkit.plane.api import Api
from xcomkit.plane.dag_run import (
    MAX_STORED,
    DagRun,
    TaskResult,
    XComRow,
    instance_name,
)
from xcomkit.plane.task_log import to_log

ENDED = frozenset(("success", "failed", "skipped", "upstream_failed", "removed"))
MOST_LOGS = 200  # task instances, the failed ones first
_MOST_TRIES = 5  # of one instance: the first and the last ones
_MOST_RENDERED = 65_536  # characters
_NAME = 250  # characters, Airflow's own limit of ids
_KEY = 512  # characters, that of an XCom's key
_RAN = frozenset(("success", "failed", "running", "up_for_retry", "deferred", "restarting"))


@dataclass(frozen=True, slots=True)
class Instance:
    """A task instance as the API lists it."""

    task_id: str
    map_index: int
    state: str
    tries: int
    queue: str
    hostname: str
    has_started: bool
    rendered: str = field(repr=False)

    @property
    def name(self) -> str:
        """Return the task with its index, as a person would name it."""
        return instance_name(self.task_id, self.map_index)


@dataclass(frozen=True, slots=True)
class RunReader:
    """The run ``run_id``; every method raises what ``Api.get`` raises."""

    api: Api
    dag_id: str
    run_id: str

    def run(self) -> dict[str, Any]:
        """Return the run as the API tells it."""
        return self.api.get(self._path(), call=self._call("read", "dagRun.get"))

    def instances(self) -> Iterator[Instance]:
        """Yield every task instance once, in no promised order."""
        call = self._call("list the task instances of", "taskInstance.get")
        seen: set[tuple[str, int]] = set()
        for told in self.api.pages(self._path("taskInstances"), "task_instances", call=call):
            rendered = told.get("rendered_fields")
            found = Instance(
                task_id=self._name(told.get("task_id")),
                map_index=number(told.get("map_index"), otherwise=-1),
                state=self._name(told.get("state")),
                tries=max(number(told.get("try_number"), otherwise=0), 0),
                queue=self._name(told.get("queue")),
                hostname=self._name(told.get("hostname")),
                has_started=bool(told.get("start_date")),
                rendered=self._kept(json.dumps(rendered), _MOST_RENDERED) if rendered else "",
            )
            if (found.task_id, found.map_index) not in seen:
                seen.add((found.task_id, found.map_index))
                yield found

    def read(self) -> DagRun:
        """Return the run with its rows and logs; ``unread`` says which logs could not be read."""
        told = self.run()
        instances = sorted(self.instances(), key=lambda found: (found.task_id, found.map_index))
        ran = [found for found in instances if found.state in _RAN and found.tries]
        chosen = sorted(ran, key=lambda found: found.state != "failed")[:MOST_LOGS]
        logs = dict(zip(chosen, self.api.together(self._log, chosen), strict=True))
        again = [found for found in instances if found.tries > 1]
        earlier = dict(zip(again, self.api.together(self._earlier, again), strict=True))
        notes = [note for _, missing in logs.values() for note in missing]
        if len(ran) > len(chosen):
            notes.append(f"the logs of {len(ran) - len(chosen)} task instances were not read")
        return DagRun(
            dag_id=self.dag_id,
            run_id=self.run_id,
            state=self._name(told.get("state")),
            tasks=tuple(
                TaskResult(
                    task_id=found.task_id,
                    map_index=found.map_index,
                    state=found.state or "none",
                    tries=found.tries,
                    hostname=found.hostname,
                    rendered=found.rendered,
                    log=logs[found][0] if found in logs else (),
                    earlier=earlier.get(found, ()),
                )
                for found in instances
            ),
            xcoms=tuple(self._rows()),
            log=(),
            seconds=_seconds(told),
            unread=tuple(notes),
            how=f"Airflow's REST API at {self.api.url}",
        )

    def _earlier(self, found: Instance) -> tuple[str, ...]:
        """Return the ids of the tries before the last one; Airflow before 3.4 tells none."""
        mapped = () if found.map_index < 0 else (found.map_index,)
        told = self.api.get(
            self._path("taskInstances", found.task_id, *mapped, "tries"),
            call=self._call("read the tries of", "taskInstance.get"),
        )
        return tuple(
            self._name(one.get("id"))
            for one in told.get("task_instances", ())
            if number(one.get("try_number"), otherwise=0) < found.tries and one.get("id")
        )

    def _rows(self) -> list[XComRow]:
        call = self._call("list the XComs of", "xcom.get")
        # A tilde stands for every task.
        path = f"{self._path('taskInstances')}/~/xcomEntries"
        places = {
            (
                self._name(told.get("task_id")),
                number(told.get("map_index"), otherwise=-1),
                self._kept(str(told.get("key")), _KEY),
            )
            for told in self.api.pages(path, "xcom_entries", call=call)
        }
        return self.api.together(self._row, sorted(places))

    def _row(self, place: tuple[str, int, str]) -> XComRow:
        """Return a row with what the database holds, which is a reference and never followed.

        ``deserialize`` would interpret it, and ``stringify`` write Python's text of it.
        """
        task_id, map_index, key = place
        told = self.api.get(
            self._path("taskInstances", task_id, "xcomEntries", key),
            call=self._call("read an XCom of", "xcom.get"),
            # Of 3.1 alone: without it the row of an earlier run would be an answer, too.
            params={
                "map_index": map_index,
                "deserialize": "false",
                "stringify": "false",
                "include_prior_dates": "false",
            },
        )
        if told.get("run_id", self.run_id) != self.run_id or "value" not in told:
            raise ServiceError(
                f"{self.api.url} answered with another XCom than {key!r} of {task_id}.",
                hint="check that it is Airflow 3.1 or later.",
            )
        value = told["value"]
        written = json.dumps(value)  # as SQLAlchemy writes it into the column
        stored = value if isinstance(value, str) else written
        return XComRow(task_id, map_index, key, self._kept(stored, MAX_STORED), len(written))

    def _log(self, found: Instance) -> tuple[tuple[str, ...], list[str]]:
        """Return the lines of all tries, and a note per try that could not be read."""
        lines: list[str] = []
        notes: list[str] = []
        tries = sorted({1, *range(max(found.tries - _MOST_TRIES + 2, 1), found.tries + 1)})
        if found.tries > len(tries):
            notes.append(f"{found.tries - len(tries)} tries of {found.name} were not read")
        for attempt in tries:
            try:
                text = self.api.get_text(
                    self._path("taskInstances", found.task_id, "logs", attempt),
                    call=self._call("read a log of", "taskLog.get"),
                    params={"map_index": found.map_index, "full_content": "true"},
                )
            except (CredentialsError, UnreachableError):
                raise
            except ServiceError as error:
                text, reason = "", self.api.quoted(error)
            else:
                reason = "the API server found no line of it"
            log = to_log(text, secrets=self.api.secrets)
            lines += log.lines
            if not log.lines:
                said = self.api.quoted(" ".join((reason, *log.sources)))
                notes.append(f"the log of {found.name}, try {attempt}, was not read: {said}")
        return tuple(lines), notes

    def _path(self, *parts: str | int) -> str:
        return path_of("dags", self.dag_id, "dagRuns", self.run_id, *parts)

    def _call(self, doing: str, right: str) -> Call:
        return Call(
            f"{doing} the run {self.run_id} of {self.dag_id}", f"deployment.airflow.{right}"
        )

    def _name(self, value: object) -> str:
        return "" if value is None else self.api.quoted(value, most=_NAME)

    def _kept(self, text: str, most: int) -> str:
        """Return the text for the record, masked, bounded and without halves of characters."""
        whole = text.encode("utf-8", "replace").decode()
        return redact(whole[: 2 * most], secrets=self.api.secrets)[:most]


def _seconds(told: dict[str, Any]) -> float:
    """Return how long the run took from its dates; 0 where they cannot be read."""
    try:
        start, end = (datetime.fromisoformat(str(told.get(n))) for n in ("start_date", "end_date"))
        return max((end - start).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0
