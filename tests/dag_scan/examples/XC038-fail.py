"""A dataclass that goes from task to task."""

from dataclasses import dataclass

from airflow.sdk import DAG, task
from pydantic import BaseModel


@dataclass
class Order:
    number: int


class Customer(BaseModel):
    name: str


with DAG("orders", schedule="@daily"):

    @task
    def order():
        return Order(1)

    @task
    def customers():
        return [Customer(name=name) for name in ("a", "b")]

    order()
    customers()
