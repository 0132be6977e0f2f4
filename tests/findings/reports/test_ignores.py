"""Findings that somebody has decided to live with."""

import json

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.findings.reports.fingerprints import fingerprints
from xcomkit.findings.reports.ignores import read_baseline
from xcomkit.findings.reports.machine import to_json
from xcomkit.findings.reports.report import Report
from xcomkit.lint.dags.run import judge as scan_dags
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration

ENTRY = 'commonEnv:\n  - name: PYTHONPATH{name}\n    value: "$PYTHONPATH:/opt"{value}\n'


@pytest.fixture
def report(tmp_path):
    def make(text: str, *, baseline: str = "") -> Report:
        path = tmp_path / "values.yaml"
        path.write_text(text)
        if baseline:
            (tmp_path / "baseline.json").write_text(baseline)
        return judge(
            [read_configuration([str(path)])],
            cloud=CloudFiles(),
            baseline=str(tmp_path / "baseline.json") if baseline else "",
        )

    return make


def ids(report: Report) -> list[str]:
    return [found.rule.id for found in report.findings if found.rule.id in ("XC024", "XC054")]


@pytest.mark.parametrize(
    "text",
    [
        ENTRY.format(name="", value="  # xcomkit: ignore XC024 a shell starts us"),
        ENTRY.format(name="  # xcomkit: ignore XC024 a shell starts us", value=""),
        ENTRY.format(name="", value="  #xcomkit:ignore XC023, XC024: a shell starts us"),
        "commonEnv:\n  # xcomkit: ignore XC024 a shell starts us\n  # more words\n"
        + ENTRY.format(name="", value="").partition("\n")[2],
    ],
)
def test_comment_at_the_entry_ignores_the_rule_it_names_with_its_reason(report, text):
    found = report(text)

    assert "XC024" not in ids(found)
    (ignored,) = found.ignored
    assert ignored.reason.startswith("a shell starts us")


@pytest.mark.parametrize(
    ("comment", "observed"),
    [
        ("  # xcomkit: ignore XC024", "without a reason, so it is not"),
        ("  # xcomkit: ignore this please", "names no rule"),
        ("  # xcomkit: ignore XC006 numbers are fine", "XC006 has nothing to say here"),
    ],
)
def test_comment_that_explains_nothing_is_a_finding_and_ignores_nothing(report, comment, observed):
    found = report(ENTRY.format(name="", value=comment))

    assert ids(found) == ["XC024", "XC054"] or ids(found) == ["XC054", "XC024"]
    assert any(observed in f.observed for f in found.findings)


FAULTS = """resourceNamePrefix: agents
commonEnv:
  - name: PYTHONPATH
    value: "$PYTHONPATH:/opt"
  - name: LOG_LEVEL
    value: a
  - name: LOG_LEVEL
    value: b
  - name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD
    value: "1MB"
workers:
  - name: small
    replicas: 1
    replicas: 2
    env:
      - name: PYTHONPATH
        value: "$PYTHONPATH:/srv"
      - name: LOG_LEVEL
        value: c
labels: {a: b}
labels: {a: c}
"""
EDITS = {
    "lines above": lambda text: f"# moved\n\n{text}",
    "a comment within": lambda text: text.replace("workers:", "# whose\nworkers:"),
    "an entry before the others": lambda text: text.replace(
        "commonEnv:\n", "commonEnv:\n  - name: TZ\n    value: UTC\n"
    ),
    "a group before the others": lambda text: text.replace(
        "workers:\n", "workers:\n  - name: big\n    replicas: 2\n"
    ),
    "another wrong value of the same setting": lambda text: text.replace("1MB", "2MB"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_finding_of_the_baseline_does_not_count_whatever_is_edited_elsewhere(report, edit):
    before = report(FAULTS)

    after = report(edit(FAULTS), baseline=to_json(before))

    named = {"XC007", "XC010", "XC012", "XC024", "XC082"}
    assert named <= {one.rule.id for one in before.findings}
    assert [one for one in after.findings if one.rule.id in named] == []
    if "big" not in edit(FAULTS):  # the new group lacks what the others lack
        assert after.findings == ()
        assert after.exit_code == 0


def test_finding_about_what_a_file_lacks_is_known_though_its_line_moves(report):
    text = "xcomBackend: <backend>\nxcomBackend: <backend>\nresourceNamePrefix: a\n"
    before = report(text)
    lines = {one.rule.id: one.line for one in before.findings}
    assert (lines["XC001"], lines["XC008"], lines["XC012"]) == (1, 2, 2)

    assert report(f"# moved\n{text}", baseline=to_json(before)).findings == ()


def test_finding_about_another_file_is_known_though_lines_move_there(tmp_path):
    names = [str(tmp_path / name) for name in ("a.yaml", "b.yaml")]
    (tmp_path / "a.yaml").write_text(ENTRY.format(name="", value=""))
    (tmp_path / "b.yaml").write_text("commonEnv:\n  - name: TZ\n    value: UTC\n")

    def known():
        found = judge([read_configuration(names)], cloud=CloudFiles()).findings
        assert "XC025" in {one.rule.id for one in found}
        return set(fingerprints(found).values())

    before = known()
    (tmp_path / "a.yaml").write_text("# moved\n" + ENTRY.format(name="", value=""))
    assert known() == before


def test_finding_of_one_rule_at_two_places_of_a_file_has_two_fingerprints(report):
    found = report(FAULTS)
    known = fingerprints(found.findings)

    assert len(set(known.values())) == len(found.findings)
    assert len([one for one in found.findings if one.rule.id == "XC024"]) == 2


def test_baseline_of_an_earlier_version_says_what_to_type(report):
    before = json.loads(to_json(report(FAULTS)))
    for one in before["findings"]:
        del one["fingerprint"]

    with pytest.raises(InputError, match="no fingerprints") as caught:
        report(FAULTS, baseline=json.dumps(before))
    assert "--format json" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "more", "rule"),
    [
        (ENTRY.format(name="", value=""), '  - name: PYTHONPATH\n    value: "$PYTHONPATH:/opt"\n',
         "XC024"),
        ("a: 1\na: 2\n", "a: 3\n", "XC012"),
    ],
    ids=["second of a kind", "third line of one finding"],
)  # fmt: skip
def test_one_more_of_a_kind_is_new(report, text, more, rule):
    before = report(text)

    after = report(text + more, baseline=to_json(before))

    assert rule in {finding.rule.id for finding in after.findings}


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "{}", '{"schema": 2, "findings": []}', '{"schema": 1}',
        *(f'{{"schema": 1, "findings": {found}}}' for found in (
            "5", '"id"', "[1]", '{"id": 1}', "[[]]", '[{"id": []}]',
            '[{"id": "a", "where": 2, "observed": "b"}]',
            '[{"id": [], "where": "a", "observed": "b"}]',
        )),
    ],
)  # fmt: skip
def test_baseline_that_is_no_report_is_one_line(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b.json").write_text(text)

    with pytest.raises(InputError, match=r"^b\.json is (?:no|not) ") as caught:
        read_baseline("b.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (ENTRY.format(name="", value="")
         + "  - name: OTHER\n    value: x  # xcomkit: ignore XC024 no\n", "XC024"),
        (("workers:\n  - name: w  # xcomkit: ignore XC014 the group has none\n    env:\n"
         "      - name: A_PASSWORD\n        value: hush\n"), "XC014"),
        ('commonEnv:\n  - name: A_PASSWORD\n    value: "hush # xcomkit: ignore XC014 mine"\n',
         "XC014"),
    ],
    ids=["another entry", "the group around the entry", "words inside a text"],
)  # fmt: skip
def test_comment_that_is_not_at_the_entry_ignores_nothing(report, text, rule):
    assert rule in {finding.rule.id for finding in report(text).findings}


@pytest.mark.parametrize(
    "line",
    [
        "value: $PYTHONPATH:/opt  # don't look # xcomkit: ignore XC024 it's expanded by a shell",
        "value: $PYTHONPATH:/o'opt  # xcomkit: ignore XC024 it's expanded",
        "value: $PYTHONPATH:/opt  # 'tis so # xcomkit: ignore XC024 it's expanded",
        "value: '$PYTHONPATH:/o''opt'  # xcomkit: ignore XC024 the \"shell\" expands it",
        'value: "$PYTHONPATH:/\\"opt"  # xcomkit: ignore XC024 isn\'t read',
        "value: |  # xcomkit: ignore XC024 it's expanded\n      $PYTHONPATH:/opt",
        "value: >-  # the users' path # xcomkit: ignore XC024 ours\n      $PYTHONPATH:/opt",
    ],
)
def test_comment_beside_apostrophes_and_at_block_strings_is_read(report, line):
    found = report(f"commonEnv:\n  - name: PYTHONPATH\n    {line}\n")

    assert [one.finding.rule.id for one in found.ignored] == ["XC024"]
    assert ids(found) == []


@pytest.mark.parametrize(
    "line",
    [
        "x = ti.xcom_pull('it')  # don't # xcomkit: ignore XC033 it's known",
        "x = ti.xcom_pull(task_ids=f'a#b', key=rb'#')# xcomkit: ignore XC033 known",
        'x = ti.xcom_pull("it\'s")  # xcomkit: ignore XC033 known',
        "# it's known # xcomkit: ignore XC033 isn't it\nx = ti.xcom_pull()",
    ],
)
def test_comment_in_a_dag_file_is_read_beside_apostrophes(tmp_path, line):
    (tmp_path / "dag.py").write_text(f"{line}\n")

    found = scan_dags([tmp_path])
    assert ([one.finding.rule.id for one in found.ignored], found.findings) == (["XC033"], ())


def test_comment_within_a_text_of_several_lines_speaks_of_the_template_there(tmp_path):
    (tmp_path / "dag.py").write_text('''BashOperator(bash_command="""
        echo "it's" {{ ti.xcom_pull("a", dag_id="other") }}  # don't # xcomkit: ignore XC034 kept
""")
''')

    found = scan_dags([tmp_path])
    assert ([one.finding.rule.id for one in found.ignored], found.findings) == (["XC034"], ())


DAG = """import os
from airflow.sdk import task

os.environ["AIRFLOW__CORE__XCOM_BACKEND"] = "x"

@task
def load(session):
    session.query(XCom).all()
    session.query(XCom.key).all()

def tell(context):
    context["ti"].xcom_pull()

@task(on_failure_callback=tell)
def show():
    return b"x"
"""
DAG_EDITS = {
    "a comment above": lambda text: f"# moved\n{text}",
    "a function before the others": lambda text: text.replace("@task", "def f(): ...\n\n@task", 1),
    "another task that tells": lambda text: text.replace(
        "def tell", "task(on_retry_callback=tell)\n\ndef tell"
    ),
    "a line within": lambda text: text.replace("(session):\n", "(session):\n    x = 1\n"),
}


@pytest.mark.parametrize("edit", DAG_EDITS.values(), ids=DAG_EDITS)
def test_baseline_of_dags_outlives_edits_and_one_more_of_a_kind_is_new(tmp_path, edit):
    dag, baseline = tmp_path / "dag.py", tmp_path / "baseline.json"
    dag.write_text(DAG)
    before = scan_dags([dag])
    baseline.write_text(to_json(before))
    assert sorted(one.rule.id for one in before.findings) == [
        "XC035", "XC035", "XC036", "XC039", "XC095",
    ]  # fmt: skip

    dag.write_text(edit(DAG))
    assert scan_dags([dag], baseline=str(baseline)).findings == ()
    dag.write_text(edit(DAG).replace(".all()\n", ".all(); 1\n    session.query(XCom).one()\n", 1))
    (new,) = scan_dags([dag], baseline=str(baseline)).findings
    assert new.rule.id == "XC035"
    moved = edit(DAG).replace("    session.query(XCom).all()\n", "    print()\n", 1)
    dag.write_text(moved.replace("def show():\n", "def show():\n    session.query(XCom).all()\n"))
    (new,) = scan_dags([dag], baseline=str(baseline)).findings
    assert new.rule.id == "XC035"


@pytest.mark.parametrize(
    "line",
    [
        "x = ti.xcom_pull('# xcomkit: ignore XC033 no')",
        "x = ti.xcom_pull(rb'# xcomkit: ignore XC033 no')",
        'x = ti.xcom_pull(f"it\'s # xcomkit: ignore XC033 no")',
    ],
)
def test_words_within_a_text_of_a_dag_file_ignore_nothing(tmp_path, line):
    (tmp_path / "dag.py").write_text(f"{line}\n")

    assert [one.rule.id for one in scan_dags([tmp_path]).findings] == ["XC033"]


def test_comment_of_another_file_ignores_nothing(tmp_path):
    entry = ENTRY.format(name="", value="")
    (tmp_path / "a.yaml").write_text("# one\n" + entry)
    (tmp_path / "b.yaml").write_text(
        "# two\nlabels: {}\nx: 1\ny: 1  # xcomkit: ignore XC024 not the other file\n"
    )
    names = [str(tmp_path / name) for name in ("a.yaml", "b.yaml")]

    found = judge([read_configuration(names)], cloud=CloudFiles())
    assert "XC024" in {finding.rule.id for finding in found.findings}
