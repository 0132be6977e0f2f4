"""Findings that somebody has decided to live with."""

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.findings.reports.ignores import read_baseline
from xcomkit.findings.reports.machine import to_json
from xcomkit.findings.reports.report import Report
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


def test_finding_of_the_baseline_does_not_count_even_when_its_line_moved(report):
    text = ENTRY.format(name="", value="")
    before = report(text)

    after = report(f"# moved\n\n{text}", baseline=to_json(before))

    assert after.findings == ()
    assert len(after.ignored) == len(before.findings)
    assert after.exit_code == 0


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


def test_comment_of_another_file_ignores_nothing(tmp_path):
    entry = ENTRY.format(name="", value="")
    (tmp_path / "a.yaml").write_text("# one\n" + entry)
    (tmp_path / "b.yaml").write_text(
        "# two\nlabels: {}\nx: 1\ny: 1  # xcomkit: ignore XC024 not the other file\n"
    )
    names = [str(tmp_path / name) for name in ("a.yaml", "b.yaml")]

    found = judge([read_configuration(names)], cloud=CloudFiles())
    assert "XC024" in {finding.rule.id for finding in found.findings}
