"""Rows of the metadata database show what was lost, what left the agents, and texts for values."""

import json

import pytest

from xcomkit.lint.saved_xcoms import judge_rows, read_listing, read_rows
from xcomkit.values.names import PATH, THRESHOLD

NAME = "00000001-1111-4222-8333-444455556666"
BASE = "s3://aws_default@b/xcom"
OURS = f"{BASE}/d/r/t/{NAME}"
KEY = f"xcom/d/r/t/{NAME}"
OTHER = KEY.replace("/t/", "/other/")


def row(value, *, task="t", **more):
    return {"dag_id": "d", "run_id": "r", "task_id": task, "map_index": -1, "key": "k",
            "value": value, **more}  # fmt: skip


def judged(*rows, listing=None, threshold="0", path=BASE):
    text = "\n".join(json.dumps(one) for one in rows)  # as answers of the API follow one another
    there = None if listing is None else read_listing(listing)
    found = judge_rows(
        read_rows(text), there=there, environments=[{PATH: path, THRESHOLD: threshold}, {}]
    )
    return [(f.rule.id, f.severity, f.observed.partition(": ")[2]) for f in found]


@pytest.mark.parametrize(("one", "changes", "expected"), [
    (row(OURS), {}, []),
    ({"xcom_entries": [row(OURS)], "total_entries": 1}, {"listing": json.dumps([OTHER])},
     [("XC160", "fail", OURS)]),
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
    (row({"a": 1}, key=7), {}, [("XC162", "fail", "d/r/t 7 has 8 bytes")]),
    # a Variable of Airflow has a key and a value as well
    ({"key": "k", "value": {"a": 1}}, {}, [("XC162", "warn", "// k has 8 bytes")]),
    ({"detail": "Forbidden"}, {}, [("XC162", "warn", "an answer of the API has no value here")]),
    (row("x"), {"path": ""}, [("XC162", "warn", "the agents' path is unknown")]),
])  # fmt: skip
def test_row_is_judged_by_the_settings_of_the_agents(one, changes, expected):
    assert judged(one, **changes) == expected


@pytest.mark.parametrize("listing", [
    json.dumps({"Contents": [{"Key": OTHER}]}) + json.dumps({"Contents": [{"Key": KEY}]}),
    json.dumps([{"name": KEY}]),  # az, gcloud storage objects list
    json.dumps([{"url": f"gs://b/{KEY}#1700000000000000", "type": "cloud_object"}]),
    json.dumps({"status": "success", "type": "file", "key": KEY}),  # a tool of its own
    json.dumps([OURS]),
])  # fmt: skip
def test_object_is_found_however_its_key_is_listed(listing):
    assert judged(row(OURS), listing=listing) == []


@pytest.mark.parametrize("listing", [
    "", "[]", "{}", '{"Error": {"Code": "AccessDenied"}}', json.dumps([KEY.replace("xcom", "x")]),
    json.dumps([f"s3://another/{OTHER}"]),
])  # fmt: skip
def test_listing_without_a_key_below_the_path_proves_no_loss(listing):
    assert judged(row(OURS), listing=listing) == [("XC160", "warn", OURS)]


@pytest.mark.parametrize("listing", [
    {"Contents": [{"Key": OTHER}], "IsTruncated": True},
    {"Contents": [{"Key": OTHER}], "NextToken": "e30="},
    {"items": [{"name": OTHER}], "nextPageToken": "x"},
    [{"name": f"{OTHER}{n}"} for n in range(5000)],  # where az ends unless asked for more
])  # fmt: skip
def test_listing_that_ends_early_proves_no_loss(listing):
    assert judged(row(OURS), listing=json.dumps(listing)) == [("XC160", "warn", OURS)]
    rest = json.dumps({"Contents": [], "IsTruncated": False})
    assert judged(row(OURS), listing=json.dumps(listing) + rest) == [("XC160", "fail", OURS)]


@pytest.mark.parametrize("rows", [(), ({"xcom_entries": [], "total_entries": 0},), ([],)])
def test_rows_that_are_empty_are_unknown_and_not_good(rows):
    assert judged(*rows) == [("XC162", "warn", "an answer of the API has no value here")]


def test_run_without_xcoms_beside_one_with_them_is_nothing_to_tell():
    assert judged({"xcom_entries": [], "total_entries": 0}, row(OURS)) == []


def test_page_of_an_error_in_place_of_an_answer_is_unknown_and_the_rest_is_judged():
    page = "<html>502 Bad Gateway</html>"
    assert [row.get("value", "?") for row in read_rows(json.dumps([OURS]) + page)] == [OURS, "?"]
    assert judged(row(OURS), listing=page) == [("XC160", "warn", OURS)]
    assert judged(row(OURS), listing=json.dumps([OTHER]) + page) == [("XC160", "warn", OURS)]
