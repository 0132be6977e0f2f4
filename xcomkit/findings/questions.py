"""The question that a check answers, so that what passed can be read as a few answers."""

from collections.abc import Mapping

PRIVATE = "Is the bucket private and encrypted?"
ACCESS = "Can the agents, and only they, read and write?"
VALUES = "Does every value come back as it was?"
INSIDE = "Does anything leave the execution plane?"
LEFT = "What is left behind?"
AS_MEANT = "Is the configuration what it was meant to be?"
ABLE = "Can this machine and this run prove it?"
QUESTIONS = (PRIVATE, ACCESS, VALUES, INSIDE, LEFT, AS_MEANT, ABLE)
"""In the order in which they are answered."""

_HUNDREDS: Mapping[str, str] = {
    "0": AS_MEANT, "1": ABLE, "2": PRIVATE, "3": ACCESS, "4": AS_MEANT, "5": VALUES, "6": LEFT,
    "7": VALUES, "8": LEFT, "9": ABLE,
}  # fmt: skip
"""What the rules of a hundred are about, but for those below."""
_OTHERS: Mapping[str, tuple[int, ...]] = {
    PRIVATE: (67, 613),
    ACCESS: (
        4, 16, 19, 22, *range(45, 51), *range(60, 67), 68, 404, *range(407, 413), 502, 510, 513,
        514,
    ),
    VALUES: (5, 15, *range(36, 39), 70, 208, 605, 606, 612, 615),
    INSIDE: (2, 3, 14, 512, 702, *range(704, 709)),
    LEFT: (71, 72, 73, 207, 507, 517, 709, 710),
    AS_MEANT: (520, 611),
}  # fmt: skip
_BY_NUMBER = {number: question for question, numbers in _OTHERS.items() for number in numbers}


def question_of(rule_id: str) -> str:
    """Return the question that the checks of a rule answer."""
    return _BY_NUMBER.get(int(rule_id[2:]), _HUNDREDS[rule_id[2]])
