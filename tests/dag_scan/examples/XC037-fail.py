"""An amount that loses digits on the way."""

from decimal import Decimal

from airflow.sdk import DAG, task

with DAG("orders", schedule="@daily"):

    @task
    def total():
        return {"total": Decimal("12345678901234567.89")}

    total()
