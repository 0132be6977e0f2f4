"""What saved XCom rows show: lost objects, values in the database, texts in place of values."""

import json
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

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
_ADVICE = {
    XC160: "List the keys below the agents' path again, or have the bucket asked with -f FILE.",
    XC162: "Save the answers of the API again, and the values or pods that hold the path.",
    XC163: "Look whether the task pushed a text on purpose.",
}
_PAGE = 5000  # az storage blob list, --num-results: where it ends unless asked for more
_MORE = re.compile(
    r'"(?:IsTruncated|NextToken|NextContinuationToken|nextMarker|nextPageToken)": (?:true|"[^"])'
)
_GENERATION = re.compile(r"#\d{10,20}$")  # gcloud storage ls --json writes it behind the key
_EPOCH = datetime.fromtimestamp(0, UTC)

Row = Mapping[str, Any]
There = Callable[[BasePath, BasePath], bool | None]
"""Tells whether the object of a reference below a path is there; ``None`` where it is not known."""


def read_rows(text: str) -> list[Row]:
    """Return the rows of answers of Airflow's REST API, or of a list of references.

    An answer without any, such as a refusal, is a row of which nothing is known.
    """
    rows: list[Row] = []
    documents, is_all = _read_documents(text)
    for document in documents:
        found = _walk(document, is_row=lambda item: "key" in item)
        known = ({"value": one} if isinstance(one, str) else one for one in found)
        of_document = [row for row in known if "key" in row or parse_base_path(row["value"])]
        is_empty = isinstance(document, dict) and document.get("xcom_entries") == []
        rows += of_document or ([] if is_empty else [{}])
    return rows if is_all else [*rows, {}]


def read_listing(text: str) -> There:
    """Return what a listing tells, however the cloud's command arranges its keys.

    One without any key below the path is empty, of another place, or a refusal: it tells nothing.
    One that ends early tells nothing of the keys that it lacks.
    """
    documents, is_all = _read_documents(text)
    texts = [one for one in _walk(documents, is_row=lambda _: False) if isinstance(one, str)]
    urls = {one: parse_base_path(one) for one in texts}
    goes_on = any(_MORE.search(json.dumps(one)) or _is_full(one) for one in documents[-1:])
    is_part = goes_on or not is_all
    whole = {one: f"{url.bucket}/{url.prefix}" for one, url in urls.items() if url}
    keys = {_GENERATION.sub("", whole[one]) if one in whole else one for one in texts}

    @cache
    def is_of(path: str) -> bool:
        return any(one.startswith(path) and one.count("/", len(path)) > 2 for one in keys)

    def is_there(reference: BasePath, base: BasePath) -> bool | None:
        if {reference.prefix, f"{reference.bucket}/{reference.prefix}"} & keys:
            return True
        below = f"{base.prefix}/" if base.prefix else ""
        is_whole = not is_part and (is_of(below) or is_of(f"{base.bucket}/{below}"))
        return False if is_whole else None

    return is_there


def _is_full(page: Any) -> bool:
    return isinstance(page, list) and len(page) == _PAGE


def _read_documents(text: str) -> tuple[list[Any], bool]:
    """Return the JSON documents of a file, one after another, and whether they are all of it."""
    decoder = json.JSONDecoder()
    documents: list[Any] = []
    rest = text.strip()
    while rest:
        try:
            document, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return documents, False
        documents.append(document)
        rest = rest[end:].lstrip()
    return documents, True


def _walk(document: Any, *, is_row: Callable[[Row], bool]) -> Iterator[Any]:
    """Yield each text of a document, and each mapping that is a row as a whole."""
    waiting = deque([document])
    while waiting:
        item = waiting.popleft()
        if isinstance(item, str) or (isinstance(item, dict) and is_row(item)):
            yield item
        elif isinstance(item, (dict, list)):
            waiting += item.values() if isinstance(item, dict) else item


def judge_rows(
    rows: Sequence[Row], *, there: There | None, environments: Sequence[Mapping[str, str]]
) -> Iterator[Finding]:
    """Yield what is wrong with rows; ``there`` is ``None`` where objects were not looked at."""
    texts = {one.get(PATH, "") for one in environments}
    bases = [base for base in map(parse_base_path, texts) if base and base.bucket]
    limits = [one.get(THRESHOLD, "").strip() for one in environments]
    limit = min((int(one) for one in limits if re.fullmatch(r"\d{1,18}", one)), default=None)
    found: dict[tuple[Rule, bool], list[str]] = {}
    for row in rows or [{}]:
        for rule, is_sure, text in _judge(row, bases=bases, there=there, limit=limit):
            found.setdefault((rule, is_sure), []).append(text)
    for (rule, is_sure), hits in found.items():
        start = number_of(len(hits), "reference" if rule is XC160 else "row")
        if rule is XC160:
            lost = f"{start} without an object"
            start = lost if is_sure else f"whether the objects of {start} are there is not known"
        yield Finding(
            rule, _FILE, 1, f"{start}: {listed(hits, most=_MOST_NAMED)}", "references to objects",
            is_unknown=not is_sure, advice="" if is_sure else _ADVICE[rule],
        )  # fmt: skip


def _judge(
    row: Row, *, bases: Sequence[BasePath], there: There | None, limit: int | None
) -> Iterator[tuple[Rule, bool, str]]:
    """Yield what a row offends against, whether that is sure, and what is said of it."""
    ids = [str(row.get(name, "")) for name in ("dag_id", "run_id", "task_id")]
    index = f"[{row['map_index']}]" if row.get("map_index", -1) not in (-1, "-1") else ""
    key = str(row.get("key", ""))
    name = f"{'/'.join(ids)}{index} {key}" if row else "an answer of the API"
    value = row.get("value")
    text = value if isinstance(value, str) else ""
    reference = parse_base_path(text)
    base = next((one for one in bases if reference and _is_below(reference, one)), None)
    if reference and base:
        stored = parse_key(StoredObject(reference.prefix, 0, _EPOCH), prefix=base.prefix)
        whose = [stored.dag_id, stored.run_id, stored.task_id]
        if there and not (is_there := there(reference, base)):
            yield XC160, is_there is False, text
        if stored.layout == "uuid" and any(ids) and whose != ids:
            yield XC163, True, f"{name} is the path of an object of {'/'.join(whose)}"
    elif reference and bases and any(ids) and f"/{'/'.join(ids)}/" in text:
        yield XC163, True, f"{name} is not below the path of the agents: {text}"
    elif "value" not in row or not bases:
        yield XC162, False, f"{name} has no value here" if bases else "the agents' path is unknown"
    elif value is not None and not key.startswith(_LINK):
        size = len(json.dumps(value))
        if limit is not None and size >= limit:
            # without ids it may be no XCom at all
            yield XC162, all(ids), f"{name} has {number_of(size, 'byte')}"
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
