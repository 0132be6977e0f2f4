"""airflow.cfg, each option under the name of its variable."""

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.sources.airflow_cfg import read_cfg

PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("[common.io]\nxcom_objectstorage_path = s3://c@b/x\n", {PATH: "s3://c@b/x"}),
        ("[core]\nthreshold = 0  # all\n", {"AIRFLOW__CORE__THRESHOLD": "0  # all"}),
        ("; note\n[core]\nfernet_key: a\n  b\n# note\n", {"AIRFLOW__CORE__FERNET_KEY": "a\nb"}),
        ("[core]\ndags_folder = $HOME/dags\n", {"AIRFLOW__CORE__DAGS_FOLDER": None}),
        ("[core]\nfernet_key = a%%b\n", {"AIRFLOW__CORE__FERNET_KEY": "a%b"}),
        ("[common_io]\na = b\n", {"[common_io] a": "b"}),
        ("[Common.IO]\na = b\n", {"[Common.IO] a": "b"}),
    ],
    ids=["dotted section", "comment behind", "next line and colon", "variable", "percent",
         "misspelt section", "section in capitals"],
)  # fmt: skip
def test_option_is_the_variable_and_the_value_that_airflow_reads(text, options):
    assert {v.name: v.value for v in read_cfg(text, name="airflow.cfg")} == options


@pytest.mark.parametrize(
    "text",
    ["x = 1\n", "[core]\nnothing here\n", "[core]\n= 1\n", "\x00", "[a]\nb = 1\n[a]\nc = 2\n"],
)
def test_line_that_is_no_option_is_refused_with_its_place(text):
    with pytest.raises(InputError, match=r"^airflow\.cfg:[123]:1: "):
        read_cfg(text, name="airflow.cfg")
