"""``xcomkit merge`` as a user meets it: what is written, what is said, and the exit code."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from xcomkit.__main__ import main

HERE = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
VALUES = "# mine\nnamespace: ns # why\ncommonEnv:\n  - name: A\n    value: '1'\n"
PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
FRAGMENT = f"commonEnv:\n  - name: {PATH}\n    value: s3://c@b/p\n"
ADDED = f'  - name: {PATH}\n    value: "s3://c@b/p"\n'
CONFLICTING = f"{FRAGMENT}namespace: other\nxcomBackend: a.B\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("values.yaml").write_text(VALUES)
    Path("fragment.yaml").write_text(FRAGMENT)
    return tmp_path


def merge(*words) -> int:
    return main(["merge", "values.yaml", "fragment.yaml", *words])


def refused(capsys, *words) -> str:
    before = {path: path.read_bytes() for path in Path().iterdir() if path.is_file()}
    assert main(["merge", *words]) == 2
    text = capsys.readouterr()
    assert text.out == ""
    assert text.err.startswith("xcomkit: ")
    assert text.err.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().iterdir() if path.is_file()} == before
    return text.err


def mode(name: str) -> int:
    return stat.S_IMODE(Path(name).stat().st_mode)


def test_result_goes_beside_the_file_with_the_diff_on_stdout(capsys):
    assert merge() == 0

    assert Path("values.yaml").read_text() == VALUES
    assert Path("values.xcom.yaml").read_text() == VALUES + ADDED
    said = capsys.readouterr()
    assert said.out.startswith("--- values.yaml\n+++ values.yaml (merged)\n")
    assert f"+  - name: {PATH}\n" in said.out
    assert said.err == "values.xcom.yaml written, values.yaml is as it was.\n"


def test_second_merge_says_that_the_result_is_there_already(capsys):
    merge()
    capsys.readouterr()

    assert merge() == 0
    assert "values.xcom.yaml was that already" in capsys.readouterr().err


def test_result_merged_again_needs_no_change(capsys):
    merge()
    capsys.readouterr()

    assert main(["merge", "values.xcom.yaml", "fragment.yaml", "--out", "again.yaml"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("nothing had to change; again.yaml written")
    assert Path("again.yaml").read_bytes() == Path("values.xcom.yaml").read_bytes()


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}\n"])
def test_empty_fragment_changes_nothing(capsys, text):
    Path("fragment.yaml").write_text(text)

    assert merge() == 0
    assert "nothing had to change" in capsys.readouterr().err
    assert Path("values.xcom.yaml").read_text() == VALUES


def test_conflicts_are_shown_with_place_and_both_values_and_the_result_is_written(capsys):
    Path("values.yaml").write_text(f"{VALUES}xcomBackend: old.Class\n")
    Path("fragment.yaml").write_text(CONFLICTING)

    assert merge() == 1
    said = capsys.readouterr().err.splitlines()
    assert said[:3] == [
        "values.yaml:2: namespace: kept: your file says 'ns', the fragment 'other'",
        "values.yaml:6: xcomBackend: replaced: your file says 'old.Class', the fragment 'a.B'",
        "2 conflicts: look at the lines above before you install it.",
    ]
    result = Path("values.xcom.yaml").read_text()
    assert "namespace: ns # why\n" in result
    assert "xcomBackend: a.B\n" in result


def test_conflict_stays_one_when_nothing_had_to_change(capsys):
    Path("fragment.yaml").write_text("namespace: other\n")

    assert merge() == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "1 conflict: look" in said.err
    assert "nothing had to change" in said.err


def test_check_shows_the_diff_and_writes_nothing(capsys):
    assert merge("--check") == 1
    said = capsys.readouterr()
    assert f"+  - name: {PATH}\n" in said.out
    assert said.err == "values.yaml does not hold the fragment yet; nothing was written.\n"
    assert not Path("values.xcom.yaml").exists()


def test_check_is_good_once_the_fragment_is_in_the_file(capsys):
    Path("values.yaml").write_text(VALUES + ADDED)

    assert merge("--check") == 0
    assert capsys.readouterr().err == "values.yaml holds the fragment; nothing was written.\n"


def test_check_is_not_good_while_the_file_says_otherwise(capsys):
    Path("fragment.yaml").write_text("namespace: other\n")

    assert merge("--check") == 1
    said = capsys.readouterr().err
    assert "values.yaml:2: namespace: kept" in said
    assert not Path("values.xcom.yaml").exists()


def test_dash_writes_the_result_to_stdout_byte_for_byte_and_no_diff(capfdbinary):
    text = ("\ufeff" + VALUES.replace("why", "w\u00e9\u2028")).replace("\n", "\r\n").encode()
    Path("values.yaml").write_bytes(text)

    assert merge("--out", "-") == 0
    said = capfdbinary.readouterr()
    assert said.out == text + ADDED.replace("\n", "\r\n").encode()
    assert b"the result is on stdout" in said.err
    assert sorted(path.name for path in Path().iterdir()) == ["fragment.yaml", "values.yaml"]


@pytest.mark.parametrize("given", [0o600, 0o640, 0o444])
def test_result_has_the_permissions_of_the_original(given):
    Path("values.yaml").chmod(given)

    merge()
    assert mode("values.xcom.yaml") == given
    assert [path.name for path in Path().glob(".*")] == []


def test_result_is_never_more_open_than_what_it_replaces_or_the_original():
    Path("values.xcom.yaml").write_text("a: 1\n")
    Path("values.xcom.yaml").chmod(0o600)
    merge()
    assert mode("values.xcom.yaml") == 0o600

    Path("values.xcom.yaml").chmod(0o666)
    Path("values.yaml").chmod(0o600)
    merge()  # the text is there already
    assert mode("values.xcom.yaml") == 0o600


def test_result_of_an_earlier_merge_is_replaced_and_that_is_said(capsys):
    Path("values.xcom.yaml").write_text(VALUES)

    assert merge() == 0
    assert capsys.readouterr().err.startswith("values.xcom.yaml replaced")
    assert Path("values.xcom.yaml").read_text() == VALUES + ADDED


def test_own_file_and_fragment_are_never_written_over(capsys):
    Path("link.yaml").symlink_to("values.yaml")
    os.link("values.yaml", "hard.yaml")
    for name in ("values.yaml", "./values.yaml", "link.yaml", "hard.yaml"):
        text = refused(capsys, "values.yaml", "fragment.yaml", "--out", name)
        assert f"{Path(name)} is your own file, and stays as it is" in text
    text = refused(capsys, "values.yaml", "fragment.yaml", "--out", "fragment.yaml")
    assert "is the fragment, and stays as it is" in text


def test_default_result_that_is_a_link_to_the_file_is_refused(capsys):
    Path("values.xcom.yaml").symlink_to("values.yaml")
    assert "is your own file" in refused(capsys, "values.yaml", "fragment.yaml")


def test_what_a_merge_could_not_have_written_is_not_replaced(capsys):
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
        assert reason in refused(capsys, "values.yaml", "fragment.yaml", "--out", name)


def test_failed_write_leaves_the_earlier_result_and_no_rest(capsys, monkeypatch):
    Path("values.xcom.yaml").write_text("a: 1\n")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    text = refused(capsys, "values.yaml", "fragment.yaml")
    assert "cannot be written (No space left on device)" in text
    assert [path.name for path in Path().glob(".*")] == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: [\n", ":2:1: "),
        (b"a: 1\n\tb: 2\n", ":2:1: "),
        (b"- a\n", ":1:1: not a mapping of keys"),
        (b"a: 1\n---\nb: 2\n", ":3:1: a second document"),
        (b"a: \xff\n", ":1:4: not UTF-8 text"),
        (b"{{ template }}\n", ":1:2: a key that is no text"),
        (b"a: &a [*a]\n", ":1:8: "),
        (b"a: \x00\n", ":1:4: "),
    ],
)
@pytest.mark.parametrize("name", ["values.yaml", "fragment.yaml"])
def test_unreadable_file_is_one_line_with_its_name_and_place(capsys, name, content, reason):
    Path("sub").mkdir()
    Path("sub", name).write_bytes(content)
    files = {"values.yaml": "values.yaml", "fragment.yaml": "fragment.yaml", name: f"sub/{name}"}
    text = refused(capsys, files["values.yaml"], files["fragment.yaml"])
    assert f"xcomkit: sub/{name}{reason}" in text


def test_missing_file_and_folder_are_refused(capsys):
    assert "none.yaml: No such file" in refused(capsys, "none.yaml", "fragment.yaml")
    assert "none.yaml: No such file" in refused(capsys, "values.yaml", "none.yaml")
    assert ".: Is a directory" in refused(capsys, "values.yaml", ".")


def test_fragment_with_an_entry_twice_is_refused_with_its_line(capsys):
    Path("fragment.yaml").write_text("commonEnv:\n  - name: A\n  - name: A\n")
    text = refused(capsys, "values.yaml", "fragment.yaml")
    assert "fragment.yaml:3:1: duplicate entry commonEnv.A" in text


def test_shape_that_would_be_a_guess_is_refused_with_the_place_in_the_file(capsys):
    Path("fragment.yaml").write_text("namespace: [a]\n")
    text = refused(capsys, "values.yaml", "fragment.yaml")
    assert "values.yaml:2:12: namespace must be a list written out here" in text


def test_out_and_check_exclude_each_other(capsys):
    with pytest.raises(SystemExit) as caught:
        merge("--check", "--out", "x.yaml")
    assert caught.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err


def test_secrets_are_in_the_result_only(capsys):
    hush = "hush" + "hush"
    Path("values.yaml").write_text(f"agentToken: {hush}1\ncommonEnv: []\nA_PASSWORD: {hush}2\n")
    Path("fragment.yaml").write_text(
        f"A_PASSWORD: {hush}3\ncommonEnv:\n- name: DB_PASSWORD\n  value: {hush}4\n"
    )

    assert merge() == 1
    said = capsys.readouterr()
    assert hush not in said.out + said.err
    assert "A_PASSWORD: kept: your file says (hidden), the fragment (hidden)" in said.err
    assert Path("values.xcom.yaml").read_text().count(hush) == 3


def test_help_tells_what_happens_an_example_and_the_exit_codes(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["merge", "--help"])
    assert caught.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "VALUES itself is never written" in text
    assert "example: xcomkit merge values.yaml runs/" in text
    assert "exit codes: 0 merged, or nothing had to change, 1 there are conflicts" in text


def test_reader_of_stdout_that_goes_away_is_no_mistake():
    Path("values.yaml").write_text("".join(f"key{n}: {'w' * 90}\n" for n in range(3000)))
    command = [sys.executable, "-m", "xcomkit", "merge", "values.yaml", "fragment.yaml"]
    with subprocess.Popen(
        [*command, "--out", "-"], env=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert process.returncode == 0
    assert said == "the result is on stdout, values.yaml is as it was.\n"


def test_terminal_that_knows_no_unicode_gets_the_diff_all_the_same():
    Path("values.yaml").write_text("a: é # \u2028\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "xcomkit", "merge", "values.yaml", "fragment.yaml"],
        env={**HERE, "PYTHONIOENCODING": "ascii"}, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert " a: é".encode() in done.stdout
    assert b"Traceback" not in done.stderr


def test_conflict_and_diff_show_nothing_that_might_be_a_secret(tmp_path, capsys):
    values, fragment = tmp_path / "values.yaml", tmp_path / "fragment.yaml"
    values.write_text(
        "note: 'Authorization: Bearer hush1hush1'\ncommonEnv:\n"
        "- name: DB_PASSWORD_1\n  value: hush2hush2\n- name: DB_PASSWORD\n  value: 481516234\n"
        "- name: OPTS\n  value: -Dx.password=hush3hush3\n"
    )
    fragment.write_text(
        "commonEnv:\n- name: DB_PASSWORD_1\n  value: hush4hush4\n- name: A\n  value: b\n"
    )

    main(["merge", str(values), str(fragment)])
    told = capsys.readouterr()
    assert "hush" not in told.out + told.err
    assert "481516234" not in told.out + told.err


def test_conflict_of_identities_shows_both_as_an_id_is_no_secret(tmp_path, capsys):
    ids = ("6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11", "11111111-2222-4333-8444-555555555555")
    for name, client in zip(("values.yaml", "fragment.yaml"), ids, strict=True):
        text = f"serviceAccount:\n  annotations:\n    azure.workload.identity/client-id: {client}\n"
        (tmp_path / name).write_text(text)

    assert main(["merge", str(tmp_path / "values.yaml"), str(tmp_path / "fragment.yaml")]) == 1
    told = capsys.readouterr().err
    assert all(client in told for client in ids)
