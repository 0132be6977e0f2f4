"""What may be shown of a variable: neither a secret nor what might be one."""

import pytest

from xcomkit.values.sensitive import find_secret, is_shown

CONN = "AIRFLOW_CONN_AWS_DEFAULT"
HUSH = "hunt" + "er2"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SNOWFLAKE_PWD", HUSH),
        ("DB_PASS", HUSH),
        ("GITHUB_PAT", HUSH),
        ("SIGNING_KEY", HUSH),
        ("MY_CREDS", HUSH),
        ("REDIS_AUTH", HUSH),
        ("AIRFLOW__WEBSERVER__SECRET_KEY", HUSH),
        ("SLACK", f"https://hooks.slack.com/services/T0/B0/{HUSH}"),
        ("SENTRY_DSN", f"https://{HUSH}@sentry.example.com/1"),
        ("PLAIN", f"https://{HUSH}@sentry.example.com/1"),
        ("PLAIN", "glpat" + "-abcdefghij0123456789"),
        ("PLAIN", "sk-proj-" + "a1" * 12),
        ("PLAIN", "A1b2" * 10),
        ("VAULT_SECRET_ID", "6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11"),
        (CONN, f"{{'conn_type': 'aws', 'password': '{HUSH}'}}"),
        (CONN, f'{{"conn_type": "aws", "password": "{HUSH}"}}'),
        (CONN, f'{{"conn_type": "aws", "extra": {{"private_key_content": "{HUSH}"}}}}'),
        (CONN, f'{{"conn_type": "http", "extra": {{"headers": {{"Authorization": "{HUSH}"}}}}}}'),
        (CONN, f"aws://?aws_secret_access_key={HUSH}&region_name=eu"),
        (CONN, f"aws://?__extra__=%7B%22token%22%3A%22{HUSH}%22%7D"),
        (CONN, f"http://user:{HUSH}@host"),
        (CONN, HUSH),
        ("DB_PASSWORD_1", HUSH),
        ("API_KEY_PROD", HUSH),
        ("JAVA_OPTS", f"-Dtrust.password={HUSH}"),
        ("SPARK_CONF", f'{{"fs.azure.account.key.acme": "{HUSH}"}}'),
        ("EXTRA_ARGS", f'["--password", "{HUSH}"]'),
        ("AIRFLOW_VAR_CONFIG", f'{{"smtp": [{{"password": "{HUSH}"}}]}}'),
        ("ODBC", f"Server=x;Pwd={HUSH};"),
        ("NOTE", f"Authorization: Bearer {HUSH}{HUSH}"),
        ("VAULT", "hvs." + HUSH * 3),
        ("REPO", "https://" + "ab12" * 10 + "@github.com/a/b"),
    ],
)
def test_what_might_be_a_secret_is_not_shown(name, value):
    assert not is_shown(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", "s3://aws_default@bucket/x"),
        ("AIRFLOW__CORE__XCOM_BACKEND", "a.b.C"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "/secrets/key.json"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token"),
        ("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential"),
        (CONN, '{"conn_type": "aws", "extra": {"region_name": "eu-central-1"}}'),
        (CONN, '{"conn_type": "azure_data_lake", "extra": {"account_name": "a", "anon": false}}'),
        (CONN, "aws://?region_name=eu-central-1"),
        ("ASTRO_DEPLOYMENT_ID", "cm4k9f0a001x201o9abcd1234"),
        ("AZURE_CLIENT_ID", "6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11"),
        ("azure.workload.identity/client-id", "6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11"),
        (
            "eks.amazonaws.com/role-arn",
            "arn:aws:iam::123456789012:role/xcom-agents-eu-central-1-live",
        ),
        ("EMPTY_PASSWORD", ""),
        ("AIRFLOW__SECRETS__BACKEND", "a.b.VaultBackend"),
        ("AGENT_TOKEN_SECRET_NAME", "agent-token"),
        ("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", "abfs://azure_data_lake_default@c/x"),
    ],
)
def test_what_says_where_and_what_is_shown(name, value):
    assert is_shown(name, value)


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("SNOWFLAKE_PWD", HUSH, "a secret by its name"),
        ("SLACK_WEBHOOK", "https://x/y", "a secret by its name"),
        (CONN, f"aws://?aws_secret_access_key={HUSH}", "aws_secret_access_key in clear"),
        ("X", f"https://hooks.slack.com/services/T0/B0/{HUSH}", "an API token"),
        ("PATHNAME", HUSH, ""),
        ("BYPASS", HUSH, ""),
    ],
)
def test_what_surely_is_a_secret_has_a_kind(name, value, kind):
    assert find_secret(name, value) == kind
