"""The cover of the record: what a reader must know before any notebook.

Target, who, when, what was changed and what was not proved stand before the contents, every check
with the basis of its evidence behind them. Texts are cut, so that the page stays small whatever a
service answered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace

from xcomkit.findings.model import Check, CloudName, FaultPair, Status
from xcomkit.findings.text import begin, listed, plain
from xcomkit.notebook import show
from xcomkit.notebook.form import as_text
from xcomkit.notebook.show.words import in_words
from xcomkit.record.record import Record, Resource
from xcomkit.settings.terms import TERMS
from xcomkit.steps.opening import STEPS
from xcomkit.values.helm import CHART

Part = tuple[str, str, show.Table | show.Checks]
"""Id, heading and content of a part of the page."""
Found = list[tuple[str, Check]]

_LONGEST = 2_000  # characters of one text; record.json has the whole
_MOST = 120_000  # characters of all checks
_FILESYSTEMS: Mapping[CloudName, str] = {"aws": "s3fs", "azure": "adlfs", "gcp": "gcsfs"}
_FATES = {
    "created": "created", "changed": "changed", "deleted": "deleted",
    "fulfilled_already": "was as wanted already", "not_made": "not made",
}  # fmt: skip
_KINDS = {
    "bucket": "bucket", "account": "storage account", "OIDC provider": "OIDC provider",
    "managed identity": "managed identity", "service account": "service account",
    "federated credential": "federated credential", "role assignment": "role assignment",
    "trust": "role", "permissions": "role", "connection": "secret", "values file": "file",
}  # fmt: skip
"""What a resource is, by the first of these that is a setting of it."""
_HEARD = ("raised", "retried and stored", "retried and read", "retried and deleted", "stored")
"""Ends of a fault that the task noticed, or did not need to notice."""
_SHORT = 150  # characters of an observation on the cover; the check itself has the whole
_ROWS = 6  # of a table on the cover, so that every part of it is on the first two screens
_RISKS, _REASON = 4, 60  # accepted risks on the cover, and characters of a reason


def make_cover(record: Record) -> tuple[Part, ...]:
    """Return what stands before the contents: the answers that somebody opens a record for."""
    found = _fitting(record)
    return (
        ("findings", "Failed checks, warnings and accepted risks", _findings(found)),
        ("changes", "What was changed", _changes(record)),
        ("not-proved", "What this run did not prove", _unproved(record, found)),
    )


def make_parts(record: Record) -> tuple[Part, ...]:
    """Return what stands behind the contents, before the notebooks."""
    found = _fitting(record)
    left = len(record.checks) - len(found)
    caption = f"All checks; {left} more are in record.json" if left else "All checks"
    checks = show.checks((c for _, c in found), caption=caption, steps=(step for step, _ in found))
    rows = [(one.name, one.what, one.sha256) for one in record.files]
    files = show.table(
        ("file", "what it is", "SHA-256"), rows, caption="To recover what was proved"
    )
    parameters = {n: _cut(as_text(v)) for n, v in record.settings.items() if v not in ("", [], {})}
    return (
        ("checks", "Checks", checks),
        ("files", "Files that were proved", files),
        ("parameters", "Parameters", show.facts(parameters, caption="Those that are not empty")),
        ("versions", "Versions", show.facts(record.versions, caption="What the proof rests on")),
    )  # fmt: skip


def _fitting(record: Record) -> Found:
    """Return each check with its step, cut, what did not pass first, as far as there is room."""
    order = ("fail", "unknown", "warn", "skip", "pass")
    room, fitting = _MOST, []
    for step, check in sorted(record.checks, key=lambda pair: order.index(pair[1].status)):
        texts = {f.name: _cut(getattr(check, f.name)) for f in fields(check)}
        room -= sum(map(len, texts.values()))
        if room < 0:
            break
        fitting.append((step, replace(check, **texts)))  # type: ignore[arg-type]
    return fitting


def tell(record: Record) -> str:
    """Return what the cover says as text, the facts of the run last."""
    tables = [faults(record), *(part for _, _, part in make_cover(record))]
    rows = [[cell.text for cell in row] for row in facts(record).rows]
    lines = "\n".join(f"{name:<12} {plain(value)}" for name, value in rows)
    return "\n\n".join((*map(repr, tables), lines))


def facts(record: Record) -> show.Table:
    """Return target, kind, extent, caller and versions of the run, and what to do next."""
    values = {
        "target": f"{record.target} ({record.settings['region']})",
        "kind": f"{'practice run' if record.practice else 'real target'}: {record.where}",
        "steps": f"{record.ran} of {len(STEPS)} ran",
        "checks": f"{len(record.checks)}: {show.counted(check for _, check in record.checks)}",
        "accepted risks": _accepted(record),
        "configured": _backend(record.configured) or "not known: step 04 did not run",
        "to install": _to_install(record),
        "changes": "apply was on: plans were carried out"
        if record.settings["apply"]
        else "apply was off: plans were displayed only",
        "who ran it": _cut(record.who) or "not asked in these steps",
        "when (UTC)": record.written.replace("T", " ")[:19],
        "versions": _versions(record),
        "run": f"{record.run}; runbook {record.commit or 'not in a git checkout'}",
        "next": record.next,
    }
    return show.facts(values, caption="Run")


def _to_install(record: Record) -> str:
    if not record.good:
        return "nothing yet: what failed has to be fixed first"
    if not record.install:
        return "nothing: step 03 did not run"
    if record.practice:
        return f"nothing from a practice run; on your own account: {record.install}"
    return record.install


def _accepted(record: Record) -> str:
    """Return each risk that was accepted, once, with its reason."""
    risks = {check.id: check.accepted for _, check in record.checks if check.accepted}
    said = [f"{name}: {begin(reason, most=_REASON)}" for name, reason in risks.items()]
    return listed(said, most=_RISKS, separator="; ") or "none"


def _backend(configured: str) -> str:
    """Return class and codec, as ``stock, zip``, in words."""
    backend, _, codec = configured.partition(", ")
    if not backend:
        return ""
    return f"backend {backend}, {f'compression {codec}' if codec != 'none' else 'no compression'}"


def _versions(record: Record) -> str:
    """Return the versions that decide what was proved; the whole list is below."""
    filesystem = _FILESYSTEMS[record.settings["cloud"]]
    names = {
        "Airflow": "apache-airflow", "common-io": "apache-airflow-providers-common-io",
        filesystem: filesystem, "Python": "python", "xcomkit": "xcomkit", "chart": CHART,
    }  # fmt: skip
    return ", ".join(
        f"{word} {record.versions.get(name, 'not known')}" for word, name in names.items()
    )


def _findings(found: Found) -> show.Table:
    """Return what failed, warns or was accepted, with what to do or why it was accepted."""
    rows = [
        (
            show.Cell(check.id, link=f"#{check.id}"),
            show.status_cell(check.status, accepted=bool(check.accepted)),
            show.Cell(_brief(check.observed), more=("expected", check.title)),
            show.Cell(f"accepted: {check.accepted}" if check.accepted else check.remedy),
            show.Cell(step[:2]),
        )
        for step, check in sorted(found, key=lambda pair: not pair[1].closes_gate)
        if check.status not in ("pass", "skip")
    ]
    headers = ("id", "status", "observed", "what to do, or why accepted", "step")
    caption = f"Not as expected: {len(rows) or 'nothing'}"
    return show.Table(caption, headers, _first(rows, left=len(rows) - _ROWS))


def _first(
    rows: Sequence[tuple[show.Cell, ...]], *, left: int
) -> tuple[tuple[show.Cell, ...], ...]:
    """Return the rows that the cover has room for, and in a last one how many are left."""
    if len(rows) <= _ROWS:
        return tuple(rows)
    empty = show.Cell("")
    more = show.Cell(f"and {left} more among all checks", link="#checks")
    return (*rows[:_ROWS], (empty, empty, more, *[empty] * (len(rows[0]) - 3)))


def _changes(record: Record) -> show.Table:
    columns = {"resource": [f"{_kind(one)} {one.name}".strip() for one in record.changes]} | {
        words: [", ".join(getattr(one, name)) for one in record.changes]
        for name, words in _FATES.items()
    }
    used = {name: texts for name, texts in columns.items() if any(texts)}
    rows = zip(*used.values(), strict=True)
    caption = f"Resources: {len(record.changes) or 'none was planned for'}"
    return show.table([*used], rows, caption=caption)


def _kind(one: Resource) -> str:
    settings = {text.partition(" (")[0] for fate in _FATES for text in getattr(one, fate)}
    return next((kind for setting, kind in _KINDS.items() if setting in settings), "")


def faults(record: Record) -> show.Table | show.Text:
    """Return each fault that one of both loses, and how many there were."""
    silent = [sum(map(_is_silent, ends)) for ends in zip(*map(_ends, record.faults), strict=True)]
    rows = tuple(
        (show.Cell(_in_plain_words(one)), *map(_end, _ends(one)))
        for one in record.faults
        if any(map(_is_silent, _ends(one)))
    )
    caption = (
        f"Of {len(record.faults)} faults, {silent[1]} lose something without an error with the"
        f" vendor's values, {silent[0]} with those that are configured"
        if silent
        else "Not proved: no fault was injected"
    )
    configured = _backend(record.configured).removeprefix("backend ")
    headers = ("fault", f"configured: {configured}", "the vendor's: stock, zip")
    return show.Table(caption, headers, rows) if rows else show.Text(f"{caption}.")


def _in_plain_words(pair: FaultPair) -> str:
    said = "200 with an error inside" if pair.fault == "error inside 200" else pair.fault
    answers = "the store answers " if said[:3].isdecimal() else ""  # 403, 503 once
    return f"{pair.operation}: {answers}{said}"


def _ends(pair: FaultPair) -> tuple[str, str]:
    return pair.configured, pair.recommended


def _is_silent(end: str) -> bool:
    return end.startswith("silent")


def _end(end: str) -> show.Cell:
    status: Status = "fail" if _is_silent(end) else "pass" if end in _HEARD else "skip"
    return show.Cell(f"{show.MARKS[status]} {end}" if end else "does not occur", status=status)


def _unproved(record: Record, found: Found) -> show.Table:
    """Return what the run leaves open: also what a step that was not chosen would have seen."""
    open_: dict[tuple[str, str], list[tuple[str, str]]] = {}  # what one reason leaves open
    if record.practice:
        store = TERMS[record.settings["cloud"]].store
        open_["", record.where] = [("", f"What {store} itself answers")]
    ran = {step.name for step in record.steps}
    if left := [s for s in STEPS if s not in ran]:
        verb = "looks" if len(left) == 1 else "look"
        open_["", "not chosen"] = [("", f"What {', '.join(left)} {verb} at")]
    for step, check in found:
        if check.status in ("unknown", "skip") or check.basis == "not-supported-here":
            why = step[:2], _brief(check.observed)
            open_.setdefault(why, []).append((check.id, check.title))
    rows = [
        tuple(map(show.Cell, (step, ", ".join(filter(None, ids)), "; ".join(titles), why)))
        for (step, why), (ids, titles) in (
            (why, zip(*of, strict=True)) for why, of in open_.items()
        )
    ]
    counts = [len(of) for of in open_.values()]
    headers = ("step", "id", "what is not proved", "why")
    caption = f"Not proved: {sum(counts) or 'nothing was left open'}"
    return show.Table(caption, headers, _first(rows, left=sum(counts[_ROWS:])))


def _brief(text: str) -> str:
    return begin(in_words(text), most=_SHORT)


def _cut(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … ({len(text):,} characters, whole in record.json)"
