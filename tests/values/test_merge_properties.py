"""Merge over generated values files and generated fragments: nothing lost, nothing invented."""

import json
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.values.emit import block
from xcomkit.values.fragment_file import read_fragment
from xcomkit.values.merge import Merged, merge
from xcomkit.values.names import COMPRESSION, PATH, THRESHOLD, find_placeholder
from xcomkit.values.values import read_values

KEYS = ["xcomBackend", "labels", "serviceAccount", "annotations", "a", "b", "with space", "tōken"]
MAPPINGS = ["labels", "serviceAccount", "annotations"]
TEXTS = ["xcomBackend", "with space", "tōken"]
NAMES = [PATH, THRESHOLD, COMPRESSION, "AIRFLOW_CONN_X", "A", "B", "default-worker"]
COMMENTS = ["", "", "", "  ", " # why", "   # tab\tin it  ", "\t# é: [", " # - {a: *b}"]
BETWEEN = ["", "", "", "\n", "# between\n", "      # deep\tcomment \n", "   \n", "#\n\n"]
PLAIN = ["x", "text with words", "5", "5.0", "true", "1e6", "null", "<fill-me>", "a:b", "é",
         "w" * 99, "0x1F", "2020-01-01", "a\n  b\n\n  c", "x#y", "-1"]  # fmt: skip
QUOTED = ["'x'", '"x"', "''", '""', "'it''s'", '"a\\tb\\u00e9"', "'two\n  lines'", '"a\\\n  b"',
          "'# no comment'", '"a\u2028  b"', "'a\x85b'", '"{}"', '\'{"k": 1}\'', "!!str 5",
          "!own thing", '!!str "q"']  # fmt: skip
HEADERS = ["|", ">", "|-", ">-", "|+", ">+", "|2", "|2+", "|-2", "| # head", "!!str |+",
           ">2-  # h"]  # fmt: skip
EMPTY = ["{}", "[]", "[ ]", "{ # c\n     }", "[\n     # none yet\n     ]"]
BODIES = [["t"], ["t", " deeper", "t"], ["t", "", ""], ["# no comment", "k: v"], ["- x", "\tx"],
          ["t  ", "   "], ["", "t"], []]  # fmt: skip


class Writer:
    """Draws YAML text the way people write it, styles mixed."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw
        self.anchors: list[str] = []
        self.mappings: list[str] = []

    def pick(self, options: list[Any]) -> Any:
        return self.draw(st.sampled_from(options))

    def chance(self, percent: int) -> bool:
        return int(self.draw(st.integers(0, 99))) < percent

    def anchor(self, *, mapping: bool = False) -> tuple[str, str]:
        """Return an anchor to write, and its name; it may be used from the end of its node on."""
        if not self.chance(12):
            return "", ""
        name = f"n{len(self.anchors)}{'m' if mapping else ''}{self.draw(st.integers(0, 9**6))}"
        return f"&{name} ", name

    def known(self, name: str, *, mapping: bool = False) -> None:
        if name:
            self.anchors.append(name)
            if mapping:
                self.mappings.append(name)

    def scalar(self, indent: int) -> str:
        """Return what stands behind a colon or dash, with its line end."""
        pad = " " * (indent + 1)
        if self.anchors and self.chance(12):
            return f" *{self.pick(self.anchors)}{self.pick(COMMENTS)}\n"
        kind = self.pick(["plain", "quoted", "block", "empty", "tilde"])
        if kind == "empty":
            return f"{self.pick(COMMENTS)}\n"
        mark, name = self.anchor()
        if kind == "block":
            head, body = self.pick(HEADERS), self.pick(BODIES)
            inner = " " * (indent + (2 if "2" in head else self.pick([1, 2, 4])))
            text = f" {mark}{head}\n" + "".join(
                f"{inner}{line}\n" if line else "\n" for line in body
            )
        elif kind == "tilde":
            text = f" {mark}~{self.pick(COMMENTS)}\n"
        else:
            value = self.pick(PLAIN if kind == "plain" else QUOTED).replace("\n  ", f"\n{pad}")
            gap = self.pick([" ", " ", "  ", " " if mark else " \t"])
            text = f"{gap}{mark}{value}{self.pick(COMMENTS)}\n"
        self.known(name)
        return text

    def flow(self, depth: int) -> str:
        sep = self.pick([", ", ",", " , ", ",\n     ", ", # in it\n     "])
        end = self.pick(["", "", " ", "\n     ", " # last\n     ", ","])
        if self.chance(50):
            names = self.draw(st.lists(st.sampled_from(NAMES), max_size=2, unique=True))
            items = [f"{{name: {n}, value: {self.pick(QUOTED[:5])}}}" for n in names]
            items = items if self.chance(70) else [self.pick(["1", "x", "[y]"]) for _ in items]
            return "[" + sep.join(items) + (end if items or "," not in end else "") + "]"
        keys = self.draw(st.lists(st.sampled_from(KEYS[:6]), max_size=2, unique=True))
        leaves = ["1", "x", "''", ""]
        pairs = [
            f"{self.pick([k, json.dumps(k)])}:"
            f" {self.flow(depth - 1) if depth else self.pick(leaves)}"
            for k in keys
        ]
        return "{" + sep.join(pairs) + (end if pairs or "," not in end else "") + "}"

    def value(self, indent: int, depth: int, *, key: str = "") -> str:  # noqa: PLR0911 - kinds
        if key in ("commonEnv", "workers", "env") and self.chance(80):
            return self.named_list(indent, depth)
        kinds = ["scalar"] * 4 + ["flow", "empty"]
        if key in MAPPINGS and self.chance(85):
            kinds = ["mapping"] if depth else ["empty"]
        elif key in TEXTS and self.chance(85):
            kinds = ["scalar"]
        elif depth:
            kinds += ["mapping"] * 3 + ["list"] * 2 + ["named"]
        match self.pick(kinds):
            case "mapping":
                mark, name = self.anchor(mapping=True)
                step = self.pick([1, 2, 2, 4])
                text = f" {mark}".rstrip() + f"{self.pick(COMMENTS)}\n"
                body = self.mapping(indent + step, depth - 1)
                self.known(name, mapping=True)
                return text + body
            case "list":
                pad = " " * (indent + self.pick([0, 2, 4])) if indent else "  "
                lines = "".join(
                    f"{pad}-{self.scalar(len(pad))}{self.pick(BETWEEN)}" for _ in range(2)
                )
                return f"{self.pick(COMMENTS)}\n{lines}"
            case "named":
                return self.named_list(indent, depth)
            case "flow":
                mark, name = self.anchor()
                text = f" {mark}{self.flow(1)}{self.pick(COMMENTS)}\n"
                self.known(name)
                return text
            case "empty":
                return f" {self.pick(EMPTY)}{self.pick(COMMENTS)}\n"
            case _:
                return self.scalar(indent)

    def named_list(self, indent: int, depth: int) -> str:
        names = self.draw(st.lists(st.sampled_from(NAMES), max_size=3, min_size=1))
        pad = " " * (indent + self.pick([0, 2, 4]))
        mark, anchored = self.anchor()
        text = f" {mark}".rstrip() + f"{self.pick(COMMENTS)}\n"
        for name in names:
            gap = self.pick([" ", " ", "   "])
            inner = pad + " " + gap
            text += f"{pad}-{gap}name: {self.pick([name, json.dumps(name)])}{self.pick(COMMENTS)}\n"
            text += self.pick(BETWEEN)
            match self.pick(["value", "value", "value", "valueFrom", "env", "none"]):
                case "value":
                    text += f"{inner}value:{self.scalar(len(inner))}"
                case "valueFrom":
                    text += f"{inner}valueFrom: {{secretKeyRef: {{name: s, key: k}}}}\n"
                case "env" if depth:
                    text += f"{inner}env:{self.value(len(inner), depth - 1, key='env')}"
            text += self.pick(BETWEEN)
        self.known(anchored)
        return text

    def mapping(self, indent: int, depth: int) -> str:
        pool = [*KEYS, "commonEnv", "workers"] if indent == 0 else [*KEYS, "env", "valueFrom"]
        keys = self.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=4, unique=True))
        keys += keys[:1] if self.chance(5) else []
        text = ""
        for key in keys:
            text += self.pick(BETWEEN)
            shown = self.pick([key, key, json.dumps(key, ensure_ascii=False), f"'{key}'"])
            if self.chance(4):
                text += f"{' ' * indent}? {shown}\n{' ' * indent}:{self.scalar(indent)}"
            else:
                text += f"{' ' * indent}{shown}:{self.value(indent, depth, key=key)}"
        if self.mappings and self.chance(25):
            text += f"{' ' * indent}<<: *{self.pick(self.mappings)}\n"
        return text


@st.composite
def texts(draw: Any) -> str:
    writer = Writer(draw)
    text = writer.mapping(draw(st.sampled_from([0, 0, 0, 2])), draw(st.integers(0, 3)))
    text = (
        draw(st.sampled_from(["", "", "# top\n\n", "---\n", "%YAML 1.1\n---\n", "--- # c\n"]))
        + text
    )
    text += draw(st.sampled_from(["", "", "# end\n", "...\n", "\n\n", "...\n# after\n"]))
    text = draw(st.sampled_from(["", "", "", "\ufeff"])) + text
    if draw(st.booleans()):
        text = text.rstrip("\n")
    return text.replace("\n", "\r\n") if draw(st.integers(0, 4)) == 0 else text


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
    st.fixed_dictionaries({})
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
        **dict.fromkeys(("a", "b"), DATA),
        "commonEnv": VARIABLES,
        "workers": entries(st.fixed_dictionaries({}, optional={"env": VARIABLES, "a": DATA})),
        "odd: key": DATA,
        "new": DATA,
    },
)


def is_unset(value: Any) -> bool:
    is_fill_in = isinstance(value, str) and bool(find_placeholder(value))
    return (
        value is None or value in ("", {}, []) or is_fill_in
        if not isinstance(value, bool)
        else False
    )


def is_named(entries: list[Any]) -> bool:
    return all(isinstance(e, dict) and isinstance(e.get("name"), str) for e in entries)


def is_equal(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def is_same_scalar(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str) and other.startswith("{"):
        try:
            return bool(json.loads(one) == json.loads(other))
        except ValueError:
            return one == other
    is_number = {type(one), type(other)} <= {int, float}
    return one == other and (is_number or type(one) is type(other))


def belongs_to_the_runbook(path: tuple[str, ...]) -> bool:
    return (
        path == ("xcomBackend",)
        or (path[:2] == ("serviceAccount", "annotations") and len(path) == 3)
        or (path[0] == "labels" and len(path) == 2)
        or (path[0] == "commonEnv" and path[2:] == ("value",) and path[1] in NAMES[:4])
    )


def merged_data(  # noqa: PLR0911 - one return per rule
    held: Any, wanted: Any, path: tuple[str, ...], told: list[bool]
) -> Any:
    """Return what a merge means, in terms of data alone; conflicts go to ``told``."""
    if wanted is None or (wanted in ({}, []) and is_unset(held)):
        told += [] if is_unset(held) else [False]
        return held
    if is_unset(held) and not isinstance(wanted, (dict, list)):
        return held if is_same_scalar(held, wanted) else wanted
    if is_unset(held):
        return wanted
    if isinstance(wanted, dict) and path[-1:] != ("valueFrom",) and path[-2:-1] != ("volumes",):
        for key in wanted:
            inner = (*path, key)
            held[key] = (
                merged_data(held[key], wanted[key], inner, told) if key in held else wanted[key]
            )
        return held
    if isinstance(wanted, list) and is_named(wanted) and (wanted or is_named(held)):
        return merged_entries(held, wanted, path, told)
    if (
        is_same_scalar(held, wanted)
        if not isinstance(wanted, (dict, list))
        else is_equal(held, wanted)
    ):
        return held
    is_ours = (
        belongs_to_the_runbook(path)
        and not isinstance(wanted, (dict, list))
        and not (isinstance(wanted, str) and find_placeholder(wanted))
    )
    told.append(is_ours)
    return wanted if is_ours else held


def merged_entries(
    held: list[Any], wanted: list[Any], path: tuple[str, ...], told: list[bool]
) -> Any:
    places = {str(e["name"]): i for i, e in enumerate(held) if isinstance(e, dict) and "name" in e}
    names = {entry["name"] for entry in wanted}
    if PATH in names and COMPRESSION in places and COMPRESSION not in names:
        wanted = [*wanted, {"name": COMPRESSION, "value": ""}]
    for entry in wanted:
        name = entry["name"]
        if name not in places:
            if path == ("workers",):
                told.append(False)
            else:
                held.append(entry)
            continue
        there = held[places[name]]
        rest = dict(entry)
        for one, other in (("value", "valueFrom"), ("valueFrom", "value")):
            if one in entry and other in there and one not in there:
                told.append(False)
                del rest[one]
        merged_data(there, rest, (*path, name), told)
    return held


def judge(text: str, fragment: dict[str, Any]) -> Merged | None:
    """Return the merge after checking all that is promised of it; ``None`` if it was refused."""
    try:
        result = merge(text, fragment, name="v.yaml")
    except InputError as refusal:
        assert str(refusal).startswith("v.yaml:")
        assert "\n" not in str(refusal)
        event("refused")
        return None
    event("merged")
    assert_every_other_line_survives(text, result)
    again = merge(result.text, fragment, name="v.yaml")
    assert again.text == result.text
    assert [c.replaced for c in again.conflicts if c.replaced] == []
    # the line end a block text at the very end lacked comes with what is added below it
    ended = text if text.endswith("\n") or not result.text.endswith("\n") else text + "\n"
    told: list[bool] = []
    expected = merged_data(read_values(ended, name="v").data, fragment, (), told) if fragment else (
        read_values(text, name="v").data
    )  # fmt: skip
    assert is_equal(read_values(result.text, name="v").data, expected)
    assert sorted(c.replaced for c in result.conflicts) == sorted(told)
    return result


def assert_every_other_line_survives(text: str, result: Merged) -> None:
    *lines, last = text.split("\n")
    kept = [line for n, line in enumerate(lines, 1) if n not in result.rewritten]
    new = iter(result.text.split("\n"))
    assert all(line in new for line in kept)
    if len(lines) + 1 not in result.rewritten:
        assert any(line in (last, last + "\r") for line in new)


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(texts(), FRAGMENTS)
def test_generated_file_and_fragment_merge_to_what_they_mean_and_keep_every_other_line(
    text: str, fragment: dict[str, Any]
) -> None:
    judge(text, fragment)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(texts(), texts())
def test_fragment_written_by_hand_is_merged_or_refused_in_one_line(text: str, other: str) -> None:
    try:
        fragment = read_fragment(other, name="f.yaml")
    except InputError as refusal:
        assert str(refusal).startswith("f.yaml:")
        assert "\n" not in str(refusal)
        return
    judge(text, fragment)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(FRAGMENTS)
def test_fragment_read_from_its_own_text_is_the_same_and_fills_an_empty_file(
    fragment: dict[str, Any],
) -> None:
    text = "\n".join(block(fragment, indent=0)) if fragment else ""
    read = read_fragment(text, name="f")
    assert is_equal(read, fragment)
    for empty in ("", "# mine", "---\n", "---\n...\n"):
        result = merge(empty, fragment, name="v")
        assert is_equal(read_values(result.text, name="v").data, fragment)
        assert result.conflicts == ()
        assert merge(text, fragment, name="v").text == text
