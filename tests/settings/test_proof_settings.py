"""What names the plane of the test Dag is judged before a token is sent anywhere."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import SettingsError
from xcomkit.settings.deployment import deployment_address
from xcomkit.settings.settings import Settings

ADDRESS = "https://acme.astronomer.run/dxyz1234"
TOKEN = "ey" + "Jhbm8tcmVhbC10b2tlbg" * 2


def read(**values: object) -> Settings:
    return Settings.from_mapping({"bucket": "some-bucket", **values})


def message(**values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        read(**values)
    text = str(caught.value)
    assert "\n" not in text
    return text


class TestDeployment:
    @pytest.mark.parametrize(
        "plane",
        ["local", ADDRESS, "https://airflow.example.com", "https://home",
         "https://airflow.example.com:8443/a/b", "http://localhost:8080", "http://127.0.0.1:1/x"],
    )  # fmt: skip
    def test_plane_that_a_token_may_be_sent_to_is_taken_as_it_is(self, plane):
        assert read(deployment=plane).deployment == plane

    @pytest.mark.parametrize("end", ["/", "//", "/home", "/home/", "/api/v2", "/api/v2/"])
    @pytest.mark.parametrize("plane", [ADDRESS, "http://localhost:8080", "https://home"])
    def test_end_of_a_copied_address_is_left_out(self, plane, end):
        assert read(deployment=plane + end).deployment == plane

    @pytest.mark.parametrize("end", ["/myhome", "/homes", "/home/dags", "/api/v2/dags"])
    def test_end_that_only_resembles_is_kept(self, end):
        assert read(deployment=ADDRESS + end).deployment == ADDRESS + end

    @pytest.mark.parametrize(
        "plane",
        ["", "Local", "in-process", "remote", "acme.astronomer.run/dxyz", "ftp://acme.com", "https://",
         "https:///x", "https://acme.com:99999", "https://acme.com:", "https://a b.com",
         "https://acme.com/x\n", " https://acme.com", "https://acme..com", "https://[::1",
         "https://acme.com\\x", "https://schräg.com", "https:acme.com", "https://a.com//b"],
    )  # fmt: skip
    def test_what_is_neither_word_nor_address_is_told_what_is_accepted(self, plane):
        assert message(deployment=plane).startswith(
            f"deployment: {plane!r} is invalid: must be local or the https://"
        )

    @pytest.mark.parametrize(
        "plane",
        ["http://acme.astronomer.run/dxyz", "http://localhost.example.com", "http://127.0.0.11",
         "http://10.0.0.1:8080"],
    )  # fmt: skip
    def test_address_to_which_the_token_would_travel_in_clear_is_refused(self, plane):
        assert "the token would travel in clear" in message(deployment=plane)

    @pytest.mark.parametrize(
        "rest", ["", "/", "/ws1/deployments/dep1/overview", ":443/x", "/x?a=b"]
    )
    def test_address_of_the_astro_ui_is_told_which_one_is_needed(self, rest):
        assert "URL behind Open Airflow" in message(deployment=f"https://Cloud.astronomer.io{rest}")

    @pytest.mark.parametrize(
        "plane",
        ["https://me:hush@acme.com", "https://hush@acme.com", "https://:hush@acme.com/x",
         "https://me:hu/sh@acme.com", "http://localhost:80@hush.com", "me:hush@acme.com",
         "https://acme.com?token=hush", "https://acme.com/x#hush", "https://acme.com/?#@hush",
         "https://cloud.astronomer.io/?code=hush"],
    )  # fmt: skip
    def test_what_stands_in_user_query_or_fragment_is_refused_and_never_repeated(self, plane):
        text = message(deployment=plane)

        assert text.startswith("deployment: (hidden) is invalid: ")
        assert not any(part in text for part in ("hush", "hu/sh"))

    @given(st.text() | st.from_regex(r"https?://[a-z.:@/?#]*", fullmatch=True))
    def test_any_text_is_judged_without_a_traceback(self, text):
        try:
            assert deployment_address(deployment_address(text)) == deployment_address(text)
        except ValueError as error:
            assert str(error)


class TestVariables:
    def test_name_of_an_environment_variable_is_taken_and_not_read(self, monkeypatch):
        monkeypatch.setitem(os.environ, "AIRFLOW_API_TOKEN", TOKEN)
        assert TOKEN not in str(read().to_parameters())
        for name in ("A", "_", "my_token_2", "T" * 128, "EY_TOKEN"):
            assert read(token_variable=name).token_variable == name

    @pytest.mark.parametrize(
        "value",
        [TOKEN, f"{TOKEN}.{TOKEN}.{TOKEN}", "hush.hush", "h" * 129, "hush-hush", "1hush", "hush ",
         "hush\n", "$hush", "hüsh", "postgresql://me:hush@db/airflow", "postgresql://:hush@db/a",
         "postgresql:///a?password=hush", 1234567, 12.75, ["hush"], {"hush": "hush"}],
    )  # fmt: skip
    def test_what_may_be_the_secret_itself_is_refused_and_never_repeated(self, value):
        text = message(token_variable=value)

        assert text.startswith(
            "token_variable: (hidden) is invalid: must be the name of an environ"
        )
        assert not any(part in text for part in ("hush", "hüsh", "hhh", TOKEN, "1234", "12.7"))

    def test_secret_is_not_repeated_by_the_command_line_either(self, tmp_path):
        path = tmp_path / "p.yaml"
        path.write_text("bucket: some-bucket\n")

        with pytest.raises(SettingsError, match="hidden") as caught:
            Settings.from_yaml(path, overrides={"token_variable": TOKEN})

        assert TOKEN not in str(caught.value)

    def test_token_always_has_a_variable(self):
        assert message(token_variable="").startswith("token_variable: '' is invalid: ")


def test_placeholder_is_invalid_in_every_part_of_the_settings():
    for name in ("pod", "deployment", "dags_folder", "run_dir"):
        text = message(**{name: "<to-be-filled>"})
        assert text.startswith(f"{name}: '<to-be-filled>' is invalid")


def test_practice_file_takes_a_named_deployment():
    root = Path(__file__).parents[2]
    namespace = {**Settings().to_parameters(), "deployment": ADDRESS}

    assert Settings.from_notebook(namespace, root=root).deployment == ADDRESS
