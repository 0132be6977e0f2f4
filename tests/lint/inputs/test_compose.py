"""The Airflow services of a docker-compose file."""

from xcomkit.lint.sources.compose import read_compose
from xcomkit.lint.sources.env_file import read_env
from xcomkit.values.values import read_documents

ANCHORED = """
x-airflow-common: &common
  image: apache/airflow:3.1.8
  environment: &env
    AIRFLOW__CORE__XCOM_BACKEND: my.Backend
    AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD: 0
services:
  postgres:
    image: postgres:16
    environment:
      POSTGRES_PASSWORD: airflow
  worker:
    <<: *common
    environment:
      <<: *env
      DUMB_INIT_SETSID: "0"
  scheduler:
    <<: *common
"""


def composed(*texts: str, env: str = ""):
    files = [d for text in texts for d in read_documents(text, name="compose.yaml")]
    beside = {"deploy/.env": read_env(env, name="deploy/.env")} if env else {}
    return read_compose(files, beside=beside, sources=())


def test_services_are_seen_through_anchors_and_merges_without_the_database():
    found = composed(ANCHORED)

    assert set(found.environment) == {"worker", "scheduler"}
    assert found.environment["worker"] == {
        "AIRFLOW__CORE__XCOM_BACKEND": "my.Backend",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0",
        "DUMB_INIT_SETSID": "0",
    }
    assert found.variables["scheduler"][0].line == 5


def test_number_is_a_text_for_compose_and_a_boolean_is_refused():
    text = "services:\n  airflow:\n    environment: {AIRFLOW__A__B: 5, AIRFLOW__A__C: true}\n"

    number, boolean = composed(text).variables["airflow"]
    assert (number.value, number.problem) == ("5", "")
    assert "no text" in boolean.problem


def test_list_form_and_names_from_the_shell_are_read():
    text = (
        "services:\n  airflow:\n    environment:\n      - AIRFLOW__A__B=1=2\n      - SHELL_NAME\n"
    )

    found = composed(text).variables["airflow"]
    assert [(v.name, v.value, v.line) for v in found] == [
        ("AIRFLOW__A__B", "1=2", 4),
        ("SHELL_NAME", None, 5),
    ]


def test_reference_is_filled_in_from_the_env_file_or_not_told():
    text = "services:\n  airflow:\n    environment: {AIRFLOW__A__B: 's3://c@${BUCKET}/x'}\n"

    assert composed(text).environment["airflow"] == {}
    known = composed(text, env="BUCKET=b\n")
    assert known.environment["airflow"] == {"AIRFLOW__A__B": "s3://c@b/x"}


def test_later_file_overrides_a_variable_and_env_file_leaves_room_for_more():
    base = "services:\n  airflow:\n    env_file: .env\n    environment: {AIRFLOW__A__B: '1'}\n"
    over = "services:\n  airflow:\n    environment: {AIRFLOW__A__B: '2'}\n"

    found = composed(base, over)
    assert found.environment["airflow"] == {"AIRFLOW__A__B": "2"}
    assert found.elsewhere == {"airflow": "env_file .env"}


def test_env_file_that_is_at_hand_is_read_below_the_services_own_environment():
    text = (
        "services:\n  airflow:\n    env_file: [./.env, other.env]\n"
        "    environment: {AIRFLOW__A__B: '1'}\n"
    )

    found = composed(text, env="AIRFLOW__A__B=2\nAIRFLOW__A__C=3\n")
    assert found.environment["airflow"] == {"AIRFLOW__A__B": "1", "AIRFLOW__A__C": "3"}
    assert found.variables["airflow"][1].file == "deploy/.env"
    assert found.elsewhere == {"airflow": "env_file other.env"}
