"""The good values of the tests of lint, and how a change of them is judged."""

from pathlib import Path

from xcomkit.findings.model import Check, Finding
from xcomkit.lint.rules import lint
from xcomkit.values.values import read_values

GOOD = Path(__file__).with_name("good.yaml").read_text(encoding="utf-8")
COMMON = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_"
STOCK = "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend"
CONNECTION = """'{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'"""
FROM_SECRET = "valueFrom: {secretKeyRef: {name: s, key: k}}"


def changed(*changes: tuple[str, str], text: str = GOOD) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


def with_entry(name: str, value: str, *, text: str = GOOD) -> str:
    """Return the values with one entry more at the begin of commonEnv."""
    return changed(
        ("commonEnv:\n", f"commonEnv:\n  - name: {name}\n    value: '{value}'\n"), text=text
    )


def own(component: str, name: str, value: str) -> str:
    return f"{component}:\n  env:\n    - name: {name}\n      {value}\n"


def checks(text: str, rule_id: str) -> list[Check]:
    return [c for c in lint(read_values(text, name="values.yaml")) if c.id == rule_id]


def failed(found: dict[str, list[Finding]]) -> set[str]:
    return {rule for rule, hits in found.items() if any(f.severity == "fail" for f in hits)}
