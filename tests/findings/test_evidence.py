import json
import multiprocessing
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from xcomkit.findings import evidence
from xcomkit.findings.errors import GateError, InputError, SettingsError
from xcomkit.findings.model import Change, Plan, Rule
from xcomkit.findings.text_file import write_text

RULE = Rule("XC999", "The thing holds", "fail", "why", "mend it", "source")


def judged(holds):
    return RULE.judge(holds, expected="e", observed="o", how="h", basis="echo")


def test_checks_come_back_from_disk_as_they_were(tmp_path):
    checks = [judged(True), replace(judged(False), accepted="known")]

    evidence.write_evidence(tmp_path, step="s", content={"checks": checks})

    assert evidence.read_checks(tmp_path, step="s") == tuple(checks)


def test_evidence_has_a_schema_and_sorted_keys(tmp_path):
    plan = Plan("p", (Change("r", "s", "a", "b", "create"),))

    path = evidence.write_evidence(tmp_path, step="s", content={"z": 1, "a": plan})

    body = json.loads(path.read_text())
    assert body["schema"] == 1
    assert list(body) == sorted(body)


def test_evidence_cannot_hold_what_is_not_plain(tmp_path):
    with pytest.raises(TypeError, match="cannot hold a object"):
        evidence.write_evidence(tmp_path, step="s", content={"a": object()})


def test_file_of_evidence_that_is_none_is_refused_in_one_line(tmp_path):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence/s.json").write_text("{")

    with pytest.raises(InputError, match=r"s\.json is not JSON"):
        evidence.read_evidence(tmp_path, step="s")

    (tmp_path / "evidence/s.json").write_text('{"schema": 99}')
    with pytest.raises(InputError, match="schema 1"):
        evidence.read_evidence(tmp_path, step="s")


def refusal(read, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        read(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b" " * 8_000_001, b"1" * 5_000])
@pytest.mark.parametrize("name", ["evidence/s.json", "created.json"])
def test_file_nobody_can_read_is_refused_in_one_line(tmp_path, name, content):
    (tmp_path / "evidence").mkdir()
    (tmp_path / name).write_bytes(content)

    if name == "created.json":
        assert "created.json" in refusal(evidence.read_created, tmp_path)
    else:
        assert "s.json" in refusal(evidence.read_checks, tmp_path, step="s")


def test_directory_in_the_place_of_a_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "evidence/s.json").mkdir(parents=True)
    (tmp_path / "created.json").mkdir()

    assert "s.json" in refusal(evidence.read_checks, tmp_path, step="s")
    assert "created.json" in refusal(evidence.read_created, tmp_path)


@pytest.mark.parametrize(
    "odd",
    [
        {"status": []}, {"status": "good"}, {"severity": "high"}, {"severity": None},
        {"basis": "hearsay"}, {"basis": {}}, {"id": 5}, {"observed": None}, {"remedy": None},
        {"title": ["a"]}, {"accepted": True}, {"more": "a"}, {"1": "a"},
    ],
    ids=str,
)  # fmt: skip
def test_check_that_no_rule_could_have_made_is_refused_in_one_line(tmp_path, odd):
    checks = [{**asdict(judged(True)), **odd}]
    evidence.write_evidence(tmp_path, step="s", content={"checks": checks})

    assert "s.json holds no checks" in refusal(evidence.read_checks, tmp_path, step="s")


@pytest.mark.parametrize("checks", [None, 5, {}, "", [5], ["a"], [{}], [None]], ids=str)
def test_checks_that_are_none_are_refused_in_one_line(tmp_path, checks):
    evidence.write_evidence(tmp_path, step="s", content={"checks": checks})

    assert "s.json holds no checks" in refusal(evidence.read_checks, tmp_path, step="s")


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "5", '{"objects": []}', '{"schema": 1, "objects": "a"}',
     '{"schema": 1, "objects": [5]}', '{"schema": 1, "objects": null}'],
)  # fmt: skip
def test_list_of_what_was_created_is_never_guessed(tmp_path, text):
    (tmp_path / "created.json").write_text(text)

    assert "created.json" in refusal(evidence.read_created, tmp_path)
    assert "created.json" in refusal(evidence.record_created, tmp_path, kind="k", names=["n"])
    assert (tmp_path / "created.json").read_text() == text


def test_folder_that_is_none_is_refused_in_one_line_where_a_step_begins_again(tmp_path):
    (tmp_path / "evidence/s.json").mkdir(parents=True)

    assert "cannot be removed" in refusal(evidence.remove_evidence, tmp_path, step="s")


@pytest.fixture
def closed(tmp_path):
    """A run directory that this user, root as well, may not look into."""
    tmp_path.chmod(0)
    if is_root := os.geteuid() == 0:
        os.seteuid(65534)
    yield tmp_path
    if is_root:
        os.seteuid(0)
    tmp_path.chmod(0o700)


def test_folder_that_is_closed_to_this_user_is_refused_in_one_line(closed):
    assert "cannot be read" in refusal(evidence.read_evidence, closed, step="s")
    assert "cannot be read" in refusal(evidence.read_created, closed)
    assert "cannot be removed" in refusal(evidence.remove_evidence, closed, step="s")


class TestTarget:
    """A run directory that is named holds what belongs to one target only."""

    HERE, THERE = "aws s3://some-bucket/xcom", "aws s3://other-bucket/xcom"

    def test_directory_is_gone_on_with_by_the_target_that_came_first(self, tmp_path):
        for _ in range(2):
            evidence.claim_run_directory(tmp_path / "new", target=self.HERE)

        with pytest.raises(SettingsError, match="of another target, 'aws s3://some-bucket/xcom'"):
            evidence.claim_run_directory(tmp_path / "new", target=self.THERE)

    def test_directory_that_notebooks_made_is_of_their_target(self, tmp_path):
        run = evidence.make_run_directory(tmp_path, name="a", target=f"{self.HERE}\nhttps://one")

        evidence.claim_run_directory(run, target=self.HERE)

        with pytest.raises(SettingsError, match="some-bucket"):
            evidence.claim_run_directory(run, target=self.THERE)

    @pytest.mark.parametrize("instance", ["", "https://one"])
    def test_directory_that_was_named_is_not_found_by_notebooks_that_name_none(
        self, tmp_path, instance
    ):
        run = evidence.make_run_directory(tmp_path, name="a")
        evidence.claim_run_directory(run, target=self.HERE)

        whole = f"{self.HERE}\n{instance}"
        assert evidence.find_run_directory(tmp_path, name="a", target=whole) is None

    def test_directory_that_is_closed_is_refused_in_one_line(self, closed):
        with pytest.raises(SettingsError, match=r"cannot be written to \(Permission denied\)"):
            evidence.claim_run_directory(closed, target=self.HERE)


def record_each(run, writer, count):
    for number in range(count):
        evidence.record_created(run, kind="objects", names=[f"{writer}-{number}"])


def test_writers_at_the_same_time_lose_no_name_and_leave_no_lock_behind(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=record_each, args=(tmp_path, n, 50)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len(evidence.read_created(tmp_path)["objects"]) == 200
    assert [path.name for path in tmp_path.iterdir()] == ["created.json"]


def test_what_was_created_is_kept_once_and_in_order(tmp_path):
    evidence.record_created(tmp_path, kind="objects", names=["b", "a"])
    evidence.record_created(tmp_path, kind="objects", names=["a", "c"])
    evidence.record_created(tmp_path, kind="resources", names=["bucket x"])

    created = evidence.read_created(tmp_path)

    assert created == {"objects": ["b", "a", "c"], "resources": ["bucket x"]}


def test_gate_names_every_red_and_unknown_check_and_the_next_step():
    with pytest.raises(GateError) as caught:
        evidence.gate([judged(True), judged(False), judged(None)])

    assert "2 of 3 checks close the gate" in str(caught.value)
    assert "XC999 fail" in str(caught.value)
    assert "Next: mend it" in str(caught.value)


def test_gate_is_open_for_accepted_and_skipped_checks():
    skipped = RULE.skip(expected="e", observed="o", how="h")

    assert "open" in evidence.gate([replace(judged(False), accepted="known"), skipped])


def test_refusal_in_a_notebook_is_one_line_and_no_traceback():
    assert GateError("closed", hint="mend it")._render_traceback_() == [
        "GateError: closed Next: mend it"
    ]


def test_later_steps_go_on_in_the_newest_run_of_the_target(tmp_path):
    first = evidence.make_run_directory(tmp_path, name="a", target="here")
    for name, target in (("b", "here"), ("b-a", "here"), ("a", "")):
        path = tmp_path / f"20990101T000000Z-{name}"
        evidence.make_run_directory(tmp_path, name=f"{name}-late", target=target).rename(path)

    assert evidence.find_run_directory(tmp_path, name="a", target="here") == first
    assert evidence.find_run_directory(tmp_path, name="a", target="there") is None
    assert Path(first).name.endswith("Z-a")


@pytest.mark.parametrize("name", ["c", "*", "[ab]"])
def test_target_that_was_never_run_has_no_run_directory(tmp_path, name):
    evidence.make_run_directory(tmp_path, name="a", target="here")

    assert evidence.find_run_directory(tmp_path, name=name, target="here") is None
    assert evidence.find_run_directory(tmp_path / "none", name="a", target="here") is None


def test_record_that_was_handed_over_is_never_gone_on_with(tmp_path):
    run = evidence.make_run_directory(tmp_path, name="a", target="here")
    (run / "manifest.sha256").write_text("")

    assert evidence.find_run_directory(tmp_path, name="a", target="here") is None


def test_gate_behind_which_nothing_was_checked_stays_closed():
    with pytest.raises(GateError, match="Nothing was checked"):
        evidence.gate([])


def test_half_written_file_is_never_seen(tmp_path):
    path = tmp_path / "f.json"
    write_text(path, "old")

    with pytest.raises(TypeError):
        write_text(path, 5)  # type: ignore[arg-type]

    assert path.read_text() == "old"
