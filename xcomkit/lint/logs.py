"""What the log of an agent shows: errors that are known, and how many are not."""

import re
from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.findings.text import number_of
from xcomkit.lint.symptoms import SYMPTOMS, Symptom

XC129 = Rule(
    "XC129",
    "The logs show no error that is not known here",
    "warn",
    "What is not in the index of texts may still be about XCom.",
    "Read the log at that line.",
    "docs/troubleshooting.md",
)
RULES: tuple[Rule, ...] = (XC129, *(symptom.rule for symptom in SYMPTOMS))

_ERROR = re.compile(
    r"(?:(?:[a-z_]\w{0,40}\.){0,8}([A-Z]\w{0,60}(?:Error|Exception))(?:: |$)"
    r"|.{0,80}\b(?:ERROR|CRITICAL)\b|.{0,80}\[error {0,5}\]"
    r'|\{.{0,2000}"level": ?"(?:error|critical)")'
)
_MOST_NAMED = 8


def _is_in(text: str, line: str) -> bool:
    """Tell whether a text is in a line; a star in it stands for anything."""
    start, _, end = text.partition("*")
    _, found, rest = line.partition(start)
    return bool(found) and end in rest


def find_symptoms(text: str, *, file: str) -> Iterator[Finding]:
    """Yield each symptom that a log shows once: at its last line, with how often it is there.

    Of a line the known text alone is shown, because the rest may hold a value. Errors that are not
    known are one finding that is unknown, with the names of their classes.
    """
    seen: dict[Symptom, tuple[int, int, str]] = {}
    others: list[tuple[int, str]] = []
    # of a log in JSON the texts are there with their quotes escaped
    for number, line in enumerate(text.replace('\\"', '"').splitlines(), start=1):
        known = False
        for symptom in SYMPTOMS:  # of two texts on a line the cause stands before what follows
            if not known and (found := next((t for t in symptom.texts if _is_in(t, line)), "")):
                known = True
                times = seen.get(symptom, (0, 0, ""))[0]
                seen[symptom] = times + 1, number, found
        if not known and (error := _ERROR.match(line[:2000])):
            others.append((number, error[1] or "ERROR"))
    for symptom in filter(seen.__contains__, SYMPTOMS):
        times, number, found = seen[symptom]
        observed = f"{found!r} on {number_of(times, 'line')}"
        yield Finding(symptom.rule, file, number, observed, expected="no such line")
    if others:
        names = ", ".join(list(dict.fromkeys(name for _, name in others))[:_MOST_NAMED])
        yield Finding(
            XC129,
            file,
            others[-1][0],
            f"{number_of(len(others), 'error line')}: {names}",
            "none",
            "",
            True,
        )
