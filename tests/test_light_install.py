"""Installed without extras, the linter needs PyYAML, pathspec and nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
VALUES = ROOT / "tests/lint/good.yaml"


@pytest.fixture(scope="module")
def command(tmp_path_factory) -> Path:
    """Return the command of an environment of its own, made as pip would make it."""
    folder = tmp_path_factory.mktemp("light")
    uv = Path(sys.executable).with_name("uv")
    environment = folder / "venv"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, environment], check=True)
    python = environment / "bin/python"
    # a copy, because building leaves files beside the sources
    source = folder / "source"
    source.mkdir()
    wanted = ("xcomkit", "pyproject.toml", "README.md", "LICENSE", "notebooks", "parameters",
              "docs/recipes", "requirements.lock")  # fmt: skip
    files = subprocess.run(
        ["git", "ls-files", "-z", *wanted], cwd=ROOT, capture_output=True, check=True
    ).stdout
    for name in filter(None, files.decode().split("\0")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([uv, "pip", "install", "-q", "--python", python, source], check=True)
    return environment / "bin/xcomkit"


def run(command: Path, *words: object) -> subprocess.CompletedProcess[str]:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [command, *map(str, words)], capture_output=True, text=True, check=False, env=environment,
        cwd=command.parent,
    )  # fmt: skip


def test_lint_env_merge_and_scan_work_and_know_every_rule(command, tmp_path):
    (tmp_path / "dag.py").write_text("x = 1\n")
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps({"Version": "2012-10-17", "Statement": []}))

    linted = run(command, "lint", VALUES, "--format", "json")
    assert (linted.returncode, linted.stderr) == (0, "")
    assert run(command, "lint", VALUES, "--trust", trust).returncode == 1
    assert run(command, "env", VALUES).returncode == 0
    assert run(command, "merge", VALUES, VALUES, "--check").returncode == 0
    assert run(command, "scan-dags", tmp_path).returncode == 0


def test_command_of_the_runbook_says_what_to_install(command):
    done = run(command, "run", "-f", ROOT / "parameters/local-aws.yaml")

    assert done.returncode == 3
    assert done.stderr == (
        "xcomkit: this command needs pydantic, which is not installed."
        " Next: pip install 'xcomkit[runbook,local]'\n"
    )


def test_hooks_call_commands_that_are_there(command):
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())

    names = {"xcomkit-lint", "xcomkit-lint-repository", "xcomkit-scan-dags"}
    assert {hook["id"] for hook in hooks} == names
    for hook in hooks:
        program, *words = hook["entry"].split()
        assert program == command.name
        assert run(command, *words, "--help").returncode == 0
        assert hook["require_serial"]


def test_action_writes_reports_and_ends_with_the_worst_code(command, tmp_path):
    bad = ROOT / "tests/lint/bad.yaml"
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags/dag.py").write_text("x = 1\n")
    environment = {
        "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}",
        "FILES": str(bad),
        "DAGS": "dags",
        "SARIF": "reports",
    }
    script = ROOT / ".github/lint.sh"

    done = subprocess.run(["bash", script], cwd=tmp_path, env=environment, capture_output=True,
                          text=True, check=False)  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "XC005" in done.stdout
    for name in ("lint", "dags"):
        assert json.loads((tmp_path / f"reports/{name}.sarif").read_text())["version"] == "2.1.0"

    nothing = subprocess.run(["bash", script], cwd=tmp_path, env={"PATH": environment["PATH"]},
                             capture_output=True, text=True, check=False)  # fmt: skip
    assert nothing.returncode == 2
    assert "set files or dags" in nothing.stderr


def test_action_names_the_script_and_passes_every_input_by_environment():
    action = yaml.safe_load((ROOT / "action.yml").read_text())

    *_, lint = action["runs"]["steps"]
    assert lint["run"] == 'bash "$SOURCE/.github/lint.sh"'
    inputs = {f"${{{{ inputs.{name} }}}}" for name in ("files", "arguments", "dags", "sarif")}
    assert inputs <= set(lint["env"].values())
    # an input that is pasted into a script would be run by it
    assert not any("inputs." in str(step.get("run")) for step in action["runs"]["steps"])
