"""The Airflow services of a docker-compose file."""

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.sources.compose import MOST_SERVICES, read_compose
from xcomkit.lint.sources.env_file import read_env
from xcomkit.lint.sources.reading import read_configuration
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
SERVICE = "services:\n  airflow:\n    environment: %s\n"


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


def test_values_of_a_mapping_and_of_a_list_are_texts_booleans_are_not():
    mapping = "{AIRFLOW__A__B: 5, AIRFLOW__A__C: true, SHELL_NAME: }"
    (number, boolean, shell) = composed(SERVICE % mapping).variables["airflow"]
    assert (number.value, number.problem) == ("5", "")
    assert "no text" in boolean.problem
    assert (shell.value, shell.problem) == (None, "")

    found = composed(SERVICE % "[AIRFLOW__A__B=1=2, SHELL_NAME]").variables["airflow"]
    assert [(v.name, v.value) for v in found] == [("AIRFLOW__A__B", "1=2"), ("SHELL_NAME", None)]


def test_reference_is_filled_in_from_the_env_file_or_unknown():
    text = SERVICE % "{AIRFLOW__A__B: 's3://c@${BUCKET}/x'}"

    assert composed(text).environment["airflow"] == {}
    known = composed(text, env="BUCKET=b\n")
    assert known.environment["airflow"] == {"AIRFLOW__A__B": "s3://c@b/x"}


def test_later_value_that_the_shell_gives_leaves_the_earlier_one_unknown():
    found = composed(SERVICE % "{AIRFLOW__A__B: '1'}", SERVICE % "[AIRFLOW__A__B]")

    assert found.environment["airflow"] == {}


def test_own_environment_and_later_files_stand_above_env_files_which_leave_room_for_more():
    base = SERVICE % "{AIRFLOW__A__B: '1'}" + "    env_file: [./.env, other.env]\n"
    over = SERVICE % "{AIRFLOW__A__D: '2'}"

    found = composed(base, over, env="AIRFLOW__A__B=2\nAIRFLOW__A__C=3\n")
    assert found.environment["airflow"] == {
        "AIRFLOW__A__B": "1", "AIRFLOW__A__C": "3", "AIRFLOW__A__D": "2",
    }  # fmt: skip
    assert found.elsewhere == {"airflow": "env_file other.env"}


@pytest.mark.parametrize(
    ("over", "left"),
    [
        ("    environment: !override {AIRFLOW__A__D: '2'}\n", {"AIRFLOW__A__D": "2"}),
        ("    environment: !reset {AIRFLOW__A__D: '2'}\n", {}),
        ("    environment: {AIRFLOW__A__C: !reset null}\n", {"AIRFLOW__A__B": "1"}),
        ("    env_file: !reset []\n", {"AIRFLOW__A__B": "1", "AIRFLOW__A__C": "3"}),
    ],
)
def test_tags_of_a_later_file_replace_or_remove_what_earlier_ones_gave(over, left):
    base = SERVICE % "{AIRFLOW__A__B: '1', AIRFLOW__A__C: '3'}"

    found = composed(f"{base}    image: airflow\n", f"services:\n  airflow:\n{over}")
    assert found.environment["airflow"] == left


@pytest.mark.parametrize(
    ("over", "services"),
    [
        ("services:\n  airflow: !reset null\n", set()),
        ("services:\n  airflow: !reset\n    environment: {AIRFLOW__A__D: '2'}\n", set()),
        ("services:\n  airflow: !override\n    environment: {AIRFLOW__A__D: '2'}\n", {"airflow"}),
    ],
)
def test_service_that_a_later_file_resets_is_gone(over, services):
    found = composed(SERVICE % "{AIRFLOW__A__B: '1'}", over)

    assert set(found.environment) == services
    assert all("AIRFLOW__A__B" not in seen for seen in found.environment.values())


@pytest.mark.parametrize(
    "text",
    [
        "services: {airflow-worker: {environment: !reset null}}\n",
        "services: {airflow-worker: !reset null}\n",
        "services: {airflow-worker: {environment: !reset {AIRFLOW__A__B: '1'}}}\n",
        SERVICE % "!override {AIRFLOW__A__B: '1'}",
    ],
)
def test_override_alone_lacks_nothing_for_sure(text, tmp_path):
    (tmp_path / "compose.prod.yaml").write_text(text)

    found = read_configuration([str(tmp_path / "compose.prod.yaml")])
    assert (found.kind, len(found.variables)) == ("compose", 1)
    assert list(found.elsewhere.values()) == ["the compose file that this one lies over"]


def test_default_of_a_reference_counts_where_no_file_knows_the_name():
    found = composed(SERVICE % "{AIRFLOW__A__B: '${X:-d}', AIRFLOW__A__C: '${X?needed}'}")

    assert found.environment["airflow"] == {"AIRFLOW__A__B": "d"}


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_services_are_read_up_to_their_limit(more):
    rows = "".join(f"  a{n}: {{image: airflow}}\n" for n in range(MOST_SERVICES + more))
    if more > 0:
        with pytest.raises(InputError, match="more than 300 services"):
            composed(f"services:\n{rows}")
    else:
        assert len(composed(f"services:\n{rows}").variables) == MOST_SERVICES + more
