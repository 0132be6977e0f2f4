import pytest
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.values.fragment_file import read_fragment


def test_fragment_is_read_as_plain_data_with_aliases_written_out() -> None:
    text = "\ufeffa: &a [1, ~, true]\r\nb: {<<: {c: x}, d: *a}\r\n"
    assert read_fragment(text, name="f") == {
        "a": [1, None, True],
        "b": {"c": "x", "d": [1, None, True]},
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}\n", "~\n"])
def test_empty_fragment_asks_for_nothing(text: str) -> None:
    assert read_fragment(text, name="f") == {}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "f:4:1: duplicate key b.c, first in line 3"),
        ("commonEnv:\n- name: A\n- name: A\n", "f:3:1: duplicate entry commonEnv.A"),
        ("x: {volumes: [{name: v}, {name: v}]}\n", "f:1:1: duplicate entry x.volumes.v"),
        ("commonEnv: [{value: x}]\n", "f:1:1: an entry of commonEnv needs a name that is a text"),
        ("workers: [{name: 5}]\n", "f:1:1: an entry of workers needs a name that is a text"),
        ("workers:\n- name: w\n  env: [x]\n", "f:3:1: an entry of workers.0.env needs a name"),
        ("commonEnv: {A: x}\n", "f:1:1: commonEnv must be a list of entries with names"),
        ("workers: 3\n", "f:1:1: workers must be a list of entries with names"),
        ("commonEnv:\n- name: A\n  value: 0\n", "the value of commonEnv.A must be a text; put it"),
        ("commonEnv:\n- name: A\n  value:\n", "f:2:1: the value of commonEnv.A must be a text"),
        ("env: [{name: A, value: x, valueFrom: {}}]\n", "env.A has value and valueFrom"),
        ("a: [.nan]\n", "f:1:5: infinite or not a number, which JSON does not have"),
        ("~: x\n", "f:1:1: a key that is null; put it in quotes"),
        ("a: {<<: 3}\n", "f:1:9: << must bring in mappings"),
        ("- a\n", "f:1:1: not a mapping of keys"),
        ("a: [\n", "f:2:1: "),
        ("a: *b\n", "f:1:4: "),
        ("a: 1\n---\nb: 1\n", "f:3:1: a second document"),
        ("{{ x }}: 1\n", "f:1:2: a key that is no text"),
    ],
)
def test_fragment_without_a_clear_meaning_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_fragment(text, name="f")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_lists_without_names_and_numbers_elsewhere_are_as_good_as_any() -> None:
    text = "a: [1, 1]\nb: [{k: 1}, {k: 1}]\nc: [{name: 5}, {name: 5}]\nreplicas: 2\ncommonEnv:\n"
    assert read_fragment(text, name="f")["replicas"] == 2


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*|>'\"#<~1. \n\t")))
def test_any_text_is_a_fragment_or_refused_in_one_line(text: str) -> None:
    for tail in (text, f"commonEnv:{text}", f"workers: [{text}", f"a: &a\n {text}\nenv: *a\n"):
        try:
            read_fragment(tail, name="f")
        except InputError as refusal:
            assert str(refusal).startswith("f:")
            assert "\n" not in str(refusal)
