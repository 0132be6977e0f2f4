"""From an empty cloud account to a proven Airflow XCom backend, with the evidence in hand."""
