# ruff: noqa: ARG002 - the signature of execute is Airflow's
"""The same tasks, returning what the encoder knows, or nothing."""

import base64
from pathlib import Path

import numpy as np
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, BaseOperator, task


class Download(BaseOperator):
    def execute(self, context):
        return {"file": str(Path("/tmp/orders.csv"))}


def vector():
    return np.array([1, 2, 3]).tolist()


def helper():
    return b"\x00\x01"


with DAG("orders", schedule="@daily"):

    @task
    def payload():
        return base64.b64encode(helper()).decode()

    @task(do_xcom_push=False)
    def picture() -> bytes:
        return helper()

    Download(task_id="download")
    PythonOperator(task_id="vector", python_callable=vector)
    PythonOperator(task_id="silent", python_callable=helper, do_xcom_push=False)
    payload()
    picture()
