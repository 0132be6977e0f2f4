import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import certifi
import pytest
from backend_target import CODEC, CONNECTION, EFFECTIVE, PATH, REGION, Target

from xcomkit.backend import process
from xcomkit.backend.configuration import check_identity
from xcomkit.backend.process import WORKER, open_worker
from xcomkit.backend.protocol import (
    Payload,
    Request,
    Where,
    connection,
    encode,
    encode_and_push,
    pull,
    push,
    size,
)
from xcomkit.findings.errors import ProcessError, UnreachableError
from xcomkit.findings.model import STOCK_BACKEND, WorkerIdentity

WHERE = Where(dag_id="dag", run_id="run", task_id="task")
SMALL = Payload("small_dict")


def fake_worker(monkeypatch, tmp_path, body: str) -> None:
    """Put a worker in place that greets and then does what ``body`` says."""
    greeting = {"python": "3", "packages": {}, "backend": "b", "settings": {}, "codecs": [],
                "import_ms": 1, "loops": None, "digest": "", "error": None,
                "state": {"error": None}}  # fmt: skip
    script = tmp_path / "worker.py"
    script.write_text(
        f"import json, os, sys, time\nprint(json.dumps({greeting!r}), flush=True)\n"
        f"sys.stdin.readline()\n{body}\n"
    )
    monkeypatch.setattr(process, "WORKER", script)


def unanswered(silent: socket.socket) -> dict[str, str]:
    """Return an environment whose endpoint takes connections and never answers."""
    return {
        **EFFECTIVE,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{silent.getsockname()[1]}",
        "AWS_ACCESS_KEY_ID": "nobody-in-particular",
        "AWS_SECRET_ACCESS_KEY": "nothing-in-particular",
    }


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_worker_sees_only_the_given_environment_and_greets_with_what_it_found(monkeypatch):
    monkeypatch.setenv(CODEC, "gzip")
    monkeypatch.setenv("AIRFLOW_CONN_FROM_THE_USER", "aws://")
    with open_worker(EFFECTIVE, timeout=30) as worker:
        hello = worker.hello
        (found,) = worker.run([connection("from_the_user")])
    assert found.resolved is False
    assert hello.backend == STOCK_BACKEND
    assert (hello.settings["path"], hello.settings["compression"]) == (EFFECTIVE[PATH], "")
    assert {"apache-airflow", "apache-airflow-task-sdk", "s3fs", "fsspec"} <= set(hello.packages)
    assert {"gzip", "zip", "bz2", "lzma", "xz"} <= set(hello.codecs)
    assert hello.import_ms > 0


@pytest.mark.usefixtures("forked")
@pytest.mark.parametrize(
    ("connection_text", "signs"),
    [
        (CONNECTION, False),
        ('{"conn_type": "aws", "login": "id", "password": "in-clear"}', True),
        ('{"conn_type": "aws", "extra": {"aws_secret_access_key": "in-clear"}}', True),
    ],
)
def test_connection_with_a_key_of_its_own_is_who_signs(connection_text, signs):
    environment = {**EFFECTIVE, "AIRFLOW_CONN_AWS_DEFAULT": connection_text}

    with open_worker(environment, timeout=60) as worker:
        (found,) = worker.run([connection("aws_default")])

    caller = WorkerIdentity("me", {}, proves="the caller", agents=False)
    check = check_identity(caller, key_of="aws_default" if found.signs else "")
    assert (found.signs, check.status) == (signs, "pass" if signs else "warn")


@pytest.mark.usefixtures("forked")
def test_connections_resolve_from_the_environment_and_from_secrets_manager(target: Target):
    name = f"connections/{uuid.uuid4().hex}"
    target.client("secretsmanager").create_secret(
        Name=f"{name}/in_the_store", SecretString=CONNECTION
    )
    secrets = {
        "AIRFLOW__SECRETS__BACKEND": (
            "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"
        ),
        "AIRFLOW__SECRETS__BACKEND_KWARGS": json.dumps(
            {"connections_prefix": name, "region_name": REGION}
        ),
    }
    with target.worker(more=("secretsmanager:GetSecretValue",), **secrets) as worker:
        wanted = ("in_the_store", "aws_default", "nowhere")
        found = worker.run([connection(conn_id) for conn_id in wanted])
    assert [outcome.resolved for outcome in found] == [True, True, False]

    with target.worker(**secrets) as worker:
        (denied,) = worker.run([connection("in_the_store")])
    assert denied.resolved is False
    assert any("AccessDenied" in reason for reason in denied.reasons)


@pytest.mark.usefixtures("forked")
def test_types_come_back_requests_are_counted_and_variables_are_of_one_request(target: Target):
    typed = Payload("typed")
    with target.worker() as worker:
        before, pushed, pulled, stored = worker.run(
            [*encode_and_push(typed, where=WHERE), pull(describe=True), size()]
        )
        (packed,) = worker.run([push(SMALL, where=WHERE)], environment={CODEC: "gzip"})
        (bare,) = worker.run([push(SMALL, where=WHERE)])
    assert pulled.value == before.value
    assert pushed.requests is not None
    assert pulled.requests is not None
    assert (pushed.requests["PutObject"], pulled.requests["GetObject"]) == (1, 1)
    assert stored.bytes == before.bytes
    types = json.dumps(before.value)
    for name in ("tuple", "set", "frozenset", "datetime", "timedelta", "Decimal", "NoneType"):
        assert name in types
    assert [one.reference.endswith(".gz") for one in (packed, bare)] == [True, False]


@pytest.mark.usefixtures("forked")
def test_what_reads_a_variable_at_its_import_has_that_of_the_request(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import aiohttp.connector, google.auth.compute_engine._metadata as asked\n"
        "def seen():\n    trusted = aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()\n"
        "    return [asked._GCE_METADATA_HOST, trusted['x509'] > 0]\n"
    )
    (tmp_path / "none.pem").touch()
    own = encode(Payload("callable", text="mine:seen"), describe=True)
    begun = {"PYTHONPATH": str(tmp_path), "GCE_METADATA_HOST": "one",
             "SSL_CERT_FILE": certifi.where()}  # fmt: skip
    asked = {"GCE_METADATA_HOST": "two", "SSL_CERT_FILE": str(tmp_path / "none.pem")}
    with open_worker({**EFFECTIVE, **begun}, timeout=60) as worker:
        answers = [*worker.run([own]), *worker.run([own], environment=asked)]
    found = [
        answer.value and json.loads(json.dumps(answer.value["canonical"][1])) for answer in answers
    ]
    assert [[body for _, body in one] for one in found] == [["one", "True"], ["two", "False"]]


@pytest.mark.usefixtures("forked")
def test_undefined_connection_is_warned_about_in_the_log_of_the_push(target: Target):
    with target.worker(**{PATH: f"s3://nowhere@{target.bucket}/astro/xcom"}) as worker:
        (pushed,) = worker.run([push(SMALL, where=WHERE)])
    assert any("Unable to find AWS Connection ID" in line for line in pushed.log)


@pytest.mark.usefixtures("forked")
def test_unknown_payload_is_an_error_of_its_step_only():
    with open_worker(EFFECTIVE, timeout=30) as worker:
        wrong, right = worker.run([encode(Payload("nonsense")), encode(SMALL)])  # type: ignore[arg-type]
    assert wrong.error is not None
    assert "no such payload" in wrong.error.message
    assert right.error is None


@pytest.mark.usefixtures("forked")
def test_hung_request_ends_within_its_deadline_and_the_worker_lives_on():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        open_worker(unanswered(silent), timeout=2) as worker,
    ):
        _ = worker.hello
        started = time.monotonic()
        with pytest.raises(ProcessError, match="no answer within 2 s") as caught:
            worker.run([push(SMALL, where=WHERE)])
        assert time.monotonic() - started < 6
        (after,) = worker.run([encode(SMALL)])
    assert after.error is None
    assert caught.value.hint


@pytest.mark.usefixtures("forked")
def test_fork_that_hangs_does_not_take_a_finished_one_with_a_long_answer_with_it():
    long = encode(Payload("records", 40_000), describe=True)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        open_worker(unanswered(silent), timeout=30) as worker,
    ):
        hung, done = worker.run_all(
            [Request([push(SMALL, where=WHERE)], timeout=5), Request([long], timeout=3)]
        )
    assert isinstance(hung, ProcessError)
    assert not isinstance(done, ProcessError)
    assert len(json.dumps(done[0].value)) > 1 << 16


@pytest.mark.usefixtures("forked")
def test_function_of_a_users_own_runs_in_the_fork_and_not_in_the_worker(tmp_path):
    (tmp_path / "mine.py").write_text("import os\ndef where():\n    return os.getpid()\n")
    own = encode(Payload("callable", text="mine:where"), describe=True)
    with open_worker({**EFFECTIVE, "PYTHONPATH": str(tmp_path)}, timeout=30) as worker:
        (told,) = worker.run([own])
        pid = worker._process.pid
    assert told.canonical[1] != str(pid)


def test_copy_that_is_late_ends_alone():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        open_worker(unanswered(silent), timeout=60, is_copied=True) as worker,
    ):
        other = worker.beside()
        assert other is not None
        other._timeout = -process.GRACE_SECONDS
        (late,) = other.run_all([Request([push(SMALL, where=WHERE)])])
        (gone,) = other.run_all([Request([encode(SMALL)])])
        (answered,) = worker.run([encode(SMALL, describe=True)])
    assert "gave no answer in time" in str(late)
    assert "is gone" in str(gone) or "ended" in str(gone)
    assert answered.value


def test_copy_answers_while_the_worker_is_busy_and_ends_with_it():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        open_worker(unanswered(silent), timeout=60, is_copied=True) as worker,
        ThreadPoolExecutor(1) as pool,
    ):
        other = worker.beside()
        assert other is not None
        busy = pool.submit(worker.run_all, [Request([push(SMALL, where=WHERE)])])
        caller, _ = silent.accept()  # from here on the worker waits
        (answered,) = other.run([encode(SMALL, describe=True)])
        assert not busy.done()
        process._kill(worker._process)
        with pytest.raises(ProcessError, match=r"ended before it answered|is gone"):
            other.run([encode(SMALL)])
        caller.close()
    assert answered.value
    assert isinstance(busy.result()[0], ProcessError)


def test_killed_worker_is_an_error_and_leaves_no_process():
    with open_worker(EFFECTIVE, timeout=30) as worker:
        pid = worker._process.pid
        worker._process.kill()
        worker._process.wait()
        with pytest.raises(ProcessError, match=r"ended before it answered|is gone"):
            worker.run([encode(SMALL)])
    assert not is_running(pid)


def test_a_fork_that_hangs_ends_with_the_worker_and_no_file_is_left(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(process, "GRACE_SECONDS", -28)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with open_worker(unanswered(silent), timeout=30) as worker:
            assert [path.name for path in tmp_path.iterdir()] != []
            with pytest.raises(ProcessError, match="in time"):
                worker.run([push(SMALL, where=WHERE)])
            with pytest.raises(ProcessError, match=r"ended before it answered|is gone"):
                worker.run([encode(SMALL)])
            caller, _ = silent.accept()
        with caller:
            caller.settimeout(10)
            while caller.recv(65536):  # ends when the fork that opened the connection is gone
                continue
    assert list(tmp_path.iterdir()) == []


OWNER = """
import json, sys
from xcomkit.backend.process import open_worker
from xcomkit.backend.protocol import Payload, Where, push

where = Where(dag_id="dag", run_id="run", task_id="task")
with open_worker(json.loads(sys.argv[1]), timeout=60) as worker:
    worker.run([push(Payload("small_dict"), where=where)])
"""


def test_a_fork_that_hangs_ends_when_whoever_asked_is_killed():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        command = [sys.executable, "-c", OWNER, json.dumps(unanswered(silent))]
        with subprocess.Popen(command) as owner:
            caller, _ = silent.accept()
            owner.kill()
        started = time.monotonic()
        with caller:
            caller.settimeout(10)
            while caller.recv(65536):  # ends when the fork that opened the connection is gone
                continue
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('not json', flush=True); time.sleep(60)", "no JSON"),
        ("print('[1]', flush=True); time.sleep(60)", "no JSON object"),
        ("sys.exit(3)", "ended before it answered"),
        ("os.write(1, b'x' * 17_000_000); time.sleep(60)", "more than any reply"),
    ],
)
def test_worker_that_speaks_nonsense_is_refused(monkeypatch, tmp_path, body, message):
    fake_worker(monkeypatch, tmp_path, body)
    with open_worker({}, timeout=30) as worker, pytest.raises(ProcessError, match=message):
        worker.run([encode(SMALL)])


def test_silent_worker_is_given_up_after_the_deadline(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    fake_worker(monkeypatch, tmp_path, "time.sleep(60)")
    with open_worker({}, timeout=1) as worker, pytest.raises(ProcessError, match="in time"):
        worker.run([encode(SMALL)])


def test_secrets_of_the_environment_never_show_in_an_error(monkeypatch, tmp_path):
    secret = f"s3cr3t-{uuid.uuid4().hex}"
    token = tmp_path / "token"
    token.write_text(secret[::-1])
    body = (
        "told = [v for n, v in os.environ.items() if n != 'PATH']\n"
        "told.append(open(os.environ['AWS_WEB_IDENTITY_TOKEN_FILE']).read())\n"
        "sys.stderr.write(' '.join(told)); sys.exit(1)"
    )
    fake_worker(monkeypatch, tmp_path, body)
    environment = {
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AIRFLOW_CONN_X": json.dumps({"conn_type": "aws", "password": f"{secret}-2"}),
        "PLAIN": "shown",
    }
    with open_worker(environment, timeout=30) as worker:
        with pytest.raises(ProcessError) as caught:
            worker.run([encode(SMALL)])
        assert secret not in repr(worker)
    assert "shown" in str(caught.value)
    assert secret not in str(caught.value)
    assert secret[::-1] not in str(caught.value)


@pytest.mark.usefixtures("forked")
def test_secret_in_what_the_backend_raises_is_hidden():
    secret = f"nested-{uuid.uuid4().hex}"
    environment = {
        **EFFECTIVE,
        "SOME_TOKEN": secret,
        "AIRFLOW__CORE__XCOM_BACKEND": f"no_such_module_{secret}.Class",
    }
    with open_worker(environment, timeout=30) as worker:
        assert worker.hello.error is not None
        assert "***" in str(worker.hello.error)
        assert secret not in str(worker.hello.error)


def test_wait_ends_when_the_store_is_gone_and_goes_on_while_it_answers(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "LOOK_SECONDS", 0.1)
    fake_worker(monkeypatch, tmp_path, "time.sleep(1)\nprint(json.dumps({'replies': []}))")
    looks: list[int] = []

    def look() -> None:
        raise UnreachableError("nothing listens there")

    with open_worker(EFFECTIVE, timeout=30) as worker:
        worker.look = lambda: looks.append(1)
        assert worker.run_all([Request([])]) == ()
    fake_worker(monkeypatch, tmp_path, "time.sleep(60)")
    started = time.monotonic()
    with open_worker(EFFECTIVE, timeout=60) as worker:
        worker.look = look
        with pytest.raises(UnreachableError, match="nothing listens"):
            worker.run([connection("aws_default")])

    assert len(looks) > 2
    assert time.monotonic() - started < 20


def test_environment_no_process_can_have_is_an_error_with_a_hint():
    with (
        pytest.raises(ProcessError, match="cannot be started"),
        open_worker({"NAME": "nul\0byte"}, timeout=5),
    ):
        pass


def test_airflow_and_libraries_cannot_write_into_the_channel(tmp_path):
    request = json.dumps({"requests": [{"steps": [], "environment": {}, "timeout": 90}]})
    loud = "import sys; sys.stdout.write('noise'); sys.stdout.flush()"
    program = WORKER.read_text().replace(
        "        greeting = greet()\n    send(channel, greeting)\n",
        f"        {loud}\n    os.system('echo noise')\n",
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "", "HOME": str(tmp_path)},
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(f"{request}\n")
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline()) == {"replies": [{"steps": []}]}
        rest, noise = worker.communicate()
    assert (rest, worker.returncode) == ("", 0)
    assert noise.count("noise") == 2
