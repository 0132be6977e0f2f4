"""What .airflowignore leaves out, against Airflow's own reading of the same folders."""

from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from xcomkit.lint.dags import run, scan
from xcomkit.lint.dags.ignored import SYNTAX

BAD = "LIMIT = ti.xcom_pull(task_ids='x')\n"
FILES = (
    "a.py", "keep.py", "old_a.py", "sub/a.py", "sub/old_b.py", "sub/deep/a.py",
    "sub/deep/keep.py", "helpers/a.py", "helpers/deep/b.py", "sub/helpers/c.py", "tests/a.py",
    "sub/tests/a.py",
)  # fmt: skip
GLOBS = [
    {".airflowignore": "helpers/\n"},
    {".airflowignore": "/helpers\n"},
    {".airflowignore": "old_*.py  # what was\n\n# a comment\n"},
    {".airflowignore": "*.py\n!keep.py\n"},
    {".airflowignore": "sub/**/a.py\n"},
    {".airflowignore": "sub/*\n!sub/deep\n"},
    {".airflowignore": "a.py\n", "sub/.airflowignore": "!a.py\n"},
    {"sub/.airflowignore": "/deep/a.py\ntests\n"},
    {"sub/.airflowignore": "*\n", "sub/deep/.airflowignore": "!a.py\n"},
    {".airflowignore": "sub/*/a.py\n!sub/deep/\n"},
    {".airflowignore": "tests\n!sub/tests/\n"},
    {".airflowignore": "a.py\n**/deep\n!deep/\n"},
    {".airflowignore": "sub/deep/  \nhelpers/ # theirs\n/\n"},
    {".airflowignore": "[ab].py\nhelpers\n!helpers/a.py\n"},
]
REGEXPS = [
    {".airflowignore": "helpers\n"},
    {".airflowignore": "old_.*\\.py$\n^sub/deep/  # the rest\n"},
    {".airflowignore": "^a\\.py\n", "sub/.airflowignore": "deep/.*a\n"},
    {"sub/.airflowignore": "^sub/tests\n"},
]


@pytest.fixture
def dags(tmp_path):
    def write(ignore_files: dict[str, str]) -> Path:
        for name, text in {**dict.fromkeys(FILES, BAD), **ignore_files}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return tmp_path

    return write


def judged(folder: Path) -> set[str]:
    return {str(Path(one.file).relative_to(folder)) for one in scan(folder)}


@pytest.mark.filterwarnings("ignore:GitWildMatchPattern")  # Airflow's own
@pytest.mark.parametrize(
    ("syntax", "ignore_files"),
    [("glob", one) for one in GLOBS] + [("regexp", one) for one in REGEXPS],
)
def test_files_are_left_out_as_airflow_leaves_them_out(dags, monkeypatch, syntax, ignore_files):
    # its own file alone, which other Pythons can import than those that can import Airflow
    (home,) = find_spec("airflow").submodule_search_locations
    file = Path(home, "_shared/module_loading/file_discovery.py")
    spec = spec_from_file_location("file_discovery", file)
    airflow = module_from_spec(spec)
    spec.loader.exec_module(airflow)
    folder = dags(ignore_files)
    monkeypatch.setenv(SYNTAX, syntax)
    theirs = airflow.find_path_from_directory(folder, ".airflowignore", syntax)
    expected = {str(Path(one).relative_to(folder)) for one in theirs if one.endswith(".py")}

    assert judged(folder) == expected
    assert judged(folder) != set(FILES)


def test_helper_that_is_left_out_is_judged_where_a_dag_file_imports_it(tmp_path):
    (tmp_path / ".airflowignore").write_text("common\n")
    (tmp_path / "common").mkdir()
    (tmp_path / "common/alerts.py").write_text("import common.more\n" + BAD)
    (tmp_path / "common/more.py").write_text("x = = 1\n")
    (tmp_path / "common/unused.py").write_text(BAD)
    (tmp_path / "common/unused_too.py").write_text("x = = 1\n")
    (tmp_path / "dag.py").write_text("from common.alerts import LIMIT\n")

    findings = [(one.rule.id, Path(one.file).name) for one in scan(tmp_path)]
    assert findings == [("XC033", "alerts.py"), ("XC040", "more.py")]


def test_report_says_how_many_files_are_left_out(dags):
    report = run.judge([dags({".airflowignore": "sub\n"})])

    assert report.inputs[0].kind.startswith("a Dag folder; of 6 files that .airflowignore names")
    assert {Path(one.file).parent.name for one in report.findings} >= {"helpers", "tests"}


def test_comment_in_a_file_that_is_left_out_is_nobodys_business(dags):
    folder = dags({".airflowignore": "sub\n"})
    (folder / "sub/a.py").write_text("x = 1  # xcomkit: ignore XC033 for later\n")

    assert "XC054" not in {one.rule.id for one in run.judge([folder]).findings}


def test_file_that_is_named_itself_is_judged(dags):
    folder = dags({".airflowignore": "*\n"})

    assert [one.rule.id for one in scan(folder / "a.py")] == ["XC033"]
    assert scan(folder) == ()


@pytest.mark.parametrize(
    ("syntax", "text"), [("glob", b"!\n"), ("regexp", b"(\n"), ("glob", b"\xff")]
)
def test_ignore_file_that_cannot_be_read_leaves_the_folder_unknown(dags, monkeypatch, syntax, text):
    folder = dags({})
    (folder / "sub/.airflowignore").write_bytes(text)
    monkeypatch.setenv(SYNTAX, syntax)

    (unknown,) = (one for one in scan(folder) if one.rule.id == "XC040")
    assert (unknown.is_unknown, unknown.file) == (True, str(folder / "sub"))
    assert "sub/a.py" not in judged(folder)
