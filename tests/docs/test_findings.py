import json
from pathlib import Path
from typing import Any

import pytest
from make_findings import EVIDENCE, main, render

TYPES = [
    {"name": "str", "through_object": "kept", "through_database": "kept"},
    {"name": "bytes", "through_object": "TypeError: not JSON", "through_database": "kept"},
]


def evidence(backend: str = "stock", cloud: str = "aws", **facts: object) -> dict[str, Any]:
    fault = {"operation": "push", "fault": "403"}
    return {
        "settings": {"backend": backend, "cloud": cloud},
        "versions": {"apache-airflow": "3.9.9", "papermill": "1"},
        "checks": [
            {"id": "XC521", "title": "An expired object is an error", "status": "fail",
             "observed": "the reader got the reference string; it was deleted"},
        ],
        "facts": {
            "faults": [{**fault, "codec": "none", "verdict": "raised"},
                       {**fault, "codec": "gzip", "verdict": "silent loss"}],
            "lost_writes": [
                {"codec": "none", "problem": "", "at_once": 9, "seen_at_once": 9, "at_exit": 3,
                 "seen_after_exit": 2},
                {"codec": "gzip", "problem": "the push raised an error"},
            ],
            "measurements": [
                {"payload": "records 5 MB", "codec": "zip", "json_bytes": 5_000_000,
                 "stored_bytes": 5_000_200, "push_requests": 4, "pull_requests": 5},
            ],
            "types": TYPES,
            **facts,
        },
    }  # fmt: skip


def test_page_tells_versions_faults_lost_writes_sizes_and_references_as_seen():
    page = render([evidence()])

    for text in (
        "apache-airflow 3.9.9", "## stock on aws", "| push: 403 | raised | **silent loss** |",
        "none 11 of 12; gzip the push raised an error", "| zip | 5,000,200 | 4 | 5 |",
        "- An expired object is an error: fail, the reader got the reference string",
    ):  # fmt: skip
        assert text in page
    assert "papermill" not in page


def test_state_store_has_a_table_of_its_own_where_it_was_tried():
    gone = {"id": "XC544", "title": "State whose object is gone is an error", "status": "fail",
            "observed": "None came back, as if nothing had ever been stored; deleted"}  # fmt: skip
    lost = {"operation": "pull", "fault": "404", "codec": "none", "verdict": "silent wrong value"}
    writes = evidence()["facts"]["lost_writes"]
    run = evidence(state_store={"faults": [lost], "lost_writes": writes})

    _, state = render([{**run, "checks": [*run["checks"], gone]}]).split("### State store, stock")

    assert "| pull: 404 | **silent wrong value** |" in state
    assert "none 11 of 12" in state
    assert "- State whose object is gone is an error: fail, None came back" in state
    assert "An expired object" not in state
    assert "State store" not in render([evidence(state_store={})])


def test_contrast_has_a_column_of_its_own_that_names_its_class():
    zipped = {"operation": "push", "fault": "403", "codec": "zip", "verdict": "raised"}
    contrast = {**zipped, "codec": "stock-zip", "verdict": "silent loss"}

    page = render([evidence("durable", faults=[zipped, contrast])])

    assert "| fault | zip | stock-zip |" in page
    assert "| push: 403 | raised | **silent loss** |" in page


def test_types_are_listed_once_when_all_runs_agree_and_only_those_that_change():
    other = [{"name": "str", "through_object": "becomes int", "through_database": "kept"}]
    assert render([evidence(), evidence(cloud="gcp")]).count("## Types") == 1
    assert render([evidence(), evidence(types=other)]).count("## Types") == 2
    assert "| bytes | TypeError | kept |" in render([evidence()])
    assert "| str |" not in render([evidence()])


def test_command_prints_the_page_of_the_runs_it_is_given(tmp_path: Path, capsys):
    path = tmp_path / EVIDENCE
    path.parent.mkdir()
    path.write_text(json.dumps(evidence(backend="durable")))

    assert main([str(tmp_path)]) == 0
    assert "## durable on aws" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "holds no evidence"),
        ("{", "is no JSON"),
        (json.dumps(evidence(faults=[])), "has no faults"),
    ],
)
def test_run_that_proves_nothing_is_one_line(tmp_path: Path, capsys, text: str | None, told: str):
    if text is not None:
        (tmp_path / "evidence").mkdir()
        (tmp_path / EVIDENCE).write_text(text)

    assert main([str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert "Next:" in said
