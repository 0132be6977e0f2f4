"""An alert that wants to say how many rows there were."""

import logging
from functools import partial

from airflow.sdk import DAG, BaseNotifier, task


def last_count(context):
    return context["ti"].xcom_pull(task_ids="count_rows")


def alert(context, channel):
    logging.getLogger(channel).error("%s rows", last_count(context))


class PagerNotifier(BaseNotifier):
    def notify(self, context):
        context["ti"].xcom_push(key="paged", value=True)


default_args = {"on_failure_callback": [partial(alert, channel="#data"), PagerNotifier()]}

with DAG("orders", schedule="@daily", default_args=default_args):

    @task
    def count_rows():
        return 3

    count_rows()
