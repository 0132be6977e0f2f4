"""Rows of the metadata database show what was lost, what left the agents, and texts for values."""

import json

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.saved_xcoms import judge_rows, read_keys, read_rows
from xcomkit.values.names import PATH, THRESHOLD

NAME = "00000001-1111-4222-8333-444455556666"
BASE = "s3://aws_default@b/xcom"
OURS = f"{BASE}/d/r/t/{NAME}"


def row(value, *, task="t", **more):
    return {"dag_id": "d", "run_id": "r", "task_id": task, "map_index": -1, "key": "k",
            "value": value, **more}  # fmt: skip


def judged(*rows, keys=None, threshold="0", path=BASE):
    text = "\n".join(json.dumps(one) for one in rows)  # as answers of the API follow one another
    found = judge_rows(
        read_rows(text), keys=keys, environments=[{PATH: path, THRESHOLD: threshold}, {}]
    )
    return [(f.rule.id, f.severity, f.observed.partition(": ")[2]) for f in found]


@pytest.mark.parametrize(("one", "changes", "expected"), [
    (row(OURS), {}, []),
    (row(OURS), {"keys": {f"xcom/d/r/t/{NAME}"}}, []),
    (row(OURS), {"keys": {OURS}}, []),
    (row(OURS), {"keys": set()}, [("XC160", "fail", OURS)]),
    ({"xcom_entries": [row(OURS)], "total_entries": 1}, {"keys": set()}, [("XC160", "fail", OURS)]),
    (row({"a": 1}), {}, [("XC162", "fail", "d/r/t k has 8 bytes")]),
    (row(7, map_index=3), {}, [("XC162", "fail", "d/r/t[3] k has 1 byte")]),
    (row({"a": 1}), {"threshold": "9"}, []),
    (row({"a": 1}), {"threshold": "-1"}, []),  # XC002 says so of the setting
    (row("https://ui", key="_link_Job"), {}, []),  # Airflow's own, whatever the backend
    (row(None), {}, []),
    (row("s3://elsewhere/my.csv"), {}, [("XC162", "fail", "d/r/t k has 23 bytes")]),
    (row(OURS.replace("/xcom", "/old")), {},
     [("XC163", "fail",
       f"d/r/t k is not below the path of the agents: {OURS.replace('/xcom', '/old')}")]),
    (row(OURS.replace("aws_default", "other")), {}, [("XC163", "fail",
      "d/r/t k is not below the path of the agents: s3://other@b/xcom/d/r/t/" + NAME)]),
    (row(OURS, task="next"), {},
     [("XC163", "fail", "d/r/next k is the path of an object of d/r/t")]),
    (row('{"a": 1}'), {"threshold": "99"}, [("XC163", "warn", "d/r/t k is a text of JSON")]),
    (row("[x"), {"threshold": "99"}, []),
    ({"dag_id": "d", "run_id": "r", "task_id": "t", "key": "k"}, {},
     [("XC162", "warn", "d/r/t k has no value here")]),
    (row("x"), {"path": ""}, [("XC162", "warn", "the agents' path is unknown")]),
])  # fmt: skip
def test_row_is_judged_by_the_settings_of_the_agents(one, changes, expected):
    assert judged(one, **changes) == expected


def test_what_is_no_answer_of_the_api_is_no_row_and_no_json_is_an_error():
    assert read_rows('{"detail": "Not Found"}') == []
    assert read_keys('{"Contents": [{"Key": "a"}]} {"Contents": [{"Key": "b"}]}') == {"a", "b"}
    with pytest.raises(InputError, match=r"objects\.json: is no JSON"):
        read_keys("a b")
