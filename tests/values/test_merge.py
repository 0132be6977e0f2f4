import difflib
from typing import Any

import pytest
import yaml

from xcomkit.findings.errors import InputError
from xcomkit.settings.settings import Settings
from xcomkit.values.fragment import generate
from xcomkit.values.merge import merge
from xcomkit.values.merge_plan import Conflict
from xcomkit.values.names import BACKEND
from xcomkit.values.values import read_values

PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"
COMPRESSION = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_COMPRESSION"
WANTED = "s3://aws_default@xcom-bucket/astro/xcom"
ROLE = "eks.amazonaws.com/role-arn"
CLOSED = "must stand in lines of its own, without brackets, anchor or tag around it"
FRAGMENT = generate(
    Settings.from_mapping({"bucket": "xcom-bucket", "prefix": "astro/xcom"}),
    connection={"conn_type": "aws", "extra": {"region_name": "eu-central-1"}},
    annotations={ROLE: "arn:aws:iam::123456789012:role/xcom-agents"},
    labels={},
    environment={},
    secrets_backend={},
)
ENTRY = {"name": "X", "value": "1"}
VARIABLE = {"commonEnv": [ENTRY]}


def merged(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(merge(text, FRAGMENT, name="v.yaml").text)
    return found


def variables(data: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in data["commonEnv"]}


def test_each_era_merges_with_every_untouched_line_byte_identical(era: str) -> None:
    result = merge(era, FRAGMENT, name="values.yaml")
    ended = era.removesuffix("\n") + "\n"  # a key behind the last line needs its end of line
    old, new = (text.splitlines(keepends=True) for text in (ended, result.text))
    changed = [
        line
        for tag, a, b, _, _ in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag in ("replace", "delete")
        for line in old[a:b]
    ]
    keys = {line.split(":")[0].strip() for line in changed}
    assert keys <= {"resourceNamePrefix", "namespace", "xcomBackend", "commonEnv", "annotations",
                    "name", "stateStoreBackend"}  # fmt: skip
    assert all(line.split("#")[0].split(":", 1)[1].strip() in ("~", "[]", "{}") for line in changed)


def test_each_era_ends_with_what_the_fragment_asks_for_and_nothing_lost(era: str) -> None:
    before, after = yaml.safe_load(era), merged(era)
    assert variables(after) | {} == {
        **{entry["name"]: entry["value"] for entry in before["commonEnv"]},
        **{entry["name"]: entry["value"] for entry in FRAGMENT["commonEnv"]},
    }
    assert after["xcomBackend"] == FRAGMENT["xcomBackend"]
    assert after["serviceAccount"]["annotations"] == FRAGMENT["serviceAccount"]["annotations"]
    assert after["serviceAccount"]["dagProcessor"] == {
        **before["serviceAccount"]["dagProcessor"],
        "name": "astro-agent-dag-processor",
    }
    ours = ("commonEnv", "xcomBackend", "serviceAccount", "namespace", "resourceNamePrefix",
            "stateStoreBackend")  # fmt: skip
    assert after["stateStoreBackend"] == FRAGMENT["stateStoreBackend"]
    assert {k: v for k, v in after.items() if k not in ours} == {
        k: v for k, v in before.items() if k not in ours
    }


def test_new_entries_stand_above_the_comment_of_the_next_section() -> None:
    text = "commonEnv:\n  - name: A\n    value: '1'  # mine\n\n# Lineage\nopenLineage: {}\n"
    result = merge(text, FRAGMENT, name="v").text
    assert result.startswith("commonEnv:\n  - name: A\n    value: '1'  # mine\n  - name: AIRFLOW__")
    assert result.index("AIRFLOW_CONN_AWS_DEFAULT") < result.index("\n\n# Lineage\nopenLineage: {}")


@pytest.mark.parametrize(
    "text",
    [
        "commonEnv:\n- name: A\n  value: '1'\nlogLevel: INFO\n",
        "commonEnv:\n    -   name: A\n        value: '1'\nlogLevel: INFO\n",
        "commonEnv:\n  - name: A\n    value: |\n      1\nlogLevel: INFO",
        "logLevel: INFO\r\ncommonEnv:\r\n  - name: A\r\n    value: '1'\r\n",
        "\ufefflogLevel: INFO\ncommonEnv:\n  - {name: A, value: '1'}\n",
        "logLevel: INFO\ncommonEnv: # none yet\n\n# end",
        "logLevel: INFO\n",
        "# only a comment",
        "",
        "---\nlogLevel: INFO\n...\n",
        "logLevel: INFO\nx: &one '1'\ncommonEnv:\n  - name: A\n    value: *one\n",
        "logLevel: INFO\nlast: |+\n  text\n\n",
    ],
)
def test_every_ordinary_shape_is_merged_and_stays_the_same_a_second_time(text: str) -> None:
    result = merge(text, FRAGMENT, name="v")
    data = yaml.safe_load(result.text.lstrip("\ufeff"))
    assert variables(data)[PATH] == WANTED
    before = yaml.safe_load(text.lstrip("\ufeff")) or {}
    assert {k: data[k] for k in before if k != "commonEnv"} == {
        k: v for k, v in before.items() if k != "commonEnv"
    }
    assert len(variables(data)) == len(data["commonEnv"])
    assert merge(result.text, FRAGMENT, name="v").text == result.text
    assert ("\r\n" in text) == ("\r\n" in result.text)
    assert result.text.count("\r") == (result.text.count("\n") if "\r\n" in text else 0)


def test_merging_into_a_comment_only_file_keeps_the_comment() -> None:
    assert merge("# mine", FRAGMENT, name="v").text.startswith("# mine\nresourceNamePrefix:")


def test_owned_value_that_differs_is_replaced_and_shown_with_its_line() -> None:
    text = f"commonEnv:\n  - name: {THRESHOLD}\n    value: '1048576'  # hybrid\n"
    result = merge(text, FRAGMENT, name="v")
    expected = Conflict(f"commonEnv.{THRESHOLD}.value", 3, "'1048576'", "'0'", replaced=True)
    assert result.conflicts == (expected,)
    assert "    value: '0'  # hybrid\n" in result.text
    assert result.rewritten == {3}


def test_number_without_quotes_becomes_a_text() -> None:
    assert variables(merged(f"commonEnv:\n  - name: {THRESHOLD}\n    value: 0\n"))[THRESHOLD] == "0"


def test_value_that_is_not_ours_is_kept_and_shown() -> None:
    text = (
        "namespace: theirs\nsecretBackend: their.Backend\nserviceAccount:\n  triggerer:\n"
        "    create: false\n    name: their-account\n"
    )
    result = merge(text, FRAGMENT, name="v")
    data = yaml.safe_load(result.text)
    assert (data["namespace"], data["secretBackend"]) == ("theirs", "their.Backend")
    assert data["serviceAccount"]["triggerer"] == {"create": False, "name": "their-account"}
    assert [(c.path, c.replaced) for c in result.conflicts] == [
        ("namespace", False),
        ("serviceAccount.triggerer.name", False),
    ]


def test_placeholder_is_filled_in_without_a_conflict() -> None:
    result = merge("resourceNamePrefix: <your-prefix>\n", FRAGMENT, name="v")
    assert result.text.startswith("resourceNamePrefix: astro-agent\n")
    assert result.conflicts == ()


def test_worker_groups_are_the_users_and_never_added() -> None:
    result = merge("workers:\n  - name: etl\n    queues: etl\n", FRAGMENT, name="v")
    assert yaml.safe_load(result.text)["workers"] == [{"name": "etl", "queues": "etl"}]
    assert [(c.before, c.after, c.replaced) for c in result.conflicts] == [
        ("etl", "default-worker", False)
    ]


def test_equal_connection_written_with_other_spaces_is_left_alone() -> None:
    text = (
        "commonEnv:\n  - name: AIRFLOW_CONN_AWS_DEFAULT\n"
        """    value: '{"extra":{"region_name":"eu-central-1"},"conn_type":"aws"}'\n"""
    )
    result = merge(text, FRAGMENT, name="v")
    assert result.conflicts == ()
    assert result.text.startswith(text)


def test_secret_in_the_users_file_is_in_no_diff_and_no_conflict_but_stays_in_the_file() -> None:
    secret = "hush" + "hush"
    text = (
        f"agentToken: {secret}\nxcomBackend: ~\ncommonEnv:\n"
        f"  - name: AIRFLOW_CONN_AWS_DEFAULT\n    value: 'aws://user:{secret}@/'\n"
        f"  - name: SOME_PASSWORD\n    value: |\n      {secret}\n      {secret}\n"
    )
    result = merge(text, FRAGMENT, name="v")
    assert secret not in result.diff
    assert secret not in repr(result)
    assert [c.replaced for c in result.conflicts] == [True]
    assert result.text.count(secret) == 3  # the connection is ours and was replaced


def test_alias_gives_way_to_a_text_of_its_own_and_the_anchor_stays() -> None:
    data = merged(f"y: &p other\ncommonEnv:\n  - name: {PATH}\n    value: *p\n")
    assert variables(data)[PATH] == WANTED
    assert data["y"] == "other"


def conflicts(text: str, fragment: dict[str, Any]) -> list[tuple[str, int, str, str]]:
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
    ],
)
def test_shape_is_merged_to_the_byte(text: str, expected: str) -> None:
    assert merge(text, VARIABLE, name="v").text == expected
    assert merge(expected, VARIABLE, name="v").text == expected


@pytest.mark.parametrize(
    ("text", "fragment", "reason"),
    [
        ("commonEnv:\n  A: '1'\n", VARIABLE, "v:2:3: commonEnv must be a list"),
        ("serviceAccount: true\n", FRAGMENT, "v:1:17: serviceAccount must be a mapping"),
        ("xcomBackend:\n  type: k8s\n", FRAGMENT, "v:2:3: xcomBackend must be a text"),
        ("commonEnv: [{name: A}]\n", VARIABLE, f"v:1:12: commonEnv {CLOSED}"),
        ("commonEnv: &e\n  - name: A\n", VARIABLE, f"v:1:12: commonEnv {CLOSED}"),
        ("commonEnv: !!seq\n- name: A\n", VARIABLE, f"v:1:12: commonEnv {CLOSED}"),
        ("{a: 1}\n", FRAGMENT, f"v:1:1: resourceNamePrefix {CLOSED}"),
        ("b: &b {c: d}\nserviceAccount:\n  <<: *b\n", FRAGMENT, "cannot be looked for behind <<"),
        ("workers: &w ~\nz: *w\n", FRAGMENT, "an alias without an anchor"),
        ("xcomBackend: &b other\ny: *b\n", FRAGMENT, "an alias without an anchor"),
        ("%YAML 1.1\n---\na: 1\n", {"a": 2}, "v:1:1: %YAML and %TAG are refused by Helm 3 or"),
        ("? a\n", {"a": "x"}, "v:1:3: a must be a key with a colon behind it"),
        ("a: [ # c\n]\n", {"a": "x"}, "v:1:4: a must be unset; a comment would be lost"),
        ("a: { # c\n}\n", {"a": ["x"]}, "v:1:4: a must be unset; a comment would be lost"),
        ("a: {b: 1}\n", {"a": 5}, "v:1:4: a must be a single value"),
        ("a: 1\n", {"w" * 2000: "x"}, "v: cannot be merged without touching other lines"),
        ("a: x\n\x1b: y\n", {}, "v:2:1: "),
        ('"a\\nb": x\n', {"a\nb": {"k": 1}}, "v:1:9: a\\nb must be a mapping"),
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
    text = merge("a: x # c\n", {"new": value, "in": {"depth": value}}, name="v").text
    assert text.startswith("a: x # c\nnew: ")
    assert read_values(text, name="v").data == {"a": "x", "new": value, "in": {"depth": value}}
    assert yaml.safe_load(text)["new"] == value  # to YAML 1.1 as well
    assert conflicts(text, {"new": value}) == []


@pytest.mark.parametrize(
    ("held", "wanted", "displayed"),
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
    held: str, wanted: Any, displayed: tuple[str, str]
) -> None:
    assert conflicts(f"# top\na: {held}\n", {"a": wanted}) == [("a", 2, *displayed)]


@pytest.mark.parametrize(
    ("held", "wanted"),
    [("5", 5), ("5.0", 5), ("0x10", 16), ("[1, {a: b}]", [1, {"a": "b"}]), ("{a: 1}", {}),
     ("[{name: A}]", []), ("~", None), ("''", None), ("<x>", {}), ("off", False)],
)  # fmt: skip
def test_value_that_means_the_same_or_asks_for_nothing_is_no_conflict(
    held: str, wanted: Any
) -> None:
    assert conflicts(f"a: {held}  # c\n", {"a": wanted}) == []


def test_unset_value_is_filled_whatever_it_is_to_hold() -> None:
    for unset in ("", " ~", " ''", " {}", " []", " <fill-me>"):
        for wanted in (5, True, "x", [1, "a"], [{"k": [{}]}], {"k": {"l": []}}, [ENTRY]):
            text = merge(f"a:{unset} # c\nb: 1\n", {"a": wanted}, name="v").text
            assert read_values(text, name="v").data == {"a": wanted, "b": 1}
            assert "# c\n" in text


def test_placeholder_of_the_fragment_does_not_replace_what_the_runbook_owns() -> None:
    assert conflicts("xcomBackend: my.Class\n", {"xcomBackend": "<class>"}) == [
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
    assert conflicts("commonEnv: [{name: X, value: a}]\n", wanted) == [
        ("commonEnv.X", 1, "'a'", "valueFrom")
    ]
    other = "commonEnv: [{name: X, valueFrom: {configMapKeyRef: {name: c, key: k}}}]\n"
    assert [row[0] for row in conflicts(other, wanted)] == ["commonEnv.X.valueFrom"]
    assert conflicts(merge("", wanted, name="v").text, wanted) == []


def test_volume_of_one_name_and_another_kind_is_conflicts() -> None:
    text = "volumes:\n  - name: v\n    emptyDir: {}\n"
    wanted = {"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}
    assert [row[:2] for row in conflicts(text, wanted)] == [("volumes.v", 2)]


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
    assert [row[2:] for row in conflicts(text, fragment)] == [("(hidden)", "(hidden)")] * 3


def test_conflict_over_the_path_shows_both_and_one_over_a_connection_names_the_fields() -> None:
    hush = "hush" + "hush"
    connection = '{"conn_type": "aws", "password": "%s", "extra": {"region_name": "%s"}}'
    name = "AIRFLOW_CONN_AWS_DEFAULT"
    text = (
        f"commonEnv:\n- name: {PATH}\n  value: s3://other@theirs/x\n"
        f"- name: {name}\n  value: '{connection % (hush, 'eu-west-1')}'\n"
    )
    mine = connection % (hush + "2", "eu-west-1")
    wanted = [{"name": PATH, "value": WANTED}, {"name": name, "value": mine}]
    found = merge(text, {"commonEnv": wanted}, name="v").conflicts
    assert [(c.before, c.after) for c in found] == [
        ("'s3://other@theirs/x'", repr(WANTED)),
        ("(hidden)", "(hidden), another password"),
    ]


def test_secret_is_in_no_diff_though_only_an_alias_tells_that_it_is_one() -> None:
    hush = "hush" + "hush"
    result = merge(f"a: &p {hush}\nDB_PASSWORD: *p\n", VARIABLE, name="v")
    assert hush not in result.diff
    assert result.text.startswith(f"a: &p {hush}\n")


def test_key_with_a_line_end_stays_on_one_line_in_a_conflict() -> None:
    assert conflicts('"a\\nb": x\n', {"a\nb": "y"})[0][0] == "a\\nb"


def test_compression_is_emptied_only_together_with_the_path() -> None:
    text = f"commonEnv:\n- name: {COMPRESSION}\n  value: zip\n"
    assert merge(text, VARIABLE, name="v").conflicts == ()
    result = merge(text, {"commonEnv": [{"name": PATH, "value": "s3://c@b/p"}]}, name="v")
    assert [c.replaced for c in result.conflicts] == [True]
    assert variables(result.values.data) == {COMPRESSION: "", PATH: "s3://c@b/p"}
    assert COMPRESSION not in variables(merged(""))


def test_class_that_the_file_sets_as_a_variable_is_replaced_there_and_not_set_twice() -> None:
    text = f"commonEnv:\n  - name: {BACKEND}\n    value: old.Class  # ours since May\n"
    result = merge(text, {**FRAGMENT, "xcomBackend": "new.Class"}, name="v")

    assert "xcomBackend" not in result.values.data
    assert '    value: "new.Class"  # ours since May\n' in result.text
    assert [c.path for c in result.conflicts if c.replaced] == [f"commonEnv.{BACKEND}.value"]
