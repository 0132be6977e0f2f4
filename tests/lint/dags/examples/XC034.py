"""A report over the values of its own run."""

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, task

with DAG("report", schedule="@daily") as dag:

    @task
    def compare(ti=None):
        here = ti.xcom_pull(task_ids="load", dag_id="report", include_prior_dates=False)
        return [here, ti.xcom_pull(task_ids="load", dag_id=dag.dag_id)]

    compare() >> BashOperator(
        task_id="tell",
        bash_command="echo {{ ti.xcom_pull(task_ids='load', dag_id=dag.dag_id) }}",
    )
