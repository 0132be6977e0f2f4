"""A report over what another Dag pushed, and over its own earlier days."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

with DAG("report", schedule="@daily"):

    @task
    def compare(ti=None):
        before = ti.xcom_pull(task_ids="compare", include_prior_dates=True)
        return [before, ti.xcom_pull(task_ids="load", dag_id="orders")]

    compare() >> BashOperator(
        task_id="tell",
        bash_command="echo {{ ti.xcom_pull(task_ids='load', dag_id='orders') }}",
    )
