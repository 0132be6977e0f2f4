import json
from pathlib import Path
from urllib.parse import quote

import pytest

from xcomkit.findings.redaction import redact, secret_texts

SECRET = "hush" * 8


def masked(text: str, environment: dict[str, str]) -> str:
    return redact(text, secrets=secret_texts(environment))


@pytest.mark.parametrize(
    "name",
    [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_SESSION_TOKEN",
        "AIRFLOW__CORE__FERNET_KEY",
        "AIRFLOW__API_AUTH__JWT_SECRET",
        "AIRFLOW_CONN_AWS_DEFAULT",
        "DB_PASSWORD",
    ],
)
def test_values_of_secret_looking_variables_are_masked(name: str) -> None:
    assert masked(f"boom: {SECRET}!", {name: SECRET}) == "boom: ***!"


@pytest.mark.parametrize(
    "connection",
    [
        json.dumps({"conn_type": "aws", "password": SECRET}),
        json.dumps({"conn_type": "aws", "extra": {"aws_secret_access_key": SECRET}}),
        json.dumps({"conn_type": "x", "extra": {"tokens": [{"a": SECRET}]}}),
        json.dumps({"extra": json.dumps({"aws_secret_access_key": SECRET})}),
        f"aws://login:{SECRET}@host/?region_name=x",
        f"aws://?aws_session_token={SECRET}",
        f"aws://login:{quote(SECRET + '/+', safe='')}@host",
    ],
)
def test_secret_inside_a_connection_is_masked_alone_too(connection: str) -> None:
    assert SECRET not in masked(f"using {SECRET}/+", {"AIRFLOW_CONN_X": connection})


@pytest.mark.parametrize(
    ("name", "content", "rest"),
    [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", f"{SECRET}\n", "authorized_user ***"),
        ("GOOGLE_APPLICATION_CREDENTIALS",
         json.dumps({"type": "authorized_user", "refresh_token": SECRET}), "authorized_user ***"),
    ],
)  # fmt: skip
def test_file_of_a_token_or_of_credentials_is_masked_by_what_is_secret_in_it(
    tmp_path: Path, name: str, content: str, rest: str
) -> None:
    file = tmp_path / "token"
    file.write_text(content, encoding="utf-8")

    assert masked(f"{file}: authorized_user {SECRET}", {name: str(file)}) == f"{file}: {rest}"


def test_longer_secret_is_masked_before_the_shorter_one_inside_it() -> None:
    assert masked("abcdefghij", {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefghij"}) == "***"


def test_texts_of_the_shape_of_a_secret_are_masked_wherever_they_come_from() -> None:
    key = "AKIA" + "Q" * 16
    token = ".".join(("ey" + "x" * 20, "y" * 20, "z" * 20))

    pem = "-----BEGIN RSA {0}-----\nMIIE\nabc=\n-----END RSA {0}-----".format("PRIVATE" + " KEY")
    said = f"{key} {token} Bearer {SECRET} ?X-Amz-Signature={SECRET}&a=b AccountKey={SECRET} {pem}"

    assert masked(said, {}) == "*** *** Bearer *** ?X-Amz-Signature=***&a=b *** ***"


@pytest.mark.parametrize(
    "environment",
    [
        {"AIRFLOW__SECRETS__BACKEND": "a.Backend"},
        {"AZURE_TOKEN_CREDENTIALS": "a.Backend"},
        {"AWS_WEB_IDENTITY_TOKEN_FILE": "a.Backend"},
        {"AWS_ROLE_ARN": "a.Backend"},
        {"AIRFLOW__CORE__XCOM_BACKEND": "a.Backend"},
        {"AIRFLOW_CONN_X": "abc"},
        {"AIRFLOW_CONN_X": json.dumps({"extra": {"region_name": "a.Backend"}})},
        {"AIRFLOW_CONN_X": "http://[::1"},
    ],
)
def test_what_is_no_secret_stays_readable(environment: dict[str, str]) -> None:
    assert masked("a.Backend abc", environment) == "a.Backend abc"
