"""An amount that goes as text."""

from decimal import Decimal

from airflow.sdk import DAG, task

with DAG("orders", schedule="@daily"):

    @task
    def total():
        return {"total": str(Decimal("12345678901234567.89"))}

    total()
