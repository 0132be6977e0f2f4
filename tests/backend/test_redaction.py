import json

from xcomkit.backend.redaction import redact, secret_texts


def test_values_with_secret_names_are_blotted_out_and_others_stay():
    environment = {
        "AWS_SECRET_ACCESS_KEY": "abcdef123456",
        "AWS_ACCESS_KEY_ID": "ABCDEFGH1234",
        "AIRFLOW__CORE__FERNET_KEY": "fernet-value",
        "AIRFLOW__SECRETS__BACKEND": "package.module.Class",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": "s3://aws_default@bucket/p",
    }
    text = " ".join(environment.values())
    shown = redact(text, secrets=secret_texts(environment))
    assert shown == "(hidden) (hidden) (hidden) package.module.Class s3://aws_default@bucket/p"


def test_passwords_inside_connections_are_found_in_json_uri_and_nested_extra():
    extra = json.dumps({"aws_secret_access_key": "nested-secret", "region_name": "eu-central-1"})
    environment = {
        "AIRFLOW_CONN_A": json.dumps({"conn_type": "aws", "password": "pass-word", "extra": extra}),
        "AIRFLOW_CONN_B": "aws://user:p%40ss-uri@/?region_name=x",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps({"profile": "p", "token": "kwargs-token"}),
    }
    secrets = secret_texts(environment)
    assert {"pass-word", "nested-secret", "p%40ss-uri", "p@ss-uri", "kwargs-token"} <= set(secrets)
    assert "eu-central-1" not in secrets


def test_content_of_a_token_file_is_a_secret_and_its_path_is_not(tmp_path):
    token = tmp_path / "token"
    token.write_text("token-content\n")
    missing = str(tmp_path / "missing")
    environment = {"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "OTHER_TOKEN_FILE": missing}
    assert secret_texts(environment) == ("token-content",)


def test_a_longer_secret_is_blotted_out_before_the_shorter_one_inside_it():
    secrets = secret_texts({"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghij"})
    assert redact("abcdefghij", secrets=secrets) == "(hidden)"


def test_text_that_is_no_connection_at_all_is_kept_out_whole():
    assert "http://[broken" in secret_texts({"AIRFLOW_CONN_X": "http://[broken"})
