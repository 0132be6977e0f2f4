"""The newest XCom rows come over Airflow's REST API, and the doctor says what is wrong in them."""

import pytest
from scripted_airflow import Reply, scripted_airflow

from xcomkit import __main__ as command_line
from xcomkit.plane import newest_rows
from xcomkit.plane.deployment import open_deployment

TOKEN = "secret-token-of-the-deployment"
RUNS = "GET /api/v2/dags/~/dagRuns"
NAME = "00000001-1111-4222-8333-444455556666"
VALUES = """xcomBackend: airflow.providers.common.io.xcom.backend.XComObjectStorageBackend
namespace: astro
commonEnv:
  - {{name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH, value: "{path}"}}
  - {{name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD, value: "0"}}
workers: [{{name: w}}]
"""
OTHER = """triggerer:
  env: [{{name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH, value: "{}"}}]
"""


@pytest.fixture
def airflow():
    with scripted_airflow() as running:
        yield running


def with_rows(airflow, **runs):
    """Make the airflow hold these values per run, each under a key of its own."""
    found = [{"dag_id": "d", "dag_run_id": name} for name in runs]
    airflow.on(RUNS, Reply({"dag_runs": [*found, "x", {"dag_id": "d", "dag_run_id": "gone"}]}))
    for name, values in runs.items():
        tasks = f"GET /api/v2/dags/d/dagRuns/{name}/taskInstances"
        entries = [{"task_id": "t", "map_index": -1, "key": f"k{n}"} for n in range(len(values))]
        listed = {"xcom_entries": entries, "total_entries": len(entries)}
        airflow.on(f"{tasks}/~/xcomEntries", Reply(listed))
        for number, value in enumerate(values):
            airflow.on(f"{tasks}/t/xcomEntries/k{number}", Reply({"value": value}))


def test_rows_of_the_newest_runs_are_read_with_their_values_up_to_a_bound(airflow, monkeypatch):
    with_rows(airflow, new=["a", {"b": 1}], old=["c"])
    monkeypatch.setattr(newest_rows, "MOST_ROWS", 2)

    with open_deployment(airflow.url, token=TOKEN) as deployment:
        rows, total = newest_rows.read_newest_rows(deployment.client)

    assert [(row["run_id"], row["key"], row["value"]) for row in rows] == [
        ("new", "k0", "a"), ("new", "k1", {"b": 1})
    ]  # fmt: skip
    assert total == 3
    assert airflow.asked(RUNS)[0].query == {"order_by": "-start_date", "limit": "20"}


def test_row_that_is_gone_when_it_is_read_leaves_the_others(airflow):
    with_rows(airflow, r=["a", "b"])
    airflow.on("GET /api/v2/dags/d/dagRuns/r/taskInstances/t/xcomEntries/k0", Reply({}, status=404))

    with open_deployment(airflow.url, token=TOKEN) as deployment:
        rows, _ = newest_rows.read_newest_rows(deployment.client)

    assert [(row["key"], row.get("value", "unknown")) for row in rows] == [
        ("k0", "unknown"), ("k1", "b")
    ]  # fmt: skip


def doctor(tmp_path, monkeypatch, *, values, **variables):
    helm = tmp_path / "bin/helm"
    helm.parent.mkdir()
    helm.write_text(f"#!/bin/sh\ntest $2 = values && cat <<'END'\n{values}\nEND\n")
    helm.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{helm.parent}:/usr/bin:/bin")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return lambda *words: command_line.main(["doctor", "--release", "r", *words])


def test_doctor_asks_the_airflow_and_the_bucket_that_it_is_given(
    airflow, bucket, tmp_path, monkeypatch, capsys
):
    settings = bucket.settings
    there, missing = (f"{settings.base_path}/d/r/t/{n}{NAME[1:]}" for n in "12")
    bucket.s3.put_object(
        Bucket=settings.bucket, Key=f"{settings.prefix}/d/r/t/1{NAME[1:]}", Body=b"1"
    )
    elsewhere = there.replace(settings.bucket, "another-bucket")
    with_rows(airflow, r=[there, missing, {"customer": "hunter2"}, elsewhere])
    environment = {**bucket.stand_in.platform_environment, **bucket.stand_in.environment}
    path = settings.base_path.replace(settings.bucket, "another-bucket")
    run = doctor(
        tmp_path, monkeypatch, values=VALUES.format(path=settings.base_path) + OTHER.format(path),
        AIRFLOW_API_URL=airflow.url, AIRFLOW_API_TOKEN=TOKEN, **environment,
    )  # fmt: skip
    (tmp_path / "target.yaml").write_text(
        f"cloud: aws\nbucket: {settings.bucket}\nprefix: {settings.prefix}\n"
        f"region: {settings.region}\nendpoint_url: {bucket.stand_in.url}\n"
    )

    code = run("-f", "target.yaml")

    said = " ".join(part for text in capsys.readouterr() for part in text.split())
    assert code != 0
    assert f"1 reference without an object: {missing} expected" in said
    assert "1 row: d/r/t k2 has 23 bytes expected" in said
    assert f"the objects of 1 reference are there is not known: {elsewhere} expected" in said
    assert "read 4 of 4 XCom rows of the newest runs" in said
    assert TOKEN not in said
    assert "hunter2" not in said


@pytest.mark.parametrize(("variables", "words"), [
    ({}, "not looked at: xcoms.json"),
    ({"AIRFLOW_API_URL": "http://example.com", "AIRFLOW_API_TOKEN": TOKEN},
     "not looked at: XCom rows: the URL of the Deployment is invalid"),
    ({"AIRFLOW_API_URL": "http://127.0.0.1:9"}, "not looked at: XCom rows: the token is too short"),
])  # fmt: skip
def test_doctor_without_an_airflow_says_what_it_did_not_see_and_goes_on(
    tmp_path, monkeypatch, capsys, variables, words
):
    run = doctor(tmp_path, monkeypatch, values=VALUES.format(path="s3://b/x"), **variables)

    assert run() in (0, 1)
    assert words in capsys.readouterr().err
