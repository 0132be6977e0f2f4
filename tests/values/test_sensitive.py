import pytest

from xcomkit.values.sensitive import find_secret, list_secrets, masked, show
from xcomkit.values.values import read_values

# built here, so that no scanner takes them for real ones
AWS_KEY = "AKIA" + "A" * 16
TOKEN = "ey" + "a" * 12 + "." + "b" * 12 + "." + "c" * 12
PEM = "-----BEGIN " + "PRIVATE KEY-----\nabc"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agentToken", "x"),
        ("SOME_PASSWORD", "x"),
        ("GITHUB_TOKEN", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("imagePullSecretData", "x"),
        ("apiKey", "x"),
        ("AIRFLOW__CORE__FERNET_KEY", "x"),
        ("ANY", AWS_KEY),
        ("ANY", TOKEN),
        ("ANY", PEM),
        ("ANY", "postgresql://user:pw@host/db"),
        ("AIRFLOW_CONN_X", '{"conn_type": "aws", "password": "x"}'),
        ("AIRFLOW_CONN_X", '{"extra": {"aws_secret_access_key": "x"}}'),
        ("AIRFLOW_CONN_X", '{"extra": "{\\"client_secret\\": \\"x\\"}"}'),
        ("AIRFLOW_CONN_X", '{"extra": {"keyfile_dict": {"a": "b"}}}'),
        ("AIRFLOW__SECRETS__BACKEND_KWARGS", '{"token": "x"}'),
    ],
)
def test_secret_is_found_and_never_shown(name: str, value: str) -> None:
    assert find_secret(name, value)
    assert show(name, value) == "(hidden)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agentTokenSecretName", "agent-token"),
        ("agentTokenFile", "/var/run/token"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("SOME_PASSWORD", "<your-password>"),
        ("SOME_PASSWORD", ""),
        ("AIRFLOW_CONN_AWS_DEFAULT", '{"conn_type": "aws", "extra": {"region_name": "x"}}'),
        ("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", "s3://aws_default@bucket/x"),
        ("AIRFLOW_CONN_TOKEN", "aws://"),
        ("ANY", "{not json"),
        ("ANY", "[" * 100_000),
    ],
)
def test_reference_or_plain_setting_is_no_secret(name: str, value: str) -> None:
    assert find_secret(name, value) == ""


def test_masked_text_keeps_every_line_where_it_was() -> None:
    text = (
        "# head\nagentToken: 'abc def'  # note\ncommonEnv:\n  - name: MY_TOKEN\n    value: |\n"
        "      one\n      two\n\n  # tail\n  - {name: B_PASSWORD, value: three}\nplain: text\n"
    )
    values = read_values(text, name="v")
    shown = masked(values)
    assert shown.count("\n") == text.count("\n")
    assert not any(word in shown for word in ("abc", "one", "two", "three"))
    assert shown.startswith("# head\nagentToken: ***  # note\n")
    assert shown.endswith("  # tail\n  - {name: B_PASSWORD, value: ***}\nplain: text\n")
    assert [(s.label, s.line) for s in list_secrets(values)] == [
        ("agentToken", 2),
        ("commonEnv.MY_TOKEN", 5),
        ("commonEnv.B_PASSWORD", 10),
    ]


def test_shown_value_is_one_bounded_line() -> None:
    assert show("A", "x\n" * 500).count("\n") == 0
    assert len(show("A", "x" * 5000)) < 130


def test_alias_under_a_secret_name_hides_its_anchor() -> None:
    values = read_values("a: &p hush\nDB_PASSWORD: *p\n", name="v")
    assert "hush" not in masked(values)
    assert [secret.label for secret in list_secrets(values)] == ["DB_PASSWORD"]
