"""A proxy between Airflow and a store that injects faults on the wire."""
