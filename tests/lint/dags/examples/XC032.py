"""One task per object, counted by a task."""

from airflow.sdk import DAG, ObjectStoragePath, task
from airflow.sdk.io import attach

inbox = ObjectStoragePath("s3://aws_default@inbox/orders") / "today"
attach(protocol="s3", conn_id="aws_default")

with DAG("load_orders", schedule="@daily"):

    @task
    def names():
        return [one.name for one in inbox.iterdir()]

    @task
    def load(name):
        return (inbox / name).size()

    load.expand(name=names())

if __name__ == "__main__":
    assert inbox.exists()
