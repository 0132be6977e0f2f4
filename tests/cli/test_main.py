"""The command line's manners: help that teaches, one line for a mistake, the right exit code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xcomkit.__main__ import main

ROOT = Path(__file__).parents[2]
LOCAL = str(ROOT / "parameters/local-aws.yaml")


@pytest.fixture(autouse=True)
def in_the_runbook(monkeypatch):
    monkeypatch.chdir(ROOT)


def refused(capsys, *words) -> str:
    assert main(words) == 2
    text = capsys.readouterr().err
    assert text.startswith("xcomkit: ")
    assert text.count("\n") == 1
    return text


def test_help_names_commands_and_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert "verify-record" in text
    assert "exit codes: 0 good, 1 the gate is closed, 2 bad parameters" in text.replace("\n", " ")


def test_help_of_run_shows_an_example(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "xcomkit run -f parameters/local-aws.yaml -p compression=gzip" in (
        " ".join(capsys.readouterr().out.split())
    )


def test_missing_file_is_one_line_and_exit_2(capsys):
    assert "No such file" in refused(capsys, "run", "-f", "parameters/none.yaml")


def test_placeholders_of_the_real_file_are_refused(capsys):
    assert "still a placeholder" in refused(capsys, "run", "-f", "parameters/aws.yaml")


def test_misspelled_parameter_is_refused_with_the_nearest_name(capsys):
    text = refused(capsys, "run", "-f", "parameters/local-aws.yaml", "-p", "compresion=zip")
    assert "did you mean compression?" in text


def test_parameter_without_value_is_refused(capsys):
    assert "write -p name=value" in refused(
        capsys, "run", "-f", "parameters/local-aws.yaml", "-p", "bucket"
    )


def test_unknown_step_is_refused(capsys):
    assert "no such step" in refused(capsys, "run", "99", "-f", "parameters/local-aws.yaml")


def test_running_elsewhere_says_where_to_run(capsys, tmp_path, monkeypatch):
    file = ROOT / "parameters/local-aws.yaml"
    monkeypatch.chdir(tmp_path)

    assert "the folder of the runbook" in refused(capsys, "run", "-f", str(file))


def test_directory_without_a_manifest_is_refused(capsys, tmp_path):
    assert "no readable manifest" in refused(capsys, "verify-record", str(tmp_path))


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = "import sys, xcomkit.__main__ as m; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_credentials_that_are_missing_make_a_red_run_and_no_traceback(tmp_path):

    bare = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "xcomkit", "run", "00", "01", "-f", "parameters/local-aws.yaml",
         "-p", "endpoint_url=", "-p", "oidc_issuer=https://oidc.example.com/id/1",
         "--out", str(tmp_path / "runs")],
        env=bare, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    assert "XC104  ? unknown" in done.stdout
    assert "01_create_bucket     - skip     not run" in done.stdout


@pytest.mark.parametrize(
    "words", [("--out", "{file}"), ("-p", "run_dir={file}"), ("--out", "/proc/none")]
)
def test_run_directory_that_cannot_be_written_is_one_line(capsys, tmp_path, words):
    (tmp_path / "file").touch()
    words = [word.format(file=tmp_path / "file") for word in words]

    assert "cannot be written" in refused(capsys, "run", "00", "-f", LOCAL, *words)


def test_missing_values_file_is_refused_before_anything_is_made(capsys, tmp_path):
    out = tmp_path / "records"
    words = ("run", "-f", LOCAL, "-p", "values_file=none.yaml", "--out", str(out))

    assert "No such file" in refused(capsys, *words)
    assert not out.exists()


def test_single_step_works_on_the_stand_in_and_lands_in_the_folder_of_out(tmp_path):
    out = tmp_path / "records"
    done = subprocess.run(
        [sys.executable, "-m", "xcomkit", "run", "04", "-f", LOCAL, "--out", str(out),
         "-p", "payload_sizes=1000", "-p", "repetitions=1"],
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert not set(done.stdout) & set("\r\x1b")  # nothing moves on a pipe
    (directory,) = (path for path in out.iterdir() if path.is_dir())
    assert directory.name.endswith("-local-aws")


def test_step_that_is_timed_out_leaves_no_token_and_is_told_once(tmp_path):
    temporary = tmp_path / ("t" * 60)  # also too long for the path of a socket
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "xcomkit", "run", "04", "-f", LOCAL, "--out", str(tmp_path / "o"),
         "-p", "payload_sizes=200000000", "-p", "step_timeout=5"],
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == ""
    assert list(temporary.rglob("service-account-token")) == []


def test_red_check_is_told_to_its_end_with_what_to_do(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "xcomkit", "run", "01", "-f", LOCAL, "--out", str(tmp_path),
         "-p", "bucket=bucket-of-somebody-else"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip

    assert done.returncode == 1
    assert "or s3:ListBucket is missing" in done.stdout
