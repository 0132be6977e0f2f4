"""What people copy from docs/recipes works as it is."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from xcomkit import __main__ as command_line
from xcomkit.steps.opening import STEPS

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "docs/recipes").iterdir())
COMMAND = re.compile(r"\bxcomkit (?:init|run|lint) [^&;|>\n]+")
RED = """
import runpy, sys
dag = runpy.run_path(sys.argv[1])["task"].dag
for task in dag.topological_sort():
    context = {"ts_nodash": "20261201T000000", "ti": None}
    task.render_template_fields(context)
    print(task.task_id, flush=True)
    task.execute(context)
"""


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.name)
def test_every_command_of_a_recipe_is_understood(path, capsys):
    commands = COMMAND.findall(path.read_text())
    for command in commands:
        try:
            options = command_line._parser("").parse_args(shlex.split(command)[1:])
        except SystemExit:
            pytest.fail(f"{command}: {capsys.readouterr().err}")
        for step in getattr(options, "steps", ()):
            assert any(name.startswith(step) for name in STEPS)
    assert commands or "PapermillOperator" in path.read_text()


def test_cron_job_is_valid_and_hands_over_the_record_and_the_exit_code(tmp_path):
    job = yaml.safe_load((ROOT / "docs/recipes/cronjob.yaml").read_text())
    kubernetes_validate.validate(job, "1.34", strict=True)
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    (script,) = container["args"]
    script = script.replace("cd /tmp", f"cd {tmp_path}")
    script = script.replace("s3://my-bucket/xcom-records/", f"file://{tmp_path}/records/")
    program = tmp_path / "bin/xcomkit"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nmkdir -p runs/x && echo record > runs/x/record.html; exit 1\n")
    program.chmod(0o755)
    path = os.pathsep.join((str(program.parent), str(Path(sys.executable).parent), os.defpath))

    done = subprocess.run([*container["command"], script], env={"PATH": path}, check=False)

    assert done.returncode == 1
    assert [p.read_text() for p in (tmp_path / "records").rglob("record.html")] == ["record\n"]


def test_nightly_dag_fails_with_the_names_of_the_red_checks(tmp_path):
    provider = tmp_path / "provider"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "pip", "install", "-q", "--no-deps", "--target", provider,
                    "apache-airflow-providers-papermill==3.13.3"], check=True)  # fmt: skip

    command_line.main(["init", str(tmp_path)])
    target = tmp_path / "parameters/local-aws.yaml"
    text = target.read_text().replace("backend: durable", "backend: stock")
    target.write_text(text.replace("compression: none", "compression: zip"))

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", RED, ROOT / "docs/recipes/nightly_dag.py"],
        env={**os.environ, "AIRFLOW_HOME": str(tmp_path), "XCOM_RUNBOOK": str(tmp_path),
             "XCOM_PARAMETERS": "local-aws.yaml", "PYTHONPATH": f"{ROOT}:{provider}"},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert done.returncode == 1
    assert "04_round_trip" in done.stdout
    assert "05_inspect_objects" not in done.stdout
    assert "XC516" in done.stderr.partition("GateError")[2], done.stderr[-2000:]
