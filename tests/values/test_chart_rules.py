from typing import Any

from xcomkit.findings.model import Check
from xcomkit.settings.settings import Settings
from xcomkit.values.merge import Merged, merge
from xcomkit.values.rules import RULES, PodIdentity, judge, judge_merge
from xcomkit.values.values import read_values

THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"


def checks(text: str, settings: Settings, annotations: dict[str, str]) -> dict[str, Check]:
    values = read_values(text, name="values.yaml")
    pods = PodIdentity(annotations, {}, ("AWS_PROFILE",), is_needed=False)
    return {c.id: c for c in judge(values, settings=settings, pods=pods)}


def test_ids_are_stable_and_in_range() -> None:
    assert sorted(rule.id for rule in RULES) == [
        f"XC{n}" for n in range(402, 413) if n not in (405, 406)
    ]


def test_merged_era_passes_everything(era, fragment, settings, annotations) -> None:
    merged = merge(era, fragment, name="values.yaml").text
    assert {c.status for c in checks(merged, settings, annotations).values()} == {"pass"}


def test_unnamed_account_rests_on_a_guess(era, settings, annotations) -> None:
    check = checks(era, settings, annotations)["XC408"]
    assert check.status == "warn"
    assert "triggerer: astro-agent-triggerer is a guess" in check.observed


def test_clean_merge_passes_and_conflicts_warn(era: str, fragment: dict[str, Any]) -> None:
    original = read_values(era, name="values.yaml")
    check = judge_merge(merge(era, fragment, name="v"), original=original)
    assert (check.id, check.status) == ("XC403", "pass")
    theirs = era.replace("namespace: ~", "namespace: theirs")
    check = judge_merge(
        merge(theirs, fragment, name="v"), original=read_values(theirs, name="values.yaml")
    )
    assert check.status == "warn"
    assert "namespace 'theirs' -> 'astro' (kept)" in check.observed


def test_lost_line_is_seen(era: str) -> None:
    cut = read_values(era.replace("logLevel: INFO\n", ""), name="v")
    lost = Merged(cut, (), "", frozenset())
    check = judge_merge(lost, original=read_values(era, name="values.yaml"))
    assert check.status == "warn"
    assert "a line of the user's is gone" in check.observed
