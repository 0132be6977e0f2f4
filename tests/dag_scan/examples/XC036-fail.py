# ruff: noqa: ARG002 - the signature of execute is Airflow's
"""Tasks that return what the encoder does not know."""

from pathlib import Path

import numpy as np
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, BaseOperator, task


class Download(BaseOperator):
    def execute(self, context):
        return {"file": Path("/tmp/orders.csv")}


def vector():
    values = np.array([1, 2, 3])
    return values  # noqa: RET504 - a name is followed to its value


with DAG("orders", schedule="@daily"):

    @task
    def payload():
        return b"\x00\x01"

    Download(task_id="download")
    PythonOperator(task_id="vector", python_callable=vector)
    payload()
