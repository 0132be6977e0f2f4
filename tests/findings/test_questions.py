"""Every rule answers one of the questions by which passed checks are grouped."""

from xcomkit.findings.questions import QUESTIONS, question_of
from xcomkit.steps.rule_index import RULES_BY_ID


def test_every_rule_answers_a_question_and_every_question_has_rules():
    found = {rule_id: question_of(rule_id) for rule_id in RULES_BY_ID}

    assert set(found.values()) == set(QUESTIONS)


def test_rule_answers_the_question_a_reader_would_look_under():
    for rule_id, words in (
        ("XC203", "private"), ("XC304", "only they"), ("XC208", "come back"), ("XC707", "leave"),
        ("XC207", "left"), ("XC013", "configuration"), ("XC902", "prove"),
    ):  # fmt: skip
        assert words in question_of(rule_id)
