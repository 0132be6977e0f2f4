"""An alert that says what a callback knows, and a task that knows the rest."""

import logging

from airflow.sdk import DAG, TriggerRule, task

log = logging.getLogger(__name__)


def alert(context):
    log.error("%s: %s", context["run_id"], context["exception"])


with DAG("orders", schedule="@daily", default_args={"on_failure_callback": alert}):

    @task
    def count_rows():
        return 3

    @task(trigger_rule=TriggerRule.ONE_FAILED)
    def on_failure_callback(ti=None):
        log.error("%s rows", ti.xcom_pull(task_ids="count_rows"))

    count_rows() >> on_failure_callback()
