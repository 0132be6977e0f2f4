import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from xcomkit.findings.model import Finding
from xcomkit.lint.cloud_files import RULES, Agents, judge_lifecycle, judge_policy, judge_trust
from xcomkit.values.names import parse_base_path

EXAMPLES = yaml.safe_load(Path(__file__).with_name("examples.yaml").read_text(encoding="utf-8"))
SUBJECTS = tuple(
    f"system:serviceaccount:airflow:astro-{name}"
    for name in ("worker-default", "dag-processor", "triggerer")
)
SCHEMES = {"XC061": "gs", "XC066": "abfs", "XC067": "gs", "XC071": "abfs"}
IDS = [rule.id for rule in RULES]


def judge_example(rule_id: str, kind: str) -> tuple[Finding, ...]:
    name = f"{rule_id}-{kind}.json"
    text = json.dumps(EXAMPLES[rule_id][kind])
    path = parse_base_path(f"{SCHEMES.get(rule_id, 's3')}://conn@acme-xcom/prod/xcom")
    state = replace(path, prefix="prod/state")
    agents = Agents(subjects=SUBJECTS, paths=(path,))
    if rule_id in ("XC060", "XC061", "XC062"):
        return tuple(judge_trust(text, name=name, agents=agents).findings)
    if rule_id in ("XC070", "XC071", "XC072", "XC073", "XC438"):
        days = None if name == "XC072-fail.json" else 30
        agents = replace(agents, state_paths=(state,))
        found = judge_lifecycle(text, name=name, agents=agents, rerun_days=days)
        return tuple(found.findings)
    return tuple(judge_policy(text, name=name, agents=agents).findings)


def test_ids_are_stable_unique_and_explained() -> None:
    assert sorted(set(IDS)) == IDS
    for rule in RULES:
        assert all((rule.title, rule.why, rule.remedy, rule.source)), rule.id


def test_every_rule_has_a_failing_and_a_passing_example() -> None:
    assert list(EXAMPLES) == IDS
    assert all(set(kinds) == {"fail", "pass"} for kinds in EXAMPLES.values())


@pytest.mark.parametrize("rule", RULES, ids=IDS)
def test_failing_example_breaks_its_rule_and_no_other_and_the_passing_none(rule) -> None:
    findings = judge_example(rule.id, "fail")
    assert {(f.rule.id, f.severity) for f in findings} == {(rule.id, rule.severity)}
    assert {finding.file for finding in findings} == {f"{rule.id}-fail.json"}
    assert judge_example(rule.id, "pass") == ()


@pytest.mark.parametrize(
    ("rule_id", "words"),
    [
        ("XC062", "statement 1 (Sid Agents)"),
        ("XC064", "statement 1 (Sid LookAtBucket)"),
        ("XC067", "allUsers"),
        ("XC068", "statement 3 (Sid OnlyEncrypted)"),
        ("XC070", "rule 'xcom'"),
    ],
)
def test_finding_names_the_statement_it_objects_to(rule_id: str, words: str) -> None:
    (finding,) = judge_example(rule_id, "fail")
    assert words in finding.observed
