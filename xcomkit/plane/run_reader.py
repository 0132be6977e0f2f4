"""A run read through Airflow's REST API: its task instances, its XCom rows, its logs."""

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from xcomkit.findings.errors import CredentialsError, ServiceError, UnreachableError
from xcomkit.findings.redaction import redact
from xcomkit.plane.dag_run import MAX_STORED, DagRun, TaskResult, XComRow
from xcomkit.plane.rest_client import Call, RestClient, number, path_of
from xcomkit.plane.task_log import to_log

ENDED = frozenset(("success", "failed", "skipped", "upstream_failed", "removed"))
MOST_LOGS = 200  # task instances, the failed ones first
_MOST_TRIES = 5  # of one instance: the first and the last ones
_MOST_RENDERED = 65_536  # characters
_NAME = 250  # characters, Airflow's own limit of ids
_KEY = 512  # characters, that of an XCom's key
_THREADS = 4
_RAN = frozenset(("success", "failed", "running", "up_for_retry", "deferred", "restarting"))
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class RunReader:
    """The run ``run_id``; every method raises what ``RestClient.get`` raises."""

    client: RestClient
    dag_id: str
    run_id: str

    def run(self) -> dict[str, Any]:
        """Return the run as the API describes it."""
        return self.client.get(self._path(), call=self._call("read", "dagRun.get"))

    def instances(self) -> Iterator[TaskResult]:
        """Yield every task instance once, in any order, without logs and earlier tries."""
        call = self._call("list the task instances of", "taskInstance.get")
        seen: set[tuple[str, int]] = set()
        for entry in self.client.pages(self._path("taskInstances"), "task_instances", call=call):
            rendered = entry.get("rendered_fields")
            found = TaskResult(
                task_id=self._name(entry.get("task_id")),
                map_index=number(entry.get("map_index"), otherwise=-1),
                state=self._name(entry.get("state")) or "none",
                tries=max(number(entry.get("try_number"), otherwise=0), 0),
                queue=self._name(entry.get("queue")),
                hostname=self._name(entry.get("hostname")),
                has_started=bool(entry.get("start_date")),
                rendered=self._text(json.dumps(rendered), _MOST_RENDERED) if rendered else "",
            )
            if (found.task_id, found.map_index) not in seen:
                seen.add((found.task_id, found.map_index))
                yield found

    def read(self) -> DagRun:
        """Return the run with its rows and logs; ``unread`` says which logs could not be read."""
        run = self.run()
        instances = sorted(self.instances(), key=lambda found: (found.task_id, found.map_index))
        ran = [found for found in instances if found.state in _RAN and found.tries]
        chosen = sorted(ran, key=lambda found: found.state != "failed")[:MOST_LOGS]
        logs = dict(zip(chosen, together(self._log, chosen), strict=True))
        again = [found for found in instances if found.tries > 1]
        earlier = dict(zip(again, together(self._earlier, again), strict=True))
        notes = [note for _, missing in logs.values() for note in missing]
        if len(ran) > len(chosen):
            notes.append(f"the logs of {len(ran) - len(chosen)} task instances were not read")
        tasks = (
            replace(
                found, log=logs[found][0] if found in logs else (), earlier=earlier.get(found, ())
            )
            for found in instances
        )
        return DagRun(
            dag_id=self.dag_id,
            run_id=self.run_id,
            state=self._name(run.get("state")),
            tasks=tuple(tasks),
            xcoms=tuple(together(self._row, self.places())),
            log=(),
            seconds=_seconds(run),
            unread=tuple(notes),
            how=f"Airflow's REST API at {self.client.url}",
        )

    def _earlier(self, found: TaskResult) -> tuple[str, ...]:
        """Return the ids of the tries before the last one; Airflow before 3.4 tells none."""
        mapped = () if found.map_index < 0 else (found.map_index,)
        answer = self.client.get(
            self._path("taskInstances", found.task_id, *mapped, "tries"),
            call=self._call("read the tries of", "taskInstance.get"),
        )
        return tuple(
            self._name(one.get("id"))
            for one in answer.get("task_instances", ())
            if number(one.get("try_number"), otherwise=0) < found.tries and one.get("id")
        )

    def places(self) -> list[tuple[str, int, str]]:
        """Return task, map index and key of every XCom row."""
        call = self._call("list the XComs of", "xcom.get")
        # A tilde stands for every task.
        path = f"{self._path('taskInstances')}/~/xcomEntries"
        found = {
            (
                self._name(entry.get("task_id")),
                number(entry.get("map_index"), otherwise=-1),
                self._text(str(entry.get("key")), _KEY),
            )
            for entry in self.client.pages(path, "xcom_entries", call=call)
        }
        return sorted(found)

    def value(self, task_id: str, map_index: int, key: str) -> Any:
        """Return what the database holds of a row: of a reference the text, never followed.

        ``deserialize`` would interpret it, and ``stringify`` write Python's text of it.
        """
        answer = self.client.get(
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
        if answer.get("run_id", self.run_id) != self.run_id or "value" not in answer:
            raise ServiceError(
                f"{self.client.url} answered with another XCom than {key!r} of {task_id}.",
                hint="check that it is Airflow 3.1 or later.",
            )
        return answer["value"]

    def _row(self, place: tuple[str, int, str]) -> XComRow:
        value = self.value(*place)
        written = json.dumps(value)  # as SQLAlchemy writes it into the column
        stored = value if isinstance(value, str) else written
        return XComRow(*place, self._text(stored, MAX_STORED), len(written))

    def _log(self, found: TaskResult) -> tuple[tuple[str, ...], list[str]]:
        """Return the lines of all tries, and a note per try that could not be read."""
        lines: list[str] = []
        notes: list[str] = []
        tries = sorted({1, *range(max(found.tries - _MOST_TRIES + 2, 1), found.tries + 1)})
        if found.tries > len(tries):
            notes.append(f"{found.tries - len(tries)} tries of {found.name} were not read")
        for attempt in tries:
            try:
                answer = self.client.get(
                    self._path("taskInstances", found.task_id, "logs", attempt),
                    call=self._call("read a log of", "taskLog.get"),
                    params={"map_index": found.map_index, "full_content": "true"},
                )
            except (CredentialsError, UnreachableError):
                raise
            except ServiceError as error:
                answer, reason = {}, self.client.quoted(error)
            else:
                reason = "the API server found no line of it"
            log, sources = to_log(answer.get("content"), secrets=self.client.secrets)
            lines += log
            if not log:
                cause = self.client.quoted(" ".join((reason, *sources)))
                notes.append(f"the log of {found.name}, try {attempt}, was not read: {cause}")
        return tuple(lines), notes

    def _path(self, *parts: str | int) -> str:
        return path_of("dags", self.dag_id, "dagRuns", self.run_id, *parts)

    def _call(self, doing: str, right: str) -> Call:
        return Call(
            f"{doing} the run {self.run_id} of {self.dag_id}", f"deployment.airflow.{right}"
        )

    def _name(self, value: object) -> str:
        return "" if value is None else self.client.quoted(value, most=_NAME)

    def _text(self, text: str, most: int) -> str:
        """Return the text for the record, masked, bounded and without halves of characters."""
        whole = text.encode("utf-8", "replace").decode()
        return redact(whole[: 2 * most], secrets=self.client.secrets)[:most]


def together(function: Callable[[_In], _Out], items: Iterable[_In]) -> list[_Out]:
    """Return the results in order, ``_THREADS`` calls at a time; the first error ends all."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(function, items))


def _seconds(run: dict[str, Any]) -> float:
    """Return how long the run took from its dates; 0 where they cannot be read."""
    try:
        start, end = (datetime.fromisoformat(str(run.get(n))) for n in ("start_date", "end_date"))
        return max((end - start).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return 0.0
