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


@pytest.fixture
def lint(capsys):
    """Return the command as a function that gives its exit code and both outputs."""

    def run(*words):
        code = main(["lint", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def find(lint):
    """Return the command as a function that gives its report."""
    return lambda *words: json.loads(lint(*words, "--format", "json")[1])


def test_good_file_is_0_and_says_what_it_was_taken_for(lint):
    code, text, _ = lint(GOOD)
    assert code == 0
    assert "good.yaml: a values file of the agent chart" in text
    assert "✔ nothing failed: 0 fail, 0 warn, 0 info" in text


def test_bad_file_is_1_from_a_pipe_too_and_shows_line_remedy_and_what_to_paste(lint, monkeypatch):
    content = io.BytesIO(Path(BAD).read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(content))
    for file, name in ((BAD, "bad.yaml:"), ("-", "stdin:")):
        code, text, _ = lint(file)
        assert code == 1
        assert "✖ fail  XC005" in text
        assert name in text
        assert "paste:" in text


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["gone.yaml"], "No such file"),
        ([BAD, "--baseline", "gone.json"], "No such file"),
        ([BAD, "--trust", "gone.json"], "No such file"),
        (["values.yaml"], "values.yaml:3:1: "),
        (["-", "-"], "can be read once"),
        (["nameless.yaml", "--trust", "values.yaml"], "--namespace"),
    ],
    ids=["no file", "no baseline", "no trust", "no YAML", "stdin twice", "no namespace"],
)
def test_what_cannot_be_read_is_2_and_one_line(lint, tmp_path, monkeypatch, words, problem):
    monkeypatch.chdir(tmp_path)
    Path("values.yaml").write_text("a: 1\nb: [\n")
    Path("nameless.yaml").write_text(Path(GOOD).read_text().replace("namespace: astro\n", ""))

    code, _, text = lint(*words)

    assert code == 2
    assert text.startswith("xcomkit: ")
    assert text.count("\n") == 1
    assert problem in text


def test_each_judges_files_by_themselves_and_sees_what_they_share(find, tmp_path):
    text = Path(GOOD).read_text()
    files = [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    for file in files:
        file.write_text(f"{text}astroDeploymentAPIURL: https://x/{file.stem}\n")

    document = find("--each", *files)

    shared = [f for f in document["findings"] if f["id"] == "XC028"]
    assert [f["where"].rpartition("/")[2] for f in shared] == ["two.yaml:5"]
    assert len(document["environment"]) == 6


def subjects_of(*names: str) -> list[str]:
    return [f"system:serviceaccount:astro:astro-agent-{name}" for name in names]


def test_trust_of_the_cloud_is_joined_with_the_accounts_of_the_file(lint, tmp_path):
    subjects = subjects_of("worker-default-worker", "dag-processor", "triggerer")
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
    assert lint(GOOD, "--trust", trust)[0] == 0

    subjects.pop()
    trust.write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    code, text, _ = lint(GOOD, "--trust", trust)
    assert code == 1
    assert "astro-agent-triggerer" in text

    cases = lint(GOOD, "--trust", trust, "--format", "junit")[1]
    assert "XC060" in cases
    assert "XC070" not in cases  # no lifecycle was given, so nothing was asked of one


def test_sentinel_is_of_the_chart_and_nobody_else_is(lint, tmp_path):
    names = ("worker-default-worker", "dag-processor", "triggerer", "sentinel")
    credentials = [
        {"subject": subject, "issuer": "https://x/", "audiences": ["api://AzureADTokenExchange"]}
        for subject in subjects_of(*names)
    ]
    trust = tmp_path / "trust.json"
    trust.write_text(json.dumps(credentials))
    assert lint(EXAMPLES / "good-azure.yaml", "--trust", trust)[0] == 0

    credentials[3]["subject"] = "system:serviceaccount:other:astro-agent-sentinel"
    trust.write_text(json.dumps(credentials))
    code, text, _ = lint(EXAMPLES / "good-azure.yaml", "--trust", trust)
    assert code == 1
    assert "XC061" in text


def test_env_shows_value_and_place_per_component(capsys):
    assert main(["env", GOOD, "--component", "triggerer"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("# triggerer\n")
    assert "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD=0  # " in text
    assert "good.yaml:7 commonEnv" in text


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


def test_one_file_that_cannot_be_read_does_not_hide_the_others(lint, tmp_path):
    bad = tmp_path / "values-bad.yaml"
    bad.write_text("a: [\n")
    other = tmp_path / "values-nginx.yaml"
    other.write_text("replicaCount: 1\n")

    code, out, err = lint("--each", bad, other, BAD)

    assert code == 2
    assert "XC005" in out
    assert "values-bad.yaml:2:1: " in err
    assert "values-nginx.yaml: nothing of agents in it, so it was left out." in err
    assert "XC001" not in out


def test_baseline_hides_what_was_there_and_nothing_behind_it(lint, find, tmp_path):
    path = tmp_path / "values.yaml"
    entry = "  - name: K{n}_PASSWORD\n    value: hush{n}\n"
    path.write_text("commonEnv:\n" + "".join(entry.format(n=n) for n in range(30)))
    (tmp_path / "baseline.json").write_text(lint(path, "--format", "json")[1])
    path.write_text("commonEnv:\n" + "".join(entry.format(n=n) for n in range(32)))

    found = find(path, "--baseline", tmp_path / "baseline.json")["findings"]
    assert [f["observed"][:23] for f in found] == [
        "commonEnv.K30_PASSWORD:", "commonEnv.K31_PASSWORD:",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [20, 21])
def test_text_lists_twenty_of_a_kind_and_says_how_many_more(lint, tmp_path, number):
    path = tmp_path / "values.yaml"
    path.write_text(
        "commonEnv:\n" + "".join(f"  - name: N{n}\n    value: {n}\n" for n in range(number))
    )

    text = lint(path)[1]
    assert text.count("fail  XC006") == 20
    assert ("and 1 more of XC006" in text) == (number > 20)


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


def test_folder_is_a_repository_with_a_line_for_each_deployment(lint, tmp_path):
    for name, threshold in (("a", "0"), ("b", "1MB")):
        (tmp_path / name).mkdir()
        text = Path(GOOD).read_text().replace('"0"', f'"{threshold}"')
        (tmp_path / name / "values.yaml").write_text(text)

    code, text, _ = lint(tmp_path)
    assert code == 1
    assert f"✔ {tmp_path}/a/values.yaml: 0 fail" in text
    assert f"✖ {tmp_path}/b/values.yaml: 1 fail" in text
    assert lint(tmp_path / "a")[0] == 0
