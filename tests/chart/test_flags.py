import time
import tracemalloc
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xcomkit.chart.flags import Assignment, Kind, assign, read_flag
from xcomkit.errors import InputError

CUT_LIST = '[{"name": "A", "value": "1"}]'


def applied(kind: Kind, text: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
    data = values or {}
    for assignment in read_flag(kind, text):
        data = assign(data, assignment)
    return data


def refused(kind: Kind, text: str) -> str:
    with pytest.raises(InputError) as caught:
        read_flag(kind, text)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("a=1,b=2", {"a": 1, "b": 2}),
        ("a=1,b=2,", {"a": 1, "b": 2}),
        ("a=,b=2", {"a": "", "b": 2}),
        ("a.b=c", {"a": {"b": "c"}}),
        ("a.b=", {"a": {"b": ""}}),
        ("a.b=1,a.c.d=2", {"a": {"b": 1, "c": {"d": 2}}}),
        ("a=one two,b= c", {"a": "one two", "b": " c"}),
        ("a=1, b=2", {"a": 1, " b": 2}),
        ("two words=1", {"two words": 1}),
        ("a=b=c", {"a": "b=c"}),
        ("a=b.c[0]", {"a": "b.c[0]"}),
    ],
)
def test_pairs_are_split_at_commas_and_names_at_dots(text: str, data: dict[str, Any]) -> None:
    assert applied("set", text) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (r"a=one\,two,b=three\,four", {"a": "one,two", "b": "three,four"}),
        (r"a\.b=1", {"a.b": 1}),
        (r"a\=b=1", {"a=b": 1}),
        (r"a\[0\]=1", {"a[0]": 1}),
        (r"a=\{b\}", {"a": "{b}"}),
        (r"a={b\,c,d\}}", {"a": ["b,c", "d}"]}),
        (r"a=b\\c", {"a": r"b\c"}),
        (r"a=C:\dir", {"a": "C:dir"}),
        ("a=b\\", {"a": "b"}),
        ("a=b\\\nc", {"a": "b\nc"}),
        (
            r"annotations.eks\.amazonaws\.com/role-arn=arn:aws:iam::1:role/x",
            {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/x"}},
        ),
    ],
)
def test_backslash_makes_the_next_character_text(text: str, data: dict[str, Any]) -> None:
    assert applied("set", text) == data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("Null", None),
        ("0", 0),
        ("7", 7),
        ("-5", -5),
        ("+5", 5),
        ("-05", -5),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", "9223372036854775808"),
        ("00009", "00009"),
        ("0x1F", "0x1F"),
        ("1.5", "1.5"),
        ("1e6", "1e6"),
        ("1_000", "1_000"),
        ("٣", "٣"),
        (" 1", " 1"),
        ("yes", "yes"),
        ("~", "~"),
        ("[]", "[]"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_set_reads_only_words_and_whole_numbers_as_more_than_text(text: str, value: object) -> None:
    (found,) = read_flag("set", f"a={text}")
    assert found.value == value
    assert type(found.value) is type(value)
    assert read_flag("set-string", f"a={text}")[0].value == text


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a={b,c}", {"a": ["b", "c"]}),
        ("a={1,true},b={x}", {"a": [1, True], "b": ["x"]}),
        ("a={}", {"a": [""]}),  # helm issues 5200 and 31061
        ("a={b,}", {"a": ["b", ""]}),
        ("a={b, c}", {"a": ["b", " c"]}),
        ("a={x,y}b=c", {"a": ["x", "y"], "b": "c"}),
        ("a={{b}", {"a": ["{b"]}),
        ("a[1]={b}", {"a": [None, ["b"]]}),
    ],
)
def test_braces_are_a_list(text: str, data: dict[str, Any]) -> None:
    assert applied("set", text) == data


def test_set_string_keeps_the_items_of_a_list_texts() -> None:
    assert applied("set-string", "a={1,null},b[0]=true") == {"a": ["1", "null"], "b": ["true"]}


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a[0]=x", {"a": ["x"]}),
        ("a[0]=", {"a": [""]}),
        ("a[+1]=x", {"a": [None, "x"]}),
        ("a[01]=x", {"a": [None, "x"]}),
        ("a[0]=x,a[3]=y", {"a": ["x", None, None, "y"]}),
        ("a[0].b=1,a[0].c=2", {"a": [{"b": 1, "c": 2}]}),
        ("a.b[1].c=x,a.b[0].c=y", {"a": {"b": [{"c": "y"}, {"c": "x"}]}}),
        ("a[0][1]=x", {"a": [[None, "x"]]}),
        ("a[1][1]=x,a[0][0].b=y", {"a": [[{"b": "y"}], [None, "x"]]}),
    ],
)
def test_index_is_a_place_in_a_list_filled_up_with_nulls(text: str, data: dict[str, Any]) -> None:
    assert applied("set", text) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ('a="1",b=3,c=true,d="true"', {"a": "1", "b": 3, "c": True, "d": "true"}),
        ('a.b={"x": [1, {"y": 2}]},c=[]', {"a": {"b": {"x": [1, {"y": 2}]}}, "c": []}),
        ("a=,b= ,c=null,d=", {"a": None, "b": None, "c": None, "d": None}),
        ("a = 1 , b=2", {"a ": 1, " b": 2}),
        ("a=1 b=2", {"a": 1, "b": 2}),
        ("a=[1,2,3],a[1]=null", {"a": [1, None, 3]}),
        (f"commonEnv={CUT_LIST}", {"commonEnv": [{"name": "A", "value": "1"}]}),
        (f"commonEnv[0]={CUT_LIST[1:-1]}", {"commonEnv": [{"name": "A", "value": "1"}]}),
        (r'a\.b="\u00e9\n"', {"a.b": "é\n"}),
        ("a=1.0,b=1.5,c=1e3,d=-0.5", {"a": 1, "b": 1.5, "c": 1000, "d": -0.5}),
        (r'a="\ud83d\ude00\ud83d"', {"a": "😀\ufffd"}),
    ],
)
def test_set_json_reads_one_json_value_after_the_other(text: str, data: dict[str, Any]) -> None:
    assert applied("set-json", text) == data


def test_json_number_beyond_a_float_loses_digits_as_in_helm() -> None:
    (found,) = read_flag("set-json", "a=12345678901234567891")
    assert found.value == 1.2345678901234567e19
    assert isinstance(found.value, float)


def test_json_object_without_a_key_is_merged_into_the_values() -> None:
    before = {"a": {"x": 1, "y": 2}, "b": "text", "c": [1, 2], "d": None}
    text = ' {"a": {"y": null, "z": {}}, "b": {"k": 1}, "c": [3]} '
    after = {"a": {"x": 1, "y": None, "z": {}}, "b": {"k": 1}, "c": [3], "d": None}
    assert applied("set-json", text, before) == after
    (found,) = read_flag("set-json", text)
    assert (found.path, found.flag) == ((), "--set-json {...}")


def test_set_json_replaces_a_list_and_set_overwrites_by_position() -> None:
    values = {"commonEnv": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    replaced = applied("set-json", 'commonEnv=[{"name": "C"}]', values)
    assert replaced == {"commonEnv": [{"name": "C"}]}
    merged = applied("set-string", "commonEnv[0].value=0", values)
    assert merged == {"commonEnv": [{"name": "A", "value": "0"}, {"name": "B", "value": "2"}]}
    assert applied("set", "commonEnv[1]=x", values)["commonEnv"] == [values["commonEnv"][0], "x"]


def test_null_stays_in_the_values_for_helm_to_delete_the_chart_s_own() -> None:
    assert applied("set", "a.b=null", {"a": {"b": 1, "c": 2}}) == {"a": {"b": None, "c": 2}}


@pytest.mark.parametrize("held", ["text", 0, None, [1]])
def test_only_in_a_list_a_mapping_takes_the_place_of_something_else(held: object) -> None:
    assert applied("set", "a[0].b=1", {"a": [held, 2]}) == {"a": [{"b": 1}, 2]}
    with pytest.raises(InputError, match=r"--set a\.b: another value"):
        applied("set", "a.b=secret", {"a": held})


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a[0]=x", {"a": None}),
        ("a[0]=x", {"a": {"b": 1}}),
        ("a[0][0]=x", {"a": ["text"]}),
        ("a[0][0]=x", {"a": [0]}),
        ("a=1,a.b=2", {}),
    ],
)
def test_another_value_in_the_way_of_a_list_is_refused(text: str, values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="needs a list or mapping") as caught:
        applied("set", text, values)
    assert "\n" not in str(caught.value)


def test_nested_list_takes_the_place_of_a_null() -> None:
    assert applied("set", "a[1][0]=x", {"a": [1, None]}) == {"a": [1, ["x"]]}


def test_given_values_and_the_assignment_stay_as_they_are() -> None:
    values = {"a": [{"b": [1]}], "c": {"d": {"e": 1}}}
    before = deepcopy(values)
    (whole,) = read_flag("set-json", '{"c": {"d": {"f": [1]}}, "g": {"h": 1}}')
    changed = assign(values, whole)
    changed = assign(changed, read_flag("set", "a[0].b[2]=x")[0])
    for text in ("c.d.f[0]=9", "g.h=9", "c.d.e=9"):
        changed = assign(changed, read_flag("set", text)[0])
    assert changed == {
        "a": [{"b": [1, None, "x"]}],
        "c": {"d": {"e": 9, "f": [9]}},
        "g": {"h": 9},
    }
    assert values == before
    assert whole.value == {"c": {"d": {"f": [1]}}, "g": {"h": 1}}


@pytest.mark.parametrize("text", ['a={"b": [1]}', '{"a": {"b": [1]}}', '{"a": {"b": {"c": 1}}}'])
def test_result_can_be_changed_without_changing_the_assignment(text: str) -> None:
    (found,) = read_flag("set-json", text)
    before = deepcopy(found.value)
    for values in ({}, {"a": {"x": 1}}):
        assign(values, found)["a"]["b"].clear()
    assert found.value == before


@pytest.mark.parametrize(
    ("kind", "text", "flag"),
    [
        ("set-json", 'commonEnv=["hunter2"]', "--set-json commonEnv"),
        ("set", "commonEnv[0].value=hunter2", "--set commonEnv[0].value"),
        ("set-string", r"a\.b=hunter2", r"--set-string a\.b"),
        ("set", "a\x1b\nb=hunter2", "--set a??b"),
        ("set", "k" * 500 + "=hunter2", "--set " + "k" * 73 + "…"),
    ],
)
def test_flag_names_the_key_in_80_printable_characters(kind: Kind, text: str, flag: str) -> None:
    (found,) = read_flag(kind, text)
    assert found.flag == flag
    assert len(found.flag) <= 80
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("kind", "text", "where"),
    [
        ("set", "a", "column 2: neither = nor"),
        ("set", "a.b", "column 4: neither"),
        ("set", "a,b=1", "column 2: neither"),
        ("set", "password=abc,def", "column 17: neither"),
        ("set", "a=1,,,b=2", "column 5: no key"),
        ("set", "=v", "column 1: no key"),
        ("set", "a.=v", "column 3: no key"),
        ("set", "a..b=v", "column 3: no key"),
        ("set", "a.", "column 3: no key"),
        ("set", "[0]=v", "no key"),
        ("set", "]={}].", "column 7: no key"),
        ("set", "a={b,c", "column 7: a list without }"),
        ("set", "a[0]", "column 5: neither"),
        ("set", "a[0]b=1", "column 5: neither"),
        ("set", "a[0],b=1", "column 5: neither"),
        ("set", "a[0", "column 2: neither"),
        ("set", "a[]=1", "column 2: neither"),
        ("set", "a[ 0]=1", "column 2: neither"),
        ("set", "a[x]=1", "column 2: neither"),
        ("set", "b=1,a[-1]=x", "column 5: a list index outside 0 to 65536"),
        ("set", "a[65537]=x", "column 1: a list index outside"),
        ("set", f"a[{'9' * 3000}]=x", "column 1: a list index outside"),
        ("set", f"a[{'9' * 5000}]=x", "column 2: neither"),
        ("set-json", "a=text", "column 3: no JSON"),
        ("set-json", "a=\x1f1", "column 3: no JSON"),
        ("set-json", "a='x'", "column 3: no JSON"),
        ("set-json", 'a={"b": }', "column 9: no JSON"),
        ("set-json", "a=NaN", "column 3: no JSON"),
        ("set-json", "a=-Infinity", "column 3: no JSON"),
        ("set-json", "a=1e999", "column 3: no JSON"),
        ("set-json", "a=" + "9" * 5000, "column 3: no JSON"),
        ("set-json", "a=01", "column 5: neither"),
        ("set-json", 'a={"b":1}]', "column 11: neither"),
        ("set-json", '{"a": 1}, b=2', "column 9: something after"),
        ("set-json", '{"a" 1}', "column 6: no JSON"),
        ("set-json", "[1]", "column 4: no key"),
        ("set-json", "a=" + "[" * 100_000, "column 3: no JSON, or nested too deep"),
        ("set-json", "a=" + "[" * 62 + "]" * 62, "nested too deep"),
        ("set-json", '{"a":' * 300 + "1" + "}" * 300, "nested too deep"),
        ("set", "a=" + "b" * 131_072, "too long"),
    ],
)
def test_bad_text_is_refused_in_one_line_with_its_column(kind: Kind, text: str, where: str) -> None:
    said = refused(kind, text)
    assert said.startswith(f"--{kind}, column ")
    assert where in said
    assert len(said) < 250


def test_refusal_never_shows_the_text() -> None:
    assert "hunter2" not in refused("set", "password=abc,hunter2")
    assert "hunter2" not in refused("set-json", 'password="hunter2')


def test_30_dots_are_the_limit_where_helm_counts_none_after_an_index() -> None:
    assert len(read_flag("set", ".".join("a" * 31) + "=x")[0].path) == 31
    assert "too deep" in refused("set", ".".join("a" * 32) + "=x")
    assert len(read_flag("set", "a[0]." + ".".join("a" * 31) + "=x")[0].path) == 33
    assert "too deep" in refused("set", "a" + "[0]" * 60 + "=x")


def test_highest_index_makes_a_long_list_and_many_of_them_are_refused() -> None:
    tracemalloc.start()
    try:
        data = applied("set", "a[65536]=x")
        assert len(data["a"]) == 65_537
        assert "too high" in refused("set", "a" + "[65536]" * 50 + "=x")
        assert "too high" in refused("set", ",".join(f"a{n}[65536]=" for n in range(1000)))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text", ["\\" * 131_072, "a=" + "{" * 131_000, "a[" * 65_000, "[0]" * 43_000, "a=," * 43_000]
)
@pytest.mark.parametrize("kind", ["set", "set-string", "set-json"])
def test_long_text_is_read_in_linear_time(kind: Kind, text: str) -> None:
    started = time.perf_counter()
    try:
        read_flag(kind, text)
    except InputError as error:
        assert error.hint
    assert time.perf_counter() - started < 5


def test_undecodable_bytes_of_a_shell_become_replacement_characters() -> None:
    assert read_flag("set", "a\udcff=b\udcff") == (
        Assignment(("a\ufffd",), "b\ufffd", "--set a\ufffd"),
    )


SYNTAX = st.text(alphabet='ab01 .,=[]{}\\":-+en\x1f\n', max_size=40)
SECOND = st.lists(st.sampled_from(["a", "b", ".", "[0]", "[1]", "=", ",", "1", "{", "}", '"']))


@given(
    text=st.one_of(st.text(), SYNTAX, SECOND.map("".join)),
    kind=st.sampled_from(["set", "set-string", "set-json"]),
)
@example(text="a=1e=5", kind="set-json")
@example(text="\ud800", kind="set-json")
def test_any_text_is_read_or_refused(text: str, kind: Kind) -> None:
    try:
        data = applied(kind, text, {"a": [1, {"b": None}], "b": {"a": "x"}})
    except InputError as error:
        assert "\n" not in str(error)
        assert error.hint
        return
    assert isinstance(data, dict)
    for found in read_flag(kind, text):
        assert len(found.flag) <= 80
        assert found.flag.isprintable()
