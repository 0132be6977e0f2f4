"""The newest XCom rows of an Airflow, with what its database holds of each."""

from collections.abc import Mapping
from typing import Any

from xcomkit.findings.errors import CredentialsError, MissingError, ServiceError, UnreachableError
from xcomkit.plane.rest_client import Call, Parameters, RestClient
from xcomkit.plane.run_reader import RunReader, together

MOST_RUNS = 20
MOST_ROWS = 200
_PATH = "/api/v2/dags/~/dagRuns"  # a tilde stands for every Dag
_CALL = Call("list the newest runs", "deployment.airflow.dagRun.get")


def read_newest_rows(client: RestClient) -> tuple[list[Mapping[str, Any]], int]:
    """Return at most ``MOST_ROWS`` rows of the newest runs, and how many rows these runs have.

    Raises what ``RestClient.get`` raises; a run that is deleted meanwhile is left out, and a row
    whose value alone could not be read has none.
    """
    newest: Parameters = {"order_by": "-start_date", "limit": MOST_RUNS}
    found = client.get(_PATH, call=_CALL, params=newest).get("dag_runs")
    places = []
    for run in found if isinstance(found, list) else ():
        if not isinstance(run, dict):
            continue
        reader = RunReader(client, str(run.get("dag_id")), str(run.get("dag_run_id")))
        try:
            places += [(reader, *place) for place in reader.places()]
        except MissingError:
            continue

    def read(place: tuple[RunReader, str, int, str]) -> Mapping[str, Any]:
        reader, task_id, map_index, key = place
        row = {
            "dag_id": reader.dag_id, "run_id": reader.run_id, "task_id": task_id,
            "map_index": map_index, "key": key,
        }  # fmt: skip
        try:
            return {**row, "value": reader.value(task_id, map_index, key)}
        except (CredentialsError, UnreachableError):
            raise
        except ServiceError:
            return row

    return together(read, places[:MOST_ROWS]), len(places)
