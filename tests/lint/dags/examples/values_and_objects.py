"""Objects read inside tasks, values of the own run only, and nothing that cannot be written."""

import base64
import os
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, ObjectStoragePath, task
from airflow.sdk.io import attach

BASE = ObjectStoragePath("s3://aws_default@bucket/reports") / "today"
attach(protocol="s3", conn_id="aws_default")
os.environ["TZ"] = "UTC"
os.environ.setdefault("AIRFLOW__CORE__MAX_ACTIVE_RUNS_PER_DAG", "1")


@dataclass
class Order:
    number: int


def vector():
    return np.array([1, 2, 3]).tolist()


def helper():
    return b"\x00\x01"


with DAG("report", schedule="@daily") as dag:

    @task
    def names():
        return [one.name for one in BASE.iterdir()]

    @task
    def load(name, ti=None):
        return (BASE / name).size() + len(ti.xcom_pull(task_ids="names"))

    @task
    def compare(ti=None):
        here = ti.xcom_pull(task_ids="load", dag_id="report", include_prior_dates=False)
        return [here, ti.xcom_pull(task_ids="load", dag_id=dag.dag_id)]

    @task
    def publish(run_id=None):
        target = BASE / f"{run_id}.csv"
        target.write_text(os.environ.get("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", ""))
        return f"s3://aws_default@bucket/reports/{run_id}.csv"

    @task
    def payload():
        total = str(Decimal("12345678901234567.89"))
        data = base64.b64encode(helper()).decode()
        return {"order": asdict(Order(1)), "total": total, "data": data, "path": str(Path("/tmp"))}

    @task(do_xcom_push=False)
    def picture() -> bytes:
        return helper()

    load.expand(name=names())
    publish()
    PythonOperator(task_id="vector", python_callable=vector)
    PythonOperator(task_id="silent", python_callable=helper, do_xcom_push=False)
    compare() >> BashOperator(
        task_id="describe",
        bash_command="echo {{ ti.xcom_pull(task_ids='load', dag_id=dag.dag_id) }}",
    )

if __name__ == "__main__":
    assert BASE.exists()
