"""The picture must not be greener than what was seen."""

import re
from base64 import b64decode
from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest
from record_samples import check, make_run

from xcomkit.record.picture import draw
from xcomkit.record.write import make_record

PUSHED, RESIDENCY, REFERENCES = "XC504", "XC707", "XC002"


def drawn(tmp_path, *found):
    address, words = draw(replace(make_record(make_run(tmp_path / "r", *found)), practice=True))
    svg = b64decode(address.removeprefix("data:image/svg+xml;base64,")).decode()
    assert fromstring(svg).tag.endswith("svg")
    return svg, words


@pytest.mark.parametrize(
    ("found", "mark"),
    [
        ([check(PUSHED)], "✔"),
        ([check(PUSHED), check(PUSHED, "fail")], "✖"),
        ([check(PUSHED), check(PUSHED, "unknown")], "?"),
        ([check(PUSHED), check(PUSHED, "fail", accepted="known")], "▲"),
        ([check(PUSHED, "skip")], "-"),
        ([], "-"),
    ],
)
def test_arrow_has_the_worst_mark_of_its_checks(tmp_path, found, mark):
    svg, _ = drawn(tmp_path, *found, check("XC101"))

    assert f"{mark} does every value come back as it was?" in svg


def test_what_only_a_file_says_is_no_proof_that_no_value_leaves(tmp_path):
    svg, words = drawn(tmp_path, check(REFERENCES, basis="rule"))

    assert "- does a value leave?" in svg
    assert "Does anything leave the execution plane? only read from files: 1 pass." in words


def test_words_between_the_planes_end_before_the_next_box(tmp_path):
    svg, _ = drawn(
        tmp_path, *[check(RESIDENCY, one) for one in ("fail", "unknown", "warn", "skip")]
    )

    lines = re.findall(r'<tspan x="400" dy="16">(.*?)</tspan>', svg)
    assert " ".join(lines) == "1 fail, 1 unknown, 1 warn, 1 skip"
    assert all(len(line) <= 22 for line in lines)


def test_what_was_seen_is(tmp_path):
    svg, _ = drawn(tmp_path, check(REFERENCES, basis="rule"), check(RESIDENCY))

    assert "✔ does a value leave?" in svg
