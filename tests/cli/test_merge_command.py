"""``xcomkit merge`` as a user meets it: what is written, what is said, and the exit code."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from textwrap import indent

import pytest

from xcomkit.__main__ import main
from xcomkit.values.names import PRACTICE

HERE = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
COMMAND = [sys.executable, "-m", "xcomkit", "merge", "values.yaml", "fragment.yaml"]
VALUES = "# mine\nnamespace: ns # why\ncommonEnv:\n  - name: A\n    value: '1'\n"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
FRAGMENT = f"commonEnv:\n  - name: {PATH}\n    value: s3://c@b/p\n"
ADDED = f'  - name: {PATH}\n    value: "s3://c@b/p"\n'
HUSH = "hush" + "hush"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("values.yaml").write_text(VALUES)
    Path("fragment.yaml").write_text(FRAGMENT)
    return tmp_path


@pytest.fixture
def merge(capsys):
    """Return the command as a function that gives its exit code and both outputs."""

    def run(*words, values="values.yaml", fragment="fragment.yaml"):
        code = main(["merge", values, fragment, *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def files():
    return {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}


@pytest.fixture
def refused(merge):
    def run(*words, **names) -> str:
        before = files()
        code, out, text = merge(*words, **names)
        assert (code, out, files()) == (2, "", before)
        assert text.startswith("xcomkit: ")
        assert text.count("\n") == 1
        return text

    return run


def mode(name: str) -> int:
    return stat.S_IMODE(Path(name).stat().st_mode)


def test_result_goes_beside_the_file_with_the_diff_on_stdout_and_a_second_merge_says_so(merge):
    code, out, err = merge()

    assert code == 0
    assert Path("values.yaml").read_text() == VALUES
    assert Path("values.xcom.yaml").read_text() == VALUES + ADDED
    assert out.startswith("--- values.yaml\n+++ values.yaml (merged)\n")
    assert f"+  - name: {PATH}\n" in out
    assert err.startswith("values.xcom.yaml written, values.yaml is as it was.\n")
    assert re.search(
        r"yaml:6: XC026 fails, expected: .*\nNext: \S*xcomkit lint values.xcom.yaml\n\Z", err
    )

    code, _, err = merge()
    assert code == 0
    assert "values.xcom.yaml was that already" in err

    Path("values.xcom.yaml").write_text(VALUES)  # as an earlier fragment left it
    assert merge()[2].startswith("values.xcom.yaml replaced")
    assert Path("values.xcom.yaml").read_text() == VALUES + ADDED

    code, out, err = merge("--out", "again.yaml", values="values.xcom.yaml")
    assert (code, out) == (0, "")
    assert err.startswith("nothing had to change; again.yaml written")
    assert Path("again.yaml").read_bytes() == Path("values.xcom.yaml").read_bytes()


def test_fragment_goes_below_the_key_of_a_subchart_and_not_between_two(merge, refused):
    Path("values.yaml").write_text(umbrella := "other: {}\nagents:\n" + indent(VALUES, "  "))
    merge()
    assert Path("values.xcom.yaml").read_text() == umbrella + indent(ADDED, "  ")
    Path("values.yaml").write_text(umbrella + umbrella.replace("agents", "more").split("\n", 1)[1])
    assert "values of several agents, below agents, more" in refused()


def test_conflicts_are_displayed_with_place_and_both_values_and_the_result_is_written(merge):
    Path("values.yaml").write_text(f"{VALUES}xcomBackend: old.Class\n")
    Path("fragment.yaml").write_text(f"{FRAGMENT}namespace: other\nxcomBackend: a.B\n")

    code, _, err = merge()
    assert code == 1
    assert err.splitlines()[:3] == [
        "values.yaml:2: namespace: kept: your file says 'ns', the fragment 'other'",
        "values.yaml:6: xcomBackend: replaced: your file says 'old.Class', the fragment 'a.B'",
        "2 conflicts: look at the lines above before you install it.",
    ]
    result = Path("values.xcom.yaml").read_text()
    assert "namespace: ns # why\n" in result
    assert "xcomBackend: a.B\n" in result


def test_fragment_that_was_made_in_practice_is_warned_of(merge):
    Path("fragment.yaml").write_text(f"# {PRACTICE}\n{FRAGMENT}")

    code, _, err = merge()

    assert code == 0
    assert f"fragment.yaml: {PRACTICE}; run step 03 with the parameters of your own" in err


def test_conflict_stays_one_when_nothing_had_to_change(merge):
    Path("fragment.yaml").write_text("namespace: other\n")

    code, out, err = merge()
    assert (code, out) == (1, "")
    assert "1 conflict: look" in err
    assert "nothing had to change" in err


@pytest.mark.parametrize(
    ("values", "fragment", "code", "said"),
    [
        (VALUES, FRAGMENT, 1, "values.yaml does not hold the fragment yet; nothing was written."),
        (VALUES + ADDED, FRAGMENT, 0, "values.yaml holds the fragment; nothing was written."),
        (VALUES, "namespace: other\n", 1, "values.yaml:2: namespace: kept"),
    ],
    ids=["not yet", "is there", "conflict"],
)
def test_check_displays_the_diff_and_writes_nothing(merge, values, fragment, code, said):
    Path("values.yaml").write_text(values)
    Path("fragment.yaml").write_text(fragment)

    found, out, err = merge("--check")

    assert found == code
    assert said in err
    assert (f"+  - name: {PATH}\n" in out) == (said.endswith("written.") and code == 1)
    assert not Path("values.xcom.yaml").exists()


def test_dash_writes_the_result_to_stdout_byte_for_byte_and_no_diff(capfdbinary):
    text = ("\ufeff" + VALUES.replace("why", "w\u00e9\u2028")).replace("\n", "\r\n").encode()
    Path("values.yaml").write_bytes(text)

    assert main(["merge", "values.yaml", "fragment.yaml", "--out", "-"]) == 0
    said = capfdbinary.readouterr()
    assert said.out == text + ADDED.replace("\n", "\r\n").encode()
    assert b"the result is on stdout" in said.err
    assert sorted(path.name for path in files()) == ["fragment.yaml", "values.yaml"]


@pytest.mark.parametrize("given", [0o600, 0o640, 0o444], ids=oct)
def test_result_is_never_more_open_than_the_original_or_what_it_replaces(merge, given):
    Path("values.yaml").chmod(given)
    merge()
    assert mode("values.xcom.yaml") == given

    Path("values.xcom.yaml").chmod(0o600)
    merge()
    assert mode("values.xcom.yaml") == given & 0o600
    Path("values.xcom.yaml").chmod(0o666)
    merge()  # the text is there already
    assert mode("values.xcom.yaml") == given
    assert [path.name for path in Path().glob(".*")] == []


def test_own_file_and_fragment_are_never_written_over(refused):
    Path("link.yaml").symlink_to("values.yaml")
    os.link("values.yaml", "hard.yaml")
    for name in ("values.yaml", "./values.yaml", "link.yaml", "hard.yaml"):
        text = refused("--out", name)
        assert f"{Path(name)} is your own file, and stays as it is" in text
    assert "is the fragment, and stays as it is" in refused("--out", "fragment.yaml")
    Path("values.xcom.yaml").symlink_to("values.yaml")
    assert "is your own file" in refused()


def test_what_a_merge_could_not_have_written_is_not_replaced(refused):
    Path("notes.txt").write_text("just words\n")
    Path("folder").mkdir()
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    for name, reason in (
        ("notes.txt", "no values file"),
        ("folder", "no ordinary file"),
        ("/dev/null", "no ordinary file"),
        ("pipe", "no ordinary file"),
        ("loop", "cannot be written"),
        ("nowhere/values.yaml", "cannot be written (No such file or directory)"),
        ("notes.txt/values.yaml", "cannot be written (Not a directory)"),
        ("w" * 300, "cannot be written (File name too long)"),
    ):
        assert reason in refused("--out", name)


def test_failed_write_leaves_the_earlier_result_and_no_rest(refused, monkeypatch):
    Path("values.xcom.yaml").write_text("a: 1\n")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    assert "cannot be written (No space left on device)" in refused()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"- a\n", ":1:1: not a mapping of keys"),
        (b"a: 1\n---\nb: 2\n", ":3:1: a second document"),
        (b"a: \xff\n", ":1:4: not UTF-8 text"),
        (b"{{ template }}\n", ":1:2: a key that is no text"),
        (b"a: 1\na: [\n", ":3:1: "),
        (None, ": No such file"),
    ],
)
@pytest.mark.parametrize("part", ["values", "fragment"])
def test_unreadable_file_is_one_line_with_its_name_and_place(refused, part, content, reason):
    Path("sub").mkdir()
    name = f"sub/{part}.yaml"
    if content is not None:
        Path(name).write_bytes(content)
    assert f"xcomkit: {name}{reason}" in refused(**{part: name})


@pytest.mark.parametrize("words", [(), ("--check",)])
def test_duplicate_key_is_named_with_what_helm_loses_and_is_no_success(merge, words):
    Path("values.yaml").write_text(VALUES + "commonEnv:\n  - name: B\n    value: '2'\n" + ADDED)

    code, _, err = merge(*words)

    assert code == 1
    said = "values.yaml:6: duplicate key commonEnv, first in line 3; helm reads the last, without A"
    assert f"{said}: merge both into one key.\n" in err


@pytest.mark.parametrize("words", [(), ("--check",), ("--out", "-")])
@pytest.mark.parametrize(("key", "spaces"), [("", 0), ("agents:\n", 2)])
def test_duplicate_name_in_a_list_is_named_and_is_no_success(merge, words, key, spaces):
    Path("values.yaml").write_text(
        key + indent(f"{VALUES}  - name: A\n    value: '2'\n", " " * spaces)
    )

    code, _, err = merge(*words)

    assert code == 1
    line = 4 + bool(key)
    said = f"values.yaml:{line + 2}: duplicate name A in commonEnv, first in line {line}"
    assert f"{said}; Helm 3 takes the last, Helm 4 may refuse both: keep one.\n" in err


def test_secrets_are_in_the_result_only(merge):
    values = (
        f"agentToken: {HUSH}1\nA_PASSWORD: {HUSH}2\nnote: 'Authorization: Bearer {HUSH}3'\n"
        f"commonEnv:\n- name: DB_PASSWORD_1\n  value: {HUSH}4\n"
        f"- name: OPTS\n  value: -Dx.password={HUSH}5\n"
    )
    Path("values.yaml").write_text(values)
    Path("fragment.yaml").write_text(
        f"A_PASSWORD: {HUSH}6\ncommonEnv:\n- name: DB_PASSWORD_1\n  value: {HUSH}7\n"
        f"- name: DB_PASSWORD\n  value: {HUSH}8\n"
    )

    code, out, err = merge()
    assert code == 1
    assert HUSH not in out + err
    assert "A_PASSWORD: kept: your file says (hidden), the fragment (hidden)" in err
    assert Path("values.xcom.yaml").read_text().count(HUSH) == 6


def test_reader_of_stdout_that_goes_away_is_no_mistake():
    Path("values.yaml").write_text("".join(f"key{n}: {'w' * 90}\n" for n in range(3000)))
    with subprocess.Popen(
        [*COMMAND, "--out", "-"], env=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 0
    assert said == "the result is on stdout, values.yaml is as it was.\n"


def test_terminal_that_knows_no_unicode_gets_the_diff_all_the_same():
    Path("values.yaml").write_text("a: é # \u2028\n", encoding="utf-8")
    done = subprocess.run(
        COMMAND, env={**HERE, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False
    )
    assert done.returncode == 0
    assert " a: é".encode() in done.stdout
    assert b"Traceback" not in done.stderr
