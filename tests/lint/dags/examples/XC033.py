"""A Dag whose tasks are mapped over a value."""

from airflow.sdk import dag, task


@dag(schedule=None)
def fan_out():
    @task
    def numbers():
        return [1, 2, 3, 4]

    @task
    def work(number, ti=None):
        return number + len(ti.xcom_pull(task_ids="numbers"))

    work.expand(number=numbers())


fan_out()
