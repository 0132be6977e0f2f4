"""A dataclass that stays at home."""

from dataclasses import asdict, dataclass

from airflow.sdk import DAG, task


@dataclass
class Order:
    number: int


with DAG("orders", schedule="@daily"):

    @task
    def order():
        return asdict(Order(1))

    order()
