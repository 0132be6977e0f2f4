import pytest

from xcomkit.findings.model import DURABLE_BACKEND
from xcomkit.values.environment import expanded, list_variables, worker_queues
from xcomkit.values.merge import merge
from xcomkit.values.names import parse_base_path
from xcomkit.values.values import read_values

BASE = """
xcomBackend: my.Backend
secretBackend: my.Secrets
commonEnv:
  - name: A
    value: "1"
  - name: B
    value: "2"
workers:
  - name: small
    env:
      - name: B
        value: "small"
  - name: large
dagProcessor:
  env:
    - name: C
      value: ""
triggerer:
  env: []
"""


def environment(text: str) -> dict[str, dict[str, str]]:
    listed = list_variables(read_values(text, name="v"))
    return {component: expanded(found) for component, found in listed.items()}


def test_every_component_gets_common_variables_its_own_and_the_charts_fields() -> None:
    shared = {
        "AIRFLOW__CORE__XCOM_BACKEND": "my.Backend",
        "AIRFLOW__SECRETS__BACKEND": "my.Secrets",
    }
    assert environment(BASE) == {
        "worker:small": {**shared, "A": "1", "B": "small"},
        "worker:large": {**shared, "A": "1", "B": "2"},
        "dagProcessor": {**shared, "A": "1", "B": "2", "C": ""},
        "triggerer": {**shared, "A": "1", "B": "2"},
    }


def test_file_that_says_nothing_of_groups_has_the_one_of_the_chart() -> None:
    assert list(environment("")) == ["worker:default-worker", "dagProcessor", "triggerer"]


@pytest.mark.parametrize("text", ["workers: ~\n", "workers: []\n", "workers: {}\n"])
def test_nothing_under_workers_takes_the_charts_group_away(text: str) -> None:
    assert list(environment(text)) == ["dagProcessor", "triggerer"]


def test_sidecar_and_sentinel_see_nothing() -> None:
    text = (
        "sentinel: {env: [{name: S, value: '1'}]}\nloggingSidecar: {env: [{name: L, value: '1'}]}\n"
    )
    assert all(found == {} for found in environment(text).values())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("\n  - {name: A, value: 0}", "a number"),
        ("\n  - {name: A, value: 1e6}", "a number"),
        ("\n  - {name: A, value: yes}", "a boolean"),
        ("\n  - {name: A, value: {b: c}}", "no text"),
        ("\n  - {name: 1, value: 'x'}", "needs a name"),
        ("\n  - {value: 'x'}", "needs a name"),
        ("\n  - words", "needs a name"),
        ("\n  A: b", "must be a list"),
    ],
)
def test_entry_that_kubernetes_refuses_is_no_variable_but_a_problem(text, problem) -> None:
    listed = list_variables(read_values(f"commonEnv:{text}\n", name="v"))["triggerer"]
    assert expanded(listed) == {}
    (found,) = listed
    assert found.value is None
    assert problem in found.problem


def test_value_from_a_secret_is_a_name_without_a_known_value() -> None:
    text = "commonEnv:\n  - name: A\n    valueFrom: {secretKeyRef: {name: s, key: k}}\n"
    values = read_values(text, name="v")
    (found,) = list_variables(values)["dagProcessor"]
    assert (found.name, found.value, found.problem) == ("A", None, "")
    assert expanded(list_variables(values)["dagProcessor"]) == {}


def test_later_entry_without_a_known_value_hides_an_earlier_one() -> None:
    for later in ("valueFrom: {secretKeyRef: {name: s, key: k}}", "value: 5"):
        text = f"commonEnv:\n  - {{name: A, value: '1'}}\n  - name: A\n    {later}\n"
        assert environment(text)["triggerer"] == {}


def test_references_are_filled_in_as_kubernetes_does() -> None:
    text = (
        "commonEnv:\n  - {name: BUCKET, value: b}\n  - {name: P, value: 's3://c@$(BUCKET)/x'}\n"
        "  - {name: Q, value: '$$(BUCKET) $(NOBODY) $(LATER) $PATH'}\n  - {name: LATER, value: l}\n"
    )
    found = environment(text)["triggerer"]
    assert found["P"] == "s3://c@b/x"
    assert found["Q"] == "$(BUCKET) $(NOBODY) $(LATER) $PATH"


def test_reference_into_another_list_is_unknown_for_no_document_says_which_comes_first() -> None:
    text = (
        "xcomBackend: x.Y\ncommonEnv:\n  - {name: A, value: a}\n  - {name: B, value: '$(OWN)'}\n"
        "  - {name: D, value: '$(AIRFLOW__CORE__XCOM_BACKEND)'}\n"
        "triggerer:\n  env: [{name: OWN, value: o}, {name: C, value: '$(A)'}]\n"
    )
    found = environment(text)
    backend = {"AIRFLOW__CORE__XCOM_BACKEND": "x.Y"}
    assert found["triggerer"] == {**backend, "A": "a", "OWN": "o"}
    assert found["dagProcessor"] == {**backend, "A": "a", "B": "$(OWN)"}


def test_null_is_an_empty_text_to_kubernetes() -> None:
    assert environment("commonEnv: [{name: A, value: ~}]\n")["triggerer"] == {"A": ""}


def test_later_entry_and_own_entry_win() -> None:
    text = (
        "commonEnv:\n  - {name: A, value: 'first'}\n  - {name: A, value: 'second'}\n"
        "triggerer:\n  env: [{name: A, value: own}]\n"
    )
    found = environment(text)
    assert (found["dagProcessor"]["A"], found["triggerer"]["A"]) == ("second", "own")


def test_merged_era_gives_every_component_the_same_settings(era: str, fragment: dict) -> None:
    found = environment(merge(era, fragment, name="v").text)
    assert set(found) == {"worker:default-worker", "dagProcessor", "triggerer"}
    assert {env["AIRFLOW__CORE__XCOM_BACKEND"] for env in found.values()} == {DURABLE_BACKEND}
    name = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
    assert {env[name] for env in found.values()} == {"s3://aws_default@xcom-bucket/astro/xcom"}


def test_values_of_variables_are_not_in_their_repr() -> None:
    values = read_values("commonEnv:\n  - {name: A, value: hush-hush}\n", name="v")
    assert "hush-hush" not in repr(list_variables(values))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s3://aws_default@b/astro/xcom/", ("s3", "aws_default", "b", "astro/xcom")),
        ("S3://b", ("s3", "", "b", "")),
        ("s3://b/k@x", ("s3", "", "b", "k@x")),
        ("abfss://c@a.dfs.core.windows.net/x", ("abfss", "c", "a.dfs.core.windows.net", "x")),
        ("s3://[x", ("s3", "", "[x", "")),
        ("/tmp/xcom", None),
        ("bucket/xcom", None),
    ],
)
def test_base_path_is_taken_apart(text: str, parts: tuple[str, ...] | None) -> None:
    path = parse_base_path(text)
    found = path and (path.scheme, path.connection_id, path.bucket, path.prefix)
    assert found == parts


@pytest.mark.parametrize(
    ("queues", "served"),
    [
        ("default", ("default",)),
        ("gpu, big", ("gpu", "big")),
        ("[gpu, big]", ("gpu", "big")),
        ("[]", ("default",)),
        ("''", ("default",)),
        ("7", ("default",)),
        ("[7, gpu]", ("gpu",)),
    ],
)
def test_worker_group_serves_the_queues_it_names_or_the_default_one(
    queues: str, served: tuple[str, ...]
) -> None:
    values = read_values(f"workers:\n- name: one\n  queues: {queues}\n- name: two\n", name="v")

    assert worker_queues(values) == {"one": served, "two": ("default",)}
    assert worker_queues(read_values("", name="v")) == {"default-worker": ("default",)}
