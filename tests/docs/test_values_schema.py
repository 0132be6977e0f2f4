"""The schema for editors says what the rules say, and nothing of keys that it does not know."""

import json
from pathlib import Path

import jsonschema
import make_schema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs/values.schema.json").read_text())
GOOD = (ROOT / "tests/lint/good.yaml").read_text()
AZURE = (ROOT / "tests/lint/good-azure.yaml").read_text()
DURABLE = "xcomkit.durable.DurableXComObjectStorageBackend"


def problems(text: str) -> list[str]:
    return [
        str(error.schema.get("description"))
        for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(yaml.safe_load(text))
    ]


def test_schema_is_that_of_the_rules() -> None:
    assert (ROOT / "docs/values.schema.json").read_text() == make_schema.to_text(), "run: make docs"
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("", "somethingNew: {a: [1, 2]}\n"),
        ("s3://aws_default@xcom-bucket/astro/xcom", "gs://xcom-bucket"),
        ("s3://aws_default@xcom-bucket/astro/xcom", "abfss://a@b/c d"),
        ("s3://aws_default@xcom-bucket/astro/xcom", "{{ .Values.path }}"),
        ("s3://aws_default@xcom-bucket/astro/xcom", "ENC[AES256_GCM,data:x]"),
        ('"0"', '"1e6"'),
        ("arn:aws:iam::123456789012:role/xcom-agents", "${ROLE_ARN}"),
        ("airflow.providers.common.io.xcom.backend.XComObjectStorageBackend", DURABLE),
        ("env: []", "env:"),
        ("workers:\n  - name: default-worker\n    env: []\n", "workers:\n"),
        ('value: "0"', "valueFrom: {secretKeyRef: {name: a, key: b}}"),
    ],
)
def test_good_values_are_valid(old, new) -> None:
    assert old in GOOD
    assert problems(GOOD.replace(old, new) if old else GOOD + new) == []
    assert problems(AZURE) == []


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('"0"', "0", "XC006"),
        ('"0"', '"-1"', "XC002"),
        ('"0"', '"1MB"', "XC002"),
        ("- name: AIRFLOW__COMMON", "- nam: AIRFLOW__COMMON", "None"),
        ("s3://aws_default", "wasb://aws_default", "XC011"),
        ("s3://aws_default@", "abfs://", "XC011"),
        ("s3://aws_default@xcom-bucket/astro/xcom", "xcom", "XC011"),
        ('{"conn_type"', '"conn_type"', "XC019"),
        ("XComObjectStorageBackend", "XComObjectStoreBackend", "XC009"),
        ("arn:aws:iam::123456789012:role/xcom-agents", "xcom-agents", "XC048"),
        ("arn:aws:iam::123456789012:role/xcom-agents", "arn:aws:iam::<account>:role/x", "XC048"),
        ("workers:\n  - name: default-worker\n    env: []", "workers: {env: []}", "XC006"),
    ],
)  # fmt: skip
def test_mistake_that_one_value_shows_is_named_by_its_rule(old, new, rule) -> None:
    assert old in GOOD
    (found, *_) = problems(GOOD.replace(old, new))
    assert found.startswith(rule)


def test_label_of_azure_is_a_text_and_a_compression_one_that_airflow_takes() -> None:
    (found, *_) = problems(AZURE.replace('use: "true"', "use: true"))
    assert found.startswith("XC050")
    entry = "  - name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION\n    value: {}\n"
    for value, is_taken in (("gzip", True), ('""', True), ("None", False), ("snappy", False)):
        text = GOOD.replace("commonEnv:\n", f"commonEnv:\n{entry.format(value)}")
        assert (problems(text) == []) is is_taken, value
