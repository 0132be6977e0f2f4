import json
import os
import stat
import sys
import time
import uuid
from pathlib import Path

import pytest
from backend_target import CONNECTION, SUBJECT, Target

from xcomkit.backend import drift, process
from xcomkit.backend.launch import in_interpreter, in_pod
from xcomkit.backend.process import open_worker
from xcomkit.backend.protocol import Payload, Where, connection, encode, environment, pull, push
from xcomkit.findings.errors import ProcessError
from xcomkit.findings.model import STOCK_BACKEND, Check

pytestmark = pytest.mark.usefixtures("forked")  # but for those in a pod or another interpreter
WHERE = Where(dag_id="dag", run_id="run", task_id="task")
EFFECTIVE = {
    "AIRFLOW__CORE__XCOM_BACKEND": STOCK_BACKEND,
    "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": "s3://aws_default@bucket/astro/xcom",
    "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "0",
    "AIRFLOW_CONN_AWS_DEFAULT": CONNECTION,
}
GREETING = json.dumps(
    {"python": "3", "packages": {}, "backend": "b", "settings": {}, "codecs": [], "import_ms": 1,
     "loops": None, "error": None, "replies": [{"steps": []}]}
)  # fmt: skip
AGENT = in_pod("deployment/agent", namespace="astro", container="worker")
LOG = 'E1124 15:49:15.230291 25269 memcache.go:265] "Unhandled Error" err="no such host"'
WORDS = ["exec", "-i", "-n", "astro", "deployment/agent", "-c", "worker", "--"]


class Pod:
    """A kubectl that checks its words and runs the rest in an environment and folder of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "pod"
        self.bin = directory / "bin"
        for folder in (self.home, self.bin):
            folder.mkdir()

    def run(self, environment: dict[str, str], *, path: str = "") -> None:
        """Make the pod run with this environment; ``path`` holds its interpreters."""
        own = {
            **environment,
            "PATH": path or os.pathsep.join((str(Path(sys.executable).parent), os.defpath)),
            "HOME": str(self.home),
        }
        self.kubectl(
            f"assert sys.argv[1:9] == {WORDS!r}, sys.argv\n"
            f"with open({str(self.directory / 'caller.json')!r}, 'w') as file:\n"
            "    json.dump(dict(os.environ), file)\n"
            f"os.chdir({str(self.home)!r})\n"
            f"os.execvpe(sys.argv[9], sys.argv[9:], {own!r})\n"
        )

    def kubectl(self, body: str) -> None:
        script = self.bin / "kubectl"
        script.write_text(f"#!{sys.executable}\nimport json, os, sys\n{body}")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def say(self, words: str, *, code: int = 1) -> None:
        """Make kubectl fail with these words."""
        self.kubectl(f"sys.stderr.write({words + chr(10)!r})\nsys.exit({code})\n")


@pytest.fixture
def pod(tmp_path, monkeypatch) -> Pod:
    made = Pod(tmp_path)
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


def compare(has: dict[str, str], *, says: dict[str, str | None]) -> Check:
    """Compare what a file says with what a process has, which needs no pod."""
    with open_worker(has, timeout=60) as worker:
        return drift.check(worker, environment=says)


def test_the_pod_s_environment_counts_is_told_as_verdicts_and_kubectl_keeps_the_caller_s(
    pod: Pod, monkeypatch
):
    monkeypatch.setenv("KUBECONFIG", "the-caller-s")
    has = {**EFFECTIVE, "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION": "gzip"}
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
    assert json.loads((pod.directory / "caller.json").read_text())["KUBECONFIG"] == "the-caller-s"


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
    assert SUBJECT.startswith("system:serviceaccount:astro:")


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
    pod.run({**EFFECTIVE, "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": ""})

    with open_worker({}, timeout=30, launch=AGENT) as worker:
        worker.run([push(Payload("small_dict"), where=WHERE)])
        started = time.monotonic()

    assert worker._process.returncode == 0
    assert time.monotonic() - started < process.GRACE_SECONDS
    assert all(name.startswith("airflow/") for name in files(pod.home))
    assert "result" not in " ".join(files(pod.home))


def test_secrets_that_only_the_pod_has_are_hidden_in_what_its_backend_raises(pod: Pod):
    secret = f"nested-{uuid.uuid4().hex}"
    name = "AIRFLOW__CORE__XCOM_BACKEND"
    pod.run({**EFFECTIVE, "SOME_TOKEN": secret, name: f"no_such_module_{secret}.Class"})

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


def test_without_kubectl_it_is_said_before_anything_is_started(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    told = refusal()

    assert "there is no kubectl" in str(told)
    assert "install kubectl" in told.hint


def test_an_image_without_python_is_said(pod: Pod, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "sh").symlink_to("/bin/sh")
    pod.run(EFFECTIVE, path=str(empty))

    told = refusal()

    assert "no python3 and no python in this image" in str(told)
    assert "container that runs Airflow" in told.hint


def test_an_image_with_an_old_python_is_said(pod: Pod, monkeypatch):
    monkeypatch.setattr("xcomkit.backend.launch.OLDEST", (99, 1))
    pod.run(EFFECTIVE)

    told = refusal()

    assert "is too old: the worker needs 99.1" in str(told)


def test_another_interpreter_gets_the_private_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_FROM_THE_USER", "aws://")
    other = tmp_path / "python"
    other.write_text(f'#!/bin/sh\necho "$HOME" > {tmp_path}/home\nexec {sys.executable} "$@"\n')
    other.chmod(0o755)

    with open_worker(EFFECTIVE, timeout=30, launch=in_interpreter(other)) as worker:
        user, own = worker.run([connection("from_the_user"), connection("aws_default")])

    assert (user.resolved, own.resolved) == (False, True)
    assert "xcomkit-worker-" in (tmp_path / "home").read_text()


def test_an_interpreter_that_is_not_there_is_said(tmp_path):
    launch = in_interpreter(tmp_path / "none")

    with (
        pytest.raises(ProcessError, match="No such file") as caught,
        open_worker({}, timeout=5, launch=launch),
    ):
        pass
    assert "name an interpreter" in caught.value.hint


def test_the_same_environment_is_green_and_says_what_was_not_compared():
    says = {**EFFECTIVE, "API_KEY": None, "URL": "https://host/$(API_KEY)"}

    check = compare({**EFFECTIVE, "API_KEY": "k3y", "OTHER": "x"}, says=says)

    assert (check.id, check.status) == ("XC520", "pass")
    assert check.observed == "all 4 the same; 2 from elsewhere (valueFrom) not compared"


def test_a_secret_that_differs_is_named_and_its_value_stays_in_the_pod():
    secret = "p0d-s3cr3t"
    has = {**EFFECTIVE, "AIRFLOW_CONN_AWS_DEFAULT": secret}

    check = compare(has, says=EFFECTIVE)

    assert check.status == "fail"
    assert "differs: AIRFLOW_CONN_AWS_DEFAULT" in check.observed
    assert secret not in str(check)


def test_a_setting_of_the_backend_that_differs_is_shown_as_the_pod_has_it():
    name = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"

    check = compare({**EFFECTIVE, name: "s3://aws_default@old/x"}, says=EFFECTIVE)

    assert check.status == "fail"
    assert f"{name} is s3://aws_default@old/x instead of {EFFECTIVE[name]}" in check.observed


def test_what_is_missing_and_what_the_pod_has_besides_is_named():
    has = dict(EFFECTIVE)
    del has["AIRFLOW_CONN_AWS_DEFAULT"]
    besides = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"

    check = compare({**has, besides: "zip"}, says=EFFECTIVE)

    assert check.status == "fail"
    assert "missing: AIRFLOW_CONN_AWS_DEFAULT" in check.observed
    assert f"in the pod only: {besides}" in check.observed


def test_a_setting_that_the_file_takes_from_elsewhere_is_no_surprise_in_the_pod():
    name = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"

    check = compare({**EFFECTIVE, name: "zip"}, says={**EFFECTIVE, name: None})

    assert check.status == "pass"


def test_a_file_that_tells_no_value_leaves_the_question_open():
    check = compare(EFFECTIVE, says={"AIRFLOW__CORE__XCOM_BACKEND": None})

    assert check.status == "skip"
    assert "nothing to compare; 1 from elsewhere" in check.observed
