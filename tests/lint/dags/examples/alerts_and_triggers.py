# ruff: noqa: ARG002 - the signature of execute is Airflow's
"""Alerts that say what a callback knows, and a trigger that is told which job it waits for."""

import logging

from airflow.sdk import DAG, BaseOperator, TriggerRule, task
from airflow.triggers.base import BaseTrigger, TriggerEvent

log = logging.getLogger(__name__)


def alert(context):
    log.error("%s: %s", context["run_id"], context["exception"])


class JobTrigger(BaseTrigger):
    def __init__(self, job_id):
        super().__init__()
        self.job_id = job_id

    def serialize(self):
        return "plugins.jobs.JobTrigger", {"job_id": self.job_id}

    async def run(self):
        yield TriggerEvent(self.job_id)


class WaitForJobOperator(BaseOperator):
    def execute(self, context):
        job_id = context["ti"].xcom_pull(task_ids="start")
        self.defer(trigger=JobTrigger(job_id), method_name="execute_complete")

    def execute_complete(self, context, event):
        return event


with DAG("orders", schedule="@daily", default_args={"on_failure_callback": alert}):

    @task
    def count_rows():
        return 3

    @task(trigger_rule=TriggerRule.ONE_FAILED)
    def on_failure_callback(ti=None):
        log.error("%s rows", ti.xcom_pull(task_ids="count_rows"))

    count_rows() >> on_failure_callback()
