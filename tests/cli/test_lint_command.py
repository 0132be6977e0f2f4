"""``xcomkit lint`` and ``xcomkit env`` as somebody runs them."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xcomkit.__main__ import main

EXAMPLES = Path(__file__).parents[1] / "lint"
GOOD = str(EXAMPLES / "good.yaml")
BAD = str(EXAMPLES / "bad.yaml")


def test_good_file_is_0_and_says_what_it_was_taken_for(capsys):
    assert main(["lint", GOOD]) == 0
    text = capsys.readouterr().out
    assert "good.yaml: a values file of the agent chart" in text
    assert "✔ nothing failed: 0 fail, 0 warn, 0 info" in text


def test_bad_file_is_1_and_shows_line_remedy_and_what_to_paste(capsys):
    assert main(["lint", BAD]) == 1
    text = capsys.readouterr().out
    assert "✖ fail  XC005" in text
    assert "bad.yaml:" in text
    assert "paste:" in text


@pytest.mark.parametrize(
    "words",
    [
        ["gone.yaml"],
        [BAD, "--baseline", "gone.json"],
        [BAD, "--trust", "gone.json"],
        [BAD, "--set", "a"],
        [BAD, "--set-literal", "a={"],
        [BAD, "--each", "--set", "a=b"],
    ],
)
def test_what_cannot_be_read_is_2_and_one_line(capsys, words):
    assert main(["lint", *words]) == 2
    text = capsys.readouterr().err
    assert text.startswith("xcomkit: ")
    assert text.count("\n") == 1


def test_file_that_is_no_yaml_names_line_and_column(capsys, tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text("a: 1\nb: [\n")

    assert main(["lint", str(path)]) == 2
    assert "values.yaml:3:1: " in capsys.readouterr().err


def test_help_shows_examples_and_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["lint", "--help"])
    text = capsys.readouterr().out
    assert "helm get values astro-agent -n astro | xcomkit lint -" in text
    assert "exit codes: 0 nothing failed, 1 something failed, 2 a file cannot be read" in text


def test_values_from_a_pipe_are_judged(capsys, monkeypatch):
    content = Path(BAD).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert main(["lint", "-"]) == 1
    assert "stdin:" in capsys.readouterr().out


def test_each_judges_files_by_themselves_and_sees_what_they_share(capsys, tmp_path):
    text = Path(GOOD).read_text()
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(f"{text}astroDeploymentAPIURL: https://x/{name}\n")
    files = [str(tmp_path / f"{name}.yaml") for name in ("one", "two")]

    main(["lint", "--each", *files, "--format", "json"])
    document = json.loads(capsys.readouterr().out)

    shared = [f for f in document["findings"] if f["id"] == "XC028"]
    assert [f["where"].rpartition("/")[2] for f in shared] == ["two.yaml:5"]
    assert len(document["environment"]) == 6


def test_flags_of_helm_are_refused_with_the_way_through_helm_itself(capsys):
    assert main(["lint", GOOD, "--set-json", "commonEnv=[]"]) == 2
    assert "helm template RELEASE CHART -f FILE --set ... | xcomkit lint -" in (
        capsys.readouterr().err
    )


def test_what_helm_rendered_is_judged_per_container_from_a_pipe(capsys, monkeypatch):
    rendered = b"""---
# Source: astro-remote-execution-agent/templates/worker.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: astro-agent-worker}
spec:
  template:
    spec:
      containers:
        - name: worker
          env:
            - {name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD, value: "0"}
            - {name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD, value: 1MB}
"""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(rendered)))

    assert main(["lint", "-", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    where = {found["id"]: found["where"] for found in document["findings"]}
    assert (where["XC007"], where["XC010"]) == ("stdin:13", "stdin:13")
    assert list(document["environment"]) == ["deployment/astro-agent-worker:worker"]


def test_trust_and_policy_of_the_cloud_are_joined_with_the_accounts_of_the_file(capsys, tmp_path):
    accounts = ("worker-default-worker", "dag-processor", "triggerer")
    subjects = [f"system:serviceaccount:astro:astro-agent-{name}" for name in accounts]
    issuer = "oidc.eks.eu-central-1.amazonaws.com/id/X"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": subjects}
        },
    }
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert main(["lint", GOOD, "--trust", str(trust)]) == 0

    subjects.pop()
    trust.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert main(["lint", GOOD, "--trust", str(trust)]) == 1
    assert "astro-agent-triggerer" in capsys.readouterr().out

    main(["lint", GOOD, "--trust", str(trust), "--format", "junit"])
    cases = capsys.readouterr().out
    assert "XC060" in cases
    assert "XC070" not in cases  # no lifecycle was given, so nothing was asked of one


def test_sentinel_is_of_the_chart_and_nobody_else_is(capsys, tmp_path):
    names = ("worker-default-worker", "dag-processor", "triggerer", "sentinel")
    subjects = [f"system:serviceaccount:astro:astro-agent-{name}" for name in names]
    credentials = [
        {"subject": subject, "issuer": "https://x/", "audiences": ["api://AzureADTokenExchange"]}
        for subject in subjects
    ]
    trust = tmp_path / "trust.json"
    path = tmp_path / "values.yaml"
    path.write_text((EXAMPLES / "good-azure.yaml").read_text())
    trust.write_text(json.dumps(credentials))
    assert main(["lint", str(path), "--trust", str(trust)]) == 0

    credentials[3]["subject"] = "system:serviceaccount:other:astro-agent-sentinel"
    trust.write_text(json.dumps(credentials))
    assert main(["lint", str(path), "--trust", str(trust)]) == 1
    assert "XC061" in capsys.readouterr().out


def test_trust_without_a_namespace_asks_for_one(capsys, tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text(Path(GOOD).read_text().replace("namespace: astro\n", ""))
    trust = tmp_path / "trust.json"
    trust.write_text("{}")

    assert main(["lint", str(path), "--trust", str(trust)]) == 2
    assert "--namespace" in capsys.readouterr().err


def test_env_shows_value_and_place_per_component(capsys):
    assert main(["env", GOOD, "--component", "triggerer"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# triggerer\n")
    assert "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD=0  # " in text
    assert "good.yaml:7 commonEnv" in text


def test_env_of_a_component_that_is_not_there_names_those_that_are(capsys):
    assert main(["env", GOOD, "--component", "worker"]) == 2
    assert "worker:default-worker, dagProcessor, triggerer" in capsys.readouterr().err


def test_lint_loads_no_sdk_no_airflow_no_pandas_and_no_pydantic():
    code = (
        "import sys; from xcomkit.__main__ import main; main(['lint', sys.argv[1]]);"
        "heavy = ('airflow', 'boto3', 'pandas', 'pydantic', 'fsspec', 'urllib.request');"
        "sys.exit([name for name in heavy if name in sys.modules] or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, GOOD], capture_output=True, text=True, check=False
    )

    assert done.stderr == ""
    assert done.returncode == 0


ESCAPE = "\x1b[31m"


def test_nothing_but_letters_reaches_the_terminal(capsys, tmp_path):
    path = tmp_path / "values.yaml"
    name = json.dumps(f"{ESCAPE}EVIL\n::error::pwn")
    path.write_text(
        f"commonEnv: [{{name: {name}, value: 1}}, {{name: Q, value: {name}}}]\n"
        f"workers: [{{name: {name}}}]\n"
        "a: <todo>  # xcomkit: ignore XC008 " + "\x85\n"
    )
    main(["lint", str(path)])
    main(["env", str(path)])
    main(["env", str(path), "--component", f"{ESCAPE}x"])
    main(["lint", str(path), "--baseline", f"{ESCAPE}x"])

    told = capsys.readouterr()
    text = told.out + told.err
    assert "\x1b" not in text
    assert not any(line.startswith("::") for line in text.splitlines())


def test_one_file_that_cannot_be_read_does_not_hide_the_others(capsys, tmp_path):
    bad = tmp_path / "values-bad.yaml"
    bad.write_text("a: [\n")
    other = tmp_path / "values-nginx.yaml"
    other.write_text("replicaCount: 1\n")

    assert main(["lint", "--each", str(bad), str(other), BAD]) == 2
    told = capsys.readouterr()
    assert "XC005" in told.out
    assert "values-bad.yaml:2:1: " in told.err
    assert "values-nginx.yaml: nothing of agents in it, so it was left out." in told.err
    assert "XC001" not in told.out


def test_baseline_hides_what_was_there_and_nothing_behind_it(capsys, tmp_path):
    path = tmp_path / "values.yaml"
    entry = "  - name: K{n}_PASSWORD\n    value: hush{n}\n"
    path.write_text("commonEnv:\n" + "".join(entry.format(n=n) for n in range(30)))
    main(["lint", str(path), "--format", "json"])
    (tmp_path / "baseline.json").write_text(capsys.readouterr().out)
    path.write_text("commonEnv:\n" + "".join(entry.format(n=n) for n in range(32)))

    main(["lint", str(path), "--format", "json", "--baseline", str(tmp_path / "baseline.json")])
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [f["observed"][:25] for f in found] == [
        "commonEnv.K30_PASSWORD: a",
        "commonEnv.K31_PASSWORD: a",
    ]


def test_text_shows_twenty_of_a_kind_and_says_how_many_more(capsys, tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text(
        "commonEnv:\n" + "".join(f"  - name: N{n}\n    value: {n}\n" for n in range(50))
    )

    main(["lint", str(path)])
    text = capsys.readouterr().out
    assert text.count("fail  XC006") == 20
    assert "and 30 more of XC006" in text


def test_no_value_that_might_be_secret_is_in_the_environment(capsys, tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text(
        "commonEnv:\n  - {name: DB_PASS, value: hunter2}\n"
        "  - {name: BANNER, value: 'db=$(DB_PASS)'}\n"
        """  - {name: AIRFLOW_CONN_X, value: '{"password": "hunter2",}'}\n"""
    )
    for words in (["env"], ["lint", "--format", "json"], ["lint"]):
        main([words[0], str(path), *words[1:]])
    assert "hunter2" not in capsys.readouterr().out


def test_terminal_that_knows_no_mark_gets_letters():
    done = subprocess.run(
        [sys.executable, "-m", "xcomkit", "lint", GOOD], capture_output=True, text=True,
        check=False, env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2714 nothing failed" in done.stdout


def test_days_are_a_number_and_the_standard_input_is_read_once(capsys):
    with pytest.raises(SystemExit):
        main(["lint", GOOD, "--rerun-days", "-5"])
    assert main(["lint", "-", "-"]) == 2
    assert "can be read once" in capsys.readouterr().err
