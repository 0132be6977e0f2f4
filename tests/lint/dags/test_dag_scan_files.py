"""Which files of a folder are scanned, how far a scan follows them, and what it survives."""

import os
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scanning import scan_text

from xcomkit.findings.errors import InputError
from xcomkit.lint.dags import scan
from xcomkit.lint.dags.reading import MAX_BYTES, RUNNING
from xcomkit.lint.dags.run import judge

BAD = "LIMIT = ti.xcom_pull(task_ids='x')\n"
EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.py"))
ALERTS = (
    "def alert(context):\n    context['ti'].xcom_pull()\n\n"
    "class Pager:\n    def __call__(self, context):\n        alert(context)\n"
)
UNREADABLE = {
    "syntax error": (b"x = 1\nx = = 2\n", 2),
    "NUL byte": (b"x = 1\nx = '\0'\n", 2),
    "no UTF-8": (b"# a\n# b\n# c\nx = '\xff'\n", 4),
    "unknown coding": (b"# coding: utf-9\n", 1),
    "coding that is none of text": (b"# coding: hex\n", 1),
    "coding that is slow": (b"# coding: idna\nx = 1\n", 1),
    "too big": (b"#" * (MAX_BYTES + 1), 1),
    "deep brackets": (b"(" * 5000, 1),
    "deep minus": (b"x = " + b"-" * 100_000 + b"1", 1),
    "deep sum": (b"x = " + b"1+" * 50_000 + b"1", 1),
    "deep attributes": (b"x" + b".y" * 900, 1),
    "huge number": (b"x = " + b"9" * 5000, 1),
}


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(folder: Path) -> list[str]:
    return [str(Path(one.file).relative_to(folder)) for one in scan(folder)]


def test_folder_is_scanned_in_order_without_hidden_folders_caches_and_environments(tmp_path):
    write(tmp_path, b=BAD, a__z=BAD, c__d__e=BAD)
    for skipped in (".git", "__pycache__", ".venv", "my_env", "a/site-packages"):
        write(tmp_path / skipped, x=BAD)
    (tmp_path / "my_env" / "pyvenv.cfg").touch()
    (tmp_path / "notes.txt").write_text(BAD)
    (tmp_path / "folder.py").mkdir()

    assert names(tmp_path) == ["a/z.py", "b.py", "c/d/e.py"]
    assert names(tmp_path / "my_env") == ["x.py"]  # it was named itself


def test_links_are_followed_once_and_loops_end(tmp_path):
    real = write(tmp_path / "releases", one=BAD)
    (real / "again").symlink_to(tmp_path)
    (real / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "dags").symlink_to(real)

    assert names(tmp_path / "dags") == ["one.py"]


def test_pipe_in_the_folder_is_left_alone(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    assert scan(tmp_path) == ()
    with pytest.raises(InputError, match="no regular file"):
        scan(tmp_path / "pipe.py")


@pytest.mark.parametrize(("raw", "line"), UNREADABLE.values(), ids=UNREADABLE)
def test_file_that_cannot_be_read_is_a_finding_of_a_folder_and_no_pass_alone(tmp_path, raw, line):
    (tmp_path / "bad.py").write_bytes(raw)
    write(tmp_path, good=BAD)

    first, second = scan(tmp_path)
    assert (first.rule.id, first.line, first.is_unknown) == ("XC040", line, True)
    assert (first.severity, first.file) == ("warn", str(tmp_path / "bad.py"))
    assert second.file == str(tmp_path / "good.py")
    assert judge([tmp_path]).files_read == 1
    try:
        assert [one.rule.id for one in scan(tmp_path / "bad.py")] == ["XC040"]
    except InputError as error:
        assert str(error).startswith(f"{tmp_path}/bad.py:{line}:")
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("type Rows = list[int]", "3.12"),
        ("type Rows[T] = list[T]", "3.12"),
        ("def first[T](rows: list[T]) -> T: ...", "3.12"),
        ("async def first[*Ts](): ...", "3.12"),
        ("class Box[T: (int, str) = int]: ...", "3.12"),
        ('x = f"{row["name"]}"', "3.12"),
        ("x = f'{', '.join(rows)}'", "3.12"),
        ('x = f"{"a" if row else "b"}"', "3.12"),
        ('x = f"{"\\n".join(rows)}"', "3.12"),
        ('x = f"{\n    row\n}"', "3.12"),
        ('x = f"""{\n  row  # the first\n}"""', "3.12"),
        ("try:\n    pass\nexcept OSError, ValueError:\n    pass", "3.14"),
        ("x = t'{row}'", "3.14"),
        ('x = rt"{row}"', "3.14"),
        ("lazy import json", "3.15"),
        ("lazy from json import loads", "3.15"),
        ("x = [*row for row in rows]", "3.15"),
    ],
)
def test_syntax_of_a_newer_python_is_unknown_and_names_that_python(tmp_path, text, python):
    if tuple(map(int, python.split("."))) <= sys.version_info[:2]:
        pytest.skip("this Python reads it")
    (tmp_path / "new.py").write_text(f"{BAD}{text}\n")
    write(tmp_path, good=BAD)

    unread, other = sorted(scan(tmp_path), key=lambda one: one.rule.id, reverse=True)
    assert (unread.rule.id, unread.is_unknown, other.rule.id) == ("XC040", True, "XC033")
    assert unread.observed.startswith(f"Python {python} may read it: ")
    assert f"Run xcomkit with Python {python} or later" in unread.remedy
    assert [one.rule.id for one in scan(tmp_path / "new.py")] == ["XC040"]


@pytest.mark.parametrize("text", ["x = = 2", "print 'a'", "type = = 1", "x = 't{'y", 'f"{a b}"'])
def test_what_no_python_reads_names_the_python_that_was_asked(tmp_path, text):
    (tmp_path / "bad.py").write_text(f"{text}\n")

    with pytest.raises(InputError, match=f"in Python {RUNNING}"):
        scan(tmp_path / "bad.py")
    (finding,) = scan(tmp_path)
    assert "newer Python" in finding.remedy
    assert "Airflow cannot import it" not in finding.rule.why


def test_folder_that_cannot_be_listed_is_an_error_alone_and_a_finding_within(tmp_path, monkeypatch):
    write(tmp_path, a__x=BAD, b__x=BAD)
    listed = Path.iterdir

    def refuse(self):
        if self.name == "a":
            raise PermissionError(13, "Permission denied")
        return listed(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert [one.rule.id for one in scan(tmp_path)] == ["XC040", "XC033"]
    with pytest.raises(InputError, match="Permission denied"):
        scan(tmp_path / "a")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("gone", ":1:1: No such file or directory"), ("a\0.py", "null byte"), ("a\nb\x1b[31m", "No")],
)
def test_path_that_cannot_be_read_is_an_error_in_one_printable_line(tmp_path, name, problem):
    with pytest.raises(InputError) as caught:
        scan(tmp_path / name)
    assert problem in str(caught.value)
    assert str(caught.value).isprintable()


def test_byte_order_mark_coding_and_line_ends_are_read_as_python_does(tmp_path):
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbf" + BAD.encode())
    (tmp_path / "b.py").write_bytes(b"# coding: latin-1\n# \xe9\r\n" + BAD.encode())
    (tmp_path / "c.py").write_bytes(b"x = 1\r\n\x0c" + BAD.encode())

    assert [(one.rule.id, one.line) for one in scan(tmp_path)] == [
        ("XC033", 1), ("XC033", 3), ("XC033", 2),
    ]  # fmt: skip


def test_warnings_about_the_scanned_code_are_not_ours():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        scan_text("x = '\\d'\nassert (x, 'y')\nx is 1\n")
    assert caught == []


def test_nothing_of_the_scanned_code_runs(tmp_path):
    write(tmp_path, dag=f"open({str(tmp_path / 'ran')!r}, 'w')\nimport nothing_of_this_name\n")
    scan(tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "text",
    [
        "from common.alerts import alert\nDAG('x', on_failure_callback=alert)\n",
        "import common.alerts as a\nDAG('y', on_failure_callback=a.alert)\n",
        "import common.alerts\nDAG('y', on_failure_callback=common.alerts.alert)\n",
        "from common import *\nDAG('y', on_failure_callback=alert)\n",
        "from dags.common import alert\nDAG('y', on_failure_callback=alert)\n",
        "from ..common import alert\nDAG('y', on_failure_callback=[alert])\n",
        "from common.alerts import Pager\nDAG('y', on_failure_callback=Pager())\n",
    ],
)
def test_every_form_of_import_leads_to_the_callback(tmp_path, text):
    write(
        tmp_path / "dags",
        near__dag=text,
        common__alerts=ALERTS,
        other__alerts="def alert(context):\n    pass\n",
    )
    (tmp_path / "dags/common/__init__.py").write_text("from .alerts import alert\n")

    (finding,) = scan(tmp_path)
    assert (finding.rule.id, finding.line) == ("XC030", 2)
    assert finding.file == str(tmp_path / "dags/common/alerts.py")
    assert f"at {tmp_path}/dags/near/dag.py:2" in finding.observed


@pytest.mark.parametrize("name", ["__init__", "sub"])
def test_relative_import_begins_at_its_package(tmp_path, name):
    write(tmp_path / "pkg", tools="def load(ti):\n    ti.xcom_pull()\n")
    (tmp_path / "pkg" / f"{name}.py").write_text("from .tools import load\nload(1)\n")

    assert names(tmp_path / "pkg") == ["tools.py"]


def test_import_that_two_files_may_mean_is_not_guessed(tmp_path):
    dag = "from alerts import alert\nDAG('x', on_failure_callback=alert)\n"
    write(tmp_path, dag=dag, one__alerts=ALERTS, two__alerts=ALERTS)
    assert scan(tmp_path) == ()


def test_names_and_imports_that_lead_to_themselves_end(tmp_path):
    one = "from two import f\nfrom two import g as h\nDAG('x', on_failure_callback=[f, h])\n"
    loops = """
a = b
b = a
c = c / "x"
def f(): f()
class A(B): ...
class B(A): ...
class T(T):
    def run(self): self.run()
x = [x, y]
y = {"x": x}
@task
def push(): return x
c.exists()
DAG("x", on_failure_callback=[a, b, f, A(), A.b, x, T().run])
"""
    write(tmp_path, one=one, two="from one import f, h as g\nf(g)\n", loops=loops)
    assert scan(tmp_path) == ()


@pytest.mark.parametrize(
    "text",
    [
        ("x" + ".y" * 400 + "()\n") * 200,
        "a0 = b'x'\n" + "".join(f"a{n} = [a{n - 1}, a{n - 1}]\n" for n in range(1, 600)),
        "if x:\n  pass\n" + "elif x:\n  pass\n" * 900,
        "f = [g]\n" + "DAG('x', on_failure_callback=f)\n" * 10_000,
        "def f(c):\n  g(c)\n" * 10_000 + "DAG('x', on_failure_callback=f)\n",
        "x = '{{ " + "xcom_pull(" * 50_000 + "'\n",
        "from os import *\n" * 20_000 + "path.x()\n" * 1000,
        "".join(f"from m{n} import *\n" for n in range(10_000)) + "path.x()\n" * 10_000,
        "".join(f"class C{n}(C{n - 1}): run = x\n" for n in range(4000)),
        "x = 1\n" * 20_000 + "x.y()\n" * 10_000,
        "@x\n" * 20_000 + "def f(c): pass\n" + "f()\n" * 5000,
        "f = [" + "".join(f"g{n}, " for n in range(10_000)) + "]\n"
        + "".join(f"g{n} = lambda c: c\n" for n in range(20_000))
        + "DAG('x', on_failure_callback=f)\n" * 10_000,
        "ti.xcom_pull(dag_id='" + "{{ " * 300_000 + "')\n",
        "def f(**k):\n" + "  f(**k)\n" * 3000 + "f(on_failure_callback=a)\n" * 3000,
        "x = {}\n" + "x = {**x}\n" * 3000 + "DAG(**x)\n" * 3000,
        "x = session.query(XCom)\n" + "x = x.filter(x)\n" * 3000 + "x.delete()\n" * 3000,
        "".join(f"a{n} = a{n + 1} + a{n + 1}\n" * 40 for n in range(200))
        + "@task\ndef f(): return a0 + 1\n",
        "@task\ndef f():\n" + "  x[0] = 1\n" * 8000 + f"  return [{'x, ' * 8000}]\n",
    ],
    ids=range(18),
)  # fmt: skip
def test_hostile_text_costs_seconds_at_most(text):
    begin = time.process_time()
    scan_text(text)
    assert time.process_time() - begin < 10


@given(raw=st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_scanned_or_refused_in_one_line(raw, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "any.py"
    path.write_bytes(raw)
    try:
        scan(path)
    except InputError as error:
        assert str(error).startswith(f"{path}:")
        assert len(str(error).splitlines()) == 1


# the tests of the rules are full of code that has findings
SOURCES = [*EXAMPLES, Path(__file__).with_name("test_dag_scan_rules.py")]
PIECES = st.sampled_from(
    [piece for path in SOURCES for piece in path.read_text().splitlines(keepends=True)]
)


@given(lines=st.lists(PIECES, max_size=40), cut=st.integers(min_value=0, max_value=200))
@settings(max_examples=300, deadline=None)
def test_any_shuffled_dag_is_scanned_or_refused(lines, cut):
    text = "".join(lines)
    for one in (text, text[cut:], "".join(line.lstrip() for line in lines)):
        try:
            findings = scan_text(one)
        except InputError as error:
            assert str(error).startswith("orders.py:")
        else:
            assert all(1 <= f.line <= one.count("\n") + 1 for f in findings)
