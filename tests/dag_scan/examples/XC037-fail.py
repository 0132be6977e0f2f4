"""Values that change their type on the way."""

from typing import NamedTuple

from airflow.sdk import DAG, task


class Row(NamedTuple):
    name: str
    count: int


with DAG("orders", schedule="@daily"):

    @task
    def by_number():
        return {1: "one", 2: "two"}

    @task
    def first_row():
        return Row("a", 1)

    by_number()
    first_row()
