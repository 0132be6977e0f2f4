import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.values.values import load_values, read_values

BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefghij", "bcdefghijk", strict=True)
)


def test_every_key_and_item_knows_its_line() -> None:
    values = read_values("# top\na:\n  - name: x\n    value: '1'\n\nb: 2\n", name="v.yaml")
    assert values.data == {"a": [{"name": "x", "value": "1"}], "b": 2}
    assert [values.line(*p) for p in (("a",), ("a", 0), ("a", 0, "value"), ("b",))] == [2, 3, 4, 6]


def test_line_of_something_absent_is_that_of_its_nearest_parent() -> None:
    assert read_values("x: 1\na:\n  b: 1\n", name="v").line("a", "nothing", "here") == 2


def test_duplicate_keys_keep_the_last_and_are_reported_with_both_lines() -> None:
    values = read_values("a: 1\nb: 2\na: 3\n", name="v")
    assert values.data == {"a": 3, "b": 2}
    assert [(d.path, d.lines) for d in values.duplicates] == [(("a",), (1, 3))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ('"0"', "0"),
        ("1e6", 1_000_000),  # a text in YAML 1.1
        ("y", True),
        ("0X1F", 31),
        ("!!str 0", "0"),
        ("1:30.5", "1:30.5"),
        ("9" * 5000, "9" * 5000),  # infinite, so no number
        ("~", None),
    ],
)
def test_scalar_is_a_text_only_where_helm_sees_one(text: str, value: object) -> None:
    # beside this, test_real_helm.py asks helm itself, which takes longer and has to be downloaded
    found = read_values(f"a: {text}\n", name="v").get("a")
    assert found == value
    assert isinstance(found, str) == isinstance(value, str)


def test_keys_are_the_texts_that_helm_makes_of_them() -> None:
    values = read_values("yes: a\n1.0: b\n0x1F: c\ntrue: d\n", name="v")
    assert values.data == {"true": "d", "1": "b", "31": "c"}
    assert [(d.path, d.lines) for d in values.duplicates] == [(("true",), (1, 4))]


def test_anchors_and_aliases_are_followed_to_the_anchor_that_begins_last() -> None:
    text = "x: &x {p: 1, q: &x {r: 2}}\nz: *x\n"
    assert read_values(text, name="v").data["z"] == {"r": 2}


def test_merge_key_replaces_what_is_above_it_and_what_it_replaces_is_reported() -> None:
    text = "d: &d {value: other, more: 1}\ne:\n  name: P\n  value: mine\n  <<: *d\n  more: 2\n"
    values = read_values(text, name="v")
    assert values.data["e"] == {"name": "P", "value": "other", "more": 2}
    assert [(d.path, d.lines) for d in values.duplicates] == [(("e", "value"), (4, 5))]
    assert values.line("e", "value") == 1


def test_bom_and_windows_line_ends_are_tolerated() -> None:
    values = read_values("\ufeffa: 1\r\nb:\r\n  - c\r\n", name="v")
    assert values.data == {"a": 1, "b": ["c"]}
    assert values.line("b", 0) == 3


@pytest.mark.parametrize("text", ["", "# only a comment\n", "~\n", "---\n"])
def test_empty_file_is_an_empty_mapping(text: str) -> None:
    assert read_values(text, name="v").data == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: \x00b\n", "v.yaml:1:4:"),
        ("a: 1\nb: \x07\n", "v.yaml:2:4:"),
        ("a:\n\t- b\n", "v.yaml:2:1:"),
        ("- a\n", "v.yaml:1:1: not a mapping"),
        ("just words\n", "v.yaml:1:1: not a mapping"),
        ("a: 'x\n", "v.yaml:2:1:"),
        ("a: b: c\n", "v.yaml:1:5:"),
        ("a: 1\n---\nb: 2\n", "v.yaml:3:1: a second document"),
        ("a: {{ .Values.x }}\n", "v.yaml:1:5: a key that is no text"),
        ("a: \ud800\n", "v.yaml:1:4:"),
        ("a: *nowhere\n", "v.yaml:1:4: an alias"),
        ("a: &a [*a]\n", "v.yaml:1:8: an alias"),
        ("a: " + "[" * 100_000, "v.yaml:1:63: nested deeper"),
        ("a: " + "x" * 2_000_000, "v.yaml:1:1: more than"),
    ],
)
def test_unreadable_text_is_refused_in_one_line_with_its_place(text: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        read_values(text, name="v.yaml")
    assert str(caught.value).startswith(place)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "bomb",
    [BILLION, "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000))],
)
def test_alias_bomb_is_refused_at_once(bomb: str) -> None:
    started = time.perf_counter()
    with pytest.raises(InputError, match="multiply"):
        read_values(bomb, name="v")
    assert time.perf_counter() - started < 5


def test_file_that_is_absent_or_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.yaml: No such file"):
        load_values(tmp_path / "gone.yaml")
    path = tmp_path / "v.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(InputError, match=r"v\.yaml:2:4: not UTF-8"):
        load_values(path)


def test_repr_never_shows_what_the_file_holds() -> None:
    assert "hidden-thing" not in repr(read_values("a: hidden-thing\n", name="v"))


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"#%@`,?~<= \n\r\t\ufeff\x00\x85é0")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_values(text, name="v")
    except InputError as refusal:
        assert "\n" not in str(refusal)
