"""A Dag that wants to look at a value to decide how many tasks it has."""

from airflow.sdk import dag, get_current_context, task


@dag(schedule=None)
def fan_out():
    @task
    def count():
        return 4

    @task
    def work(number):
        return number

    count()
    for number in range(get_current_context()["ti"].xcom_pull(task_ids="count")):
        work(number)


fan_out()
