"""IAM policy statements with three answers, where the stand-in's evaluator has to take sides."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xcomkit.cloud_documents import items
from xcomkit.cloud_documents.conditions import Context, both, either, evaluate, matches, to_texts
from xcomkit.lint.cloud_files.reading import Block, block, refusal, texts

MOST_TEXTS = 5_000  # IAM takes 10,240 characters of policies per role


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
        return evaluate({self.operator: {self.key: list(self.values)}}, context)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy; ``clauses`` is ``None`` where the block is none IAM takes.

    ``label`` says which one it is: statement 2 (Sid Objects).
    """

    label: str
    source: Block
    denies: bool
    clauses: tuple[Clause, ...] | None

    @property
    def principals(self) -> Block | None:
        """Return who it speaks of by kind; ``None`` in a policy of an identity."""
        if "NotPrincipal" in self.source:
            return {"AWS": "*"}
        if "Principal" not in self.source:
            return None
        found = self.source["Principal"]
        return found if isinstance(found, dict) else {"AWS": found}

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
        verdict = either(matches(p.lower() if ignore_case else p, text) for p in patterns)
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
    for number, one in enumerate(items(policy.get("Statement")), start=1):
        source = block(one)
        label = f"statement {number}"
        if source.get("Effect") not in ("Allow", "Deny"):
            raise refusal(name, 1, 1, f"{label} has no Effect")
        if sid := texts(source.get("Sid")):
            label = f"{label} (Sid {sid[0][:60]})"
        clauses = _read_clauses(source.get("Condition"))
        found.append(Statement(label, source, source["Effect"] == "Deny", clauses))
    if sum(map(_size, found)) > most:
        raise refusal(name, 1, 1, "a policy larger than IAM takes")
    return tuple(found)


def _size(statement: Statement) -> int:
    names = ("Action", "NotAction", "Resource", "NotResource")
    listed = sum(len(texts(statement.source.get(one))) for one in names)
    principals = sum(len(items(value)) for value in (statement.principals or {}).values())
    return 1 + listed + principals + sum(len(c.values) for c in statement.clauses or ())


def _read_clauses(condition: object) -> tuple[Clause, ...] | None:
    if condition is None:
        return ()
    if not isinstance(condition, dict) or not all(
        isinstance(keys, dict) for keys in condition.values()
    ):
        return None
    return tuple(_list_clauses(condition))


def _list_clauses(condition: Mapping[str, Any]) -> Iterator[Clause]:
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            yield Clause(str(operator), str(key).lower(), wanted)
