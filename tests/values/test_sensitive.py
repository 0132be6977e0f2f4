"""What a secret is, what might be one, and how a file is shown without them."""

import pytest

from xcomkit.values.sensitive import find_secret, is_shown, list_secrets, masked, show
from xcomkit.values.values import read_values

# built here, so that no scanner takes them for real ones
HUSH = "hunt" + "er2"
AWS_KEY = "AKIA" + "A" * 16
TOKEN = "ey" + "a" * 12 + "." + "b" * 12 + "." + "c" * 12
PEM = "-----BEGIN " + "PRIVATE KEY-----\nabc"
CONN = "AIRFLOW_CONN_AWS_DEFAULT"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
CLIENT = "6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11"
BY_NAME = "a secret by its name"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("agentToken", "x", BY_NAME),
        ("SOME_PASSWORD", "x", BY_NAME),
        ("AWS_SECRET_ACCESS_KEY", "x", BY_NAME),
        ("imagePullSecretData", "x", BY_NAME),
        ("apiKey", "x", BY_NAME),
        ("AIRFLOW__CORE__FERNET_KEY", "x", BY_NAME),
        ("SNOWFLAKE_PWD", HUSH, BY_NAME),
        ("SLACK_WEBHOOK", "https://x/y", BY_NAME),
        ("DB_PASSWORD_1", HUSH, BY_NAME),
        ("ANY", AWS_KEY, "an AWS access key"),
        ("ANY", TOKEN, "a signed token"),
        ("ANY", PEM, "a private key"),
        ("ANY", "postgresql://user:pw@host/db", "a password in a URL"),
        ("ANY", f"https://hooks.slack.com/services/T0/B0/{HUSH}", "an API token"),
        ("ANY", "glpat" + "-abcdefghij0123456789", "an API token"),
        ("ANY", f"Authorization: Bearer {HUSH}{HUSH}", "a bearer token"),
        ("ANY", "https://" + "ab12" * 10 + "@github.com/a/b", "a token in a URL"),
        ("ANY", f"Server=x;Pwd={HUSH};", "a secret inside the text"),
        (CONN, f'{{"extra": {{"a": {{"fernet_key": "{HUSH}"}}}}}}', "fernet_key in clear"),
        (CONN, f'{{"extra": "not JSON", "aws_secret_access_key": "{HUSH}"}}', "aws_secret_acc"),
        (CONN, '{"extra": "{\\"client_secret\\": \\"x\\"}"}', "client_secret in clear"),
        (CONN, '{"extra": {"keyfile_dict": {"a": "b"}}}', "keyfile_dict in clear"),
        (CONN, f"aws://?aws_secret_access_key={HUSH}&region_name=eu", "aws_secret_access_key"),
        (CONN, f"aws://?__extra__=%7B%22creds%22%3A%22{HUSH}%22%7D", "creds in clear"),
        ("AIRFLOW__SECRETS__BACKEND_KWARGS", '{"token": "x"}', "token in clear"),
        ("AIRFLOW__SECRETS__BACKEND_KWARGS", f'{{"secret_id": "{CLIENT}"}}', "secret_id in clear"),
        ("clientSecret", "my-secret", BY_NAME),
        ("tlsSecret", "a1b2" * 10, BY_NAME),
    ],
)
def test_secret_has_a_kind_and_is_never_shown(name: str, value: str, kind: str) -> None:
    assert find_secret(name, value).startswith(kind)
    assert show(name, value) == "(hidden)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_AUTH", HUSH),
        ("AIRFLOW__WEBSERVER__SECRET_KEY", HUSH),
        ("SENTRY_DSN", f"https://{HUSH}@sentry.example.com/1"),
        ("PLAIN", f"https://{HUSH}@sentry.example.com/1"),
        ("PLAIN", "A1b2" * 10),
        ("VAULT_SECRET_ID", CLIENT),
        (CONN, f"{{'conn_type': 'aws', 'password': '{HUSH}'}}"),
        (CONN, f'{{"conn_type": "http", "extra": {{"headers": {{"Authorization": "{HUSH}"}}}}}}'),
        (CONN, f'{{"conn_type": "aws", "extra": "{HUSH}"}}'),
        (CONN, '{"extra": {"host": [1]}}'),
        (CONN, '{"extra": ' * 6 + '{"host": "x"}' + "}" * 6),
        (CONN, f"http://user:{HUSH}@host"),
        (CONN, HUSH),
        ("API_KEY_PROD", HUSH),
        ("JAVA_OPTS", f"-Dtrust.password={HUSH}"),
        ("SPARK_CONF", f'{{"fs.azure.account.key.acme": "{HUSH}"}}'),
        ("EXTRA_ARGS", f'["--password", "{HUSH}"]'),
        ("AIRFLOW_VAR_CONFIG", f'{{"smtp": [{{"password": "{HUSH}"}}]}}'),
        ("VAULT", "hvs." + HUSH * 3),
    ],
)
def test_what_might_be_a_secret_is_not_shown(name: str, value: str) -> None:
    assert not is_shown(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("agentTokenSecretName", "agent-token"),
        ("agentTokenFile", "/var/run/token"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/secrets/key.json"),
        ("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential"),
        ("EMPTY_PASSWORD", ""),
        ("PATHNAME", "x"),
        ("AIRFLOW__CORE__XCOM_BACKEND", "a.b.C"),
        ("AIRFLOW__SECRETS__BACKEND", "a.b.VaultBackend"),
        (PATH, "abfs://azure_data_lake_default@c/x"),
        (CONN, '{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'),
        (CONN, '{"conn_type": "azure_data_lake", "extra": {"account_name": "a", "anon": false}}'),
        (CONN, '{"conn_type": "aws", "extra": "{\\"region_name\\": \\"x\\"}"}'),
        (CONN, "aws://?region_name=eu-central-1"),
        ("AIRFLOW_CONN_TOKEN", "aws://"),
        ("ASTRO_DEPLOYMENT_ID", "cm4k9f0a001x201o9abcd1234"),
        ("azure.workload.identity/client-id", CLIENT),
        ("eks.amazonaws.com/role-arn", "arn:aws:iam::123456789012:role/xcom-agents-eu-central-1"),
    ],
)
def test_what_says_where_and_what_is_no_secret_and_shown(name: str, value: str) -> None:
    assert find_secret(name, value) == ""
    assert is_shown(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SOME_PASSWORD", "<your-password>"), ("existingSecret", "my-secret"),
     ("tlsSecret", "agents.tls"), ("secret_id", "prod/airflow"),
     ("ANY", "{not json"), (CONN, "{" * 50_000),
     ("ANY", '{"a":' * 50_000), (CONN, "aws://[")],
)  # fmt: skip
def test_placeholder_or_broken_text_is_no_secret(name: str, value: str) -> None:
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
    assert shown.startswith("# head\nagentToken: ***  # ***\n")
    assert shown.endswith("  # tail\n  - {name: B_PASSWORD, value: ***}\nplain: text\n")
    assert [(s.label, s.line) for s in list_secrets(values)] == [
        ("agentToken", 2),
        ("commonEnv.MY_TOKEN", 5),
        ("commonEnv.B_PASSWORD", 10),
    ]


def test_comment_that_might_hold_a_secret_is_masked_and_any_other_stays() -> None:
    kept = "# theirs\nnote: it's  # why not\ntext: 'a # password: no'\n"
    text = kept + (
        "# agentToken: abc\ncommonEnv:\n  # - name: DB\n  #   value: hunter2\n"
        "  - {name: A, value: b} # the password is hunter3\n"
        "  - {name: MY_TOKEN, value: x} # was hunter4\n"
    )

    shown = masked(read_values(text, name="v"))

    assert shown.startswith(kept)
    assert shown.count("\n") == text.count("\n")
    assert not any(word in shown for word in ("abc", "hunter"))


def test_shown_value_is_one_bounded_line() -> None:
    assert show("A", "x\n" * 500).count("\n") == 0
    assert len(show("A", "x" * 5000)) < 130


def test_alias_under_a_secret_name_hides_its_anchor() -> None:
    values = read_values("a: &p hush\nDB_PASSWORD: *p\n", name="v")
    assert "hush" not in masked(values)
    assert [secret.label for secret in list_secrets(values)] == ["DB_PASSWORD"]
