import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check, Finding
from xcomkit.findings.reports import ignores
from xcomkit.lint.rules import MOST_FINDINGS, RULES, lint
from xcomkit.lint.rules.storage import read_threshold
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration
from xcomkit.values.values import read_values

HERE = Path(__file__).parent
EXAMPLES = yaml.safe_load((HERE / "examples.yaml").read_text(encoding="utf-8"))
IDS = [rule.id for rule in (*RULES, *ignores.RULES)]
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
GOOD = (HERE / "good.yaml").read_text(encoding="utf-8")


def found(text: str, rule_id: str) -> list[Check]:
    return [check for check in lint(read_values(text, name="values.yaml")) if check.id == rule_id]


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def example(rule_id: str, kind: str) -> str:
    """Return the values of an example: the file of its section with the changes of the table."""
    azure = EXAMPLES["good-azure"].get(rule_id, {})
    name = "good-azure" if kind in azure or (rule_id not in EXAMPLES["good"] and azure) else "good"
    lines = (HERE / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    at = len(lines)
    for change in EXAMPLES[name].get(rule_id, {}).get(kind, "").splitlines():
        sign, line = change[0], change[1:]
        if sign == "-":
            at = lines.index(line)
            del lines[at]
        elif sign == ">":
            begin = lines.index("commonEnv:") + 1
            inside = (n for n, one in enumerate(lines[begin:], begin) if one[0] != " ")
            lines.insert(next(inside), line)
        else:
            lines.insert(at, line)
            at += 1
    return "\n".join(lines) + "\n"


@pytest.fixture
def judged(tmp_path):
    def judge_example(rule_id: str, kind: str) -> tuple[Finding, ...]:
        env = EXAMPLES["env"].get(rule_id, {})
        over = EXAMPLES["over"].get(rule_id, {})
        files = (
            {f"{rule_id}.env": env[kind]} if env else {f"{rule_id}.yaml": example(rule_id, kind)}
        )
        if over:
            files[f"{rule_id}-over.yaml"] = over[kind]
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        names = [str(tmp_path / name) for name in files]
        return judge([read_configuration(names)], cloud=CloudFiles()).findings

    return judge_example


def test_ids_are_stable_unique_and_explained() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert all((rule.title, rule.why, rule.remedy, rule.source)), rule.id


def test_every_rule_has_an_example() -> None:
    assert sorted({*IDS}) == sorted({rule_id for rules in EXAMPLES.values() for rule_id in rules})


@pytest.mark.parametrize("rule_id", IDS)
def test_rule_objects_to_its_failing_example_and_names_the_line(judged, rule_id: str) -> None:
    hits = [found for found in judged(rule_id, "fail") if found.rule.id == rule_id]
    assert hits
    assert {found.severity for found in hits} == {hits[0].rule.severity}
    assert all(found.line and Path(found.file).name.startswith(rule_id) for found in hits)


@pytest.mark.parametrize("rule_id", IDS)
def test_passing_example_has_nothing_to_do_for_any_rule(judged, rule_id: str) -> None:
    found = judged(rule_id, "pass")
    assert [f for f in found if f.severity != "info" or f.rule.id == rule_id] == []


@pytest.mark.parametrize("rule_id", IDS)
def test_what_is_pasted_from_a_fix_is_yaml_of_the_right_shape(judged, rule_id: str) -> None:
    for finding in judged(rule_id, "fail"):
        if finding.fix and not finding.file.endswith(".env"):
            assert yaml.safe_load(finding.fix), finding


@pytest.mark.parametrize("value", ["0", " 0 ", "-1", "1048576", "1e6", "+5", "1_000", "0.0"])
def test_threshold_that_airflow_reads_is_accepted(value: str) -> None:
    assert found(changed('"0"', f'"{value}"'), "XC010")[0].status == "pass"
    assert read_threshold(value) == int(float(value.replace("_", "")))


@pytest.mark.parametrize("value", ["1MB", "0.5", "", "0  # all", "all", "nan", "inf", "9" * 5000])
def test_threshold_that_airflow_refuses_fails(value: str) -> None:
    assert found(changed('"0"', f'"{value}"'), "XC010")[0].status == "fail"


def test_negative_threshold_counts_as_missing() -> None:
    (check,) = found(changed('"0"', '"-1"'), "XC002")
    assert (check.status, check.how) == ("fail", "read from values.yaml:7")
    assert "nothing goes to the bucket" in check.observed


@pytest.mark.parametrize("value", ["None", "none", "GZIP", "gz", "snappy", "zstd", "lz4", " zip"])
def test_compression_that_raises_in_every_task_fails(value: str) -> None:
    entry = f"AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION\n    value: '{value}'\n  - name: X"
    text = changed("AIRFLOW_CONN_AWS_DEFAULT", f"{entry}\n    value: ''\n  - name: "
                   "AIRFLOW_CONN_AWS_DEFAULT")  # fmt: skip
    assert found(text, "XC005")[0].status == "fail"


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/tmp/xcom", "no scheme"),
        ("xcom-bucket/astro", "no scheme"),
        ("az://aws_default@b/x", "ignores the connection"),
        ("wasbs://aws_default@b/x", "not supported"),
        ("file:///mnt/xcom", "not shared"),
        ("http://b/x", "no filesystem"),
        ("s3://aws_default@/x", "names no bucket"),
        ("abfss://c@acct.dfs.core.windows.net/x", "connection id, not as the container"),
    ],
)
def test_path_that_does_not_lead_to_a_bucket_fails_with_its_reason(path: str, word: str) -> None:
    (check,) = found(changed("s3://aws_default@xcom-bucket/astro/xcom", path), "XC011")
    assert check.status == "fail"
    assert word in check.observed


@pytest.mark.parametrize(
    ("backend", "status"),
    [
        ("airflow.providers.common.io.xcom.backend.XComObjectStorageBackend ", "fail"),
        ("AIRFLOW__CORE__XCOM_BACKEND", "fail"),
        ("XComObjectStorageBackend", "fail"),
        ("my_company.xcom.Confirming", "unknown"),
    ],
)
def test_other_backend_class_is_refused_or_unknown(backend: str, status: str) -> None:
    text = re.sub(r"xcomBackend: .*", f"xcomBackend: '{backend}'", GOOD)
    (check,) = found(text, "XC009")
    assert check.status == status


def test_durable_backend_is_as_good_as_the_stock_one() -> None:
    durable = "xcomkit.durable.DurableXComObjectStorageBackend"
    text = re.sub(r"xcomBackend: .*", f"xcomBackend: {durable}", GOOD)
    (check,) = found(text, "XC009")
    assert check.status == "pass"


def test_misspelt_backend_variable_is_pointed_at() -> None:
    text = re.sub(r"xcomBackend: .*\n", "", GOOD).replace(
        "commonEnv:\n", "commonEnv:\n  - name: AIRFLOW__CORE__XCOM__BACKEND\n    value: 'x'\n"
    )
    (check,) = found(text, "XC009")
    assert "line 4 sets 'AIRFLOW__CORE__XCOM__BACKEND', which is not read" in check.observed


def test_backend_that_is_no_text_does_not_pass() -> None:
    text = re.sub(r"xcomBackend: .*", "xcomBackend: {type: k8s}", GOOD)
    assert {c.status for rule in ("XC006", "XC009") for c in found(text, rule)} == {"fail"}


def test_custom_backend_may_compress() -> None:
    text = example("XC015", "fail")
    assert found(text, "XC015")[0].status == "fail"
    custom = re.sub(r"xcomBackend: .*", "xcomBackend: my.Confirming", text)
    assert found(custom, "XC015")[0].status == "pass"


def test_value_the_file_does_not_tell_is_unknown() -> None:
    text = changed(
        """    value: '{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'""",
        "    valueFrom: {secretKeyRef: {name: s, key: k}}",
    )
    assert found(text, "XC004")[0].status == "unknown"
    text = changed('    value: "0"', "    valueFrom: {configMapKeyRef: {name: c, key: k}}")
    assert found(text, "XC002")[0].status == "unknown"


def test_setting_missing_in_one_component_names_that_component() -> None:
    entry = "    - name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD\n      value: ''\n"
    entry = entry.replace("THRESHOLD", "PATH")
    (check,) = found(f"{GOOD}triggerer:\n  env:\n{entry}", "XC001")
    assert "missing in triggerer" in check.observed
    assert "worker" not in check.observed


def test_chart_field_and_variable_for_the_same_thing_are_two_places() -> None:
    text = GOOD.replace(
        "commonEnv:\n", "commonEnv:\n  - name: AIRFLOW__CORE__XCOM_BACKEND\n    value: 'x.Y'\n"
    )
    (check,) = found(text, "XC013")
    assert "xcomBackend (line 3) and commonEnv (line 5)" in check.observed


def test_twins_on_one_line_are_seen() -> None:
    text = "commonEnv: [{name: A, value: '1'}, {name: A, value: '1'}]\n"
    assert found(text, "XC007")[0].status == "fail"
    assert found("workers: [{name: w}, {name: w}]\n", "XC007")[0].status == "fail"


def test_secret_is_named_by_place_and_kind_and_never_shown() -> None:
    secret = "hush" + "hush"
    text = GOOD + (
        f"agentToken: {secret}\ntriggerer:\n  env:\n    - name: GIT_TOKEN\n      value: {secret}\n"
        f"dagProcessor:\n  env:\n    - name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH\n"
        f"      value: 's3://user:{secret}@bucket/x/<todo>'\n"
    )
    checks = lint(read_values(text, name="values.yaml"))
    assert secret not in repr(checks)
    assert [c.observed for c in checks if c.id == "XC014"] == [
        "agentToken: a secret by its name (value hidden)",
        "triggerer.env.GIT_TOKEN: a secret by its name (value hidden)",
        f"dagProcessor.env.{PATH}: a password in a URL (value hidden)",
    ]


def test_file_with_a_thousand_mistakes_stays_readable() -> None:
    entries = "".join(f"  - name: N{n}\n    value: {n}\n" for n in range(1000))
    checks = found(f"commonEnv:\n{entries}", "XC006")
    assert len(checks) == MOST_FINDINGS + 1
    assert checks[-1].observed == f"and {1000 - MOST_FINDINGS} more"


def test_hostile_names_are_shown_on_one_line() -> None:
    text = 'workers:\n  - name: "<script>\\n\\u001b[31m"\n'
    text += 'commonEnv:\n  - name: "a\\nb"\n    value: 1\n'
    for check in lint(read_values(text, name="v")):
        assert check.observed.isprintable(), check


@pytest.mark.parametrize("text", ["", "# nothing\n", "unknown: {keys: [are, fine]}\n"])
def test_empty_file_is_judged_not_refused(text: str) -> None:
    failed = [check.id for check in lint(read_values(text, name="v")) if check.status == "fail"]
    assert failed == ["XC001", "XC002", "XC009"]


def test_text_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(InputError, match=r"^v\.yaml:1:4: "):
        read_values("a: \x00", name="v.yaml")


KEYS = st.sampled_from(
    [
        "commonEnv",
        "workers",
        "xcomBackend",
        "name",
        "value",
        "env",
        "triggerer",
        "serviceAccount",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | KEYS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON))
def test_any_mapping_is_judged_by_every_rule(data: dict[str, object]) -> None:
    checks = lint(read_values(json.dumps(data), name="v"))
    assert {"XC001", "XC006", "XC018"} <= {check.id for check in checks}


def test_linting_loads_neither_airflow_nor_a_cloud_nor_pydantic() -> None:
    code = (
        "import sys; from xcomkit.values.values import read_values;"
        "from xcomkit.lint.rules import lint;"
        "lint(read_values('a: 1', name='v'));"
        "heavy = ('airflow', 'boto3', 'pandas', 'pydantic', 'fsspec');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("connection", "kind"),
    [
        ('{"extra": {"account_name": "a", "account_key": "k"}}', "an account key"),
        ('{"extra": "{\\"sas_token\\": \\"s\\"}"}', "a SAS token"),
        ('{"extra": {"extra__azure_data_lake__connection_string": "c"}}', "a connection string"),
        ('{"extra": {"keyfile_dict": {"type": "service_account"}}}', "a key file"),
        ('{"extra": {"anon": true}}', "nobody signs"),
        ('{"extra": {"anon": "False"}}', "which means yes"),
        ("azure-data-lake://?account_name=a&anon=false", "which means yes"),
        ("google-cloud-platform://?key_path=/k.json", "the path of a key file"),
    ],
)
def test_connection_in_which_somebody_else_signs_fails_without_showing_it(connection, kind) -> None:
    text = changed('{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}', connection)

    (check,) = found(text, "XC016")

    assert check.status == "fail"
    assert kind in check.observed


@pytest.mark.parametrize("connection", ["{", "[]", '{"extra": 5}', "http://[", '{"extra": "{"}'])
def test_connection_that_cannot_be_read_is_no_traceback(connection) -> None:
    text = changed('{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}', connection)

    assert found(text, "XC016")[0].status == "pass"


def test_compression_on_cloud_storage_is_told_to_lose_values_without_a_fault() -> None:
    entry = "  - name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION\n    value: 'gzip'\n"
    text = GOOD.replace("s3://", "gs://").replace("commonEnv:\n", f"commonEnv:\n{entry}")

    (check,) = found(text, "XC015")

    assert "even without a fault" in check.observed


def test_what_a_file_says_nothing_of_is_skipped_in_a_run_not_passed() -> None:
    def statuses(text: str) -> dict[str, str]:
        return {check.id: check.status for check in lint(read_values(text, name="v"))}

    def skipped(text: str) -> set[str]:
        return {rule for rule, status in statuses(text).items() if status == "skip"}

    image = "image: registry.example.com/agents:7\n"
    token = "agentTokenSecretName: t\n"

    assert skipped(GOOD) == {"XC041", "XC042", "XC057", "XC058"}
    assert skipped(GOOD + token) == {"XC041", "XC057", "XC058"}
    assert skipped(GOOD + image) == {"XC042"}
    assert set(statuses(GOOD + token + image).values()) == {"pass"}
