"""Values that stay what they are."""

from typing import NamedTuple

from airflow.sdk import DAG, task


class Row(NamedTuple):
    name: str
    count: int


NAMES = {1: "one", 2: "two"}

with DAG("orders", schedule="@daily"):

    @task
    def by_number():
        return {str(number): name for number, name in NAMES.items()}

    @task
    def first_row():
        return Row("a", 1)._asdict()

    by_number()
    first_row()
