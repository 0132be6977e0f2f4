import json
import time

import pytest
from records import VERSIONS, body, check, write

from xcomkit.__main__ import main
from xcomkit.record.differences import compare, to_text
from xcomkit.record.reading import read_record

HOSTILE = "\x1b[31m<script>\u202e\ud800\n" + "x" * 5000


def differ(tmp_path, before, after):
    """Compare two records given as keyword arguments of a body."""
    return compare(
        read_record(write(tmp_path / "a", **before)), read_record(write(tmp_path / "b", **after))
    )


def steps(*checks):
    return {"checks": {"04_round_trip": list(checks)}}


def test_record_does_not_differ_from_itself(tmp_path, capsys):
    path = write(tmp_path / "a")

    assert main(["diff-records", str(path), str(path / "record.json")]) == 0
    assert "the same checks with the same statuses and bases; verdict ✔ pass, as before" in (
        capsys.readouterr().out
    )


def test_changed_new_and_gone_checks_are_told_with_what_was_observed(tmp_path, capsys):
    before = write(tmp_path / "a", **steps(check("XC501"), check("XC502", observed="was there")))
    after = write(
        tmp_path / "b",
        **steps(check("XC501", "fail", observed="it is broken"), check("XC503")),
        verdict="fail",
    )

    assert main(["diff-records", str(before), str(after)]) == 1
    text = capsys.readouterr().out

    assert "1 changed, 1 new, 1 gone, 0 same status" in text
    assert "XC501  ✔ pass → ✖ fail  XC501 holds" in text
    assert "is:  it is broken" in text
    assert "was: was there" in text
    assert "checks differ; verdict ✔ pass → ✖ fail" in text


def test_other_words_are_told_and_count_as_the_same(tmp_path):
    found = differ(tmp_path, steps(check(observed="in 1 s")), steps(check(observed="in 2 s")))

    assert [d.kind for d in found.checks] == ["observed"]
    assert found.exit_code == 0


def test_acceptance_is_a_change_although_the_status_stays(tmp_path):
    found = differ(
        tmp_path, steps(check(status="fail")), steps(check(status="fail", accepted="known"))
    )

    assert [d.kind for d in found.checks] == ["changed"]
    assert "✖ fail → ✖ fail (accepted)" in to_text(found)


def test_weaker_evidence_for_the_same_status_is_a_change(tmp_path):
    found = differ(tmp_path, steps(check()), steps(check(basis="rule")))

    assert (found.exit_code, [d.kind for d in found.checks]) == (1, ["changed"])
    assert "✔ pass by behaviour → ✔ pass by rule" in to_text(found)


def test_of_several_alike_the_one_that_observed_the_same_is_its_partner(tmp_path):
    first, second = check(observed="one"), check(status="fail", observed="two")

    [found] = differ(tmp_path, steps(first, second), steps(second)).checks

    assert (found.kind, found.check.observed) == ("gone", "one")


def test_same_id_twice_in_a_step_is_paired_by_title_and_a_new_title_is_no_new_check(tmp_path):
    found = differ(
        tmp_path,
        steps(check(title="one"), check(title="two", status="warn"), check("XC9", title="old")),
        steps(check(title="two", status="warn"), check(title="one"), check("XC9", title="new")),
    )

    assert [(d.kind, d.check.title) for d in found.checks] == [("observed", "new")]


def test_settings_and_versions_are_compared_as_json(tmp_path):
    found = differ(
        tmp_path,
        {"settings": {"threshold": 0, "gone": "x", "same": [1]}},
        {"settings": {"threshold": False, "new": "", "same": [1]},
         "versions": VERSIONS | {"s3fs": "2026.10.0"}},
    )  # fmt: skip
    text = to_text(found)

    assert [d.name for d in found.settings] == ["gone", "new", "threshold"]
    assert "  gone: x → absent" in text
    assert '  new: absent → ""' in text
    assert "  threshold: 0 → false" in text
    assert "  s3fs: 2026.9.0 → 2026.10.0" in text
    assert found.exit_code == 0


def test_other_target_and_steps_of_one_side_are_said(tmp_path):
    text = to_text(
        differ(
            tmp_path,
            {"checks": {"00_prerequisites": [check()], "04_round_trip": [check()]}},
            {"target": "s3://other/x"},
        )
    )

    assert "records of different targets" in text
    assert "steps only before: 00_prerequisites" in text


def test_stand_in_is_another_target_than_the_cloud(tmp_path):
    found = differ(tmp_path, {}, {"settings": {"endpoint_url": "embedded"}})

    assert "records of different targets" in to_text(found)


def test_json_is_whole_and_of_schema_1(tmp_path, capsys):
    many = [check(f"XC{n}") for n in range(100, 300)]
    before = write(tmp_path / "a", **steps(*many))
    after = write(tmp_path / "b", **steps(), settings={"threshold": 1})

    assert main(["diff-records", str(before), str(after), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)

    assert (found["schema"], found["same_checks"], found["same_target"]) == (1, False, True)
    assert len(found["checks"]) == 200
    assert found["checks"][0] == {
        "kind": "gone", "step": "04_round_trip", "id": "XC100", "title": "XC100 holds",
        "before": {"status": "pass", "accepted": "", "basis": "behaviour", "observed": "o"},
        "after": None,
    }  # fmt: skip
    assert found["settings"] == [{"name": "threshold", "before": 0, "after": 1}]


def test_hostile_texts_are_inert_and_cut(tmp_path, capsys):
    odd = check(HOSTILE, title=HOSTILE, observed=HOSTILE)
    before = write(tmp_path / "a", **steps(*[odd] * 60), settings={HOSTILE: HOSTILE}, run=HOSTILE)
    after = write(tmp_path / "b", checks={HOSTILE: [odd] * 60}, versions={HOSTILE: [HOSTILE]},
                  target=HOSTILE, verdict="unknown")  # fmt: skip

    assert main(["diff-records", str(before), str(after)]) == 1
    text = capsys.readouterr().out

    assert all(c.isprintable() or c == "\n" for c in text)
    assert len(text) < 100_000
    assert "and 20 more checks, new; --format json has them all" in text
    assert max(map(len, text.splitlines())) < 700
    assert main(["diff-records", str(before), str(after), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["after"]["target"] == HOSTILE


@pytest.mark.parametrize(
    "text",
    [
        "", "nonsense", "[]", '{"schema": 2}', "[" * 100_000, '{"a":' * 100_000, "1" * 5000,
        json.dumps(body(verdict="splendid")),
        json.dumps(body(verdict=["pass"])),
        json.dumps(body(steps=None)),
        json.dumps(body(steps=[[]])),
        json.dumps(body(settings=[])),
        json.dumps(body(target=None)),
        json.dumps(body({"s": [{"id": "XC201"}]})),
        json.dumps(body(steps=[{"checks": [], "outcome": "done", "seconds": 1}])),
        json.dumps(body({"s": [check(status="green")]})),
        "\ufeff{}",
        json.dumps(body(settings={"threshold": float("nan")})),
        json.dumps(body()).replace('"threshold": 0', '"threshold": 1e999'),
    ],
)  # fmt: skip
def test_what_is_no_record_is_one_line_and_exit_2(tmp_path, capsys, text):
    good = write(tmp_path / "a")
    bad = write(tmp_path / "b")
    (bad / "record.json").write_text(text)

    assert main(["diff-records", str(good), str(bad)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("xcomkit: b/record.json: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("made", [None, b"\xff\xfe", b" " * 8_000_001])
def test_what_cannot_be_read_is_one_line_and_exit_2(tmp_path, capsys, made):
    good = write(tmp_path / "a")
    if made is not None:
        (tmp_path / "b.json").write_bytes(made)

    assert main(["diff-records", str(tmp_path / "b.json"), str(good)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_help_teaches_with_an_example_and_exit_codes(capsys):
    with pytest.raises(SystemExit):
        main(["diff-records", "--help"])
    text = " ".join(capsys.readouterr().out.split())

    assert "example: xcomkit diff-records runs/" in text
    assert "exit codes: 0 the same checks" in text


def test_thousands_of_like_checks_are_compared_in_a_moment(tmp_path):
    many = [check(title="same")] * 5000
    begun = time.monotonic()

    found = differ(tmp_path, steps(*many), steps(*many, check(title="same")))

    assert [d.kind for d in found.checks] == ["new"]
    assert time.monotonic() - begun < 10
