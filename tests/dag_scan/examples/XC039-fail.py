"""A Dag that moves its values to another bucket, or does it?"""

import os

from airflow.configuration import conf
from airflow.sdk import DAG, task

os.environ["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"] = "s3://aws_default@other/xcom"
os.environ.setdefault("AIRFLOW__CORE__XCOM_BACKEND", "airflow.sdk.bases.xcom.BaseXCom")
conf.set("common.io", "xcom_objectstorage_threshold", "1048576")

with DAG("orders", schedule="@daily"):

    @task
    def count():
        return 3

    count()
