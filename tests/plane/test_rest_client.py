"""What a deployment's REST API may answer, and what a user is told about it."""

import itertools
import socket
import time
from contextlib import nullcontext
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
from xcomkit.plane import rest_client, run_reader
from xcomkit.plane.deployment import open_deployment

TOKEN = "secret-token-of-the-deployment"
DAG = "GET /api/v2/dags/check"
RUN = f"{DAG}/dagRuns/r1"
TASKS = f"{RUN}/taskInstances"
XCOMS = f"{TASKS}/~/xcomEntries"
ERRORS = "GET /api/v2/importErrors"
VERSION = "GET /api/v2/version"
TRIGGER = "POST /api/v2/dags/check/dagRuns"
CLEAR = "POST /api/v2/dags/check/clearTaskInstances"


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
        running.on(VERSION, Reply({"version": "3.1.0", "more": [1]}))
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
    given = {"task_id": name, "map_index": index, "state": "success", "try_number": 1}
    given |= {"start_date": "2026-01-01T00:00:00Z", "queue": "default", "hostname": "agent-1"}
    return {**given, **fields}


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


def row(key="a", index=-1):
    return {"task_id": "push", "map_index": index, "key": key}


# What goes wrong in a request


@pytest.mark.parametrize(
    ("status", "detail", "kind", "words"),
    [
        (401, "Invalid JWT", CredentialsError, r"HTTP 401: Invalid JWT.*make a new token"),
        (403, "Forbidden", AccessDeniedError, r"start the run.*deployment\.airflow\.dagRun\.cre"),
        (404, "no Dag", MissingError, r"no such thing.*start the run r1 of check.*be deleted"),
        (409, {"reason": "Unique", "statement": "x"}, ConflictError, r"Unique\).*another run id"),
        (422, "bad conf", ServiceError, "HTTP 422: bad conf"),
        (503, "starting", ServiceError, "HTTP 503: starting.*try again later"),
    ],
)
def test_refused_change_says_why_and_what_to_do_and_is_never_asked_for_twice(
    airflow, deployment, status, detail, kind, words
):
    airflow.on(TRIGGER, Reply({"detail": detail}, status=status))

    with pytest.raises(kind, match=words) as caught:
        deployment.trigger("check", run_id="r1", conf={})

    assert type(caught.value) is kind
    assert len(airflow.requests) == 1


def test_reading_is_tried_four_times_while_the_server_restarts(airflow, deployment, pauses):
    airflow.on(VERSION, *(Reply(status=status) for status in (503, 502, 500, 500)))

    with pytest.raises(ServiceError, match="HTTP 500"):
        deployment.check_access("check")
    assert (len(airflow.requests), pauses) == (4, [0.5, 1.0, 2.0])

    airflow.on(VERSION, Reply(status=429), Reply({"version": "3.1.0", "more": [1]}))
    assert deployment.check_access("check") == "3.1.0"  # the Dag need not be there yet
    assert {one.token for one in airflow.requests} == {TOKEN}


@pytest.mark.parametrize(
    ("asked", "waited"), [("7", 7), ("31", 30), ("86400", 30), ("soon", 0.5), ("-3", 0.5)]
)
def test_wait_the_server_asks_for_stays_within_bounds(airflow, deployment, pauses, asked, waited):
    busy = Reply(status=429, headers={"Retry-After": asked})
    airflow.on(VERSION, busy, Reply({"version": "3.1.0"}))

    deployment.check_access("check")

    assert pauses == [waited]


@pytest.mark.parametrize("status", [200, 401, 403, 404, 500])
def test_web_page_never_looks_like_an_answer(airflow, deployment, status):
    page = Reply(b"<html>Sign in</html>", status=status, kind="text/html; charset=utf-8")
    airflow.on(VERSION, page)

    with pytest.raises(ServiceError) as caught:
        deployment.check_access("check")

    assert caught.value.hint
    assert "Sign in" not in str(caught.value)
    is_misdirected = status in (200, 404)
    assert ("up to /home" in caught.value.hint) is is_misdirected


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_token_does_not_follow_a_redirect(airflow, deployment, status):
    with scripted_airflow() as other:
        other.on("GET /login", Reply({"version": "3.3.2"}))
        place = {"Location": f"{other.url}/login?next={TOKEN}"}
        airflow.on(VERSION, Reply(status=status, headers=place))

        with pytest.raises(CredentialsError, match="sends to another page") as caught:
            deployment.check_access("check")

        assert other.requests == []
        assert TOKEN not in str(caught.value)


def test_token_for_this_machine_does_not_go_through_a_proxy(airflow, monkeypatch):
    with scripted_airflow() as proxy:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)

        with open_deployment(airflow.url, token=TOKEN) as opened:
            assert opened.check_access("check")

        assert proxy.requests == []


@pytest.mark.parametrize(
    ("limit", "most", "chunks", "words"),
    [
        ("MAX_ANSWER", 1_000_000, itertools.repeat(b"x" * 65_536, 20), "more than 1000000 bytes"),
        ("MAX_SECONDS", 0.2, itertools.repeat(b" "), r"longer than 0\.2 s"),
    ],
)
def test_answer_without_an_end_is_given_up(
    airflow, deployment, monkeypatch, limit, most, chunks, words
):
    monkeypatch.setattr(rest_client, limit, most)
    slow = limit == "MAX_SECONDS"
    airflow.on(VERSION, lambda _: Reply(c for c in chunks if not slow or time.sleep(0) is None))

    with pytest.raises(ServiceError, match=words):
        deployment.check_access("check")


@pytest.mark.parametrize(
    "garbage",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000],
)
def test_answer_that_is_no_object_is_an_error(airflow, deployment, garbage):
    airflow.on(DAG, Reply(garbage))

    with pytest.raises(ServiceError, match=r"no JSON object, asked to read the Dag check\."):
        deployment.check_access("check")


@pytest.mark.parametrize(("backlog", "words"), [(None, "Connection refused"), (1, "Timeout")])
def test_nobody_listening_and_nobody_answering_is_unreachable(monkeypatch, pauses, backlog, words):
    import httpx

    timeout = httpx.Timeout
    monkeypatch.setattr(httpx, "Timeout", lambda *_, **__: timeout(0.1))
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        if backlog:
            place.listen(backlog)
        url = f"http://127.0.0.1:{place.getsockname()[1]}"
        with (
            open_deployment(url, token=TOKEN) as opened,
            pytest.raises(UnreachableError, match=f"could not be reached.*{words}.*check URL"),
        ):
            opened.check_access("check")

    assert len(pauses) == (0 if backlog else 3)  # nobody waits for a time-out four times


def test_server_that_speaks_no_tls_is_unreachable_at_once(airflow, pauses):
    url = airflow.url.replace("http:", "https:")

    with (
        open_deployment(url, token=TOKEN) as opened,
        pytest.raises(UnreachableError, match="SSL_CERT_FILE"),
    ):
        opened.check_access("check")

    assert (airflow.requests, pauses) == ([], [])


# Who may receive a token, and where it may show


@pytest.mark.parametrize(
    "url",
    [
        "http://airflow.example.com", "http://127.0.0.1.example.com", "local", "",
        "https://user:hunter22@airflow.example.com", "https://airflow.example.com/?token=hunter22",
    ],
)  # fmt: skip
def test_url_that_may_not_receive_a_token_is_invalid(url):
    with (
        pytest.raises(SettingsError, match="must be https://HOST/PATH") as caught,
        open_deployment(url, token=TOKEN),
    ):
        pass
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize("ending", ["", "/", "/home/", "/api/v2"])
def test_url_may_be_copied_from_the_browser(ending):
    with open_deployment(f"https://org.astronomer.run/abc{ending}", token=TOKEN) as opened:
        assert opened.client.url == "https://org.astronomer.run/abc"


@pytest.mark.parametrize(
    "held", ["two words-of-it", "line\nbreak-in-it", "tökens-have-no-ö", "7-signs"]
)
def test_text_that_is_no_token_is_an_error_without_showing_it(held):
    with (
        pytest.raises(CredentialsError, match="copy the token again") as caught,
        open_deployment("https://airflow.example.com", token=held),
    ):
        pass
    assert held not in str(caught.value)


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
    said = []
    with_run(airflow, task(TOKEN, state="success"), task("push", hostname=TOKEN,
             rendered_fields={"op_args": [TOKEN]}), xcoms=[row()])  # fmt: skip
    airflow.on(f"{TASKS}/push/xcomEntries/a", Reply({"run_id": "r1", "value": TOKEN}))
    airflow.on(f"{TASKS}/push/logs/1", log_of({"event": f"curl -H 'Bearer {TOKEN}'", "url": TOKEN}))

    deployment.wait_for_run("check", "r1", timeout=5, progress=said.append)
    run = deployment.read_run("check", "r1")

    texts = [(one, one.rendered, one.log) for one in run.tasks]
    assert TOKEN not in f"{run} {texts} {[row.stored for row in run.xcoms]} {run.unread} {said}"
    assert TOKEN not in f"{deployment!r}"


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
    airflow.on(ERRORS, listing("import_errors", []))

    with pytest.raises(MissingError, match=r"put check\.py into the Dag bundle"):
        deployment.wait_until_parsed("check", timeout=0, progress=print)


def test_dag_file_that_cannot_be_imported_is_reported_at_once(airflow, deployment):
    trace = "Traceback:\n  File \"check.py\", line 1\nModuleNotFoundError: No module 'airflow'\n"
    airflow.on(ERRORS, listing("import_errors", [
        *({"filename": f"{i}check.py", "stack_trace": "x"} for i in range(150)),
        {"filename": "team/check.py", "stack_trace": trace},
    ]))  # fmt: skip

    with pytest.raises(ProcessError, match="ModuleNotFoundError: No module 'airflow'"):
        deployment.wait_until_parsed("check", timeout=60, progress=print)


def test_dag_that_appears_later_is_waited_for(airflow, deployment):
    said = []
    airflow.on(ERRORS, Reply(status=403))
    airflow.on(DAG, Reply(status=404), Reply({"is_stale": True}), Reply({"is_stale": False}))

    deployment.wait_until_parsed("check", timeout=60, progress=said.append)

    assert said == ["waiting until the Dag check is read"]
    assert len(airflow.asked(DAG)) == 3


@pytest.mark.parametrize("is_paused", [True, False])
def test_paused_dag_alone_is_unpaused_and_nothing_else_is_changed(airflow, deployment, is_paused):
    airflow.on(DAG, Reply({"is_paused": is_paused}))
    airflow.on("PATCH /api/v2/dags/check", Reply({"is_paused": False}))

    deployment.unpause("check")

    changes = [(one.query, one.body) for one in airflow.requests if one.method != "GET"]
    assert changes == [({"update_mask": "is_paused"}, {"is_paused": False})] * is_paused


@pytest.mark.parametrize("version", ["2.11.0", "", None, {"x": 1}])
def test_airflow_2_is_an_error(airflow, deployment, version):
    airflow.on(VERSION, Reply({"version": version}))

    with pytest.raises(ServiceError, match="remote execution needs Airflow 3"):
        deployment.check_access("check")


# A run


@pytest.mark.parametrize(
    ("states", "lists", "said"),
    [
        (
            ["running", "success"],
            [
                [],
                [task("push"), task("read", state="queued")],
                [task("push"), task("read"), task("square", 2)],
            ],
            ["ended: push", "ended: read, square[2]"],
        ),
        (
            ["success"],
            [[task("push", state="queued"), task("read")], [task("push"), task("read")]],
            ["ended: push"],
        ),
        (
            ["failed"],
            [[], [task("square", i) for i in range(120)]],
            [f"ended: {', '.join(f'square[{i}]' for i in range(10))} and 110 more"],
        ),
    ],
    ids=["as they end", "of a cleared run those that run again", "of many mapped ones a few"],
)
def test_tasks_are_reported_when_they_end(airflow, deployment, states, lists, said):
    heard = []
    airflow.on(RUN, *(Reply({"state": state}) for state in states))
    replies = [listing("task_instances", found) for found in lists]
    pages = [
        reply for reply, found in zip(replies, lists, strict=True) for _ in found[::100] or [0]
    ]
    airflow.on(TASKS, *pages)

    state = deployment.wait_for_run("check", "r1", timeout=60, progress=heard.append)

    assert (state, heard) == (states[-1], said)


@pytest.mark.parametrize(
    ("state", "waiting", "words"),
    [
        ("running", task("push", state="queued", queue="gpu", start_date=None),
         r"push \(queued in queue gpu\)\..*look whether an agent"),
        ("queued", task("push", 3, state=None, start_date=None), r"push\[3\] \(none in queue"),
        ("running", task("push", state="running"), r"push \(running\)\..*raise step_timeout"),
    ],
    ids=["no agent", "no scheduler", "hung task"],
)  # fmt: skip
def test_run_that_does_not_end_says_what_it_waits_for(airflow, deployment, state, waiting, words):
    with_run(airflow, waiting, task("read"), state=state)

    with pytest.raises(ProcessError, match=f"was {state} and had not ended after 0 s: {words}"):
        deployment.wait_for_run("check", "r1", timeout=0, progress=print)


def test_run_of_thousands_is_read_whole_and_failed_logs_come_first(airflow, deployment):
    tasks = [task("push", i, state="failed" if i > 230 else "success") for i in range(250)]
    xcoms = [row("return_value", i) for i in range(230)]
    with_run(airflow, *tasks, state="failed", xcoms=xcoms)
    stored = f"{TASKS}/push/xcomEntries/return_value"
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


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_listing_is_read_up_to_its_limit(airflow, deployment, more):
    airflow.on("GET /api/v2/x", listing("found", [{"n": n} for n in range(150 + more)]))
    with pytest.raises(ServiceError, match="at most 150") if more > 0 else nullcontext():
        found = deployment.client.pages(
            "/api/v2/x", "found", call=rest_client.Call("list"), most=150
        )
        assert len([*found]) == 150 + more


def test_row_holds_what_the_database_holds(airflow, deployment):
    value = {"text": "Grüße", "none": None}
    with_run(airflow, xcoms=[row("a"), row("b")])
    airflow.on(f"{TASKS}/push/xcomEntries/a", Reply({"run_id": "r1", "value": "s3://xcom/key"}))
    airflow.on(f"{TASKS}/push/xcomEntries/b", Reply({"run_id": "r1", "value": value}))

    reference, inline = deployment.read_run("check", "r1").xcoms

    assert (reference.stored, reference.length) == ("s3://xcom/key", 15)
    assert (inline.stored, inline.length) == ('{"text": "Gr\\u00fc\\u00dfe", "none": null}', 41)
    asked = airflow.asked(f"{TASKS}/push/xcomEntries/a")[0].query
    assert (asked["deserialize"], asked["stringify"]) == ("false", "false")


@pytest.mark.parametrize("answer", [{"run_id": "r0", "value": "s3://old"}, {"run_id": "r1"}])
def test_row_of_another_run_is_not_taken_for_this_one(airflow, deployment, answer):
    with_run(airflow, xcoms=[row()])
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


@pytest.mark.parametrize(
    ("tries", "read", "left_out"), [(2, "12", 0), (5, "12345", 0), (6, "13456", 1)]
)
def test_logs_of_the_first_and_the_last_tries_are_one_after_the_other(
    airflow, deployment, tries, read, left_out
):
    with_run(airflow, task("push", try_number=tries))
    airflow.on(f"{TASKS}/push/tries", Reply({"task_instances": []}))
    for attempt in range(1, tries + 1):
        airflow.on(f"{TASKS}/push/logs/{attempt}", log_of({"event": f"{attempt}"}))

    run = deployment.read_run("check", "r1")

    assert run.tasks[0].log == tuple(read)
    assert run.unread == (f"{left_out} tries of push were not read",) * bool(left_out)


def test_earlier_tries_are_named_where_airflow_gives_their_ids(airflow, deployment):
    with_run(airflow, task("push", try_number=2), task("square", 3, try_number=3), task("read"))
    tries = [{"id": f"id-{number}", "try_number": number} for number in (1, 2)]
    airflow.on(f"{TASKS}/push/tries", Reply({"task_instances": tries}))
    old = [{"task_id": "square", "try_number": number} for number in (1, 2, 3)]  # before 3.4
    airflow.on(f"{TASKS}/square/3/tries", Reply({"task_instances": old}))

    found = {one.name: one.earlier for one in deployment.read_run("check", "r1").tasks}

    assert found == {"push": ("id-1",), "square[3]": (), "read": ()}


@pytest.mark.parametrize("is_found", [True, False])
def test_only_the_named_tasks_are_cleared_and_clearing_nothing_is_an_error(
    airflow, deployment, is_found
):
    airflow.on(CLEAR, Reply({"task_instances": [task("read")] * is_found}))

    if is_found:
        deployment.clear("check", "r1", task_ids=["read"])
    else:
        with pytest.raises(MissingError, match="no task read to clear"):
            deployment.clear("check", "r1", task_ids=["read"])

    assert airflow.requests[0].body == {
        "dag_run_id": "r1", "task_ids": ["read"], "dry_run": False, "only_failed": False,
        "include_downstream": False, "reset_dag_runs": True,
    }  # fmt: skip


def test_deleting_is_done_when_the_server_says_so(airflow, deployment):
    airflow.on(RUN.replace("GET", "DELETE"), Reply(status=204))

    deployment.delete_run("check", "r1")

    assert [one.method for one in airflow.requests] == ["DELETE"]


def test_wait_ends_at_once_when_an_agent_has_ended(airflow, deployment):
    with_run(airflow, task("push", state="running"), state="running")
    looks = iter((None, None))

    def watch():
        if next(looks, "ended"):
            raise ProcessError("worker ended with status -9")

    with pytest.raises(ProcessError, match="status -9"):
        deployment.wait_for_run("check", "r1", timeout=60, progress=print, watch=watch)
    assert len(airflow.asked(RUN)) == 2
