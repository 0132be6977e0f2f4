"""IAM policy statements with three answers, where the stand-in's evaluator has to take sides.

Conditions are evaluated by ``xcomkit.local.conditions``. Patterns are matched here, because those
of a file may be made to keep a regular expression busy for ever.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from xcomkit.cloud_documents import items
from xcomkit.errors import InputError
from xcomkit.lint.cloud_files.reading import Block, block, line_of, refusal, texts
from xcomkit.local.conditions import Context, both, either, evaluate, to_texts

MOST_TEXTS = 5_000  # IAM takes 10,240 characters of policies per role
_NOTHING = "\0"
_LIKE = ("StringLike", "StringNotLike")
_ARN = ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike")


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of a Condition block: ``operator`` as written, ``key`` in lower case."""

    operator: str
    key: str
    wanted: Any

    @property
    def base(self) -> str:
        """Return the operator without ``ForAnyValue:`` and ``IfExists``."""
        return self.operator.rpartition(":")[2].removesuffix("IfExists")

    @property
    def values(self) -> tuple[str, ...]:
        """Return the wanted values as texts."""
        return to_texts(self.wanted)

    @property
    def passes_without_claim(self) -> bool:
        """Tell whether it is met as well by a request that does not carry the key."""
        return self.operator.startswith("ForAllValues:") or self.operator.endswith("IfExists")

    def is_met(self, context: Context) -> bool | None:
        """Return whether a request meets it; ``None`` where the file alone cannot tell."""
        wanted = self.values
        if self.base in _LIKE:
            wanted = tuple(
                text for pattern in wanted for text in _resolved(pattern, context.get(self.key, ()))
            )
        elif self.base in _ARN and any("*" in text for text in wanted):
            return None
        return evaluate({self.operator: {self.key: list(wanted)}}, context)


def _resolved(pattern: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values that a pattern covers, in its place; ``${...}`` stays undecidable."""
    if "${" in pattern:
        return (pattern,)
    return tuple(v for v in values if covers(pattern, v) and not set(v) & {"*", "?"}) or (_NOTHING,)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy; ``clauses`` is ``None`` where the block is none IAM takes."""

    source: Block
    denies: bool
    clauses: tuple[Clause, ...] | None

    @property
    def principals(self) -> Block | None:
        """Return who it speaks of by kind; ``None`` in a policy of an identity."""
        if "NotPrincipal" in self.source:
            return Block(AWS="*")
        if "Principal" not in self.source:
            return None
        found = self.source["Principal"]
        return found if isinstance(found, Block) else Block(AWS=found)

    def has_action(self, action: str) -> bool | None:
        """Return whether it speaks of an action; IAM ignores the case."""
        return self._element("Action", action.lower(), ignore_case=True)

    def has_resource(self, arn: str) -> bool | None:
        """Return whether it speaks of a resource."""
        return self._element("Resource", arn)

    def is_met(self, context: Context, *, unknown: frozenset[str] = frozenset()) -> bool | None:
        """Return whether a request meets the conditions, all of them."""
        if self.clauses is None:
            return None
        return both(
            None if clause.key in unknown else clause.is_met(context) for clause in self.clauses
        )

    def _element(self, name: str, text: str, *, ignore_case: bool = False) -> bool | None:
        inverted = f"Not{name}" in self.source and name not in self.source
        patterns = texts(self.source.get(f"Not{name}" if inverted else name))
        verdict = either(
            None if "${" in p else covers(p.lower() if ignore_case else p, text) for p in patterns
        )
        if not patterns:
            return None if inverted else False
        return (None if verdict is None else not verdict) if inverted else verdict


def read_statements(
    document: object, *, name: str, most: int = MOST_TEXTS
) -> tuple[Statement, ...]:
    """Return the statements of a policy document.

    Raises:
        InputError: a statement is none, or there are more than IAM would take.
    """
    policy = block(document)
    found = []
    for source in items(policy.get("Statement")):
        if not isinstance(source, Block) or source.get("Effect") not in ("Allow", "Deny"):
            raise _malformed(name, line_of(source, policy), "a statement without an Effect")
        clauses = _read_clauses(source.get("Condition"))
        found.append(Statement(source, source["Effect"] == "Deny", clauses))
    if sum(map(_size, found)) > most:
        raise _malformed(name, line_of(policy), "a policy larger than IAM takes")
    return tuple(found)


def _malformed(name: str, line: int, problem: str) -> InputError:
    return refusal(name, line, 1, problem)


def _size(statement: Statement) -> int:
    names = ("Action", "NotAction", "Resource", "NotResource")
    listed = sum(len(texts(statement.source.get(one))) for one in names)
    principals = sum(len(items(value)) for value in (statement.principals or {}).values())
    return 1 + listed + principals + sum(len(c.values) for c in statement.clauses or ())


def _read_clauses(condition: object) -> tuple[Clause, ...] | None:
    if condition is None:
        return ()
    if not isinstance(condition, Block) or not all(
        isinstance(k, Block) for k in condition.values()
    ):
        return None
    return tuple(_list_clauses(condition))


def _list_clauses(condition: Mapping[str, Any]) -> Iterator[Clause]:
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            yield Clause(str(operator), str(key).lower(), wanted)


def covers(pattern: str, text: str) -> bool:
    """Return whether a pattern with ``*`` and ``?`` covers the text, in time linear in both."""
    return _compile(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compile(pattern: str) -> re.Pattern[str]:
    """Return a pattern whose pieces, once found, are never given back (atomic groups)."""
    pieces = ["".join("." if c == "?" else re.escape(c) for c in p) for p in pattern.split("*")]
    if len(pieces) == 1:
        return re.compile(pieces[0], re.DOTALL)
    first, *middle, last = pieces
    source = first + "".join(f"(?>.*?{piece})" for piece in middle if piece) + ".*" + last
    return re.compile(source, re.DOTALL)
