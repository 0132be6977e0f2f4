from typing import Any

import pytest

from xcomkit.chart.merge import Merged, merge
from xcomkit.chart.rules import RULES, judge, judge_merge
from xcomkit.chart.values import read_values
from xcomkit.settings import Settings

THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"
ROLE = "eks.amazonaws.com/role-arn"


def status(text: str, settings: Settings, annotations: dict[str, str]) -> dict[str, str]:
    values = read_values(text, name="values.yaml")
    return {c.id: c.status for c in judge(values, settings=settings, annotations=annotations)}


def observed(check_id: str, text: str, settings: Settings, annotations: dict[str, str]) -> str:
    values = read_values(text, name="values.yaml")
    checks = judge(values, settings=settings, annotations=annotations)
    return next(c.observed for c in checks if c.id == check_id)


@pytest.fixture
def good(era: str, fragment: dict[str, Any]) -> str:
    return merge(era, fragment, name="values.yaml").text


def test_ids_are_stable_and_in_range() -> None:
    assert [rule.id for rule in RULES] == [f"XC40{n}" for n in range(1, 10)]


def test_merged_era_passes_everything(
    good: str, settings: Settings, annotations: dict[str, str]
) -> None:
    assert set(status(good, settings, annotations).values()) == {"pass"}


def test_component_with_its_own_threshold_fails(
    good: str, settings: Settings, annotations: dict[str, str]
) -> None:
    own = f"{good}\nx: y\n".replace(
        "    env: []", f"    env: [{{name: {THRESHOLD}, value: '5'}}]", 1
    )
    assert status(own, settings, annotations)["XC401"] == "fail"
    assert "worker:default-worker = '5'" in observed("XC401", own, settings, annotations)


def test_setting_from_a_secret_is_unknown_not_equal(
    good: str, settings: Settings, annotations: dict[str, str]
) -> None:
    text = good.replace(
        f'  - name: {THRESHOLD}\n    value: "0"',
        f"  - name: {THRESHOLD}\n    valueFrom: {{configMapKeyRef: {{name: c, key: k}}}}",
    )
    assert text != good
    assert status(text, settings, annotations)["XC401"] == "unknown"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("AIRFLOW_CONN_AWS_DEFAULT", "AIRFLOW_CONN_RENAMED"), "fail"),
        (("secretBackend: ~", "secretBackend: my.Backend"), "pass"),
        (("s3://aws_default@", "s3://"), "pass"),
        (("s3://aws_default@", "/"), "unknown"),
    ],
)
def test_connection_needs_a_place_to_come_from(
    good: str,
    settings: Settings,
    annotations: dict[str, str],
    change: tuple[str, str],
    expected: str,
) -> None:
    text = good.replace(*change)
    assert text != good
    assert status(text, settings, annotations)["XC405"] == expected


def test_missing_role_annotation_only_warns(
    good: str, settings: Settings, annotations: dict[str, str]
) -> None:
    found = status(good.replace(ROLE, "something.else"), settings, annotations)
    assert (found["XC404"], found["XC407"]) == ("warn", "pass")


def test_account_the_chart_does_not_make_is_not_annotated_by_it(
    good: str, settings: Settings, annotations: dict[str, str]
) -> None:
    text = good.replace("create: true", "create: false", 1)
    assert status(text, settings, annotations)["XC404"] == "warn"
    assert "annotate it yourself" in observed("XC404", text, settings, annotations)


def test_another_role_on_an_account_fails(
    good: str, settings: Settings, annotations: dict[str, str]
) -> None:
    text = good.replace(
        "    name: astro-agent-triggerer\n    annotations: {}",
        f"    name: astro-agent-triggerer\n    annotations: {{{ROLE}: arn:other}}",
    )
    assert text != good
    assert status(text, settings, annotations)["XC407"] == "fail"
    assert "arn:other" in observed("XC407", text, settings, annotations)


def test_without_an_annotation_to_ask_for_both_checks_are_skipped(
    good: str, settings: Settings
) -> None:
    found = status(good, settings, {})
    assert (found["XC404"], found["XC407"]) == ("skip", "skip")


def test_unnamed_account_rests_on_a_guess(
    era: str, settings: Settings, annotations: dict[str, str]
) -> None:
    assert status(era, settings, annotations)["XC408"] == "warn"
    assert "triggerer: astro-agent-triggerer is a guess" in observed(
        "XC408", era, settings, annotations
    )


def test_one_name_for_several_groups_is_warned_of(
    settings: Settings, annotations: dict[str, str]
) -> None:
    text = (
        "workers: [{name: a}, {name: b}]\nserviceAccount:\n  workers: {name: w}\n"
        "  dagProcessor: {name: d}\n  triggerer: {name: t}\n"
    )
    assert "once per worker group" in observed("XC408", text, settings, annotations)


def test_clean_merge_passes_and_conflicts_warn(era: str, fragment: dict[str, Any]) -> None:
    original = read_values(era, name="values.yaml")
    checks = judge_merge(merge(era, fragment, name="v"), original=original, fragment=fragment)
    assert [(c.id, c.status) for c in checks] == [("XC403", "pass"), ("XC406", "pass")]
    theirs = era.replace("namespace: ~", "namespace: theirs")
    original = read_values(theirs, name="values.yaml")
    left, stable = judge_merge(
        merge(theirs, fragment, name="v"), original=original, fragment=fragment
    )
    assert (left.status, stable.status) == ("warn", "pass")
    assert "namespace 'theirs' -> 'astro' (kept)" in left.observed


def test_lost_line_and_growing_merge_are_seen(era: str, fragment: dict[str, Any]) -> None:
    original = read_values(era, name="values.yaml")
    lost = Merged(era.replace("logLevel: INFO\n", ""), (), "", frozenset())
    left, stable = judge_merge(lost, original=original, fragment=fragment)
    assert (left.status, stable.status) == ("warn", "fail")
    assert "a line of the user's is gone" in left.observed
