import difflib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.settings.settings import Settings
from xcomkit.values.fragment import generate
from xcomkit.values.merge import Conflict, merge

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


def merged(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(merge(text, FRAGMENT, name="v.yaml").text)
    return found


def variables(data: dict[str, Any]) -> dict[str, Any]:
    return {entry["name"]: entry.get("value") for entry in data["commonEnv"]}


def test_each_era_merges_with_every_untouched_line_byte_identical(era: str) -> None:
    result = merge(era, FRAGMENT, name="values.yaml")
    old, new = (text.splitlines(keepends=True) for text in (era, result.text))
    changed = [
        line
        for tag, a, b, _, _ in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        if tag in ("replace", "delete")
        for line in old[a:b]
    ]
    keys = {line.split(":")[0].strip() for line in changed}
    assert keys <= {"resourceNamePrefix", "namespace", "xcomBackend", "commonEnv", "annotations",
                    "name"}  # fmt: skip
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
    ours = ("commonEnv", "xcomBackend", "serviceAccount", "namespace", "resourceNamePrefix")
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


def test_compression_is_emptied_when_none_is_wanted() -> None:
    text = f"commonEnv:\n  - name: {COMPRESSION}\n    value: zip\n"
    assert variables(merged(text))[COMPRESSION] == ""
    assert COMPRESSION not in variables(merged(""))


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


def test_variable_from_a_kubernetes_secret_is_kept() -> None:
    entry = {
        "name": "AIRFLOW_CONN_AWS_DEFAULT",
        "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}},
    }
    result = merge(yaml.safe_dump({"commonEnv": [entry]}), FRAGMENT, name="v")
    assert entry in yaml.safe_load(result.text)["commonEnv"]
    assert [c.before for c in result.conflicts] == ["valueFrom"]


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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("commonEnv:\n  A: '1'\n", "v:2:3: commonEnv must be a list"),
        ("serviceAccount: true\n", "v:1:17: serviceAccount must be a mapping"),
        ("xcomBackend:\n  type: k8s\n", "v:2:3: xcomBackend must be a text"),
        ("commonEnv: [{name: A}]\n", f"v:1:12: commonEnv {CLOSED}"),
        ("commonEnv: &e\n  - name: A\n", f"v:1:12: commonEnv {CLOSED}"),
        ("commonEnv: !!seq\n- name: A\n", f"v:1:12: commonEnv {CLOSED}"),
        ("{a: 1}\n", f"v:1:1: resourceNamePrefix {CLOSED}"),
        ("b: &b {c: d}\nserviceAccount:\n  <<: *b\n", "cannot be looked for behind <<"),
        ("workers: &w ~\nz: *w\n", "an alias without an anchor"),
        ("xcomBackend: &b other\ny: *b\n", "an alias without an anchor"),
    ],
)
def test_shape_that_would_be_a_guess_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        merge(text, FRAGMENT, name="v")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*|>'\"# \n\r\t")), st.booleans())
def test_any_text_is_merged_or_refused(tail: str, flow: bool) -> None:  # noqa: FBT001 - drawn
    text = ("commonEnv: [" if flow else "commonEnv:\n") + tail
    try:
        result = merge(text, FRAGMENT, name="v")
    except InputError as refusal:
        assert "\n" not in str(refusal)
        return
    assert merge(result.text, FRAGMENT, name="v").text == result.text
