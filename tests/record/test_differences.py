import json
import time

import pytest
from record_samples import VERSIONS, body, check, write

from xcomkit.__main__ import main
from xcomkit.record.differences import compare, compare_with_last, list_drift, to_text
from xcomkit.record.record import read_record

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


@pytest.mark.parametrize(
    ("before", "after", "kind", "text"),
    [
        (check(observed="in 1 s"), check(observed="in 2 s"), "observed", "✔ pass  XC201"),
        (check(title="one"), check(title="two"), "observed", "✔ pass  two"),
        (check(status="fail"), check(status="fail", accepted="known"), "changed",
         "✖ fail → ✖ fail (accepted)"),
        (check(), check(basis="rule"), "changed", "✔ pass by behaviour → ✔ pass by rule"),
    ],
    ids=["other words", "another title", "accepted", "weaker evidence"],
)  # fmt: skip
def test_status_acceptance_and_basis_count_and_words_do_not(tmp_path, before, after, kind, text):
    found = differ(tmp_path, steps(before), steps(after))

    assert [d.kind for d in found.checks] == [kind]
    assert found.has_same_checks is (kind == "observed")
    assert text in to_text(found)


def test_of_several_alike_the_one_that_observed_the_same_is_its_partner(tmp_path):
    first, second = check(observed="one"), check(status="fail", observed="two")

    [found] = differ(tmp_path, steps(first, second), steps(second)).checks

    assert (found.kind, found.before.observed) == ("gone", "one")


def test_settings_and_versions_are_compared_as_json(tmp_path):
    found = differ(
        tmp_path,
        {"settings": {"threshold": 0, "gone": "x", "same": [1]}},
        {"settings": {"threshold": False, "new": "", "same": [1]},
         "versions": VERSIONS | {"s3fs": "2026.10.0"}},
    )  # fmt: skip
    text = to_text(found)

    assert [d["name"] for d in found.settings] == ["gone", "new", "threshold"]
    assert "  gone: x → absent" in text
    assert '  new: absent → ""' in text
    assert "  threshold: 0 → false" in text
    assert "  s3fs: 2026.9.0 → 2026.10.0" in text
    assert found.has_same_checks


@pytest.mark.parametrize(
    "after", [{"target": "s3://other/x"}, {"settings": {"endpoint_url": "embedded"}}],
    ids=["bucket", "stand-in"],
)  # fmt: skip
def test_other_target_and_steps_of_one_side_are_said(tmp_path, after):
    text = to_text(
        differ(tmp_path, {"checks": {"00_prerequisites": [check()], "04_round_trip": [check()]}},
               after)
    )  # fmt: skip

    assert "records of different targets" in text
    assert "steps only before: 00_prerequisites" in text


def test_json_is_whole_and_of_schema_1(tmp_path, capsys):
    many = [check(f"XC{n}") for n in range(100, 300)]
    before = write(tmp_path / "a", **steps(*many))
    after = write(tmp_path / "b", **steps(), settings={"threshold": 1})

    assert main(["diff-records", str(before), str(after), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)

    assert (found["schema"], found["same_checks"], found["same_target"]) == (1, False, True)
    assert len(found["checks"]) == 200
    first = found["checks"][0]
    empty = dict.fromkeys(("fix_in", "why", "where", "paste"), "")
    assert first["before"] == {**check("XC100"), **empty}
    assert [first[name] for name in ("kind", "step", "id", "title", "after")] == [
        "gone", "04_round_trip", "XC100", "XC100 holds", None,
    ]  # fmt: skip
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
    "content",
    [
        None, b"\xff\xfe", b" " * 8_000_001,
        "", "nonsense", "[]", '{"schema": 2}', "[" * 100_000, '{"a":' * 100_000, "1" * 5000,
        json.dumps(body(verdict="splendid")),
        json.dumps(body(verdict=["pass"])),
        json.dumps(body(steps=[[]])),
        json.dumps(body(settings=[])),
        json.dumps(body(target=None)),
        json.dumps(body({"s": [{"id": "XC201"}]})),
        json.dumps(body(steps=[{"checks": [], "outcome": "done", "seconds": 1}])),
        json.dumps(body({"s": [check(status="green")]})),
        json.dumps(body(settings={"threshold": float("nan")})),
        json.dumps(body()).replace('"threshold": 0', '"threshold": 1e999'),
    ],
    ids=lambda content: str(content)[:30] if content else "nothing",
)  # fmt: skip
def test_what_is_no_record_is_one_line_and_exit_2(tmp_path, capsys, content):
    good = write(tmp_path / "a")
    if content is not None:
        text = content.encode() if isinstance(content, str) else content
        (tmp_path / "b.json").write_bytes(text)

    assert main(["diff-records", str(good), str(tmp_path / "b.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("xcomkit: b.json")
    assert error.count("\n") == 1


def test_thousands_of_like_checks_are_compared_in_a_moment(tmp_path):
    many = [check(title="same")] * 5000
    begun = time.monotonic()

    found = differ(tmp_path, steps(*many), steps(*many, check(title="same")))

    assert [d.kind for d in found.checks] == ["new"]
    assert time.monotonic() - begun < 10


def test_drift_is_what_changed_since_the_newest_earlier_record_of_the_target(tmp_path):
    write(tmp_path / "1", **steps(check("XC205", "fail")), written="2026-01-01T00:00:00+00:00")
    write(tmp_path / "2", written="2026-01-02T00:00:00+00:00", run="second", checks={
        "01_create_bucket": [check("XC205"), check("XC206")], "06_verify_dag": [check("XC701")],
    }, settings={"apply": True})  # fmt: skip
    write(tmp_path / "3", **steps(check("XC205")), written="2026-01-03T00:00:00+00:00",
          target="s3://other/x")  # fmt: skip
    (tmp_path / "4").mkdir()
    (tmp_path / "4/record.json").write_text("{")
    looked = {"01_create_bucket": [check("XC205", "fail", observed="Suspended"), check("XC206")]}
    write(tmp_path / "5", written="2026-01-04T00:00:00+00:00", checks=looked)
    now = write(tmp_path / "6", written="2026-01-05T00:00:00+00:00", checks={
        **looked, "02_grant_access": [check("XC301")]})  # fmt: skip
    record = read_record(now)

    assert list_drift(compare_with_last(record, runs=tmp_path), record) == [
        "Since second: 1 of 2 checks drifted.",
        "  01_create_bucket XC205  ✔ pass → ✖ fail  XC205 holds",
        "      was: o",
        "      is:  Suspended",
        "Not compared, because they did not run in both: 02_grant_access.",
    ]


@pytest.mark.parametrize(("more", "said"), [
    ({}, ["Since r: none of 1 checks drifted."]),
    ({"practice": True}, ["What drifted: nothing to compare, a stand-in is new for each run."]),
    ({"target": "s3://new/x"},
     ["What drifted: nothing to compare, this is the first record of the target."]),
])  # fmt: skip
def test_target_as_it_was_a_stand_in_and_a_first_record_have_no_drift(tmp_path, more, said):
    write(tmp_path / "1", written="2026-01-01T00:00:00+00:00")
    now = read_record(write(tmp_path / "2", written="2026-01-02T00:00:00+00:00", **more))

    assert list_drift(compare_with_last(now, runs=tmp_path), now) == said
