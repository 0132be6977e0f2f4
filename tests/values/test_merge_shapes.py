"""Merge on the shapes that once lost a byte or were refused, and on fragments of any kind."""

from typing import Any

import pytest
import yaml

from xcomkit.findings.errors import InputError
from xcomkit.values.merge import merge
from xcomkit.values.names import PATH
from xcomkit.values.values import read_values

ENTRY = {"name": "X", "value": "1"}
VARIABLE = {"commonEnv": [ENTRY]}


def merged(text: str, fragment: dict[str, Any]) -> str:
    return merge(text, fragment, name="v").text


def kept(text: str, fragment: dict[str, Any]) -> list[tuple[str, int, str, str]]:
    """Return the conflicts of a merge that must leave the text as it is."""
    result = merge(text, fragment, name="v")
    assert result.text == text
    assert result.diff == ""
    assert not any(conflict.replaced for conflict in result.conflicts)
    return [(c.path, c.line, c.before, c.after) for c in result.conflicts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "commonEnv:\n- name: A\n  value: |\n    t\n       \n# end\n",
            'commonEnv:\n- name: A\n  value: |\n    t\n       \n- name: X\n  value: "1"\n# end\n',
            id="spaces that are part of a block text",
        ),
        pytest.param(
            "--- # c\n...\n# after\n",
            '--- # c\ncommonEnv:\n  - name: X\n    value: "1"\n...\n# after\n',
            id="empty document with an end",
        ),
        pytest.param(
            "t: &t\n  name: X\n  value: '1'\ncommonEnv:\n- *t\n",
            "t: &t\n  name: X\n  value: '1'\ncommonEnv:\n- *t\n",
            id="entry that is an alias and right",
        ),
        pytest.param(
            "commonEnv:\n- name: X\n  value: >- # why\n    <fill me>\n\nz: 1\n",
            'commonEnv:\n- name: X\n  value: "1" # why\n\nz: 1\n',
            id="comment behind a block text's mark",
        ),
        pytest.param(
            "commonEnv:\n- name: X\n  value: |+\n    <fill me>\n\nz: 1\n",
            'commonEnv:\n- name: X\n  value: "1"\n\nz: 1\n',
            id="block text with kept line ends is replaced",
        ),
        pytest.param(
            "commonEnv: | # why\n  <fill me>\nz: 1\n",
            'commonEnv: # why\n  - name: X\n    value: "1"\nz: 1\n',
            id="comment behind the mark of a block text that is filled",
        ),
        pytest.param(
            "a: 1\nb: 'x\r\n  y'\nc: 2\n",
            "a: 1\nb: 'x\r\n  y'\nc: 2\ncommonEnv:\n  - name: X\n    value: \"1\"\n",
            id="one line end of another kind",
        ),
        pytest.param(
            "? commonEnv\n: - name: A\n",
            '? commonEnv\n: - name: A\n  - name: X\n    value: "1"\n',
            id="key with a question mark",
        ),
        pytest.param(
            "%YAML 1.1\n---\na: 1 \t# c\n",
            '%YAML 1.1\n---\na: 1 \t# c\ncommonEnv:\n  - name: X\n    value: "1"\n',
            id="directive",
        ),
    ],
)
def test_shape_is_merged_to_the_byte(text: str, expected: str) -> None:
    assert merged(text, VARIABLE) == expected
    assert merged(expected, VARIABLE) == expected


@pytest.mark.parametrize(
    ("text", "fragment", "reason"),
    [
        ("1: x\n", {"1": "y"}, "v:1:1: 1 must be a key in quotes"),
        ("? a\n", {"a": "x"}, "v:1:3: a must be a key with a colon behind it"),
        ("a: [ # c\n]\n", {"a": "x"}, "v:1:4: a must be unset; a comment would be lost"),
        ("a: { # c\n}\n", {"a": ["x"]}, "v:1:4: a must be unset; a comment would be lost"),
        ("a: {b: 1}\n", {"a": 5}, "v:1:4: a must be a single value"),
        ("a: 1\n", {"w" * 2000: "x"}, "v: cannot be merged without touching other lines"),
        ("a: x\n\x1b: y\n", {}, "v:2:1: "),
    ],
)
def test_shape_that_would_be_a_guess_is_refused_where_it_stands(
    text: str, fragment: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError) as caught:
        merge(text, fragment, name="v")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [5, 0, -1.5, 1e16, 1e-7, True, False, None, "", "5", "yes", "~"])
def test_value_of_any_kind_is_written_and_found_again(value: Any) -> None:
    text = merged("a: x # c\n", {"new": value, "in": {"depth": value}})
    assert text.startswith("a: x # c\nnew: ")
    assert read_values(text, name="v").data == {"a": "x", "new": value, "in": {"depth": value}}
    assert yaml.safe_load(text)["new"] == value  # to YAML 1.1 as well
    assert kept(text, {"new": value}) == []


@pytest.mark.parametrize(
    ("held", "wanted", "told"),
    [
        ("5", "5", ("5", "'5'")),
        ("'5'", 5, ("'5'", "5")),
        ("true", 1, ("true", "1")),
        ("1", True, ("1", "true")),
        ("off", True, ("false", "true")),
        ("x", None, ("'x'", "null")),
        ("[1, 2]", [1], ("[1, 2]", "[1]")),
        ("[1, 2]", [], ("[1, 2]", "[]")),
        ("[1]", ["1"], ("[1]", '["1"]')),
        ("[{k: 1}]", [{"k": 2}], ('[{"k": 1}]', '[{"k": 2}]')),
    ],
)
def test_value_that_differs_is_kept_and_shown_as_what_it_is(
    held: str, wanted: Any, told: tuple[str, str]
) -> None:
    assert kept(f"# top\na: {held}\n", {"a": wanted}) == [("a", 2, *told)]


@pytest.mark.parametrize(
    ("held", "wanted"),
    [("5", 5), ("5.0", 5), ("0x10", 16), ("[1, {a: b}]", [1, {"a": "b"}]), ("{a: 1}", {}),
     ("[{name: A}]", []), ("~", None), ("''", None), ("<x>", {}), ("off", False)],
)  # fmt: skip
def test_value_that_means_the_same_or_asks_for_nothing_is_no_conflict(
    held: str, wanted: Any
) -> None:
    assert kept(f"a: {held}  # c\n", {"a": wanted}) == []


def test_unset_value_is_filled_whatever_it_is_to_hold() -> None:
    for unset in ("", " ~", " ''", " {}", " []", " <fill-me>"):
        for wanted in (5, True, "x", [1, "a"], [{"k": [{}]}], {"k": {"l": []}}, [ENTRY]):
            text = merged(f"a:{unset} # c\nb: 1\n", {"a": wanted})
            assert read_values(text, name="v").data == {"a": wanted, "b": 1}
            assert "# c\n" in text


def test_placeholder_of_the_fragment_does_not_replace_what_the_runbook_owns() -> None:
    assert kept("xcomBackend: my.Class\n", {"xcomBackend": "<class>"}) == [
        ("xcomBackend", 1, "'my.Class'", "'<class>'")
    ]


def test_entries_of_a_worker_group_are_merged_by_name_and_groups_are_not_added() -> None:
    text = "workers:\n  - name: w\n    env:\n      - name: A\n        value: '1' # mine\n"
    fragment = {
        "workers": [
            {"name": "w", "replicas": 2, "env": [{"name": "A", "value": "2"}, ENTRY]},
            {"name": "v"},
        ]
    }
    result = merge(text, fragment, name="v")
    added = '      - name: X\n        value: "1"\n    replicas: 2\n'
    assert result.text == text + added
    assert [(c.path, c.line, c.before, c.after) for c in result.conflicts] == [
        ("workers.w.env.A.value", 5, "'1'", "'2'"),
        ("workers", 2, "w", "v"),
    ]


def test_value_and_reference_to_a_secret_exclude_each_other() -> None:
    reference = {"secretKeyRef": {"name": "s", "key": "k"}}
    wanted = {"commonEnv": [{"name": "X", "valueFrom": reference}]}
    assert kept("commonEnv: [{name: X, value: a}]\n", wanted) == [
        ("commonEnv.X", 1, "'a'", "valueFrom")
    ]
    other = "commonEnv: [{name: X, valueFrom: {configMapKeyRef: {name: c, key: k}}}]\n"
    assert [row[0] for row in kept(other, wanted)] == ["commonEnv.X.valueFrom"]
    assert kept(merged("", wanted), wanted) == []


def test_volume_of_one_name_and_another_kind_is_kept() -> None:
    text = "volumes:\n  - name: v\n    emptyDir: {}\n"
    wanted = {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}
    assert [row[:2] for row in kept(text, wanted)] == [("volumes.v", 2)]


def test_secret_is_in_no_conflict_wherever_its_name_stands() -> None:
    hush = "hush" + "hush"
    text = (
        f"workers:\n- name: w\n  env:\n  - {{name: DB_PASSWORD, value: {hush}}}\n"
        f"keys: [{{apiKey: {hush}}}]\npassword: 12345678\n"
    )
    env = [{"name": "DB_PASSWORD", "value": hush + "2"}]
    fragment = {
        "workers": [{"name": "w", "env": env}],
        "keys": [{"apiKey": hush + "3"}],
        "password": hush,
    }
    assert [row[2:] for row in kept(text, fragment)] == [("(hidden)", "(hidden)")] * 3


def test_secret_is_in_no_diff_though_only_an_alias_tells_that_it_is_one() -> None:
    hush = "hush" + "hush"
    result = merge(f"a: &p {hush}\nDB_PASSWORD: *p\n", VARIABLE, name="v")
    assert hush not in result.diff
    assert result.text.startswith(f"a: &p {hush}\n")


def test_key_with_a_line_end_stays_on_one_line_in_every_sentence() -> None:
    assert kept('"a\\nb": x\n', {"a\nb": "y"})[0][0] == "a\\nb"
    with pytest.raises(InputError) as caught:
        merge('"a\\nb": x\n', {"a\nb": {"k": 1}}, name="v")
    assert "\n" not in str(caught.value)


def test_compression_is_emptied_only_together_with_the_path() -> None:
    text = "commonEnv:\n- name: AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION\n  value: zip\n"
    assert merge(text, VARIABLE, name="v").conflicts == ()
    wanted = {"commonEnv": [{"name": PATH, "value": "s3://c@b/p"}]}
    assert [c.replaced for c in merge(text, wanted, name="v").conflicts] == [True]
