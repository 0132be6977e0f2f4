import ast
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.lint.dags import scan, scan_text
from xcomkit.lint.dags.reading import MAX_BYTES, read_tree
from xcomkit.lint.dags.scan import MOST_FINDINGS

BAD = "LIMIT = ti.xcom_pull(task_ids='x')\n"
ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.py"))
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
        (tmp_path / skipped).mkdir(parents=True)
        (tmp_path / skipped / "x.py").write_text(BAD)
    (tmp_path / "my_env" / "pyvenv.cfg").touch()
    (tmp_path / "notes.txt").write_text(BAD)
    (tmp_path / "folder.py").mkdir()

    assert names(tmp_path) == ["a/z.py", "b.py", "c/d/e.py"]


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
def test_file_that_cannot_be_read_is_a_finding_of_a_folder_and_an_error_alone(tmp_path, raw, line):
    (tmp_path / "bad.py").write_bytes(raw)
    write(tmp_path, good=BAD)

    first, second = scan(tmp_path)
    assert (first.rule.id, first.line, first.is_unknown) == ("XC040", line, True)
    assert (first.severity, first.file) == ("warn", str(tmp_path / "bad.py"))
    assert second.file == str(tmp_path / "good.py")
    with pytest.raises(InputError) as caught:
        scan(tmp_path / "bad.py")
    assert str(caught.value).startswith(f"{tmp_path}/bad.py:{line}:")
    assert "\n" not in str(caught.value)
    assert caught.value.hint


def test_path_that_is_missing_is_an_error_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"gone:1:1: No such file or directory\. Next: "):
        scan(tmp_path / "gone")


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


def test_refusal_stays_one_line_whatever_the_name(tmp_path):
    with pytest.raises(InputError) as caught:
        scan(tmp_path / "a\nb\x1b[31m.py")
    assert len(str(caught.value).splitlines()) == 1
    assert "\x1b" not in str(caught.value)
    with pytest.raises(InputError, match="embedded null byte"):
        scan(Path("a\0.py"))


def test_text_that_is_no_python_is_an_error_with_its_place():
    with pytest.raises(InputError, match=r"^d\.py:2:5: invalid syntax"):
        scan_text("x = 1\ny = = 2\n", name="d.py")
    with pytest.raises(InputError, match=r"^d\.py:2:6: a character that is no text"):
        scan_text("x = 1\ny = '\ud800'", name="d.py")


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
        scan_text("x = '\\d'\nassert (x, 'y')\nx is 1\n", name="d.py")
    assert caught == []


def test_nothing_of_the_scanned_code_runs(tmp_path):
    write(tmp_path, dag=f"open({str(tmp_path / 'ran')!r}, 'w')\nimport nothing_of_this_name\n")
    scan(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_callback_is_followed_into_the_file_that_defines_it(tmp_path):
    write(
        tmp_path / "dags",
        orders="from common.alerts import alert\nDAG('x', on_failure_callback=alert)\n",
        users="import common.alerts as a\nDAG('y', on_failure_callback=a.alert)\n",
        near__dag="from ..common import alert\nDAG('z', on_failure_callback=[alert])\n",
        common__alerts="def alert(context):\n    context['ti'].xcom_pull()\n",
        other__alerts="def alert(context):\n    pass\n",
    )
    (tmp_path / "dags/common/__init__.py").write_text("from .alerts import alert\n")

    (finding,) = scan(tmp_path)
    assert (finding.rule.id, finding.line) == ("XC030", 2)
    assert finding.file == str(tmp_path / "dags/common/alerts.py")
    assert f"at {tmp_path}/dags/orders.py:2" in finding.observed


@pytest.mark.parametrize(
    "text",
    [
        "from common.alerts import alert\nDAG('x', on_failure_callback=alert)\n",
        "import common.alerts as a\nDAG('y', on_failure_callback=a.alert)\n",
        "import common.alerts\nDAG('y', on_failure_callback=common.alerts.alert)\n",
        "from common import *\nDAG('y', on_failure_callback=alert)\n",
        "from dags.common import alert\nDAG('y', on_failure_callback=alert)\n",
        "from .common import alert\nDAG('y', on_failure_callback=alert)\n",
        "from common.alerts import Pager\nDAG('y', on_failure_callback=Pager())\n",
    ],
)
def test_every_form_of_import_leads_to_the_callback(tmp_path, text):
    alerts = (
        "def alert(context):\n    context['ti'].xcom_pull()\n\n"
        "class Pager:\n    def __call__(self, context):\n        alert(context)\n"
    )
    write(tmp_path / "dags", dag=text, common__alerts=alerts)
    (tmp_path / "dags/common/__init__.py").write_text("from .alerts import alert\n")

    assert [(one.rule.id, one.line) for one in scan(tmp_path)] == [("XC030", 2)]


def test_import_that_two_files_may_mean_is_not_guessed(tmp_path):
    alert = "def alert(context):\n    context['ti'].xcom_pull()\n"
    dag = "from alerts import alert\nDAG('x', on_failure_callback=alert)\n"
    write(tmp_path, dag=dag, one__alerts=alert, two__alerts=alert)
    assert scan(tmp_path) == ()


def test_files_that_import_from_each_other_end(tmp_path):
    one = "from two import f\nfrom two import g as h\nDAG('x', on_failure_callback=[f, h])\n"
    write(tmp_path, one=one, two="from one import f, h as g\nf(g)\n")
    assert scan(tmp_path) == ()


def test_names_that_lead_to_themselves_end():
    text = """
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
    assert scan_text(text, name="d.py") == ()


def test_file_with_one_cause_has_a_bounded_number_of_findings():
    assert len(scan_text(BAD * 1000, name="d.py")) == MOST_FINDINGS


@pytest.mark.parametrize(
    "text",
    [
        "x" + ".y" * 900 + "\n",
        ("x" + ".y" * 400 + "()\n") * 500,
        "a0 = b'x'\n" + "".join(f"a{n} = [a{n - 1}, a{n - 1}]\n" for n in range(1, 600)),
        "if x:\n  pass\n" + "elif x:\n  pass\n" * 900,
        "f = [g]\n" + "DAG('x', on_failure_callback=f)\n" * 10_000,
        "def f(c):\n  g(c)\n" * 10_000 + "DAG('x', on_failure_callback=f)\n",
        "x = '{{ " + "xcom_pull(" * 50_000 + "'\n",
        "x = [" + "'s3://xcom/" + "_" * 1000 + "', " * 1 + "]\n",
        "from os import *\n" * 20_000 + "path.x()\n" * 1000,
        "".join(f"from m{n} import *\n" for n in range(10_000)) + "path.x()\n" * 10_000,
        "".join(f"class C{n}(C{n - 1}):\n  def run(s): s.x()\n" for n in range(300)),
        "".join(f"class C{n}(C{n - 1}): run = x\n" for n in range(10_000)),
        "x = 1\n" * 20_000 + "x.y()\n" * 20_000,
        "@x\n" * 20_000 + "def f(c): pass\n" + "f()\n" * 20_000,
        "f = ["
        + "".join(f"g{n}, " for n in range(10_000))
        + "]\n"
        + "".join(f"g{n} = lambda c: c\n" for n in range(20_000))
        + "DAG('x', on_failure_callback=f)\n" * 10_000,
        "ti.xcom_pull(dag_id='" + "{{ " * 300_000 + "')\n",
    ],
    ids=range(16),
)
def test_hostile_text_costs_seconds_at_most(text):
    begin = time.process_time()
    try:
        scan_text(text, name="d.py")
    except InputError:
        assert len(text) < 10_000
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


@given(
    lines=st.lists(PIECES, max_size=40),
    cut=st.integers(min_value=0, max_value=200),
)
@settings(max_examples=300, deadline=None)
def test_any_shuffled_dag_is_scanned_or_refused(lines, cut):
    text = "".join(lines)
    for one in (text, text[cut:], "".join(line.lstrip() for line in lines)):
        try:
            findings = scan_text(one, name="d.py")
        except InputError as error:
            assert str(error).startswith("d.py:")
        else:
            assert all(1 <= f.line <= one.count("\n") + 1 for f in findings)


def test_statements_of_the_examples_in_any_order_are_scanned():
    for path in EXAMPLES:
        statements = read_tree(path).body
        statements.reverse()
        scan_text("\n".join(ast.unparse(one) for one in statements), name="d.py")


def test_importing_the_scan_imports_the_standard_library_only():
    code = (
        "import sys; import xcomkit.lint.dags; names = {n.partition('.')[0] for n in sys.modules};"
        "print(sorted(n for n in names - set(sys.stdlib_module_names) if not n.startswith('_')))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True,
                          cwd=ROOT, check=True)  # fmt: skip
    assert done.stdout.strip() == "['xcomkit']"
