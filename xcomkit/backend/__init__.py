"""Airflow's own XCom backend in a process of its own: driver, proof and timing."""
