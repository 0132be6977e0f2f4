"""A proxy between Airflow and a store that injects faults."""
