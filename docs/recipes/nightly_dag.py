"""Prove the XCom backend every night on an agent: a task fails with the names of the red checks.

The agents' image has `pip install 'xcomkit[runbook]' apache-airflow-providers-papermill`, and what
`xcomkit init` laid out, with your parameters in parameters/aws.yaml, lies in the folder below.
"""

import os
from pathlib import Path

import yaml
from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.sdk import DAG

FOLDER = Path(os.environ.get("XCOM_RUNBOOK", "/opt/xcom"))
TARGET = FOLDER / "parameters" / os.environ.get("XCOM_PARAMETERS", "aws.yaml")
RUN = "/tmp/xcom-{{ ts_nodash }}"  # noqa: S108 - a pod's own; copy it where you keep records

with DAG("xcom_proof", schedule="@daily", catchup=False, max_active_tasks=1):
    before = None
    for step in ("00_prerequisites", "04_round_trip", "05_inspect_objects"):
        task = PapermillOperator(
            task_id=step,
            input_nb=str(FOLDER / "notebooks" / f"{step}.ipynb"),
            output_nb=f"{RUN}-{step}.ipynb",  # papermill makes no folder
            parameters={**yaml.safe_load(TARGET.read_text()), "apply": False, "run_dir": RUN},
            do_xcom_push=False,
        )
        before = before >> task if before else task
