"""What an editor can show of a values.yaml: ``docs/values.schema.json`` is written from here.

Generated from the rules that look at one value only. Keys that this project does not know are
allowed, and so is what another tool fills in: ``${NAME}``, ``{{ ... }}``, sops and vals.
"""

import json
from typing import Any

from xcomkit.findings.model import CODECS, Rule
from xcomkit.lint.rules.annotations import FORMS, XC048
from xcomkit.lint.rules.compression import XC005
from xcomkit.lint.rules.connections import XC019
from xcomkit.lint.rules.entries import SHAPES, XC006
from xcomkit.lint.rules.identity import AZURE_LABEL, XC050
from xcomkit.lint.rules.storage import DATABASE_CLASSES, OLD_CLASSES, XC002, XC009, XC011
from xcomkit.lint.rules.stores import STORES
from xcomkit.values.names import BACKEND, COMPRESSION, CONNECTION_PREFIX, PATH, THRESHOLD

Schema = dict[str, Any]

_FILLED_IN = r"|.*(?:\$\{|\{\{|\bENC\[|\bref\+|<path:).*"
_TYPES = {list: "array", dict: "object", str: "string"}
_CLASS = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+"


def said_by(rule: Rule, schema: Schema) -> Schema:
    """Return a schema with what an editor shows where it does not hold."""
    text = f"{rule.id}: {rule.title}. {rule.remedy}"
    return {"description": text, "errorMessage": text, **schema}


def matching(rule: Rule, pattern: str) -> Schema:
    """Return the schema of a text that is written as a rule asks, or filled in by another tool."""
    return said_by(rule, {"pattern": f"^(?:{pattern}{_FILLED_IN})$"})


def or_null(schema: Schema) -> Schema:
    """Return a schema that takes null as well, by which helm takes a default away."""
    return {**schema, "type": [schema["type"], "null"]}


def paths() -> str:
    """Return the pattern of XC011: only Azure needs the connection to know the account."""
    azure = "|".join(STORES["azure"].schemes)
    others = "|".join((*STORES["aws"].schemes, *STORES["gcp"].schemes))
    rest = r"[^/@\s]+(?:/(?:.*\S)?)?"
    return rf"(?:{others})://(?:[^/@\s]+@)?{rest}|(?:{azure})://[^/@\s]+@{rest}"


def variables() -> dict[str, Schema]:
    """Return what the values of variables must look like, by the pattern of their names."""
    codecs = "|".join(codec for codec in CODECS if codec != "none")
    return {
        f"^{PATH}$": matching(XC011, paths()),
        f"^{THRESHOLD}$": matching(XC002, r"\s*\+?[0-9][0-9_]*(?:\.0*)?(?:[eE]\+?[0-9]+)?\s*"),
        f"^{COMPRESSION}$": matching(XC005, f"(?:{codecs})?"),
        f"^{BACKEND}$": backend(),
        f"^{CONNECTION_PREFIX}": matching(
            XC019, r"\s*|\s*\{[\s\S]*\}\s*|[A-Za-z][\w+.-]*://[\s\S]*"
        ),
    }


def backend() -> Schema:
    """Return the schema of the backend class."""
    wrong = sorted({*OLD_CLASSES, *DATABASE_CLASSES})
    return {**matching(XC009, _CLASS), "not": {"enum": wrong}}


def entries() -> Schema:
    """Return the schema of a list of environment variables."""
    text = said_by(XC006, {"type": "string"})
    by_name = [
        {
            "if": {"properties": {"name": {"pattern": name}}, "required": ["name"]},
            "then": {"properties": {"value": value}},
        }
        for name, value in variables().items()
    ]
    entry = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": text, "value": text},
        "allOf": by_name,
    }
    return {"type": ["array", "null"], "items": entry}


def annotations() -> Schema:
    """Return the schema of annotations, of which those of workload identity are known."""
    known = {}
    for key, (pattern, _) in FORMS.items():
        # the regular expressions of editors know no flags inside of them
        written = pattern.pattern.replace("(?i)", "").replace("[0-9a-f]", "[0-9a-fA-F]")
        known[key] = {**matching(XC048, written), "type": "string"}
    return {"type": ["object", "null"], "properties": known}


def values_schema() -> Schema:
    """Return the schema of a values.yaml of the agent chart, or of a part that is laid over one."""
    shapes = {
        key: said_by(XC006, or_null({"type": _TYPES[kind]})) for key, (kind, _) in SHAPES.items()
    }
    account = {
        "type": ["object", "string", "null"],
        "properties": {"annotations": _ref("annotations"), "name": {"type": ["string", "null"]}},
    }
    component = {"env": _ref("entries")}
    group = {**component, "serviceAccount": _ref("account"), "name": {"type": "string"}}
    label = {**said_by(XC050, {"const": "true"}), "type": "string"}
    accounts = dict.fromkeys(("workers", "dagProcessor", "triggerer"), _ref("account"))
    within: Schema = {
        "workers": {"items": {"type": "object", "properties": group}},
        "dagProcessor": {"properties": component},
        "triggerer": {"properties": component},
        "serviceAccount": {"properties": {"annotations": _ref("annotations"), **accounts}},
        "labels": {"properties": {AZURE_LABEL: label}},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "values.yaml of the remote execution agent chart",
        "type": ["object", "null"],
        "definitions": {"entries": entries(), "annotations": annotations(), "account": account},
        "properties": {
            **{key: {**shape, **within.get(key, {})} for key, shape in shapes.items()},
            "annotations": _ref("annotations"),
            "commonEnv": _ref("entries"),
            "xcomBackend": {**backend(), "type": ["string", "null"]},
        },
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def to_text() -> str:
    """Return the schema as the file holds it."""
    return json.dumps(values_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(to_text(), end="")
