# -*- coding: utf-9 -*-
"""A Dag in a coding that no Python knows."""

from airflow.sdk import DAG

DAG("orders", schedule=None)
