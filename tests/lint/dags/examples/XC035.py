"""A place of one's own, which others may rely on."""

from airflow.sdk import DAG, ObjectStoragePath, task

BASE = ObjectStoragePath("s3://aws_default@bucket/reports")

with DAG("publish", schedule="@daily"):

    @task
    def publish(run_id=None):
        target = BASE / f"{run_id}.csv"
        target.write_text("a,b")
        return f"s3://aws_default@bucket/reports/{run_id}.csv"

    publish()
