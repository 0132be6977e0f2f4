"""Components and files that must say the same."""

from pathlib import Path

import pytest
from good_values import COMMON, FROM_SECRET, GOOD, changed, own

COMPRESSION = f"{COMMON}COMPRESSION"
THRESHOLD = f"{COMMON}THRESHOLD"
FROM_MAP = "valueFrom: {configMapKeyRef: {name: c, key: k}}"
CONTAINER = "{name: w, env: [%s{name: AIRFLOW__X__Y, value: z}]%s}"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [%s]}\n"


def test_component_with_a_compression_of_its_own_is_named_with_its_value(judged):
    text = GOOD + own("triggerer", COMPRESSION, "value: gzip")

    (finding,) = judged(text)["XC018"]

    assert "triggerer = 'gzip'" in finding.observed
    assert "worker:default-worker, dagProcessor = unset" in finding.observed
    assert COMPRESSION in text.splitlines()[finding.line - 1]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        (GOOD + own("triggerer", COMPRESSION, "value: ''"), []),  # empty is none
        (GOOD + own("triggerer", THRESHOLD, FROM_MAP), [True]),
        (changed(('value: "0"', FROM_MAP)), []),  # the same place for all
        (
            POD % ("a", CONTAINER % (f"{{name: {COMPRESSION}, value: gzip}}, ", ""))
            + "---\n"
            + POD % ("b", CONTAINER % ("", ", envFrom: [{secretRef: {name: s}}]")),
            [True],
        ),
    ],
    ids=["empty", "elsewhere for one", "elsewhere for all", "perhaps elsewhere for one"],
)
def test_setting_of_one_component_that_is_not_in_the_file_is_unknown_not_equal(
    judged, text, unknown
):
    assert [one.is_unknown for one in judged(text).get("XC018", [])] == unknown


def test_later_file_with_a_list_takes_the_earlier_entries_with_it(judged):
    found = judged(GOOD, "commonEnv:\n  - name: LOG\n    value: x\n")

    (lost,) = found["XC025"]
    assert f"lost: {COMMON}PATH, {THRESHOLD}" in lost.observed
    assert Path(lost.file).name == "1.yaml"
    assert {"XC001", "XC002"} <= set(found)


def test_mapping_of_a_later_file_is_merged_and_the_last_that_wrote_it_is_named(judged):
    wrong = "serviceAccount:\n  annotations:\n    eks.amazonaws.com/role-arn: nope\n"
    start, account = GOOD.split("serviceAccount:")

    for files in ([GOOD, wrong], [start, "serviceAccount:" + account, wrong]):
        found = judged(*files)
        (finding,) = found["XC048"]
        assert (Path(finding.file).name, finding.line) == (f"{len(files) - 1}.yaml", 3)
        assert "XC025" not in found


def test_key_that_a_later_file_unsets_is_missing_there(judged):
    (finding,) = judged(GOOD, "# none\nxcomBackend: null\n")["XC009"]
    assert (Path(finding.file).name, finding.line) == ("1.yaml", 2)


def test_name_in_two_files_names_both(judged):
    (finding,) = judged(GOOD, own("triggerer", THRESHOLD, "value: '9'"))["XC013"]
    assert finding.file.endswith("1.yaml")
    assert "0.yaml:7) and triggerer.env (" in finding.observed
    assert "1.yaml:3)" in finding.observed


@pytest.mark.parametrize(
    ("name", "rule"),
    [(THRESHOLD, "XC013"), ("AIRFLOW_CONN_AWS_DEFAULT", "XC013"), ("AWS_PROFILE", "XC013"),
     ("AIRFLOW__SECRETS__BACKEND", "XC013"), ("LOG_LEVEL", "XC082"),
     ("AIRFLOW__LOGGING__REMOTE_LOGGING", "XC082")],
)  # fmt: skip
def test_two_places_fail_for_what_decides_where_xcoms_go_and_are_a_warning_for_the_rest(
    judged, name, rule
):
    entry = f"  - {{name: {name}, value: '%s'}}\n"
    found = judged(f"commonEnv:\n{entry % 'a'}triggerer:\n  env:\n{entry % 'b'}")
    assert {"XC013", "XC082"} & found.keys() == {rule}
    assert found[rule][0].line == 5


def test_two_values_that_are_not_told_may_differ(judged):
    entry = f"  - name: {THRESHOLD}\n    {FROM_SECRET}\n"
    assert "XC013" in judged(f"commonEnv:\n{entry}triggerer:\n  env:\n{entry}")


def test_state_path_is_judged_in_the_components_that_have_a_state_store(judged):
    path = "AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH"
    state = "{name: AIRFLOW__WORKERS__STATE_STORE_BACKEND, value: a.B}"
    text = GOOD + (
        "triggerer:\n  env:\n    - {name: %s, value: /pod}\n"
        "dagProcessor:\n  env:\n    - %s\n    - {name: %s, value: %s}\n"
    )

    assert "XC434" not in judged(text % (path, state, path, "s3://aws_default@xcom-bucket/state"))
    (finding,) = judged(text % (path, state, path, "/other"))["XC434"]
    assert "dagProcessor" in finding.observed
