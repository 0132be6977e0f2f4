"""airflow.cfg, each option under the name of its variable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.lint.sources.airflow_cfg import read_cfg

PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"


def options(text: str) -> dict[str, str | None]:
    return {v.name: v.value for v in read_cfg(text, name="airflow.cfg")}


def test_section_with_a_dot_is_the_section_airflow_reads():
    assert options("[common.io]\nxcom_objectstorage_path = s3://c@b/x\n") == {PATH: "s3://c@b/x"}


@pytest.mark.parametrize("section", ["common_io", "Common.IO", "commonio"])
def test_section_airflow_does_not_read_keeps_its_own_name(section):
    assert PATH not in options(f"[{section}]\nxcom_objectstorage_path = s3://c@b/x\n")


def test_comment_behind_a_number_stays_because_airflow_keeps_it():
    text = "[common.io]\nxcom_objectstorage_threshold = 0  # all\n"

    assert list(options(text).values()) == ["0  # all"]


def test_values_may_go_on_in_the_next_line_and_keys_may_use_a_colon():
    text = "; note\n[core]\nfernet_key: a\n  b\n# note\ndags_folder = /dags\n"

    assert options(text) == {
        "AIRFLOW__CORE__FERNET_KEY": "a\nb",
        "AIRFLOW__CORE__DAGS_FOLDER": "/dags",
    }


def test_value_with_a_variable_in_it_is_not_told():
    assert options("[core]\ndags_folder = $HOME/dags\n") == {"AIRFLOW__CORE__DAGS_FOLDER": None}


@pytest.mark.parametrize("text", ["x = 1\n", "[core]\nnothing here\n", "[core]\n= 1\n", "\x00"])
def test_line_that_is_no_option_is_refused_with_its_place(text):
    with pytest.raises(InputError, match=r"^airflow\.cfg:\d+:1: "):
        read_cfg(text, name="airflow.cfg")


@given(st.text())
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        read_cfg(text, name="airflow.cfg")
    except InputError as refusal:
        assert "\n" not in str(refusal)


def test_doubled_percent_is_one_as_configparser_reads_it():
    assert options("[core]\nfernet_key = a%%b\n") == {"AIRFLOW__CORE__FERNET_KEY": "a%b"}
