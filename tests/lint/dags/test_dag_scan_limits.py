"""Below, at and above each limit of a scan, and what it cannot tell: never as if it were known."""

import sys
from pathlib import Path

import pytest
from scanning import found

from xcomkit.findings.reports.machine import to_json
from xcomkit.lint.dags import run, scan
from xcomkit.lint.dags.airflow_names import MOST_DECORATORS
from xcomkit.lint.dags.reading import MAX_BYTES
from xcomkit.lint.dags.scan import MOST_FINDINGS

PULL = "ti.xcom_pull(task_ids='x')\n"
OTHER = 'def f(ti, cfg):\n    ti.xcom_pull("t", dag_id=cfg["dag"])\n'
BACKEND = "AIRFLOW__CORE__XCOM_BACKEND"


@pytest.mark.parametrize("size", [0, MAX_BYTES, MAX_BYTES + 1])
def test_file_is_read_up_to_its_limit_and_above_it_is_a_finding(tmp_path, size):
    (tmp_path / "d.py").write_bytes(b"#" * size)

    assert [one.rule.id for one in scan(tmp_path)] == ["XC040"] * (size > MAX_BYTES)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_limit_of_findings_is_of_each_rule_in_each_file(tmp_path, more):
    count = MOST_FINDINGS + more
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"{PULL * count}import os\nos.putenv({BACKEND!r}, 'x')\n")

    findings = scan(tmp_path)

    for name in ("a.py", "b.py"):
        here = [one.rule.id for one in findings if Path(one.file).name == name]
        assert here.count("XC033") == min(count, MOST_FINDINGS)
        assert here.count("XC039") == 1


def test_same_line_found_twice_takes_one_place_of_the_limit():
    twice = f"{PULL.strip()}; {PULL}"

    assert len(found(twice * MOST_FINDINGS, "XC033")) == MOST_FINDINGS


def test_finder_that_gives_up_is_told_as_a_file_that_cannot_be_read(monkeypatch):
    def gives_up(*_):
        raise RecursionError

    monkeypatch.setattr(sys.modules["xcomkit.lint.dags.scan"], "_FINDERS", (gives_up,))

    assert [one.observed for one in found(PULL, "XC040")] == ["nested too deeply, in column 1"]


@pytest.mark.parametrize(
    ("dags", "statuses"),
    [
        ('from airflow.sdk import DAG\nDAG("a")\n', []),
        ('from airflow.sdk import DAG\nNAME = "a"\nNAME = "b"\nDAG(NAME)\n', [True]),
        ("from airflow.sdk import DAG\nimport os\nDAG(os.environ['D'])\nDAG('a')\n", [True]),
        ("from airflow.sdk import dag\n@dag(dag_id=name())\ndef d(): ...\n", [True]),
        ("", [True]),
    ],
    ids=["named", "named twice", "computed", "computed in a decorator", "no Dag here"],
)
def test_dag_of_a_pull_is_unknown_unless_the_ids_of_the_file_are_told(dags, statuses):
    assert [one.is_unknown for one in found(dags + OTHER, "XC034")] == statuses


def test_pull_from_earlier_runs_is_known_whatever_the_dag_is():
    text = OTHER.replace('cfg["dag"]', 'cfg["dag"], include_prior_dates=True')

    assert [one.is_unknown for one in found(text, "XC034")] == [False]


@pytest.mark.parametrize(
    ("arguments", "count"),
    [('"t", None, "k", True', 1), ('"t", None, "k"', 0), ('"t", *rest', 0), ('"t"', 0)],
)
def test_places_of_arguments_are_counted_and_hidden_by_a_star(arguments, count):
    assert len(found(f"def f(ti, rest):\n    ti.xcom_pull({arguments})\n", "XC034")) == count


@pytest.mark.parametrize("above", [0, 1, MOST_DECORATORS - 2])
def test_task_is_one_wherever_its_decorator_stands(above):
    text = "from airflow.sdk import task\n" + "@mine\n" * above + "@task\n"

    assert found(text + "def f():\n    return b'x'\n", "XC036")


def test_file_named_twice_and_findings_of_the_baseline_are_counted_once(tmp_path):
    (tmp_path / "d.py").write_text(PULL)
    baseline = tmp_path / "known.json"
    baseline.write_text(to_json(run.judge([tmp_path])))

    assert len(run.judge([tmp_path, tmp_path / "d.py"]).findings) == 1
    known = run.judge([tmp_path], baseline=str(baseline))
    assert (len(known.findings), len(known.ignored)) == (0, 1)
