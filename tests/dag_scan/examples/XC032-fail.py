"""One task per object, counted whenever the file is parsed."""

from airflow.sdk import DAG, ObjectStoragePath, task

inbox = ObjectStoragePath("s3://aws_default@inbox/orders")

with DAG("load_orders", schedule="@daily"):

    @task
    def load(name):
        return (inbox / name).size()

    for day in (inbox / "today").iterdir():
        load(day.name)
