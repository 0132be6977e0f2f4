"""Every rule has an example that fails it and one that passes; what one value decides."""

import re
from pathlib import Path

import pytest
import yaml
from good_values import COMMON, CONNECTION, GOOD, changed, checks, with_entry

from xcomkit.findings.model import DURABLE_BACKEND, STOCK_BACKEND, Finding
from xcomkit.findings.reports import ignores
from xcomkit.lint.fixes import render
from xcomkit.lint.rules import REGISTRY, RULES, lint
from xcomkit.lint.rules.storage import read_threshold
from xcomkit.values.names import BACKEND
from xcomkit.values.values import read_values

HERE = Path(__file__).parent
EXAMPLES = yaml.safe_load((HERE / "examples.yaml").read_text(encoding="utf-8"))
ROLE = "eks.amazonaws.com/role-arn: arn:aws:iam::123456789012:role/xcom-agents"
IDS = [rule.id for rule in (*RULES, *ignores.RULES)]
BASE_PATH = "s3://aws_default@xcom-bucket/astro/xcom"


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
def judged_example(judged, tmp_path, monkeypatch):
    def judge(rule_id: str, kind: str) -> list[Finding]:
        env = EXAMPLES["env"].get(rule_id, {})
        over = EXAMPLES["over"].get(rule_id, {})
        files = {f"{rule_id}__yaml": example(rule_id, kind)}
        if env:
            files = {f"{rule_id}__env": env[kind]}
        if over:
            files[f"{rule_id}-over__yaml"] = over[kind]
        own = EXAMPLES["conventions"].get(rule_id, {})
        if own:
            monkeypatch.chdir(tmp_path)
            (tmp_path / "xcomkit.yaml").write_text(own[kind])
        return [finding for found in judged(**files).values() for finding in found]

    return judge


def test_ids_are_unique_and_explained_and_every_rule_has_an_example() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert all((rule.title, rule.why, rule.remedy, rule.source)), rule.id
    assert sorted({*IDS}) == sorted({rule_id for rules in EXAMPLES.values() for rule_id in rules})


@pytest.mark.parametrize("rule_id", IDS)
def test_rule_objects_to_its_failing_example_and_names_the_line(judged_example, rule_id) -> None:
    found = judged_example(rule_id, "fail")
    hits = [one for one in found if one.rule.id == rule_id]
    assert hits
    assert {one.severity for one in hits} == {hits[0].rule.severity}
    assert all(one.line and Path(one.file).name.startswith(rule_id) for one in hits)
    for one in found:  # what is pasted from a fix is YAML
        assert not one.fix or one.file.endswith(".env") or yaml.safe_load(one.fix), one


@pytest.mark.parametrize("rule_id", IDS)
def test_passing_example_has_nothing_to_do_for_any_rule(judged_example, rule_id) -> None:
    found = judged_example(rule_id, "pass")
    assert [f for f in found if f.severity != "info" or f.rule.id == rule_id] == []


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("0", 0), (" 0 ", 0), ("-1", -1), ("1", 1), ("2", 2), ("1048576", 1048576), ("1e3", 1000),
        ("+5", 5), ("1_000", 1000), ("0.0", 0), ("1.0", 1), ("1MB", None), ("0.5", None),
        ("1.5", None), ("", None), ("0  # all", None), ("all", None), ("nan", None), ("inf", None),
        ("9" * 5000, None),
    ],
)  # fmt: skip
def test_threshold_is_judged_as_airflow_reads_it(value, number) -> None:
    assert read_threshold(value) == number
    text = changed(('"0"', f'"{value}"'))
    statuses = [checks(text, rule_id)[0].status for rule_id in ("XC002", "XC003", "XC010")]
    assert statuses == [
        "fail" if number is not None and number < 0 else "pass",
        "warn" if number is not None and number > 0 else "pass",
        "fail" if number is None else "pass",
    ]


@pytest.mark.parametrize("value", ["None", "none", "GZIP", "gz", "snappy", "zstd", "lz4", " zip"])
def test_compression_that_raises_in_every_task_fails(value) -> None:
    text = with_entry(f"{COMMON}COMPRESSION", value)
    assert checks(text, "XC005")[0].status == "fail"
    hides = value in ("zstd", "lz4")  # which may be installed
    assert checks(text, "XC015")[0].status == ("fail" if hides else "pass")


@pytest.mark.parametrize("scheme", ["s3", "gs"])
@pytest.mark.parametrize("value", ["zip", "gzip", "bz2", "lzma", "xz"])
def test_compression_that_airflow_takes_hides_failures_of_the_stock_class_only(value, scheme):
    text = with_entry(f"{COMMON}COMPRESSION", value).replace("s3://", f"{scheme}://")
    assert checks(text, "XC005")[0].status == "pass"
    (stock,) = checks(text, "XC015")
    assert stock.status == "fail"
    assert ("even without a fault" in stock.observed) is (scheme == "gs")
    custom = re.sub(r"xcomBackend: .*", "xcomBackend: my.Confirming", text)
    assert checks(custom, "XC015")[0].status == "pass"


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
        ("abfss://c@acct.blob.core.windows.net/x", "connection id, not as the container"),
        ("abfs://b/x", "names no connection"),
        ("s3://aws_default@b/x ", "white space"),
    ],
)
def test_path_that_does_not_lead_to_a_bucket_fails_with_its_reason(path, word) -> None:
    (check,) = checks(changed((BASE_PATH, path)), "XC011")
    assert check.status == "fail"
    assert word in check.observed


@pytest.mark.parametrize(
    ("backend", "status"),
    [
        ("'airflow.providers.common.io.xcom.backend.XComObjectStorageBackend '", "fail"),
        ("AIRFLOW__CORE__XCOM_BACKEND", "fail"),
        ("XComObjectStorageBackend", "fail"),
        ("airflow.models.xcom.BaseXCom", "fail"),
        ("airflow.providers.common.io.xcom.backend.XcomObjectStorageBackend", "fail"),
        ("xcomkit.durable.Durable", "fail"),
        ("{type: k8s}", "fail"),
        ("my_company.xcom.Confirming", "unknown"),
        ("xcomkit.durable.DurableXComObjectStorageBackend", "pass"),
    ],
)
def test_backend_class_is_known_good_known_bad_or_unknown(backend, status) -> None:
    (check,) = checks(re.sub(r"xcomBackend: .*", f"xcomBackend: {backend}", GOOD), "XC009")
    assert check.status == status


def test_what_is_pasted_takes_the_place_of_the_entry_and_is_one_value_per_setting(judged) -> None:
    found = judged(GOOD.replace("THRESHOLD", "THRESHHOLD").replace('"0"', '"9"'))
    lines = "  # replaces the entry in line 7", f"  - name: {COMMON}THRESHOLD", '    value: "9"\n'
    assert {f.fix for f in (*found["XC002"], *found["XC017"])} == {"\n".join(lines)}
    keys = judged(GOOD.replace("commonEnv", "commonEnvs").replace("workers:", "workers: {}\nx:"))
    assert "did you mean commonEnv?" in keys["XC017"][0].observed
    (found,) = judged(with_entry("AIRFLOW__CORE__XCOM__BACKEND", "x"))["XC017"]
    assert "is not read; Airflow reads AIRFLOW__CORE__XCOM_BACKEND" in found.observed
    assert keys["XC006"][0].remedy == "Write workers as a list of worker groups."


def test_one_slip_is_one_finding(judged) -> None:
    for slip in ("iam.gkeusercontent.com/gcp-service-account: x@p.iam.gserviceaccount.com",
                 "iam.amazonaws.com/role: xcom-agents"):  # fmt: skip
        store = "gs" if "gke" in slip else "s3"
        text = GOOD.replace("s3://", f"{store}://").replace(ROLE, slip)
        assert {"XC046", "XC048"} & {*judged(text)} == {"XC048"}
    (old,) = judged(example("XC432", "fail"))["XC432"]
    assert all(name in old.observed for name in ("worker:", "dagProcessor", "triggerer"))


def test_remedy_of_a_rule_for_all_files_does_not_speak_of_values_files_alone() -> None:
    spoken = {e.rule.id for e in REGISTRY if "in commonEnv" in e.rule.remedy}
    assert not spoken - {entry.rule.id for entry in REGISTRY if entry.kinds == ("values",)}


def test_path_of_white_space_is_missing_and_nothing_else() -> None:
    text = changed((BASE_PATH, "  "))
    assert [checks(text, rule_id)[0].status for rule_id in ("XC001", "XC011")] == ["fail", "pass"]


def test_chart_field_and_variable_for_the_same_thing_are_two_places() -> None:
    (check,) = checks(with_entry("AIRFLOW__CORE__XCOM_BACKEND", "x.Y"), "XC013")
    assert "xcomBackend (line 3) and commonEnv (line 5)" in check.observed


def test_twins_on_one_line_are_seen() -> None:
    text = "commonEnv: [{name: A, value: '1'}, {name: A, value: '1'}]\n"
    assert checks(text, "XC007")[0].status == "fail"
    assert checks("workers: [{name: w}, {name: w}]\n", "XC007")[0].status == "fail"


def test_secret_is_named_by_place_and_kind_and_never_shown() -> None:
    secret = "hush" + "hush"
    text = GOOD + (
        f"agentToken: {secret}\ntriggerer:\n  env:\n    - name: GIT_TOKEN\n      value: {secret}\n"
        f"dagProcessor:\n  env:\n    - name: {COMMON}PATH\n"
        f"      value: 's3://user:{secret}@bucket/x/<todo>'\n"
    )
    found = lint(read_values(text, name="values.yaml"))
    assert secret not in repr(found)
    assert [c.observed for c in found if c.id == "XC014"] == [
        "agentToken: a secret by its name (value hidden)",
        "triggerer.env.GIT_TOKEN: a secret by its name (value hidden)",
        f"dagProcessor.env.{COMMON}PATH: a password in a URL (value hidden)",
    ]


def test_hostile_names_are_shown_on_one_line() -> None:
    text = 'workers:\n  - name: "<script>\\n\\u001b[31m"\n'
    text += 'commonEnv:\n  - name: "a\\nb"\n    value: 1\n'
    for check in lint(read_values(text, name="v")):
        assert check.observed.isprintable(), check


@pytest.mark.parametrize("text", ["", "# nothing\n", "unknown: {keys: [are, fine]}\n"])
def test_empty_file_is_judged_not_refused(text) -> None:
    failed = [check.id for check in lint(read_values(text, name="v")) if check.status == "fail"]
    assert failed == ["XC001", "XC002", "XC009"]


@pytest.mark.parametrize(
    ("connection", "kind"),
    [
        ('{"extra": {"account_name": "a", "account_key": "k"}}', "an account key"),
        ('{"extra": "{\\"sas_token\\": \\"s\\"}"}', "a SAS token"),
        ('{"extra": {"extra__azure_data_lake__connection_string": "c"}}', "a connection string"),
        ('{"extra": {"client_secret_auth_config": {"x": 1}}}', "a client secret"),
        ('{"extra": {"keyfile_dict": {"type": "service_account"}}}', "a key file"),
        ("google-cloud-platform://?key_path=/k.json", "the path of a key file"),
        ('{"extra": {"session_kwargs": {"aws_access_key_id": "x"}}}', "an access key"),
        ('{"extra": {"session_kwargs": {"profile_name": "p"}}}', "a profile"),
        ("aws://user:word@", "a password"),
        ('{"password": "word"}', "a password"),
        ('{"extra": {"anon": true}}', "requests are not signed"),
        ('{"extra": {"anon": "False"}}', "which means yes"),
        ("azure-data-lake://?account_name=a&anon=false", "which means yes"),
    ],
)
def test_connection_in_which_somebody_else_signs_fails_without_showing_it(connection, kind) -> None:
    (check,) = checks(changed((CONNECTION, f"'{connection}'")), "XC016")

    assert check.status == "fail"
    assert kind in check.observed


@pytest.mark.parametrize(
    ("connection", "is_read"),
    [
        ("aws://", True),
        ("aws://https://host", True),
        ("aws://u@https://host", False),
        ("aws://a://b://c", False),
        ("aws", False),
        ("http://[", False),
        ("aws://h:abc/", False),
        ("aws://h:99999/", False),
        ("aws://:@:/?endpoint_url=http://minio:9000", False),
        ("aws://?a=http://b&c=http://d", False),
        ("{", False),
        ("[]", False),
        ('{"extra": 5}', False),
        ('{"extra": "{"}', False),
        ('{"conn_type": "aws", "port": "abc"}', False),
        ('{"conn_type": 5}', False),
        ('{"region_name": "eu-central-1"}', False),
    ],
)
def test_connection_that_raises_in_airflow_fails_and_is_no_traceback(connection, is_read) -> None:
    text = changed((CONNECTION, f"'{connection}'"))

    (found,) = checks(text, "XC019")
    assert (found.status == "pass" or "endpoint_url is" in found.observed) is is_read
    assert checks(text, "XC016")[0].status == "pass"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ('"extra": {"account_name": "a"}', "pass"),
        ('"extra": {"connection_string": "a"}', "pass"),
        ('"extra": {"account_name": ""}', "fail"),
    ],
)
def test_connection_of_azure_names_its_storage_account(fields, status) -> None:
    text = changed((CONNECTION, f"'{{{fields}}}'"), ("s3://", "abfs://"))

    assert checks(text, "XC019")[0].status == status


@pytest.mark.parametrize("kind", ["azure_data_lake", "adls", "wasb", "generic", "aws"])
def test_connection_of_another_store_than_the_path_is_named(kind) -> None:
    extra = '"extra": {"account_name": "a"}'
    text = changed((CONNECTION, f"""'{{"conn_type": "{kind}", {extra}}}'"""), ("s3://", "abfs://"))

    assert checks(text, "XC059")[0].status == ("warn" if kind == "aws" else "pass")


def test_what_a_file_says_nothing_of_is_skipped_in_a_run_not_passed() -> None:
    def statuses(text: str) -> dict[str, str]:
        return {check.id: check.status for check in lint(read_values(text, name="v"))}

    def skipped(text: str) -> set[str]:
        return {rule for rule, status in statuses(text).items() if status == "skip"}

    image = "image: registry.example.com/agents:7\n"
    token = "agentTokenSecretName: t\n"

    state = {"XC430", "XC432", "XC433", "XC434", "XC436"}  # the file has no state store
    assert skipped(GOOD) == {"XC041", "XC042", "XC057", "XC058", *state}
    assert skipped(GOOD + token) == {"XC041", "XC057", "XC058", *state}
    assert skipped(GOOD + image) == {"XC042", "XC058", *state}
    assert skipped(GOOD + token + image) == {"XC058", *state}  # the tag tells no version
    assert set(statuses(GOOD + token + image).values()) == {"pass", "skip"}


@pytest.mark.parametrize("kind", ["values", "pod", "compose", "env", "cfg"])
def test_fix_of_the_class_offers_both_and_what_each_asks_for(kind) -> None:
    fix = render((BACKEND, STOCK_BACKEND), kind=kind)

    pasted = "".join(line for line in fix.splitlines() if not line.startswith("#"))
    assert STOCK_BACKEND in pasted
    assert DURABLE_BACKEND not in pasted
    assert DURABLE_BACKEND in fix
    assert "image must hold xcomkit/durable.py" in fix
