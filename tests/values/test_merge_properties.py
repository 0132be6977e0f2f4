"""Merge over generated values files and generated fragments: nothing lost, nothing invented."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.values.emit import block
from xcomkit.values.fragment_file import read_fragment
from xcomkit.values.merge import merge
from xcomkit.values.merge_rules import is_by_name, is_same
from xcomkit.values.names import COMPRESSION, PATH, THRESHOLD
from xcomkit.values.parts import is_of_agents
from xcomkit.values.values import read_values

MAPPINGS = ["labels", "serviceAccount", "annotations"]
TEXTS = ["xcomBackend", "with space", "tōken"]
KEYS = [*MAPPINGS, *TEXTS, "a", "b"]
NAMES = [PATH, THRESHOLD, COMPRESSION, "AIRFLOW_CONN_X", "A", "B", "default-worker"]
COMMENTS = ["", "", "", "  ", " # why", "   # tab\tin it  ", "\t# é: [", " # - {a: *b}"]
BETWEEN = ["", "", "", "\n", "# between\n", "      # deep\tcomment \n", "   \n", "#\n\n"]
INLINE = [
    "x", "text with words", "5", "5.0", "true", "1e6", "null", "<fill-me>", "a:b", "é", "w" * 99,
    "0x1F", "2020-01-01", "a\n      b\n\n      c", "x#y", "-1", "'x'", '"x"', "''", '""', "'it''s'",
    '"a\\tb\\u00e9"', "'two\n      lines'", '"a\\\n      b"', "'# no comment'", '"a\u2028  b"',
    "'a\x85b'", "'{\"k\": 1}'", "!!str 5", "!own thing", "&n x", "*n", "~", "", "{}", "[ ]",
    "{ # c\n     }", "[\n     # none yet\n     ]", "[1, x, [y]]", "{a: {b: 1}, c: }", "&n {a: 1}",
    f"[{{name: {PATH}, value: ''}}, # in it\n     {{name: A, value: 'x'}}]",
]  # fmt: skip
HEADERS = ["|", ">", "|-", ">-", "|+", ">+", "| # head", "!!str |+", ">-  # h"]
BODIES = [["t"], ["t", " deeper", "t"], ["t", "", ""], ["# no comment", "k: v"], ["- x", "\tx"],
          ["t  ", "   "], ["", "t"], []]  # fmt: skip


class Writer:
    """Draws YAML text the way people write it, styles mixed."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def pick(self, options: list[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def scalar(self, indent: int) -> str:
        """Return what stands behind a colon or dash, with its line end."""
        if self.pick([True, True, False]):
            return f"{self.pick([' ', ' ', '  '])}{self.pick(INLINE)}{self.pick(COMMENTS)}\n"
        inner = " " * (indent + self.pick([1, 2, 4]))
        body = "".join(f"{inner}{line}\n" if line else "\n" for line in self.pick(BODIES))
        return f" {self.pick(HEADERS)}\n{body}"

    def value(self, indent: int, depth: int, *, key: str) -> str:
        kinds = ["scalar", "scalar", *(["mapping", "list", "named"] if depth else [])]
        kind = "mapping" if key in MAPPINGS and depth else self.pick(kinds)
        kind = "named" if key in ("commonEnv", "workers", "env") else kind
        if kind == "scalar":
            return self.scalar(indent)
        head = f"{self.pick(['', '', '', ' &n', ' !!map' if kind == 'mapping' else ''])}"
        head += f"{self.pick(COMMENTS)}\n"
        if kind == "mapping":
            return head + self.mapping(indent + self.pick([1, 2, 4]), depth - 1)
        pad = " " * (indent + self.pick([0, 2, 4]))
        if kind == "list":
            return head + "".join(f"{pad}-{self.scalar(len(pad))}" for _ in range(2))
        return head + "".join(self.entry(pad, depth) for _ in range(self.pick([1, 2, 3])))

    def entry(self, pad: str, depth: int) -> str:
        gap = self.pick([" ", " ", "   "])
        inner, name = f"{pad} {gap}", self.pick(NAMES)
        text = f"{pad}-{gap}name: {self.pick([name, json.dumps(name)])}{self.pick(COMMENTS)}\n"
        text += self.pick(BETWEEN)
        match self.pick(["value", "value", "value", "valueFrom", "env", "none"]):
            case "value":
                text += f"{inner}value:{self.scalar(len(inner))}"
            case "valueFrom":
                text += f"{inner}valueFrom: {{secretKeyRef: {{name: s, key: k}}}}\n"
            case "env" if depth:
                text += f"{inner}env:{self.value(len(inner), depth - 1, key='env')}"
        return text + str(self.pick(BETWEEN))

    def mapping(self, indent: int, depth: int) -> str:
        pool = [*KEYS, *(["commonEnv", "workers"] if indent == 0 else ["env", "valueFrom", "<<"])]
        text, pad = "", " " * indent
        for key in self.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4)):
            written = self.pick([key, key, key, json.dumps(key, ensure_ascii=False), f"'{key}'"])
            explicit = self.pick([True, *[False] * 20])
            head = f"{pad}? {written}\n{pad}" if explicit else f"{pad}{written}"
            text += f"{self.pick(BETWEEN)}{head}:{self.value(indent, depth, key=key)}"
        return text


@st.composite
def texts(draw: Any) -> str:
    writer = Writer(draw)
    text = writer.mapping(0, draw(st.integers(0, 3)))
    text = writer.pick(["", "", "# top\n\n", "---\n", "%YAML 1.1\n---\n", "--- # c\n"]) + text
    text += writer.pick(["", "", "# end\n", "...\n", "\n\n", "...\n# after\n"])
    text = writer.pick(["", "", "", "\ufeff"]) + text
    text = text.rstrip("\n") if draw(st.booleans()) else text
    return text.replace("\n", "\r\n") if writer.pick([True, *[False] * 4]) else text


SCALARS = st.sampled_from(
    [None, "", "x", "5", 5, 5.0, 1e16, -0.5, True, False, "yes", "é", "a\nb", "a: b", "# c", "it's",
     '{"k": 1}', 'say "x"', " padded ", "~", "<fill-me>", "two words", "\t", "\u2028", "w" * 200]
)  # fmt: skip
WORDS = st.sampled_from(["", "x", "0", "yes", '{"k":1}', "it's", "a\nb", "two words"])
SOURCES = st.sampled_from([{"secretKeyRef": {"name": "s", "key": k}} for k in "kl"])


def entries(more: Any) -> Any:
    """Return lists of entries with names, none twice."""
    return st.lists(st.sampled_from(NAMES), max_size=3, unique=True).flatmap(
        lambda names: st.tuples(*(more.map(lambda m, n=n: {"name": n, **m}) for n in names))
    ).map(list)  # fmt: skip


VARIABLES = entries(
    st.just({})
    | WORDS.map(lambda text: {"value": text})
    | SOURCES.map(lambda source: {"valueFrom": source})
)
DATA = st.recursive(
    SCALARS | VARIABLES,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
FRAGMENTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(MAPPINGS, st.dictionaries(st.sampled_from(KEYS), DATA, max_size=3)),
        **dict.fromkeys(TEXTS, SCALARS),
        **dict.fromkeys(("a", "b", "odd: key", "new"), DATA),
        "commonEnv": VARIABLES,
        "workers": entries(st.fixed_dictionaries({}, optional={"env": VARIABLES, "a": DATA})),
    },
)


def is_equal(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def holds(data: Any, wanted: Any) -> bool:
    """Tell whether data say all that is wanted; nothing asks for nothing."""
    if wanted in (None, "") or (isinstance(wanted, dict | list) and not wanted):
        return True
    if isinstance(wanted, dict) and isinstance(data, dict):
        return all(key in data and holds(data[key], value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(data, list) and is_by_name(wanted):
        named = {
            str(entry["name"]): entry
            for entry in data
            if isinstance(entry, dict) and "name" in entry
        }
        return all(holds(named.get(entry["name"]), entry) for entry in wanted)
    return is_equal(data, wanted) or is_same(data, wanted) or str(wanted).startswith("<")


def has_subchart(data: object, *, top: bool = True) -> bool:
    below = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    is_one = not top and isinstance(data, dict) and is_of_agents(data)
    return is_one or any(has_subchart(one, top=False) for one in below)


def is_readable(text: str) -> bool:
    try:
        read_values(text, name="v")
    except InputError:
        return False
    return True


def check_merge(text: str, fragment: dict[str, Any]) -> None:
    """Merge, and check everything that holds of every merge."""
    data = read_values(text, name="v").data if is_readable(text) else {}
    assume(not has_subchart(fragment) and not has_subchart(data))
    try:
        result = merge(text, fragment, name="v.yaml")
    except InputError as refusal:
        assert str(refusal).startswith("v.yaml:")
        assert "\n" not in str(refusal)
        event("refused")
        return
    event("merged")
    assert_every_other_line_survives(text, result.text, rewritten=result.rewritten)
    again = merge(result.text, fragment, name="v.yaml")
    assert again.text == result.text
    assert not any(c.replaced for c in again.conflicts)
    # the line end a block text at the very end lacked comes with what is added below it
    ended = text if text.endswith("\n") or not result.text.endswith("\n") else text + "\n"
    before, after = read_values(ended, name="v").data, result.values.data
    assert is_equal(after, read_values(result.text, name="v").data)
    for key in before.keys() - fragment.keys():
        assert is_equal(before[key], after[key])
    assert set(after) <= {*before, *fragment}
    if not any(not c.replaced for c in result.conflicts):
        assert holds(after, fragment)


def assert_every_other_line_survives(text: str, merged: str, *, rewritten: frozenset[int]) -> None:
    *lines, last = text.split("\n")
    new = iter(merged.split("\n"))
    assert all(line in new for n, line in enumerate(lines, 1) if n not in rewritten)
    if len(lines) + 1 not in rewritten:
        assert any(line in (last, last + "\r") for line in new)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(texts(), FRAGMENTS)
def test_generated_file_and_fragment_merge_to_what_they_mean_and_keep_every_other_line(
    text: str, fragment: dict[str, Any]
) -> None:
    check_merge(text, fragment)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(texts(), texts())
def test_fragment_written_by_hand_is_merged_or_refused_in_one_line(text: str, other: str) -> None:
    try:
        fragment = read_fragment(other, name="f.yaml")
    except InputError as refusal:
        assert str(refusal).startswith("f.yaml:")
        assert "\n" not in str(refusal)
        return
    check_merge(text, fragment)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(FRAGMENTS)
def test_fragment_read_from_its_own_text_is_the_same_and_fills_an_empty_file(
    fragment: dict[str, Any],
) -> None:
    assume(not has_subchart(fragment))  # a subchart's values go elsewhere: test_merge
    text = "\n".join(block(fragment, indent=0)) if fragment else ""
    assert is_equal(read_fragment(text, name="f"), fragment)
    for empty in ("", "# mine", "---\n", "---\n...\n"):
        result = merge(empty, fragment, name="v")
        assert is_equal(read_values(result.text, name="v").data, fragment)
        assert result.conflicts == ()
    assert merge(text, fragment, name="v").text == text


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(FRAGMENTS, FRAGMENTS)
def test_merge_below_a_subchart_gives_what_the_merge_of_its_values_alone_gives(
    own: dict[str, Any], fragment: dict[str, Any]
) -> None:
    own = {"xcomBackend": "x", **own}
    assume(not has_subchart(own) and not has_subchart(fragment) and is_of_agents(own))
    try:
        alone = merge("\n".join(block(own, indent=0)), fragment, name="v")
    except InputError:
        with pytest.raises(InputError):
            merge("\n".join(block({"agents": own}, indent=0)), fragment, name="v")
        return

    text = "\n".join(block({"agents": own, "image": "a"}, indent=0))
    wrapped = merge(text, fragment, name="v")
    found = read_values(wrapped.text, name="v").data
    assert is_equal(found.pop("agents"), read_values(alone.text, name="v").data)
    assert found == {"image": "a"}
    assert len(wrapped.conflicts) == len(alone.conflicts)
