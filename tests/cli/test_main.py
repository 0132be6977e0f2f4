"""The command line's manners: help that teaches, one line for a mistake, the right exit code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from xcomkit.__main__ import main
from xcomkit.findings.text import program

ROOT = Path(__file__).parents[2]
LOCAL = str(ROOT / "parameters/local-aws.yaml")
GOOD = str(ROOT / "tests/lint/good.yaml")
XCOMKIT = program(seen_from=ROOT)


@pytest.fixture(autouse=True)
def in_the_runbook(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    ("command", "texts"),
    [
        ([], ("verify-record", "exit codes: 0 good, 1 the gate is closed, 2 bad parameters")),
        (["run"], ("xcomkit run -f parameters/local-aws.yaml -p compression=gzip",)),
        (["diff-records"],
         ("example: xcomkit diff-records runs/", "exit codes: 0 the same checks")),
        (["lab"], ("example: xcomkit lab -f", "takes about ten seconds")),
        (["lint"], ("helm get values astro-agent -n astro | xcomkit lint -",
                    "exit codes: 0 nothing failed, 1 something failed, 2 a file cannot be read")),
        (["merge"], ("VALUES itself is never written", "example: xcomkit merge values.yaml runs/",
                     "exit codes: 0 merged, or nothing had to change, 1 there are conflicts")),
    ],
    ids=lambda value: value[0] if value and isinstance(value, list) else None,
)  # fmt: skip
def test_help_teaches_with_an_example_and_exit_codes(capsys, command, texts):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])

    assert stopped.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    assert [text for text in texts if text not in said] == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("--dag d --run r --task t", "--delete astro/xcom"), ("--dag d", "--orphans rows.csv"),
        ("--task t", "--decode all"), ("--run r", "--inventory here"), ("--dag d", "--journal x"),
        ("--journal x", "--delete astro/xcom"), ("--journal x", "--orphans rows.csv"),
        ("--journal x", "--decode sample"), ("--journal x", "--inventory here"),
        ("--decode all --orphans rows.csv", "--delete astro/xcom"),
        ("--inventory here", "--versions"), ("--inventory here", "--orphans rows.csv"),
        ("--orphans rows.csv", "--resume x.json"), ("--decode sample", "--resume x.json"),
    ],
)  # fmt: skip
def test_options_of_inspect_that_do_not_go_together_are_one_line(capsys, first, second):
    assert main(["inspect", "-f", LOCAL, *first.split(), *second.split()]) == 2

    said = capsys.readouterr().err
    assert f"leave out {second.split()[0]}" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "lint", "merge", "diff-records", "matrix", "lab"])
def test_every_command_to_type_stands_on_a_line_of_its_own(capsys, command):
    with pytest.raises(SystemExit):
        main([command, "--help"])

    lines = capsys.readouterr().out.splitlines()
    assert [one for one in lines if one.startswith(f"  xcomkit {command} ")]
    assert not [one for one in lines if "xcomkit" in one and "exit codes" in one]
    assert [one for one in lines if one.startswith("takes ")]


def test_version_is_said(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert re.fullmatch(r"xcomkit \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["run", "-f", "parameters/none.yaml"], "No such file"),
        (["run", "-f", "parameters/aws.yaml"], "still a placeholder"),
        (["run", "-f", LOCAL, "-p", "compresion=zip"], "did you mean compression?"),
        (["run", "-f", LOCAL, "-p", "bucket"], "write -p name=value"),
        (["run", "99", "-f", LOCAL], "no such step"),
        (["run", "00", "-f", LOCAL, "--out", "{folder}/file"], "cannot be written"),
        (["run", "00", "-f", LOCAL, "-p", "run_dir={folder}/file"], "cannot be written"),
        (["run", "00", "-f", LOCAL, "--out", "/proc/none"], "cannot be written"),
        (["run", "-f", LOCAL, "-p", "values_file=none.yaml", "--out", "{folder}/records"],
         "No such file"),
        (["verify-record", "{folder}"], "no readable manifest"),
        (["lintt", "x"], "'lintt'. Did you mean lint? Next: {xcomkit} --help"),
        (["lint", "--trst", "x"], "--trst. Did you mean --trust? Next: {xcomkit} lint --help"),
        (["lint", "x", "--rerun-days", "-5"], "'-5' is no number of days"),
        (["inspect", "-f", LOCAL, "--older-than", "9" * 11], f"'{'9' * 11}' is no number of days"),
        (["inspect", "-f", LOCAL, "--save", "{folder}/none/sums.json"], "there is no such folder"),
        (["lint", "x", "--set-json", "a=b"], "helm template RELEASE CHART -f values.yaml --set-"),
        (["merge", "x"], "xcomkit merge: the following arguments are required: FRAGMENT. Next:"),
        (["scan-dags", "{folder}"], "no Python file that Airflow loads, so nothing was read. Next"),
        (["scan-dags", "{folder}/file"], "no Python file. Next: name the folder"),
        (["lint", "{folder}"], "no file below it configures agents"),
        (["lint", "{folder}", LOCAL], "a folder and files."),
        (["merge", "x", "y", "--check", "--out", "z"], "not allowed with argument --check"),
        (["env", GOOD, "--component", "web"], "no component 'web'. Next: there is worker:"),
        (["env", "{folder}"], "a folder. Next: name a file, or: xcomkit lint "),
    ],
    ids=str,
)  # fmt: skip
def test_mistake_is_one_line_and_exit_2_before_anything_is_made(capsys, tmp_path, words, problem):
    (tmp_path / "file").touch()

    with pytest.raises(SystemExit) as stopped:
        sys.exit(main([word.format(folder=tmp_path) for word in words]))

    out, text = capsys.readouterr()
    assert (stopped.value.code, "nothing failed" in out) == (2, False)
    assert text.startswith("xcomkit")
    assert text.count("\n") == 1
    assert problem.replace("{xcomkit}", XCOMKIT) in text
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_init_from_a_checkout_copies_what_is_shipped_and_none_of_the_saved_files(
    tmp_path, monkeypatch, capsys
):
    checkout = tmp_path / "checkout"
    for name in ("notebooks", "parameters", "docs/recipes"):
        shutil.copytree(ROOT / name, checkout / name)
    shutil.copy(ROOT / "requirements.lock", checkout)
    (checkout / "parameters/mine.yaml").write_text("bucket: of-my-account\n")
    monkeypatch.setattr("xcomkit.cli.init._PACKAGE", checkout / "xcomkit")

    assert main(["init", str(tmp_path / "folder")]) == 0

    tracked = subprocess.run(["git", "ls-files", "parameters"], capture_output=True, text=True,
                             check=True).stdout.split()  # fmt: skip
    copied = (tmp_path / "folder").glob("parameters/*")
    assert sorted(f"parameters/{path.name}" for path in copied) == tracked
    assert f"{program(seen_from=tmp_path / 'folder')} run -f parameters/" in capsys.readouterr().out


def test_what_is_to_be_typed_is_the_name_only_where_a_shell_finds_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.defpath)
    assert (tmp_path / program(seen_from=tmp_path)).samefile(
        Path(sys.executable).parent / "xcomkit"
    )

    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert program(seen_from=tmp_path) == "xcomkit"


def test_help_is_quick_because_nothing_heavy_is_imported():
    code = "import sys, xcomkit.__main__ as m; print('pydantic' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xcomkit", "run", *words, "-f", LOCAL],
        env=environment, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip


def test_credentials_that_are_missing_make_a_red_run_and_no_traceback(tmp_path):
    done = run(
        "00", "01", "-p", "endpoint_url=", "-p", "oidc_issuer=https://oidc.example.com/id/1",
        "--out", str(tmp_path / "runs"),
        PATH=os.environ["PATH"], HOME=str(tmp_path), AWS_EC2_METADATA_DISABLED="true",
    )  # fmt: skip

    assert done.returncode == 3
    assert "Traceback" not in done.stdout + done.stderr
    assert "XC104  ? unknown" in done.stdout
    assert "01_create_bucket     - skip     not run" in done.stdout


def test_single_step_on_the_stand_in_that_is_timed_out_leaves_no_token_and_is_told_once(tmp_path):
    temporary = tmp_path / ("t" * 60)  # also too long for the path of a socket
    temporary.mkdir()
    out = tmp_path / "records"
    done = run(
        "04", "--out", str(out), "-p", "payload_sizes=200000000", "-p", "step_timeout=5",
        **{**os.environ, "TMPDIR": str(temporary)},
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr == ""
    assert "timed out" in done.stdout
    assert not set(done.stdout) & set("\r\x1b")  # nothing moves on a pipe
    assert list(temporary.rglob("service-account-token")) == []
    (directory,) = out.iterdir()
    assert directory.name.endswith("-local-aws")


def test_scan_says_how_many_files_it_read(capsys, tmp_path):
    for number, text in enumerate(("x = 1\n", "x = 2\n", "x = = 1\n")):
        (tmp_path / f"{number}.py").write_text(text)
    assert main(["scan-dags", str(tmp_path)]) == 0
    assert "rules in 2 files\n" in capsys.readouterr().out
