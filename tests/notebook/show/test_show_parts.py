"""Cells, tables and texts: read in the light, in the dark, with the keyboard and read aloud."""

import re
from typing import get_args

import pytest

from xcomkit.findings.model import Status
from xcomkit.notebook import show

WIDE = show.table(["a", "b", "c", "d", "e"], [["1", "2", "3", "4", "5"]], caption='A "wide" one')
NARROW = show.table(["a", "b"], [["1", "2"]], caption="A narrow one")


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("status", get_args(Status))
def test_status_is_read_on_its_own_ground_whatever_the_page_is(status):
    html = show.status_cell(status).to_html()

    ground, letters = (
        re.search(rf"{name}: (#\w{{6}})", html)[1] for name in ("ground-color", " color")
    )
    assert contrast(letters, ground) >= 4.5
    assert f"{show.MARKS[status]} {status}" in html


def test_first_cell_of_a_row_names_it_if_it_has_a_name():
    assert '<th scope="row"' in NARROW._repr_html_()
    assert NARROW._repr_html_().count("<td") == 1
    assert '<th scope="row"' not in show.table(["a", "b"], [["", "2"]], caption="c")._repr_html_()


def test_wide_table_alone_scrolls_within_reach_of_the_keyboard_and_says_what_it_is():
    assert WIDE._repr_html_().startswith(
        '<div role="region" aria-label="A &quot;wide&quot; one" tabindex="0"'
        ' style="overflow-x: auto"><table><caption style="text-align: left">'
    )
    assert "tabindex" not in NARROW._repr_html_()


def test_no_formula_begins_in_what_a_page_shows():
    for shown in (show.Text("$x$ \\(y\\)"), show.facts({"$k$": "$v$"}, caption="$c$")):
        assert not re.search(r"\$[^<]|\\\(", shown._repr_html_())


def test_text_of_a_file_is_wrapped_and_otherwise_as_it_is():
    html = show.Text("a: 1\n  b: <2>", is_code=True)._repr_html_()

    assert "pre-wrap" in html
    assert "a: 1\n  b: &lt;2&gt;</pre>" in html


def test_plain_text_moves_no_cursor_of_a_terminal():
    for shown in (show.Text("a\x1b[2Jb\rc\u202ed"), show.facts({"k\x1b": "\x9b2J"}, caption="c\r")):
        assert not set(repr(shown)) & set("\x1b\r\x9b\u202e")


def test_number_is_marked_so_that_no_narrow_page_breaks_its_digits():
    assert 'class="number"' in show.Cell("1,234.5 (0.5-2,222.0)").to_html()
    assert 'class="number"' not in show.Cell("12 keys").to_html()


def test_command_that_is_not_there_leaves_no_empty_frame():
    assert "<code" not in show.Cell("", is_code=True).to_html()


@pytest.mark.parametrize(
    ("name", "wrap"), [("07_tear_down", "break-word"), ("parameters", "break-word"),
                       ("x" * 30, "anywhere")],
)  # fmt: skip
def test_name_is_broken_at_its_separators_only_unless_a_part_is_too_long(name, wrap):
    named = show.table(["a", "b"], [[name, "1"]], caption="c")._repr_html_()

    assert f"overflow-wrap: {wrap}; font-weight" in named
    assert "07_<wbr>tear_<wbr>down" in show.Cell("07_tear_down", link="there").to_html()
