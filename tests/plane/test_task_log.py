"""What a task's log is as lines, and that the rules of step 06 find their trouble in them."""

import json

from xcomkit.plane.dag_run import DagRun
from xcomkit.plane.task_log import MAX_LINE, MOST_LINES, to_log
from xcomkit.plane.verdict import judge
from xcomkit.settings.settings import Settings

HEADER = (
    {"event": "::group::Log message source details"},
    {"event": "s3://logs/attempt=1.log"},
    {"event": "::endgroup::"},
)


def lines_of(*events, secrets=()):
    return to_log(json.dumps({"content": [*HEADER, *events]}), secrets=secrets).lines


def event(text, level="info", **fields):
    return {"timestamp": "2026-01-01T00:00:01Z", "level": level, "event": text, **fields}


def failed(*stacks):
    return event("Task failed with exception", "error", error_detail=list(stacks))


def stack(kind, value, **fields):
    frames = [{"filename": "/dags/check.py", "lineno": 7, "name": "read"}]
    return {"exc_type": kind, "exc_value": value, "frames": frames, **fields}


def verdict_of(lines):
    run = DagRun("check", "r1", "failed", (), (), lines, 1.0, how="read")
    settings = Settings(bucket="xcom-bucket", region="eu-central-1")
    checks = judge(run, objects=None, settings=settings)
    return next(check for check in checks if check.id == "XC704")


def test_event_is_a_line_with_its_level_and_its_fields():
    lines = lines_of(event("Pushing xcom", "warning", logger="task", key="a\nb", task_id="push"))

    assert lines == ("2026-01-01T00:00:01Z [warning  ] Pushing xcom [task] key=a b",)


def test_cause_stands_before_what_it_caused():
    lines = lines_of(failed(stack("ValueError", "outer\nmore"), stack("KeyError", "'inner'")))

    assert [line for line in lines if not line.startswith(" ")] == [
        "2026-01-01T00:00:01Z [error    ] Task failed with exception",
        "KeyError: 'inner'", "ValueError: outer", "more",
    ]  # fmt: skip


def test_members_of_an_exception_group_are_named():
    group = stack("ExceptionGroup", "two", exceptions=[
        {"stacks": [stack("KeyError", "'a'")]}, [stack("TypeError", "b")], "odd",
    ])  # fmt: skip

    assert [line for line in lines_of(failed(group)) if not line.startswith(" ")][1:] == [
        "KeyError: 'a'", "TypeError: b", "ExceptionGroup: two",
    ]  # fmt: skip


def test_error_of_a_task_is_trouble_with_its_exception():
    check = verdict_of(lines_of(failed(stack("NoCredentialsError", "Unable to locate"))))

    assert check.status == "fail"
    assert "Task failed with exception -> NoCredentialsError: Unable to locate" in check.observed


def test_what_a_task_prints_to_stderr_is_no_trouble_by_itself():
    lines = lines_of(event("reading 3 of 9", "error", logger="task.stderr"))

    assert lines == ("reading 3 of 9",)
    assert verdict_of(lines).status == "pass"


def test_upload_that_fails_in_a_finalizer_is_trouble():
    said = "Exception ignored in: <function IOBase.__del__>\nPermissionError: Access Denied"
    lines = lines_of(event(said, "error", logger="task.stderr"))

    assert "PermissionError: Access Denied" in verdict_of(lines).observed


def test_end_of_mapped_xcoms_is_no_trouble():
    assert (
        verdict_of(lines_of(event("XCom not found", "error", key="k", offset=3))).status == "pass"
    )


def test_long_log_keeps_head_tail_and_errors():
    quiet = [event(f"line {i}") for i in range(3_000)]
    lines = lines_of(*quiet[:1_500], failed(stack("OSError", "full")), *quiet[1_500:])

    assert len(lines) <= MOST_LINES + 3
    assert lines[0].endswith("line 0")
    assert lines[-1].endswith("line 2999")
    assert "OSError: full" in lines
    assert sum("lines left out" in line for line in lines) == 2


def test_event_of_many_lines_does_not_push_out_the_others():
    lines = lines_of(event("before"), event("\n".join("x" * 9_000)), event("after"))

    assert lines[0].endswith("before")
    assert lines[-1].endswith("after")
    assert "... 8900 lines left out" in lines


def test_line_is_masked_before_it_is_cut():
    secret = "-----BEGIN\nprivate-part"
    lines = lines_of(event("x" * (MAX_LINE - 30) + secret), event(secret), secrets=[secret])

    assert "private" not in "".join(lines)
    assert max(len(line) for line in lines) <= MAX_LINE


def test_older_answers_are_read_as_well():
    plain = "[2026-01-01] first\n[2026-01-01] second"

    assert to_log(json.dumps({"content": plain}), secrets=()).lines == tuple(plain.split("\n"))
    assert to_log(json.dumps({"content": plain.split("\n")}), secrets=()).lines == tuple(
        plain.split("\n")
    )
    streamed = "\n".join(json.dumps(one) for one in (*HEADER, event("did it")))
    assert to_log(streamed, secrets=()).lines == ("2026-01-01T00:00:01Z [info     ] did it",)


def test_sources_are_told_apart_from_the_log():
    old = [{"event": "::group::Log message source details", "sources": ["s3://logs/1"]},
           {"event": "::endgroup::"}]  # fmt: skip

    assert to_log(json.dumps({"content": old}), secrets=()).sources == ("s3://logs/1",)
    assert to_log(json.dumps({"content": HEADER}), secrets=()).sources == (
        "s3://logs/attempt=1.log",
    )
    assert to_log(json.dumps({"content": HEADER}), secrets=()).lines == ()


def test_nonsense_is_read_without_an_error():
    odd = [None, 3, [], {}, {"event": None}, {"event": {"a": 1}}, {"event": "\ud800"},
           failed("x", {"frames": [1], "exceptions": "x", "exc_notes": 3}),
           event("deep", error_detail=[{"exceptions": [[{"exceptions": [[{}]]}]]}])]  # fmt: skip

    lines = lines_of(*odd)

    assert "".join(lines).encode()
    assert to_log("[" * 100_000, secrets=()).lines
