import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.settings.settings import Settings
from xcomkit.values import emit
from xcomkit.values.fragment import generate, render

CONNECTION = {"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}
BACKEND = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
KWARGS = '{"connections_prefix": "airflow/connections"}'


def build(**parameters: Any) -> dict[str, Any]:
    return generate(
        Settings.from_mapping({"bucket": "xcom-bucket", "prefix": "astro/xcom", **parameters}),
        connection=CONNECTION,
        annotations={"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/r"},
        labels={},
        environment={},
        secrets_backend={"class": BACKEND, "kwargs": KWARGS},
    )


def variables(fragment: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry["value"] for entry in fragment["commonEnv"]}


def test_path_threshold_and_connection_reach_every_component_as_texts() -> None:
    assert variables(build()) == {
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": "s3://aws_default@xcom-bucket/astro/xcom",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0",
        "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH": "s3://aws_default@xcom-bucket/task-state",
        "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_THRESHOLD": "0",
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(CONNECTION),
    }


def test_state_store_has_class_codec_and_prefix_of_its_own_or_is_left_out() -> None:
    state = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_"
    found = build(backend="stock", compression="gzip", state_prefix="b/state", state_threshold=9)
    assert found["stateStoreBackend"] == (
        "airflow.providers.common.io.state_store.backend.StateStoreObjectStorageBackend"
    )
    kept = {name.removeprefix(state): text for name, text in variables(found).items()}
    assert kept["PATH"] == "s3://aws_default@xcom-bucket/b/state"
    assert (kept["THRESHOLD"], kept["COMPRESSION"]) == ("9", "gzip")
    left_out = build(state_store=False)
    assert "stateStoreBackend" not in left_out
    assert not [name for name in variables(left_out) if name.startswith(state)]


def test_no_compression_leaves_the_variable_out_and_a_codec_writes_it() -> None:
    name = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
    assert name not in variables(build(compression="none"))
    assert variables(build(compression="gzip"))[name] == "gzip"


def test_connection_kept_in_the_secrets_backend_is_not_in_the_file() -> None:
    fragment = build(connection_store="secrets-manager")
    assert fragment["secretBackend"] == BACKEND
    assert variables(fragment)["AIRFLOW__SECRETS__BACKEND_KWARGS"] == KWARGS
    assert not any(name.startswith("AIRFLOW_CONN_") for name in variables(fragment))
    assert "secretBackend" not in build()


def test_accounts_are_named_so_that_the_trust_policy_rests_on_no_default() -> None:
    accounts = build()["serviceAccount"]
    assert accounts["workers"] == {"name": "astro-agent-worker-default-worker"}
    assert accounts["dagProcessor"] == {"name": "astro-agent-dag-processor"}
    assert accounts["triggerer"] == {"name": "astro-agent-triggerer"}


def test_several_worker_groups_keep_one_account_each() -> None:
    fragment = build(workers="small, large")
    assert [group["name"] for group in fragment["workers"]] == ["small", "large"]
    assert "workers" not in fragment["serviceAccount"]


@pytest.mark.parametrize("store", ["values", "secrets-manager"])
@pytest.mark.parametrize("compression", ["none", "xz"])
def test_rendered_text_says_why_and_reads_back_the_same(store: str, compression: str) -> None:
    fragment = build(connection_store=store, compression=compression)
    text = render(fragment)
    assert yaml.safe_load(text) == fragment
    assert text.count("\n# ") + text.count("\n  # ") >= len(fragment) + len(fragment["commonEnv"])
    assert max(map(len, text.splitlines())) <= 120


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["", "'", '"']))
def test_quoted_text_reads_back_as_the_same_text(text: str, style: str) -> None:
    assert yaml.safe_load("a: " + emit.quote(text, style=style))["a"] == text


@pytest.mark.parametrize(
    ("entry", "lines"),
    [
        ({"name": "A", "value": "0"}, ["- name: A", '  value: "0"']),
        ({"name": "A", "value": "plain"}, ["- name: A", '  value: "plain"']),
        ({"name": "A", "value": '{"a": 1}'}, ["- name: A", "  value: '{\"a\": 1}'"]),
        ({"a": [], "b": {}, "c": None}, ["- a: []", "  b: {}", "  c: null"]),
        *(({"a": w}, [f'- a: "{w}"']) for w in ("yes", "No", "null", "on", "1", "~", "", "a #b")),
    ],
)
def test_value_is_quoted_where_yaml_or_kubernetes_would_see_something_else(entry, lines) -> None:
    assert emit.block([entry], indent=0) == lines
