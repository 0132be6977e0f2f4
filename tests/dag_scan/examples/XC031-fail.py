"""A trigger that asks XCom which job it waits for."""

from airflow.sdk.execution_time.xcom import XCom
from airflow.triggers.base import BaseTrigger, TriggerEvent


class JobTrigger(BaseTrigger):
    def __init__(self, run_id):
        super().__init__()
        self.run_id = run_id

    def serialize(self):
        return "plugins.jobs.JobTrigger", {"run_id": self.run_id}

    async def run(self):
        yield TriggerEvent(self.job_id())

    def job_id(self):
        return XCom.get_one(key="job", task_id="start", dag_id="jobs", run_id=self.run_id)
