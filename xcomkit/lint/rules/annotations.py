"""Rules about how annotations of workload identity are written, wherever they stand."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import Configuration, Place
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules.prefixes import clouds
from xcomkit.settings.terms import TERMS
from xcomkit.values.names import find_placeholder, is_reference, without_templates
from xcomkit.values.values import Key

CLIENT_ID = "AZURE_CLIENT_ID"
FORMS = {
    TERMS["aws"].annotation: (
        re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+"),
        "arn:aws:iam::<account>:role/<role>",
    ),
    TERMS["azure"].annotation: (
        re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
        "<client id of the managed identity>",
    ),
    TERMS["gcp"].annotation: (
        re.compile(
            r"[a-z0-9][a-z0-9-]*@(?:[a-z0-9.:-]+\.iam|developer|appspot|cloudservices)"
            r"\.gserviceaccount\.com"
        ),
        "<name>@<project>.iam.gserviceaccount.com",
    ),
}
_DOMAINS: dict[str, frozenset[str]] = {
    "eks.amazonaws.com": frozenset(
        {"role-arn", "audience", "sts-regional-endpoints", "token-expiration", "skip-containers"}
    ),
    "azure.workload.identity": frozenset(
        {"client-id", "tenant-id", "use", "service-account-token-expiration", "skip-containers",
         "inject-proxy-sidecar", "proxy-sidecar-port", "use-identity-binding"}
    ),
    "iam.gke.io": frozenset(
        {"gcp-service-account", "gke-metadata-server-enabled", "return-principal-id-as-email",
         "credential-key"}
    ),
}  # fmt: skip
_OLD_KEYS = {
    "iam.amazonaws.com/role": ("kube2iam", TERMS["aws"].annotation),
    "aadpodidbinding": ("Azure AD Pod Identity", TERMS["azure"].annotation),
}
_NEAR = 0.85  # of a whole key, such as iam.gke.com/gcp-service-account
_NEAR_NAME = 0.7  # of what is behind the slash

XC048 = Rule(
    id="XC048",
    title="Workload identity annotations have the key and format their platform reads",
    severity="fail",
    why="An annotation of another key or form is ignored, and every push fails or runs as"
    " another identity.",
    remedy="Write the key and the form the platform documents.",
    source="EKS, IAM roles for service accounts; AKS, Workload ID; GKE, Workload Identity",
)
XC049 = Rule(
    id="XC049",
    title="The client id is the same everywhere",
    severity="fail",
    why="Annotation and variable that name different identities make the pods run as another one"
    " than was granted access.",
    remedy="Keep the client id in serviceAccount.annotations only.",
    source="AKS, Workload ID; azure-identity, AZURE_CLIENT_ID; adlfs takes no client id",
)


@lint_rule(XC048, "the key and form of the platform", kinds=("values", "pod"))
def _malformed(config: Configuration) -> Iterator[Objection]:
    documents = (config.values,) if config.kind == "values" else config.documents
    found = [
        (key, value, one.place(*path, key))
        for one in documents
        for path, key, value in _annotations(one.data, path=())
    ]
    for key, value, place in found:
        if isinstance(value, str) and (is_reference(value) or without_templates(value) != value):
            yield Objection(f"{key[:80]!r} is filled in by another tool", place, None)
        elif problem := _annotation_problem(key, value):
            yield Objection(problem, place)
    identities = [(key, place) for key, _, place in found if key in FORMS]
    for cloud in clouds(config) if config.kind == "values" else ():
        if identities and TERMS[cloud].annotation not in dict(identities):
            key, place = identities[0]
            text = f"{key} names an identity of another cloud than that of the path ({cloud})"
            yield Objection(text, place)


def _annotations(data: Any, *, path: Key) -> Iterator[tuple[Key, str, Any]]:
    """Yield every key of workload identity with its path and value."""
    if isinstance(data, dict):
        for key, value in data.items():
            is_known = key.partition("/")[0] in _DOMAINS
            if is_known or meant_key(key, value, is_annotation=path[-1:] == ("annotations",)):
                yield path, key, value
            yield from _annotations(value, path=(*path, key))
    elif isinstance(data, list):
        for index, item in enumerate(data):
            yield from _annotations(item, path=(*path, index))


def meant_key(key: str, value: Any, *, is_annotation: bool = True) -> str:
    """Return the key that one which no platform reads was meant to be, or ``""``.

    It is a name of another tool, one that is nearly right, or nearly with an identity as its value.
    """
    if key in _OLD_KEYS:
        return _OLD_KEYS[key][1]
    domain, _, name = key.rpartition("/")
    known = _DOMAINS.get(domain, frozenset())
    if not isinstance(value, str) or name in known or not (domain or is_annotation):
        return ""
    text = key.lower()[:120]
    if near := difflib.get_close_matches(name, known, n=1, cutoff=_NEAR_NAME):
        return f"{domain}/{near[0]}"
    for identity, (pattern, _) in FORMS.items():
        home, _, short = identity.partition("/")
        is_like = home == domain or difflib.get_close_matches(
            text.rpartition("/")[2], [short], cutoff=_NEAR_NAME
        )
        if (is_like and pattern.fullmatch(value.strip())) or difflib.get_close_matches(
            text, [identity], cutoff=_NEAR
        ):
            return identity
    return ""


def _annotation_problem(key: str, value: Any) -> str:
    if key in _OLD_KEYS:
        return "{} is of {}; the platform reads {}".format(key, *_OLD_KEYS[key])
    if meant := meant_key(key, value):
        return f"{key[:80]!r} is read by no platform; {meant} is"
    if key not in FORMS or value in (None, ""):
        return ""
    pattern, words = FORMS[key]
    is_nil = isinstance(value, str) and not value.strip("0-")
    if isinstance(value, str) and not is_nil and (
        pattern.fullmatch(value) or find_placeholder(value)
    ):  # fmt: skip
        return ""
    return f"{key}: {str(value)[:80]!r}, which is not {words}"


@lint_rule(XC049, "one client id", kinds=("values",))
def _different_clients(config: Configuration) -> Iterator[Objection]:
    if "azure" not in clouds(config):
        return
    found: dict[str, Place] = {}
    places = [
        (value, config.values.place(*path, key))
        for path, key, value in _annotations(config.values.data, path=())
        if key == TERMS["azure"].annotation and isinstance(value, str)
    ]
    places += [(value, setting.place) for value, setting in config.known(CLIENT_ID)]
    for value, place in places:
        if value and not find_placeholder(value):
            found.setdefault(value.lower(), place)
    if len(found) > 1:
        text = ", ".join(f"{value[:36]!r} (line {line})" for value, (_, line) in found.items())
        yield Objection(text[:300], list(found.values())[-1])
