import json
import os
import sys
import time
import uuid
from pathlib import Path

import pytest
from backend_target import CLASS, CODEC, EFFECTIVE, PATH, Target
from pod import Pod

from xcomkit.backend import drift, process
from xcomkit.backend.launch import Launch
from xcomkit.backend.process import open_worker
from xcomkit.backend.protocol import Payload, Where, connection, encode, environment, pull, push
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import STOCK_BACKEND

pytestmark = pytest.mark.usefixtures("forked")  # but for those in a pod or another interpreter
WHERE = Where(dag_id="dag", run_id="run", task_id="task")
GREETING = json.dumps(
    {"python": "3", "packages": {}, "backend": "b", "settings": {}, "codecs": [], "import_ms": 1,
     "loops": None, "digest": "", "error": None, "state": {"error": None},
     "replies": [{"steps": []}]}
)  # fmt: skip
AGENT = Launch(pod="deployment/agent", namespace="astro", container="worker")
LOG = 'E1124 15:49:15.230291 25269 memcache.go:265] "Unhandled Error" err="no such host"'


@pytest.fixture
def pod(tmp_path, monkeypatch) -> Pod:
    words = ["exec", "-i", "-n", "astro", "deployment/agent", "-c", "worker", "--"]
    made = Pod(tmp_path, words=words)
    monkeypatch.setenv("PATH", f"{made.bin}{os.pathsep}{os.environ['PATH']}")
    return made


def refusal() -> ProcessError:
    with pytest.raises(ProcessError) as caught, open_worker({}, timeout=5, launch=AGENT) as worker:
        _ = worker.hello
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    return caught.value


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_the_pod_s_environment_counts_is_told_as_verdicts_and_kubectl_keeps_the_caller_s(
    pod: Pod, monkeypatch
):
    monkeypatch.setenv("KUBECONFIG", "the-caller-s")
    has = {**EFFECTIVE, CODEC: "gzip"}
    pod.run({**has, "TOKEN": "p0d-s3cr3t", "UNASKED": "p0d-s3cr3t"})

    with open_worker({**EFFECTIVE, "AIRFLOW_CONN_FROM_HERE": "aws://"}, timeout=30,
                     launch=AGENT) as worker:  # fmt: skip
        asked = environment({**has, "TOKEN": "", "GONE": ""})
        here, there, told = worker.run([connection("from_here"), connection("aws_default"), asked])

    assert worker.hello.backend == STOCK_BACKEND
    assert worker.hello.settings["compression"] == "gzip"
    assert (here.resolved, there.resolved) == (False, True)
    assert told.environment is not None
    assert set(told.environment["shown"]) == {
        name for name in has if not name.startswith("AIRFLOW_CONN_")
    }
    assert told.environment["verdicts"]["TOKEN"] == "differs"
    assert told.environment["verdicts"]["GONE"] == "missing"
    assert "p0d-s3cr3t" not in str(told)
    assert json.loads(pod.caller.read_text())["KUBECONFIG"] == "the-caller-s"


def test_requests_follow_the_program_on_one_stdin_and_a_round_trip_works(pod: Pod, target: Target):
    pod.run({**target.effective, **target.identity().environment})
    typed = Payload("typed")

    with open_worker({}, timeout=60, launch=AGENT) as worker:
        before, pushed, pulled = worker.run(
            [encode(typed, describe=True), push(typed, where=WHERE), pull(describe=True)]
        )
        (again,) = worker.run([pull(pushed.reference, describe=True)])

    assert pushed.error is None
    assert before.value == pulled.value == again.value


def test_the_program_arrives_whole_whatever_its_length(pod: Pod, monkeypatch, tmp_path):
    program, text = tmp_path / "worker.py", "# Grüße " + "x" * 300_000
    answers = "".join(f"sys.stdin.readline()\nprint({GREETING!r}, flush=True)\n" for _ in range(3))
    begin = f"import sys\nprint({GREETING!r}, flush=True)"
    program.write_text(f"{begin}\n{text}\n{answers}", encoding="utf-8")
    monkeypatch.setattr(process, "WORKER", program)
    pod.run({})

    with open_worker({}, timeout=60, launch=AGENT) as worker:
        assert [worker.run([]) for _ in range(3)] == [()] * 3


def test_the_worker_leaves_the_pod_with_its_stdin_and_no_file_but_airflow_s_own(pod: Pod):
    pod.run({**EFFECTIVE, PATH: ""})

    with open_worker({}, timeout=30, launch=AGENT) as worker:
        worker.run([push(Payload("small_dict"), where=WHERE)])
        started = time.monotonic()

    assert worker._process.returncode == 0
    assert time.monotonic() - started < process.GRACE_SECONDS
    assert all(name.startswith("airflow/") for name in files(pod.home))
    assert "result" not in " ".join(files(pod.home))


def test_secrets_that_only_the_pod_has_are_hidden_in_what_its_backend_raises(pod: Pod):
    secret = f"nested-{uuid.uuid4().hex}"
    pod.run({**EFFECTIVE, "SOME_TOKEN": secret, CLASS: f"no_such_module_{secret}.Class"})

    with open_worker({}, timeout=30, launch=AGENT) as worker:
        assert "***" in str(worker.hello.error)
        assert secret not in str(worker.hello.error)


@pytest.mark.parametrize(
    "body",
    ["raise ValueError(os.environ['SOME_TOKEN'])",
     "os.write(1, os.environ['SOME_TOKEN'].encode()); os.write(2, b'it was '); raise ValueError"],
)  # fmt: skip
def test_last_words_of_a_worker_hold_no_secret_of_its_pod(pod: Pod, monkeypatch, tmp_path, body):
    program = tmp_path / "worker.py"
    program.write_text(f"import os\nos.dup2(2, 1)\n{body}\n")
    monkeypatch.setattr(process, "WORKER", program)
    pod.run({"SOME_TOKEN": "p0d-s3cr3t"})

    told = str(refusal())

    assert "ended before it answered. Its last words: ValueError" in told
    assert "p0d-s3cr3t" not in told


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ('Error from server (Forbidden): pods "a" is forbidden: User "u" cannot create resource',
         "auth can-i create pods/exec -n astro"),
        ('Error from server (NotFound): pods "a" not found', "get pods,deployments -n astro"),
        ("Defaulted container x\nerror: container worker is not valid for pod a",
         "describe deployment -n astro"),
        ("error: You must be logged in to the server (Unauthorized)", "sign in to the cluster"),
        ('OCI runtime exec failed: exec: "sh": executable file not found in $PATH',
         "container that runs Airflow"),
        (f"{LOG}\nThe connection to the server x was refused", "choose the cluster in kubeconfig"),
        ("error: cannot exec into a container in a completed pod; current phase is Failed",
         "wait until the pod runs"),
        ("something nobody has seen", "kubectl exec -n astro deployment/agent -c worker -- true"),
    ],
)  # fmt: skip
def test_what_kubectl_refuses_is_one_line_with_the_next_step(pod: Pod, words, hint):
    pod.say(words)

    told = refusal()

    assert hint in told.hint
    assert "in worker of deployment/agent ended before it answered" in str(told)
    assert f"Its last words: {words.splitlines()[-1]} Next:" in str(told)


def test_without_kubectl_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    told = refusal()

    assert "cannot be started in worker of deployment/agent: No such file" in str(told)
    assert "whether kubectl is installed" in told.hint


def test_an_image_without_python_or_with_an_old_one_is_said(pod: Pod, monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/sh").symlink_to("/bin/sh")
    pod.run(EFFECTIVE, path=str(tmp_path / "empty"))
    without = refusal()
    monkeypatch.setattr("xcomkit.backend.launch.OLDEST", (99, 1))
    pod.run(EFFECTIVE)
    old = refusal()

    assert "no python3 and no python in this image" in str(without)
    assert "is too old: the worker needs 99.1" in str(old)
    assert all("container that runs Airflow" in told.hint for told in (without, old))


def test_another_interpreter_gets_the_private_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_FROM_THE_USER", "aws://")
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\necho "$HOME" > {tmp_path}/home\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)

    with open_worker(EFFECTIVE, timeout=30, launch=Launch(python=str(other))) as worker:
        user, own = worker.run([connection("from_the_user"), connection("aws_default")])

    assert (user.resolved, own.resolved) == (False, True)
    assert "xcomkit-worker-" in (tmp_path / "home").read_text()


@pytest.mark.parametrize(
    ("has", "says", "status", "observed"),
    [
        ({"API_KEY": "k3y", "OTHER": "x"}, {"API_KEY": None, "URL": "https://host/$(API_KEY)"},
         "pass", "all 4 the same; 2 from elsewhere (valueFrom) not compared"),
        ({"AIRFLOW_CONN_AWS_DEFAULT": "p0d-s3cr3t"}, {}, "fail",
         "differs: AIRFLOW_CONN_AWS_DEFAULT"),
        ({PATH: "s3://aws_default@old/x"}, {}, "fail",
         f"{PATH} is s3://aws_default@old/x instead of {EFFECTIVE[PATH]}"),
        ({CODEC: "zip"}, {"MORE": "x"}, "fail", f"missing: MORE; in the pod only: {CODEC}"),
        ({CODEC: "zip"}, {CODEC: None}, "pass",
         "all 4 the same; 1 from elsewhere (valueFrom) not compared"),
        ({}, dict.fromkeys(EFFECTIVE), "skip",
         "nothing to compare; 4 from elsewhere (valueFrom) not compared"),
    ],
    ids=["same", "secret differs", "setting differs", "missing and others", "from elsewhere",
         "file without values"],
)  # fmt: skip
def test_pod_is_compared_with_the_file_and_no_secret_of_it_is_shown(has, says, status, observed):
    with open_worker({**EFFECTIVE, **has}, timeout=60) as worker:
        check = drift.check(worker, environment={**EFFECTIVE, **says})

    assert (check.id, check.status, check.observed) == ("XC520", status, observed)
