"""Merges the fragment into the user's values file without touching what it is not about.

The file is edited by position instead of being dumped anew: comments, order, quoting, anchors,
line ends and unknown keys stay byte for byte. The result is read back and compared before it is
handed out; a shape that cannot be edited safely is refused in one sentence.
"""

import difflib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.findings.text import listed
from xcomkit.values import sensitive
from xcomkit.values.edits import apply
from xcomkit.values.merge_plan import Change, Conflict, MergePlan
from xcomkit.values.merge_rules import canonical, label
from xcomkit.values.names import is_sops
from xcomkit.values.parts import below, find_agents
from xcomkit.values.values import Key, Values, read_values


@dataclass(frozen=True, slots=True)
class Merged:
    """The merged file, what differed, a unified diff without secrets, and the lines rewritten."""

    values: Values = field(repr=False)
    conflicts: tuple[Conflict, ...]
    diff: str
    rewritten: frozenset[int]

    @property
    def text(self) -> str:
        """Return the merged text."""
        return self.values.text


def merge(original: str, fragment: Mapping[str, Any], *, name: str) -> Merged:
    """Return the fragment merged into the text of a values file; merging again changes nothing.

    Mappings are merged key by key and lists of named entries by name. What the file says otherwise
    is a conflict: kept, or replaced where the runbook owns it. Any other list is one value. A null
    or an empty container asks for the key only; an unset value of the file is filled.

    Raises:
        InputError: when the text is no values file, or shaped so that an edit would be a guess.
    """
    before = read_values(original, name=name)
    _refuse_wrapped(before)
    plan = MergePlan(before, fragment, below=_place_of_agents(before))
    text = apply(original, plan.edits)
    after = _verified(text, before=before, plan=plan, fragment=fragment)
    within = below(after, *plan.below) if plan.below else after
    return Merged(within, tuple(plan.conflicts), _diff(before, after), frozenset(plan.rewritten))


def _refuse_wrapped(values: Values) -> None:
    """Refuse a file into which no fragment may be written by position.

    Raises:
        InputError: sops signed it, or the values stand inside an object of Kubernetes.
    """
    if is_sops(values.data):
        problem = f"{values.name}: encrypted by sops, whose MAC covers every value."
        hint = "paste the fragment in sops edit FILE, or merge into what sops decrypt prints."
        raise InputError(problem, hint=hint)
    kind = values.get("kind")
    if isinstance(kind, str) and isinstance(values.get("apiVersion"), str):
        problem = f"{values.name}: a Kubernetes {kind[:60]}, no values file."
        hint = "cut the values out with yq, merge the fragment into them, and put them back."
        raise InputError(problem, hint=hint)


def _place_of_agents(values: Values) -> Key:
    """Return the key of a subchart below which the agents' values stand, or the top.

    Raises:
        InputError: there are several.
    """
    places = list(find_agents(values.data))
    if len(places) > 1:
        names = listed([label(place) for place in places], most=10)
        problem = f"{values.name}: values of several agents, below {names}."
        raise InputError(problem, hint="keep those of each release in a file of its own.")
    return places[0] if places else ()


def _verified(text: str, *, before: Values, plan: MergePlan, fragment: Mapping[str, Any]) -> Values:
    """Return the result read back, after checking that it says what it should and no more."""
    try:
        after = read_values(text, name=before.name)
        again = MergePlan(after, fragment, below=plan.below)
    except InputError as error:
        raise _unsafe(before.name, str(error.args[0]).rstrip(".")) from None
    if again.edits:
        raise _unsafe(before.name, "a second merge would change it again")
    # a line end the file lacked belongs to what was added, not to a block text that stood last
    ended = before.text if before.text.endswith("\n") else before.text + "\n"
    whole = read_values(ended, name=before.name) if text.endswith("\n") else before
    if canonical(after.data) != canonical(_changed(whole.data, plan.changes)):
        has_anchors = "*" in before.text
        elsewhere = "an anchor would carry the change" if has_anchors else "something would change"
        raise _unsafe(before.name, f"{elsewhere} elsewhere")
    return after


def _changed(data: dict[str, Any], changes: list[Change]) -> dict[str, Any]:
    """Return the data as it must be once exactly these changes are made."""
    result: Any = deepcopy(data)
    for change in changes:
        *parents, last = change.place
        holder = result
        for part in parents:
            holder = holder[part]
        if change.appended:
            holder[last].append(change.value)
        else:
            holder[last] = change.value
    return dict(result)


def _unsafe(name: str, reason: str) -> InputError:
    return InputError(
        f"{name}: cannot be merged without touching other lines ({reason}).",
        hint="write the XCom settings out by hand, as in the fragment shown, and lint the file.",
    )


def _diff(before: Values, after: Values) -> str:
    """Return the unified diff of both texts with their secrets masked."""
    old, new = (sensitive.masked(values).split("\n") for values in (before, after))
    lines = difflib.unified_diff(
        old, new, fromfile=before.name, tofile=f"{before.name} (merged)", lineterm=""
    )
    return "\n".join(lines)
