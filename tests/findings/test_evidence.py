import json
import multiprocessing
import os
from dataclasses import asdict, replace

import pytest

from xcomkit.findings import evidence
from xcomkit.findings.errors import GateError, InputError, SettingsError
from xcomkit.findings.model import Change, Plan, Rule
from xcomkit.findings.text_file import write_text

RULE = Rule("XC999", "The thing holds", "fail", "why", "fix it", "source")


def judged(holds):
    return RULE.judge(holds, expected="e", observed="o", how="h", basis="echo")


def test_checks_come_back_from_disk_as_they_were_beside_a_schema_and_sorted_keys(tmp_path):
    checks = [judged(True), replace(judged(False), accepted="known")]
    plan = Plan("p", (Change("r", "s", "a", "b", "create"),))

    path = evidence.write_evidence(tmp_path, step="s", content={"z": plan, "checks": checks})

    assert evidence.read_checks(tmp_path, step="s") == tuple(checks)
    body = json.loads(path.read_text())
    assert body["schema"] == 1
    assert list(body) == sorted(body)


def test_evidence_cannot_hold_what_is_not_plain(tmp_path):
    with pytest.raises(TypeError, match="cannot hold a object"):
        evidence.write_evidence(tmp_path, step="s", content={"a": object()})


def refusal(read, *args, error=InputError, **kwargs):
    with pytest.raises(error) as caught:
        read(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b"5", b'{"schema": 99}', b"[" * 100_000, b"\xff",
     b'{"schema": 1}' + b" " * 8_000_000, b"1" * 5_000, None],
    ids=["half", "list", "number", "schema", "deep", "binary", "large", "long", "folder"],
)  # fmt: skip
def test_file_that_is_no_evidence_is_refused_in_one_line_and_stays(tmp_path, content):
    (tmp_path / "evidence").mkdir()
    for path in (tmp_path / "evidence/s.json", tmp_path / "created.json"):
        path.mkdir() if content is None else path.write_bytes(content)

    problem = " is no file" if content is None else ""
    assert f"s.json{problem}" in refusal(evidence.read_checks, tmp_path, step="s")
    assert f"created.json{problem}" in refusal(evidence.read_created, tmp_path)
    assert "created.json" in refusal(evidence.record_created, tmp_path, kind="k", names=["n"])
    assert content is None or (tmp_path / "created.json").read_bytes() == content


@pytest.mark.parametrize("objects", ["a", [5], None], ids=str)
def test_list_of_what_was_created_is_never_guessed(tmp_path, objects):
    (tmp_path / "created.json").write_text(json.dumps({"schema": 1, "objects": objects}))

    assert "created.json" in refusal(evidence.read_created, tmp_path)


@pytest.mark.parametrize(
    "odd",
    [
        {"status": "good"}, {"severity": None}, {"basis": "hearsay"}, {"id": 5},
        {"title": ["a"]}, {"accepted": True}, {"more": "a"},
    ],
    ids=str,
)  # fmt: skip
def test_check_that_no_rule_could_have_made_is_refused(tmp_path, odd):
    checks = [{**asdict(judged(True)), **odd}]
    evidence.write_evidence(tmp_path, step="s", content={"checks": checks})

    assert "s.json holds no checks" in refusal(evidence.read_checks, tmp_path, step="s")


@pytest.mark.parametrize("checks", [None, 5, {}, "", ["a"], [{}], [None]], ids=str)
def test_checks_that_are_none_are_refused(tmp_path, checks):
    evidence.write_evidence(tmp_path, step="s", content={"checks": checks})

    assert "s.json holds no checks" in refusal(evidence.read_checks, tmp_path, step="s")


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


def test_directory_that_is_closed_to_this_user_is_refused_in_one_line(closed):
    target = "aws s3://some-bucket/xcom"

    assert "cannot be read" in refusal(evidence.read_evidence, closed, step="s")
    assert "cannot be read" in refusal(evidence.read_created, closed)
    for write, words in (
        (evidence.remove_evidence, {"step": "s"}),
        (evidence.claim_run_directory, {"target": target}),
    ):
        problem = refusal(write, closed, error=SettingsError, **words)
        assert "cannot be written to (Permission denied)" in problem


class TestTarget:
    """A run directory holds what belongs to one target only."""

    HERE, THERE = "aws s3://some-bucket/xcom", "aws s3://other-bucket/xcom"

    def test_directory_is_gone_on_with_by_the_target_that_came_first(self, tmp_path):
        made = evidence.make_run_directory(tmp_path, name="a", target=f"{self.HERE}\nhttps://one")
        for run in (tmp_path / "new", tmp_path / "new", made):
            evidence.claim_run_directory(run, target=self.HERE)

            refused = refusal(evidence.claim_run_directory, run, error=SettingsError,
                              target=self.THERE)  # fmt: skip
            assert "of another target, 'aws s3://some-bucket/xcom'" in refused

    @pytest.mark.parametrize("instance", ["", "https://one"])
    def test_directory_that_was_named_is_not_found_by_notebooks_that_name_none(
        self, tmp_path, instance
    ):
        run = evidence.make_run_directory(tmp_path, name="a")
        evidence.claim_run_directory(run, target=self.HERE)

        whole = f"{self.HERE}\n{instance}"
        assert evidence.find_run_directory(tmp_path, name="a", target=whole) is None

    def test_later_steps_go_on_in_the_newest_run_of_the_target_that_was_not_handed_over(
        self, tmp_path
    ):
        first = evidence.make_run_directory(tmp_path, name="a", target="here")
        for name, target in (("b", "here"), ("b-a", "here"), ("a", "")):
            path = tmp_path / f"20990101T000000Z-{name}"
            evidence.make_run_directory(tmp_path, name=f"{name}-late", target=target).rename(path)

        assert first.name.endswith("Z-a")
        assert evidence.find_run_directory(tmp_path, name="a", target="here") == first
        assert evidence.find_run_directory(tmp_path, name="a", target="there") is None
        assert evidence.find_run_directory(tmp_path / "none", name="a", target="here") is None
        for name in ("c", "*", "[ab]"):
            assert evidence.find_run_directory(tmp_path, name=name, target="here") is None

        (first / "manifest.sha256").write_text("")
        assert evidence.find_run_directory(tmp_path, name="a", target="here") is None


def record_each(run, writer, count):
    for number in range(count):
        evidence.record_created(run, kind="objects", names=[f"{writer}-{number}"])


def test_writers_at_the_same_time_lose_no_name_and_leave_no_lock_behind(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=record_each, args=(tmp_path, n, 50)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert len(evidence.read_created(tmp_path)["objects"]) == 150
    assert [path.name for path in tmp_path.iterdir()] == ["created.json"]


def test_what_was_created_is_kept_once_and_in_order(tmp_path):
    evidence.record_created(tmp_path, kind="objects", names=["b", "a"])
    evidence.record_created(tmp_path, kind="objects", names=["a", "c"])
    evidence.record_created(tmp_path, kind="resources", names=["bucket x"])

    created = evidence.read_created(tmp_path)

    assert created == {"objects": ["b", "a", "c"], "resources": ["bucket x"]}


def test_gate_names_every_red_and_unknown_check_and_the_notebook_shows_how_many_in_one_line():
    with pytest.raises(GateError) as caught:
        evidence.gate([judged(True), judged(False), judged(None)])

    text = str(caught.value)
    assert text.startswith(
        "2 of 3 checks close the gate: XC999 fail, expected: The thing holds; XC999 unk"
    )
    assert text.endswith(" Next: fix it")
    assert caught.value._render_traceback_() == ["GateError: 2 of 3 checks close the gate: XC999."]
    caught.value.is_listed = True
    assert caught.value._render_traceback_() == ["GateError: 2 of 3 checks close the gate."]


def test_gate_is_open_for_accepted_and_skipped_checks_and_closed_for_none():
    skipped = RULE.skip(expected="e", observed="o", how="h")

    assert "open" in evidence.gate([replace(judged(False), accepted="known"), skipped])
    with pytest.raises(GateError, match="Nothing was checked"):
        evidence.gate([])


def test_half_written_file_is_never_seen(tmp_path):
    path = tmp_path / "f.json"
    write_text(path, "old")

    with pytest.raises(TypeError):
        write_text(path, 5)  # type: ignore[arg-type]

    assert path.read_text() == "old"
