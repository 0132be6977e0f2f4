"""``xcomkit matrix``: what it refuses, what it says, and the evidence it leaves."""

import json
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from xcomkit.__main__ import main
from xcomkit.backend.cross_read import Reading
from xcomkit.backend.version_matrix import Environment, Matrix, Row
from xcomkit.cli import versions as matrix
from xcomkit.findings.errors import MissingError
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn

ROOT = Path(__file__).parents[2]
LOCAL = str(ROOT / "parameters/local-aws.yaml")
OWN = metadata.version("apache-airflow")
NO_VERSION = "write full versions with commas"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        *((f"--airflow={text}", NO_VERSION)
          for text in ("", "3.1", "3.1.8;3.3.2", "latest", "3.1.8,--index-url")),
        ("--airflow 3.1.8 --with=--index-url=x", 'as in --with "pandas<3"'),
        ("--airflow 3.1.8 --out /dev/null", "name another folder in --out"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_one_line_before_anything_is_installed(capsys, words, message):
    assert main(("matrix", "-f", LOCAL, *words.split())) == 2
    text = capsys.readouterr().err
    assert text.startswith("xcomkit: ")
    assert text.count("\n") == 1
    assert message in text


def test_versions_are_taken_once_and_old_ones_get_a_pandas_that_they_can_store():
    assert matrix.read_versions("3.3.2, 3.1.8,3.3.2,3.4.0rc1") == ("3.3.2", "3.1.8", "3.4.0rc1")
    assert matrix.read_requirements(["x"], versions=("3.2.9", "3.3.0")) == ("x", "pandas<3")
    assert matrix.read_requirements(["x"], versions=("3.3.0",)) == ("x",)
    assert matrix.read_requirements(["pandas==3"], versions=("3.1.8",)) == ("pandas==3",)


def test_version_that_does_not_exist_is_an_unknown_row_and_no_crash(capsys, tmp_path):
    before = dict(os.environ)

    code = main(["matrix", "--airflow", "9.9.9", "-f", LOCAL, "--out", str(tmp_path / "out")])

    shown = capsys.readouterr()
    assert code == 3
    assert "9.9.9       none   ? unknown" in shown.out
    assert "9.9.9: cannot be installed: Because there is no version" in shown.out
    assert "Airflow 9.9.9: looking for its environment" in shown.err
    written = json.loads((tmp_path / "out/matrix.json").read_text())
    assert written["schema"] == 1
    assert {cell["verdict"] for cell in written["cells"]} == {"unknown"}
    assert dict(os.environ) == before


def test_rows_pass_on_the_stand_in_and_the_evidence_names_the_packages(tmp_path):
    settings = Settings.from_yaml(Path(LOCAL), overrides={})

    found = matrix.run(
        settings, folder=tmp_path, rows=(Row(OWN, Path(sys.executable)),), progress=str
    )

    assert matrix.exit_code(found) == 0
    assert f"{OWN:<10}  zip    ✔ pass 4 of 4" in matrix.to_text(found)
    text = (tmp_path / "matrix.json").read_text()
    assert json.loads(text)["environments"][0]["packages"]["apache-airflow"] == OWN
    assert str(Path(sys.executable).parent) not in text
    assert [path.name for path in tmp_path.iterdir()] == ["matrix.json"]


def test_real_target_without_its_bucket_is_refused_with_the_steps_that_make_it(
    tmp_path, monkeypatch, stand_in: AwsStandIn
):
    for name, value in (stand_in.platform_environment | stand_in.administrator).items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_yaml(
        Path(LOCAL), overrides={"endpoint_url": stand_in.url, "bucket": "nowhere-at-all"}
    )

    with pytest.raises(MissingError, match="there is no such bucket") as caught:
        matrix.run(settings, folder=tmp_path, rows=(), progress=str)
    assert "xcomkit run 00 01 02" in caught.value.hint


def test_table_fits_a_hundred_columns_and_gives_each_reason_once():
    versions = ("3.1.8", "3.2.2", "3.3.2", "3.4.0rc1", "3.5.0")
    cells = tuple(
        Reading(w, r, "fail" if w == "3.1.8" else "pass", "x" if w == "3.1.8" else "", 3, 4, codec)
        for w in versions for r in versions for codec in ("none", "zip")
    )  # fmt: skip
    found = Matrix(tuple(Environment(v, python="3.12.1") for v in versions), cells)

    text = matrix.to_text(found)

    assert max(map(len, text.splitlines())) <= 100
    assert text.count(": x") == 1
    assert "3.1.8 to 3.1.8 none, 3.1.8 to 3.1.8 zip and 8 more: x" in text
    assert matrix.exit_code(found) == 1
