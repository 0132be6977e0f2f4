# ruff: noqa: ARG002 - the signature of execute is Airflow's
"""A trigger that is told which job it waits for."""

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent


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
