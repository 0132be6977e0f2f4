"""What a task's log is as lines, and that the rules of step 06 find the errors in them."""

import pytest

from xcomkit.plane.dag_run import DagRun
from xcomkit.plane.task_log import MAX_LINE, MOST_LINES, to_log
from xcomkit.plane.verdict import judge
from xcomkit.settings.settings import Settings

HEADER = (
    {"event": "::group::Log message source details", "sources": ["s3://logs/old"]},
    {"event": "s3://logs/attempt=1.log"},
    {"event": "::endgroup::"},
)


def lines_of(*events, secrets=()):
    return to_log([*HEADER, *events], secrets=secrets)[0]


def event(text, level="info", **fields):
    return {"timestamp": "2026-01-01T00:00:01Z", "level": level, "event": text, **fields}


def failed(*stacks):
    return event("Task failed with exception", "error", error_detail=list(stacks))


def stack(kind, value, **fields):
    frames = [{"filename": "/dags/check.py", "lineno": 7, "name": "read"}]
    return {"exc_type": kind, "exc_value": value, "frames": frames, **fields}


def test_event_is_a_line_with_its_level_and_its_fields():
    lines = lines_of(event("Pushing xcom", "warning", logger="task", key="a\nb", task_id="push"))

    assert lines == ("2026-01-01T00:00:01Z [warning  ] Pushing xcom [task] key=a b",)
    assert lines_of("as text", {"event": "bare"}) == ("as text", "bare")


def test_cause_stands_before_what_it_caused_and_members_of_a_group_before_the_group():
    members = [{"stacks": [stack("KeyError", "'a'")]}, [stack("TypeError", "b")], "odd"]
    group = stack("ExceptionGroup", "two", exceptions=members)

    lines = lines_of(
        failed(stack("ValueError", "outer\nmore"), stack("KeyError", "'inner'"), group)
    )

    assert lines == (
        "2026-01-01T00:00:01Z [error    ] Task failed with exception",
        "KeyError: 'a'", "TypeError: b", "ExceptionGroup: two",
        "KeyError: 'inner'", "ValueError: outer", "more",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("logged", "error"),
    [
        (failed(stack("NoCredentialsError", "none")),
         "Task failed with exception -> NoCredentialsError: none"),
        (event("reading 3 of 9", "error", logger="task.stderr"), ""),
        (event("Exception ignored in: <function IOBase.__del__>\nPermissionError: Access Denied",
               "error", logger="task.stderr"), "PermissionError: Access Denied"),
        (event("XCom not found", "error", key="k", offset=3), ""),
    ],
    ids=["error of a task", "print to stderr", "upload in a finalizer", "end of mapped XComs"],
)  # fmt: skip
def test_errors_of_a_task_are_found_and_nothing_else(logged, error):
    run = DagRun("check", "r1", "failed", (), (), lines_of(logged), 1.0, how="read")
    settings = Settings(bucket="xcom-bucket", region="eu-central-1")

    check = next(c for c in judge(run, objects=None, settings=settings) if c.id == "XC704")

    assert check.status == ("fail" if error else "pass")
    assert error in check.observed


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


def test_sources_are_not_lines_of_the_log():
    lines, sources = to_log([*HEADER, event("did it")], secrets=["attempt=1"])

    assert lines == ("2026-01-01T00:00:01Z [info     ] did it",)
    assert sources[0].endswith("sources=['s3://logs/old']")
    assert sources[1] == "s3://logs/***.log"


@pytest.mark.parametrize("content", [None, 3, "text", {"event": "x"}])
def test_content_that_is_no_list_is_no_log(content):
    assert to_log(content, secrets=()) == ((), ())


def test_nonsense_is_read_without_an_error():
    odd = [None, 3, [], {}, {"event": None}, {"event": {"a": 1}}, {"event": "\ud800"},
           failed("x", {"exceptions": "x"}), event("flat", error_detail=3),
           event("deep", error_detail=[{"exceptions": [[{"exceptions": [[{}]]}]]}])]  # fmt: skip

    assert "".join(lines_of(*odd)).encode()
