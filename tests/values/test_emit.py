import yaml
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.values import emit

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
documents = st.recursive(
    texts,
    lambda inner: st.lists(inner, min_size=1) | st.dictionaries(texts, inner, min_size=1),
    max_leaves=8,
)


@given(texts, st.sampled_from(["", "'", '"']))
def test_quoted_text_reads_back_as_the_same_text(text: str, style: str) -> None:
    assert yaml.safe_load("a: " + emit.quote(text, style=style))["a"] == text


@given(st.dictionaries(texts, documents, min_size=1))
def test_written_block_reads_back_the_same(data: dict[str, object]) -> None:
    assert yaml.safe_load("\n".join(emit.block(data, indent=0))) == data


def test_value_of_a_variable_is_always_quoted() -> None:
    assert emit.block([{"name": "A", "value": "0"}], indent=2) == ["  - name: A", '    value: "0"']
    assert emit.pair("value", "plain", indent=0) == ['value: "plain"']
    assert emit.pair("value", '{"a": 1}', indent=0) == ["value: '{\"a\": 1}'"]


def test_words_that_yaml_reads_as_something_else_are_quoted() -> None:
    for word in ("yes", "No", "null", "on", "True", "1", "~", "", "a: b", "a #b"):
        assert emit.quote(word).startswith(("'", '"')), word
