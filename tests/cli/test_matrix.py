"""``xcomkit matrix``: what it refuses, what it says, and the evidence it leaves."""

import json
import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from xcomkit.__main__ import main
from xcomkit.backend.version_matrix import Cell, Environment, Matrix, Row
from xcomkit.cli import versions as matrix
from xcomkit.findings.errors import MissingError
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn

ROOT = Path(__file__).parents[2]
LOCAL = str(ROOT / "parameters/local-aws.yaml")
OWN = metadata.version("apache-airflow")


def refused(capsys, *words) -> str:
    assert main(("matrix", "-f", LOCAL, *words)) == 2
    text = capsys.readouterr().err
    assert text.startswith("xcomkit: ")
    assert text.count("\n") == 1
    return text


def test_help_teaches_when_to_use_it_and_what_comes_back(capsys):
    with pytest.raises(SystemExit):
        main(["matrix", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "xcomkit matrix --airflow 3.1.8,3.3.2 -f parameters/local-aws.yaml" in text
    assert "before an upgrade" in text
    assert "exit codes: 0 all pass, 1 some failed or are unknown, 2 bad parameters" in text


@pytest.mark.parametrize("versions", ["", "3.1", "3.1.8;3.3.2", "latest", "3.1.8,--index-url"])
def test_what_is_no_full_version_is_refused(capsys, versions):
    assert "write full versions with commas" in refused(capsys, f"--airflow={versions}")


def test_what_is_no_requirement_is_refused(capsys):
    assert 'as in --with "pandas<3"' in refused(
        capsys, "--airflow", "3.1.8", "--with=--index-url=x"
    )


def test_folder_that_cannot_be_written_is_refused_before_anything_is_installed(capsys, tmp_path):
    (tmp_path / "file").touch()

    assert "name another folder in --out" in refused(
        capsys, "--airflow", "3.1.8", "--out", str(tmp_path / "file")
    )


def test_versions_are_taken_once_and_in_their_order():
    assert matrix.read_versions("3.3.2, 3.1.8,3.3.2,3.4.0rc1") == ("3.3.2", "3.1.8", "3.4.0rc1")


def test_version_that_does_not_exist_is_an_unknown_row_and_no_crash(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
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
        settings,
        folder=tmp_path,
        rows=(Row(OWN, Path(sys.executable)),),
        progress=lambda _: None,
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
        matrix.run(settings, folder=tmp_path, rows=(), progress=lambda _: None)
    assert "xcomkit run 00 01 02" in caught.value.hint


def test_table_fits_a_hundred_columns_and_tells_each_reason_once():
    versions = ("3.1.8", "3.2.2", "3.3.2", "3.4.0rc1", "3.5.0")
    told = Matrix(
        tuple(Environment(v, python="3.12.1") for v in versions),
        tuple(
            Cell(w, r, c, "fail" if w == "3.1.8" else "pass", "x" if w == "3.1.8" else "", 3, 4)
            for w in versions for r in versions for c in ("none", "zip")
        ),
    )  # fmt: skip

    text = matrix.to_text(told)

    assert max(map(len, text.splitlines())) <= 100
    assert text.count(": x") == 1
    assert "3.1.8 to 3.1.8 none, 3.1.8 to 3.1.8 zip and 8 more: x" in text
    assert matrix.exit_code(told) == 1
