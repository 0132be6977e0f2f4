"""Components and files that must say the same."""

from pathlib import Path

import pytest

from xcomkit.findings.model import Finding
from xcomkit.lint.rules import find
from xcomkit.lint.sources.reading import read_configuration

GOOD = (Path(__file__).parent / "good.yaml").read_text(encoding="utf-8")
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"
COMPRESSION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"


@pytest.fixture
def judged(tmp_path):
    def judge(*texts: str) -> dict[str, list[Finding]]:
        names = []
        for number, text in enumerate(texts):
            path = tmp_path / f"{number}.yaml"
            path.write_text(text)
            names.append(str(path))
        found: dict[str, list[Finding]] = {}
        for finding in find(read_configuration(names)):
            found.setdefault(finding.rule.id, []).append(finding)
        return found

    return judge


def own(component: str, name: str, value: str) -> str:
    return f"{component}:\n  env:\n    - name: {name}\n      {value}\n"


def test_component_with_a_compression_of_its_own_is_named_with_its_value(judged):
    text = GOOD + own("triggerer", COMPRESSION, "value: gzip")

    (finding,) = judged(text)["XC018"]

    assert "triggerer = 'gzip'" in finding.observed
    assert "worker:default-worker, dagProcessor = unset" in finding.observed
    assert Path(finding.file).name == "0.yaml"
    assert COMPRESSION in text.splitlines()[finding.line - 1]


def test_empty_compression_is_the_same_as_none(judged):
    assert "XC018" not in judged(GOOD + own("triggerer", COMPRESSION, "value: ''"))


def test_setting_of_one_component_that_stands_elsewhere_is_unknown_not_equal(judged):
    text = GOOD + own("triggerer", THRESHOLD, "valueFrom: {configMapKeyRef: {name: c, key: k}}")

    (finding,) = judged(text)["XC018"]

    assert finding.is_unknown


def test_setting_that_all_take_from_the_same_place_is_the_same(judged):
    text = GOOD.replace('    value: "0"', "    valueFrom: {configMapKeyRef: {name: c, key: k}}")

    assert "XC018" not in judged(text)


def test_later_file_with_a_list_takes_the_earlier_entries_with_it(judged):
    found = judged(GOOD, "commonEnv:\n  - name: LOG\n    value: x\n")

    (lost,) = found["XC025"]
    assert f"lost: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH, {THRESHOLD}" in lost.observed
    assert Path(lost.file).name == "1.yaml"
    assert {"XC001", "XC002"} <= set(found)


def test_mapping_of_a_later_file_is_merged_and_its_line_is_the_later_one(judged):
    found = judged(GOOD, "serviceAccount:\n  annotations:\n    eks.amazonaws.com/role-arn: nope\n")

    (finding,) = found["XC048"]
    assert (Path(finding.file).name, finding.line) == ("1.yaml", 3)
    assert "XC025" not in found


def test_later_file_may_unset_a_key_with_null(judged):
    assert "XC009" in judged(GOOD, "xcomBackend: null\n")
