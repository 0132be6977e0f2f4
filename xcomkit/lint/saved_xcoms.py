"""What saved XCom rows show: lost objects, values in the database, texts in place of values."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding, Rule, StoredObject
from xcomkit.findings.text import listed, number_of
from xcomkit.objects.keys import parse_key
from xcomkit.values.names import PATH, THRESHOLD, BasePath, parse_base_path

XC160 = Rule(
    id="XC160",
    title="The object of every XCom reference is in the bucket",
    severity="fail",
    why="The value is lost: the stock class hands its path to the task that pulls it.",
    remedy="Run the tasks that pushed them again; what else is found here says why they were lost.",
    source="common.io provider, xcom backend",
)
XC162 = Rule(
    id="XC162",
    title="The database holds references, and no value of the threshold's size or larger",
    severity="fail",
    why="These values have left the execution plane, past the backend: by pods with other settings,"
    " before it was set, from triggers that end a task, or from tasks of other languages.",
    remedy="Look at the newest of these rows: where an agent wrote it, correct its XCom settings;"
    " then delete the runs of these rows, or airflow db clean --tables xcom.",
    source="common.io provider, xcom backend; airflow.models.trigger",
)
XC163 = Rule(
    id="XC163",
    title="What a task pulls is the value that was pushed, and no text in its place",
    severity="fail",
    why="A reference outside the path of the agents is handed out as the text it is, and so is the"
    " path of a missing object; a task may push it on.",
    remedy="Set the path back until runs begun before the change are over; run again the task"
    " whose object is named, and those after it.",
    source="common.io provider, xcom backend, _get_full_path",
)
RULES: tuple[Rule, ...] = (XC160, XC162, XC163)

_FILE = "xcoms.json"
_LINK = "_link_"  # how the keys begin of what Airflow itself writes past every backend
_MOST_NAMED = 10
_EPOCH = datetime.fromtimestamp(0, UTC)

Row = Mapping[str, Any]


def read_rows(text: str) -> list[Row]:
    """Return the rows of answers of Airflow's REST API, or of a list of references."""
    found = _walk(text, name=_FILE)
    rows = ({"value": one} if isinstance(one, str) else one for one in found)
    return [row for row in rows if "key" in row or parse_base_path(row["value"])]


def read_keys(text: str) -> set[str]:
    """Return every text of a listing, however the cloud's command arranges the keys."""
    return {one for one in _walk(text, name="objects.json") if isinstance(one, str)}


def _walk(text: str, *, name: str) -> Iterator[Any]:
    """Yield each text of one or more JSON documents, and each XCom row as a whole."""
    decoder = json.JSONDecoder()
    waiting: list[Any] = []
    rest = text.strip()
    try:
        while rest:
            document, end = decoder.raw_decode(rest)
            waiting.append(document)
            rest = rest[end:].lstrip()
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: is no JSON: {error}.", hint="save it again.") from error
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, str) or (isinstance(item, dict) and "key" in item):
            yield item
        elif isinstance(item, (dict, list)):
            waiting += item.values() if isinstance(item, dict) else item


def judge_rows(
    rows: Sequence[Row], *, keys: Collection[str] | None, environments: Sequence[Mapping[str, str]]
) -> Iterator[Finding]:
    """Yield what is wrong with rows; ``keys`` are those of the objects, ``None`` where unknown."""
    texts = {one.get(PATH, "") for one in environments}
    bases = [base for base in map(parse_base_path, texts) if base and base.bucket]
    limits = [one.get(THRESHOLD, "").strip() for one in environments]
    limit = min((int(one) for one in limits if re.fullmatch(r"\d{1,18}", one)), default=None)
    found: dict[tuple[Rule, bool], list[str]] = {}
    for row in rows:
        for rule, is_sure, text in _judge(row, bases=bases, keys=keys, limit=limit):
            found.setdefault((rule, is_sure), []).append(text)
    for (rule, is_sure), hits in found.items():
        thing = "reference without an object" if rule is XC160 else "row"
        observed = f"{number_of(len(hits), thing)}: {listed(hits, most=_MOST_NAMED)}"
        yield Finding(rule, _FILE, 1, observed, "references to objects", is_unknown=not is_sure)


def _judge(
    row: Row, *, bases: Sequence[BasePath], keys: Collection[str] | None, limit: int | None
) -> Iterator[tuple[Rule, bool, str]]:
    """Yield what a row offends against, whether that is sure, and what is said of it."""
    ids = [str(row.get(name, "")) for name in ("dag_id", "run_id", "task_id")]
    index = f"[{row['map_index']}]" if row.get("map_index", -1) not in (-1, "-1") else ""
    name = f"{'/'.join(ids)}{index} {row.get('key', '')}"
    value = row.get("value")
    text = value if isinstance(value, str) else ""
    reference = parse_base_path(text)
    base = next((one for one in bases if reference and _is_below(reference, one)), None)
    if reference and base:
        stored = parse_key(StoredObject(reference.prefix, 0, _EPOCH), prefix=base.prefix)
        whose = [stored.dag_id, stored.run_id, stored.task_id]
        if keys is not None and reference.prefix not in keys and text not in keys:
            yield XC160, True, text
        if stored.layout == "uuid" and any(ids) and whose != ids:
            yield XC163, True, f"{name} is the path of an object of {'/'.join(whose)}"
    elif reference and bases and any(ids) and f"/{'/'.join(ids)}/" in text:
        yield XC163, True, f"{name} is not below the path of the agents: {text}"
    elif "value" not in row or not bases:
        yield XC162, False, f"{name} has no value here" if bases else "the agents' path is unknown"
    elif value is not None and not row.get("key", "").startswith(_LINK):
        size = len(json.dumps(value))
        if limit is not None and size >= limit:
            yield XC162, True, f"{name} has {number_of(size, 'byte')}"
        if text and _is_json(text):
            yield XC163, False, f"{name} is a text of JSON"


def _is_below(reference: BasePath, base: BasePath) -> bool:
    prefix = f"{base.prefix}/" if base.prefix else ""
    return reference.prefix.startswith(prefix) and (
        (reference.connection_id, reference.bucket) == (base.connection_id, base.bucket)
    )


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False
