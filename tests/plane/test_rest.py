"""What a deployment's REST API may answer, and what a user is told about it."""

import itertools
import socket
import time
from urllib.parse import unquote

import pytest
from scripted_airflow import Reply, scripted_airflow

from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ProcessError,
    ServiceError,
    SettingsError,
    UnreachableError,
    XcomkitError,
)
from xcomkit.plane import api, run_reader
from xcomkit.plane.access import token_from_environment
from xcomkit.plane.rest import open_deployment

TOKEN = "secret-token-of-the-deployment"
DAG = "GET /api/v2/dags/check"
RUN = f"{DAG}/dagRuns/r1"
TASKS = f"{RUN}/taskInstances"
XCOMS = f"{TASKS}/~/xcomEntries"
ERRORS = "GET /api/v2/importErrors"
NO_ERRORS = Reply({"import_errors": [], "total_entries": 0})


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """Return how long was waited, without waiting."""
    taken = []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: (taken.append(seconds), sleep(0.001))[0])
    return taken


@pytest.fixture
def airflow():
    with scripted_airflow() as running:
        yield running


@pytest.fixture
def deployment(airflow):
    with open_deployment(airflow.url, token=TOKEN) as opened:
        yield opened


def listing(key, entries):
    """Return a reply that pages as Airflow does: never more than 100 at once."""

    def page(request):
        start = int(request.query["offset"])
        size = min(int(request.query["limit"]), 100)
        return Reply({key: entries[start : start + size], "total_entries": len(entries)})

    return page


def task(name, index=-1, **fields):
    told = {"task_id": name, "map_index": index, "state": "success", "try_number": 1}
    told |= {"start_date": "2026-01-01T00:00:00Z", "queue": "default", "hostname": "agent-1"}
    return {**told, **fields}


def log_of(*events):
    return Reply({"content": list(events), "continuation_token": None})


def with_run(airflow, *tasks, state="success", xcoms=()):
    """Make the airflow hold a run of these tasks, each with one line in its log."""
    airflow.on(RUN, Reply({"state": state, "start_date": "2026-01-01T00:00:00Z",
                           "end_date": "2026-01-01T00:00:12.5Z"}))  # fmt: skip
    airflow.on(TASKS, listing("task_instances", list(tasks)))
    airflow.on(XCOMS, listing("xcom_entries", list(xcoms)))
    line = {"timestamp": "2026-01-01T00:00:01Z", "level": "info", "event": "did it"}
    for name in {one["task_id"] for one in tasks}:
        airflow.on(f"{TASKS}/{name}/logs/1", log_of(line))


# What goes wrong on the wire


def test_token_that_is_not_accepted_asks_for_a_new_one(airflow, deployment):
    airflow.on("GET /api/v2/version", Reply({"version": "3.3.2"}))
    airflow.on(DAG, Reply({"detail": "Invalid JWT token"}, status=401))

    with pytest.raises(CredentialsError, match=r"HTTP 401: Invalid JWT token.*make a new token"):
        deployment.check_access("check")


def test_token_that_expired_in_a_long_run_is_fetched_once_more(airflow):
    tokens = iter(("first-token", "second-token"))
    airflow.on(DAG, Reply({"is_paused": True}), Reply(status=401), Reply({"is_paused": False}))

    with open_deployment(airflow.url, token=lambda: next(tokens)) as opened:
        assert opened.is_paused("check")
        assert not opened.is_paused("check")

    assert [one.token for one in airflow.asked(DAG)] == [
        "first-token", "first-token", "second-token"
    ]  # fmt: skip


def test_right_that_is_missing_is_named(airflow, deployment):
    airflow.on("POST /api/v2/dags/check/dagRuns", Reply({"detail": "Forbidden"}, status=403))

    with pytest.raises(AccessDeniedError, match=r"start the run.*deployment\.airflow\.dagRun\.cre"):
        deployment.trigger("check", run_id="r1", conf={})


def test_run_that_is_not_there_is_missing(deployment):
    with pytest.raises(MissingError, match="delete the run r1 of check"):
        deployment.delete_run("check", "r1")


def test_run_id_that_is_taken_is_a_conflict(airflow, deployment):
    detail = {"reason": "Unique constraint violation", "statement": "hidden"}
    airflow.on("POST /api/v2/dags/check/dagRuns", Reply({"detail": detail}, status=409))

    with pytest.raises(ConflictError, match=r"Unique constraint violation.*another run id"):
        deployment.trigger("check", run_id="r1", conf={})


def test_reading_is_tried_again_while_the_server_restarts(airflow, deployment, pauses):
    airflow.on(DAG, Reply(status=503), Reply(status=502), Reply({"is_paused": True}))

    assert deployment.is_paused("check")
    assert pauses == [0.5, 1.0]


def test_server_that_stays_broken_is_an_error_after_four_tries(airflow, deployment):
    airflow.on(DAG, Reply(status=500))

    with pytest.raises(ServiceError, match="HTTP 500"):
        deployment.is_paused("check")
    assert len(airflow.asked(DAG)) == 4


def test_change_is_never_asked_for_twice(airflow, deployment):
    airflow.on("POST /api/v2/dags/check/dagRuns", Reply(status=503))

    with pytest.raises(ServiceError, match="HTTP 503"):
        deployment.trigger("check", run_id="r1", conf={})
    assert len(airflow.requests) == 1


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("86400", 30), ("soon", 0.5), ("-3", 0.5)])
def test_wait_the_server_asks_for_is_kept_within_bounds(airflow, deployment, pauses, asked, waited):
    airflow.on(DAG, Reply(status=429, headers={"Retry-After": asked}), Reply({"is_paused": True}))

    deployment.is_paused("check")

    assert pauses == [waited]


@pytest.mark.parametrize("status", [200, 401, 403, 404, 500])
def test_web_page_never_looks_like_an_answer(airflow, deployment, status):
    airflow.on(DAG, Reply(b"<html>Sign in</html>", status=status, kind="text/html; charset=utf-8"))

    if status == 404:
        assert not deployment.is_paused("check")
        return
    with pytest.raises(ServiceError) as caught:
        deployment.is_paused("check")
    assert caught.value.hint
    assert "Sign in" not in str(caught.value)


def test_login_page_is_said_to_be_one(airflow, deployment):
    airflow.on("GET /api/v2/version", Reply(b"<html>", kind="text/html"))

    with pytest.raises(ServiceError, match=r"text/html instead of JSON.*up to /home"):
        deployment.check_access("check")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_token_does_not_follow_a_redirect(airflow, deployment, status):
    with scripted_airflow() as other:
        other.on("GET /login", Reply({"version": "3.3.2"}))
        place = {"Location": f"{other.url}/login?next={TOKEN}"}
        airflow.on("GET /api/v2/version", Reply(status=status, headers=place))

        with pytest.raises(CredentialsError, match=r"sends to 127\.0\.0\.1 for an") as caught:
            deployment.check_access("check")

        assert other.requests == []
        assert TOKEN not in str(caught.value)


def test_token_for_this_machine_does_not_go_through_a_proxy(airflow, monkeypatch):
    airflow.on(DAG, Reply({"is_paused": True}))
    with scripted_airflow() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        with open_deployment(airflow.url, token=TOKEN) as opened:
            assert opened.is_paused("check")

        assert proxy.requests == []


def test_answer_without_an_end_is_given_up(airflow, deployment, monkeypatch):
    monkeypatch.setattr(api, "MAX_ANSWER", 1_000_000)
    airflow.on(DAG, lambda _: Reply(itertools.repeat(b"x" * 65_536)))

    with pytest.raises(ServiceError, match="more than 1000000 bytes"):
        deployment.is_paused("check")


def test_answer_that_drips_is_given_up(airflow, deployment, monkeypatch):
    monkeypatch.setattr(api, "MAX_SECONDS", 0.2)
    airflow.on(DAG, lambda _: Reply(b" " for _ in iter(lambda: time.sleep(0), 0)))

    with pytest.raises(ServiceError, match=r"longer than 0\.2 s"):
        deployment.is_paused("check")


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000],
)
def test_answer_that_is_no_object_is_said_to_be_none(airflow, deployment, garbage):
    airflow.on(DAG, Reply(garbage))

    with pytest.raises(ServiceError, match=r"no JSON object, asked to read the Dag check\."):
        deployment.is_paused("check")


def test_nobody_listening_is_unreachable():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with (
            open_deployment(url, token=TOKEN) as opened,
            pytest.raises(UnreachableError, match=r"could not be reached.*check the URL") as caught,
        ):
            opened.is_paused("check")
    assert type(caught.value) is UnreachableError


def test_server_that_speaks_no_tls_is_unreachable_at_once(airflow, pauses):
    url = airflow.url.replace("http:", "https:")

    with (
        open_deployment(url, token=TOKEN) as opened,
        pytest.raises(UnreachableError, match="SSL_CERT_FILE"),
    ):
        opened.is_paused("check")

    assert (airflow.requests, pauses) == ([], [])


def test_server_that_never_answers_is_unreachable(monkeypatch):
    import httpx

    timeout = httpx.Timeout
    monkeypatch.setattr(httpx, "Timeout", lambda *_, **__: timeout(0.1))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"

        with (
            open_deployment(url, token=TOKEN) as opened,
            pytest.raises(UnreachableError, match="did not answer in time"),
        ):
            opened.is_paused("check")


# Who may receive a token, and where it may show


@pytest.mark.parametrize(
    "url",
    [
        "http://airflow.example.com", "ftp://127.0.0.1", "127.0.0.1:8080", "https://", "",
        "https://user:hunter22@airflow.example.com", "https://airflow.example.com/?token=hunter22",
        "https://airflow.example.com/#hunter22", "https://airflow.example.com:port",
        "https://airflow.example.com/a b", "http://127.0.0.1.example.com", "https://[::1",
    ],
)  # fmt: skip
def test_url_that_may_not_receive_a_token_is_refused(url):
    with (
        pytest.raises(SettingsError, match="accepted is https://HOST/PATH") as caught,
        open_deployment(url, token=TOKEN),
    ):
        pass
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("ending", ["", "/", "/home", "/home/", "/api/v2", "/api/v2/"])
def test_url_may_be_copied_from_the_browser(ending):
    with open_deployment(f"https://org.astronomer.run/abc{ending}", token=TOKEN) as opened:
        assert opened.url == "https://org.astronomer.run/abc"


@pytest.mark.parametrize("held", [None, "", "  \n"])
def test_token_that_is_not_exported_is_asked_for(monkeypatch, held):
    if held is not None:
        monkeypatch.setenv("AIRFLOW_API_TOKEN", held)

    with pytest.raises(CredentialsError, match=r"export it as AIRFLOW_API_TOKEN"):
        token_from_environment("AIRFLOW_API_TOKEN")


@pytest.mark.parametrize("held", ["two words-of-it", "line\nbreak-in-it", "tökens-have-no-ö", "x"])
def test_token_that_is_none_is_refused_without_showing_it(monkeypatch, held):
    monkeypatch.setenv("AIRFLOW_API_TOKEN", held)

    with pytest.raises(CredentialsError, match="copy the token again") as caught:
        token_from_environment("AIRFLOW_API_TOKEN")
    assert len(held) == 1 or held not in str(caught.value)


def test_token_from_the_environment_loses_its_line_end(monkeypatch):
    monkeypatch.setenv("AIRFLOW_API_TOKEN", f"{TOKEN}\n")

    assert token_from_environment("AIRFLOW_API_TOKEN") == TOKEN


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 409, 418, 422, 500, 302])
@pytest.mark.parametrize("method", ["read_run", "delete_run", "wait_for_run"])
def test_server_that_repeats_the_token_does_not_get_it_into_an_error(
    airflow, deployment, status, method
):
    echo = {"Location": f"https://{TOKEN}.example.com/", "X-Token": TOKEN}
    reply = Reply({"detail": f"Bearer {TOKEN}", "state": TOKEN}, status=status, headers=echo)
    reply.kind = "application/json" if status != 200 else f"text/{TOKEN}"
    airflow.on(RUN, reply)
    airflow.on(RUN.replace("GET", "DELETE"), reply)
    more = {"timeout": 0, "progress": lambda _: None} if method == "wait_for_run" else {}

    with pytest.raises(XcomkitError) as caught:
        getattr(deployment, method)("check", "r1", **more)

    shown = caught.getrepr(style="long", showlocals=False)
    assert TOKEN not in f"{caught.value} {caught.value!r} {caught.value.hint} {shown}"
    assert caught.value.__context__ is None


def test_server_that_repeats_the_token_does_not_get_it_into_the_record(airflow, deployment):
    told = []
    with_run(airflow, task(TOKEN, state="success"), task("push", hostname=TOKEN,
             rendered_fields={"op_args": [TOKEN]}))  # fmt: skip
    airflow.on(XCOMS, listing("xcom_entries", [{"task_id": "push", "map_index": -1, "key": "k"}]))
    airflow.on(f"{TASKS}/push/xcomEntries/k", Reply({"run_id": "r1", "value": TOKEN}))
    airflow.on(f"{TASKS}/push/logs/1", log_of({"event": f"curl -H 'Bearer {TOKEN}'", "url": TOKEN}))

    deployment.wait_for_run("check", "r1", timeout=5, progress=told.append)
    run = deployment.read_run("check", "r1")

    kept = [(one, one.rendered, one.log) for one in run.tasks]
    assert TOKEN not in f"{run} {kept} {[row.stored for row in run.xcoms]} {run.unread} {told}"
    assert TOKEN not in f"{deployment!r} {deployment.api!r}"


# Names that are more than names


@pytest.mark.parametrize("run_id", ["a/b", "a%2Fb", "a?b=c#d", "../../x", "a b+c", "%", "é:1"])
def test_run_id_stays_one_part_of_the_path(airflow, deployment, run_id):
    with pytest.raises(MissingError):
        deployment.delete_run("check", run_id)

    (asked,) = airflow.requests
    assert asked.path.count("/") == 6
    assert unquote(asked.path.rpartition("/")[2]) == run_id
    assert asked.query == {}


@pytest.mark.parametrize("run_id", ["", ".", "..", "~"])
def test_run_id_that_means_other_runs_is_never_asked_for(airflow, deployment, run_id):
    with pytest.raises(ServiceError, match="no name that can be asked for"):
        deployment.delete_run("check", run_id)
    assert airflow.requests == []


def test_names_from_the_server_do_not_lead_elsewhere(airflow, deployment):
    hostile = ["a/../../../x", "b\x1b[2J\nnext", "c\ud800", "d" * 10_000]
    with_run(airflow, *(task(name) for name in hostile))

    run = deployment.read_run("check", "r1")

    assert all(one.task_id.isprintable() and len(one.task_id) <= 250 for one in run.tasks)
    assert all(one.path.startswith("/api/v2/dags/check/dagRuns/r1") for one in airflow.requests)
    assert not [one for one in airflow.requests if "/../" in one.path]
    assert len(run.unread) == 4  # none of these logs is there


# The Dag file


def test_dag_that_is_not_there_says_where_its_file_belongs(airflow, deployment):
    airflow.on(ERRORS, NO_ERRORS)

    with pytest.raises(MissingError, match=r"put check\.py into the Dag bundle"):
        deployment.wait_until_parsed("check", file_name="check.py", timeout=0, progress=print)


def test_dag_file_that_cannot_be_imported_is_told_at_once(airflow, deployment):
    trace = (
        "Traceback:\n  File \"check.py\", line 1\nModuleNotFoundError: No module named 'airflow'\n"
    )
    airflow.on(ERRORS, listing("import_errors", [
        *({"filename": f"other{i}.py", "stack_trace": "x"} for i in range(150)),
        {"filename": "team/check.py", "stack_trace": trace},
    ]))  # fmt: skip

    with pytest.raises(ProcessError, match="ModuleNotFoundError: No module named 'airflow'"):
        deployment.wait_until_parsed("check", file_name="check.py", timeout=60, progress=print)


def test_dag_that_appears_later_is_waited_for(airflow, deployment):
    told = []
    airflow.on(ERRORS, Reply(status=403))
    airflow.on(DAG, Reply(status=404), Reply({"is_stale": True}), Reply({"is_stale": False}))

    deployment.wait_until_parsed("check", file_name="check.py", timeout=60, progress=told.append)

    assert told == ["waiting until the Dag check is read"]


def test_paused_dag_is_unpaused_and_nothing_else_is_changed(airflow, deployment):
    airflow.on("PATCH /api/v2/dags/check", Reply({"is_paused": False}))

    deployment.unpause("check")

    (asked,) = airflow.requests
    assert (asked.query, asked.body) == ({"update_mask": "is_paused"}, {"is_paused": False})


@pytest.mark.parametrize("version", ["2.11.0", "", None, {"x": 1}])
def test_airflow_2_is_refused(airflow, deployment, version):
    airflow.on("GET /api/v2/version", Reply({"version": version}))

    with pytest.raises(ServiceError, match="remote execution needs Airflow 3"):
        deployment.check_access("check")


def test_access_is_shown_before_the_dag_is_there(airflow, deployment):
    airflow.on("GET /api/v2/version", Reply({"version": "3.1.0", "more": [1]}))

    assert deployment.check_access("check") == "3.1.0"
    assert {one.token for one in airflow.requests} == {TOKEN}


# A run


def test_each_task_is_told_when_it_ends(airflow, deployment):
    told = []
    airflow.on(RUN, Reply({"state": "running"}), Reply({"state": "success"}))
    first = [task("push"), task("read", state="queued")]
    then = [task("push"), task("read"), task("square", 2)]
    lists = (listing("task_instances", found) for found in ([], first, then))
    airflow.on(TASKS, *lists)

    state = deployment.wait_for_run("check", "r1", timeout=60, progress=told.append)

    assert state == "success"
    assert told == ["ended: push", "ended: read, square[2]"]


def test_of_a_run_that_is_cleared_only_what_runs_again_is_told(airflow, deployment):
    told = []
    airflow.on(RUN, Reply({"state": "success"}))
    before = [task("push", state="queued"), task("read")]
    lists = (listing("task_instances", found) for found in (before, [task("push"), task("read")]))
    airflow.on(TASKS, *lists)

    deployment.wait_for_run("check", "r1", timeout=60, progress=told.append)

    assert told == ["ended: push"]


def test_many_mapped_tasks_are_told_as_a_count(airflow, deployment):
    told = []
    tasks = [task("push"), *(task("square", i) for i in range(120))]
    airflow.on(RUN, Reply({"state": "failed"}))
    airflow.on(TASKS, listing("task_instances", []), listing("task_instances", tasks))

    assert deployment.wait_for_run("check", "r1", timeout=60, progress=told.append) == "failed"
    assert told == ["ended: push", "121 of 121 tasks ended"]


def test_tasks_that_no_agent_takes_are_named_with_their_queue(airflow, deployment):
    waiting = task("push", state="queued", queue="gpu", start_date=None, try_number=0)
    with_run(airflow, waiting, task("read", state=None, start_date=None), state="running")

    with pytest.raises(ProcessError, match=r"never started push, queued for gpu.*agent.*queue gpu"):
        deployment.wait_for_run("check", "r1", timeout=0, progress=print)


def test_run_that_hangs_names_the_tasks_that_run(airflow, deployment):
    with_run(airflow, task("push", state="running"), task("read"), state="running")

    with pytest.raises(ProcessError, match=r"push \(running\).*raise step_timeout"):
        deployment.wait_for_run("check", "r1", timeout=0, progress=print)


def test_run_of_thousands_is_read_whole_and_failed_logs_come_first(airflow, deployment):
    tasks = [task("square", i, state="failed" if i > 230 else "success") for i in range(250)]
    xcoms = [{"task_id": "square", "map_index": i, "key": "return_value"} for i in range(230)]
    with_run(airflow, *tasks, state="failed", xcoms=xcoms)
    stored = f"{TASKS}/square/xcomEntries/return_value"
    airflow.on(stored, lambda asked: Reply({"value": f"s3://xcom/{asked.query['map_index']}"}))

    run = deployment.read_run("check", "r1")

    assert [one.map_index for one in run.tasks] == list(range(250))
    assert [row.stored for row in run.xcoms] == [f"s3://xcom/{i}" for i in range(230)]
    assert all(one.log for one in run.tasks if one.state == "failed")
    assert sum(bool(one.log) for one in run.tasks) == run_reader.MOST_LOGS
    assert run.unread == ("the logs of 50 task instances were not read",)
    assert run.seconds == 12.5


@pytest.mark.parametrize("total", [251, 10**9, -1, "many", None])
def test_listing_that_is_not_whole_is_no_listing(airflow, deployment, total):
    with_run(airflow)
    pages = itertools.chain([[task("push")] * 100], itertools.repeat([]))
    airflow.on(TASKS, lambda _: Reply({"task_instances": next(pages), "total_entries": total}))

    with pytest.raises(ServiceError, match="list the task instances"):
        deployment.read_run("check", "r1")


def test_row_holds_what_the_database_holds(airflow, deployment):
    value = {"text": "Grüße", "none": None}
    with_run(airflow, xcoms=[{"task_id": "push", "map_index": -1, "key": key} for key in "ab"])
    airflow.on(f"{TASKS}/push/xcomEntries/a", Reply({"run_id": "r1", "value": "s3://xcom/key"}))
    airflow.on(f"{TASKS}/push/xcomEntries/b", Reply({"run_id": "r1", "value": value}))

    reference, inline = deployment.read_run("check", "r1").xcoms

    assert (reference.stored, reference.length) == ("s3://xcom/key", 15)
    assert (inline.stored, inline.length) == ('{"text": "Gr\\u00fc\\u00dfe", "none": null}', 41)
    asked = airflow.asked(f"{TASKS}/push/xcomEntries/a")[0].query
    assert (asked["deserialize"], asked["stringify"]) == ("false", "false")


@pytest.mark.parametrize("answer", [{"run_id": "r0", "value": "s3://old"}, {"run_id": "r1"}])
def test_row_of_another_run_is_not_taken_for_this_one(airflow, deployment, answer):
    with_run(airflow, xcoms=[{"task_id": "push", "map_index": -1, "key": "a"}])
    airflow.on(f"{TASKS}/push/xcomEntries/a", Reply(answer))

    with pytest.raises(ServiceError, match="another XCom"):
        deployment.read_run("check", "r1")


def test_log_that_the_server_cannot_find_is_noted(airflow, deployment):
    with_run(airflow, task("push"), task("read"))
    airflow.on(f"{TASKS}/push/logs/1", log_of(
        {"event": "::group::Log message source details"},
        {"event": "Could not read served logs: Hostname not available"},
        {"event": "::endgroup::"},
    ))  # fmt: skip
    airflow.on(f"{TASKS}/read/logs/1", Reply({"detail": "no right"}, status=403))

    run = deployment.read_run("check", "r1")

    assert [one.log for one in run.tasks] == [(), ()]
    assert "Could not read served logs" in run.unread[0]
    assert "deployment.airflow.taskLog.get" in run.unread[1]


def test_logs_of_all_tries_are_one_after_the_other(airflow, deployment):
    with_run(airflow, task("push", try_number=2))
    airflow.on(f"{TASKS}/push/tries", Reply({"task_instances": [], "total_entries": 0}))
    for attempt in (1, 2):
        airflow.on(f"{TASKS}/push/logs/{attempt}", log_of({"event": f"try {attempt}"}))

    (pushed,) = deployment.read_run("check", "r1").tasks

    assert pushed.log == ("try 1", "try 2")


def test_earlier_tries_are_named_where_airflow_tells_their_ids(airflow, deployment):
    with_run(airflow, task("push", try_number=2), task("square", 3, try_number=3), task("read"))
    tries = [{"id": f"id-{number}", "try_number": number} for number in (1, 2)]
    airflow.on(f"{TASKS}/push/tries", Reply({"task_instances": tries}))
    old = [{"task_id": "square", "try_number": number} for number in (1, 2, 3)]  # before 3.4
    airflow.on(f"{TASKS}/square/3/tries", Reply({"task_instances": old}))

    found = {one.name: one.earlier for one in deployment.read_run("check", "r1").tasks}

    assert found == {"push": ("id-1",), "square[3]": (), "read": ()}


def test_only_the_named_tasks_are_cleared(airflow, deployment):
    place = "POST /api/v2/dags/check/clearTaskInstances"
    airflow.on(place, Reply({"task_instances": [task("read")], "total_entries": 1}))

    deployment.clear("check", "r1", task_ids=["read"])

    (asked,) = airflow.requests
    assert asked.body == {
        "dag_run_id": "r1", "task_ids": ["read"], "dry_run": False, "only_failed": False,
        "include_downstream": False, "reset_dag_runs": True,
    }  # fmt: skip


def test_clearing_nothing_is_no_success(airflow, deployment):
    place = "POST /api/v2/dags/check/clearTaskInstances"
    airflow.on(place, Reply({"task_instances": [], "total_entries": 0}))

    with pytest.raises(MissingError, match="no task read to clear"):
        deployment.clear("check", "r1", task_ids=["read"])


def test_deleting_is_done_when_the_server_says_so(airflow, deployment):
    airflow.on(RUN.replace("GET", "DELETE"), Reply(status=204))

    deployment.delete_run("check", "r1")

    assert [one.method for one in airflow.requests] == ["DELETE"]
