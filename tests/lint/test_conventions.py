"""An organisation's own conventions, in xcomkit.yaml beside the baseline."""

import time
from dataclasses import replace

import pytest
from good_values import COMMON, GOOD, changed, with_entry

from xcomkit.findings.errors import InputError
from xcomkit.lint.configuration import from_values
from xcomkit.lint.conventions import find_conventions, read_conventions
from xcomkit.lint.rules import find
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration
from xcomkit.values.values import read_values

OURS = """\
bucket: [acme-*-xcom, xcom-*]
prefix:
  astro-agent: [astro/*, shared/*]
  "*": team/*
forbidden_connection_ids: "*_default"
compression: [gzip, none]
"""


@pytest.fixture
def breaches(tmp_path, monkeypatch):
    def judged(conventions, text=GOOD, **more):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "values.yaml").write_text(text)
        (tmp_path / "xcomkit.yaml").write_text(conventions)
        report = judge([read_configuration(["values.yaml"])], cloud=CloudFiles(), **more)
        return [f.observed for f in report.findings if f.rule.id == "XC087"]

    return judged


@pytest.mark.parametrize(
    ("conventions", "words"),
    [
        ("bucket: acme-*-xcom", "bucket 'xcom-bucket' fits none of 'acme-*-xcom'"),
        ("bucket: xcom-bucke", "'xcom-bucket'"),
        ("prefix: prod/*", "prefix 'astro/xcom' fits none of 'prod/*'"),
        ("prefix: {astro: astro/agent/*}", "fits none of 'astro/agent/*'"),
        ("bucket: {astro-agent: acme-*}", "fits none of 'acme-*'"),
        ("prefix: {astro-*: [a, b], astro: astro/*}", "'a', 'b'"),
        ("forbidden_connection_ids: [x, aws_default]", "connection id 'aws_default' is forbidden"),
        ("compression: gzip", "compression 'none' fits none of 'gzip'"),
    ],
)
def test_setting_that_fits_no_convention_fails(breaches, conventions, words) -> None:
    (observed,) = breaches(conventions)
    assert words in observed


@pytest.mark.parametrize(
    "conventions",
    ["bucket: xcom-buck?t", "bucket: [a, xcom-*]", "prefix: astro/*", "prefix: {other: x/*}",
     "prefix: {astro-agent: astro/*, '*': x}", "forbidden_connection_ids: s3_*",
     "compression: [gzip, none]", "", "# nothing asked"],
)  # fmt: skip
def test_setting_that_fits_passes(breaches, conventions) -> None:
    assert breaches(conventions) == []


def test_effective_settings_are_judged_of_every_component(breaches) -> None:
    text = with_entry(f"{COMMON}COMPRESSION", "gzip")
    own = f"      - name: {COMMON}COMPRESSION\n        value: 'xz'\n"
    text = changed(("    env: []\n", f"    env:\n{own}"), text=text)
    (observed,) = breaches("compression: gzip", text)
    assert "'xz'" in observed
    assert "worker:default-worker" in observed


def test_file_is_found_beside_the_baseline_or_by_its_option(tmp_path, monkeypatch) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "xcomkit.yaml").write_text(OURS)
    monkeypatch.chdir(tmp_path)
    assert find_conventions("", beside="") == ""
    assert find_conventions("", beside="ci/baseline.json") == "ci/xcomkit.yaml"
    assert find_conventions("own.yaml", beside="ci/baseline.json") == "own.yaml"
    assert read_conventions("ci/xcomkit.yaml")["prefix"]["astro-agent"] == ("astro/*", "shared/*")
    with pytest.raises(InputError, match=r"none\.yaml"):
        read_conventions("none.yaml")


@pytest.mark.parametrize(
    "text",
    ["buckets: a", "bucket: 5", "bucket: ''", "bucket: []", "bucket: {a: {b: c}}", "prefix: {a: 1}",
     "prefix: {a: []}", "compression:", "- a", "bucket: [", "bucket: " + "a" * 300,
     "bucket: ${aws:username}"],
)  # fmt: skip
def test_file_that_asks_for_something_else_is_one_line_with_a_hint(breaches, text) -> None:
    with pytest.raises(InputError, match=r"^xcomkit\.yaml:\d+:\d+: ") as refused:
        breaches(text)
    assert "\n" not in str(refused.value)
    assert refused.value.hint


def test_hostile_value_and_pattern_take_no_time() -> None:
    text = changed(("@xcom-bucket/", f"@{'a' * 5000}/"))
    conventions = {"bucket": {"*": ("*a" * 120 + "b",)}, "prefix": {"*": ("*?" * 120,)}}
    config = replace(from_values(read_values(text, name="v")), conventions=conventions)
    begun = time.monotonic()
    assert any(finding.rule.id == "XC087" for finding in find(config))
    assert time.monotonic() - begun < 20
