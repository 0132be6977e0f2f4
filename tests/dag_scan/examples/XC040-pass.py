# -*- coding: latin-1 -*-
"""A Dag in a coding that Python knows."""

from airflow.sdk import DAG

DAG("orders", schedule=None)
