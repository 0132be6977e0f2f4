import json
import re
import shlex
import time
from functools import partial

import pytest
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st

from xcomkit.cloud_documents.access.aws import trust as trust_document
from xcomkit.cloud_documents.lifecycle import lifecycle_rules
from xcomkit.clouds.aws import documents
from xcomkit.findings.errors import InputError
from xcomkit.lint.cloud_files import RULES, Agents, judge_lifecycle, judge_policy, judge_trust
from xcomkit.lint.rules.entries import XC008
from xcomkit.lint.rules.prefixes import cloud_of
from xcomkit.settings.settings import Settings
from xcomkit.values.names import BasePath

SUBJECTS = ("system:serviceaccount:airflow:astro-worker",)
PATHS = (
    BasePath("s3", "aws", "acme-xcom", "xcom"),
    BasePath("abfs", "azure", "acme-xcom", "xcom"),
    BasePath("gs", "gcp", "acme-xcom", "xcom"),
)


IDENTITIES = (
    (("arn:aws:iam::1:role/x",), ("arn:aws:iam::2:role/path/y",)),
    (("a@b.iam.gserviceaccount.com",), ("c@b.iam.gserviceaccount.com",)),
    (("6f9b2c1e-0d57-4a55-9c0f-2b8a3f6f1c11",), (), "acme"),
    ((), ("no ARN",)),
)


def judge_all(text, name="file.json", paths=PATHS):
    """Return the findings of every function that takes the text, and how many refused it."""
    known = [Agents(SUBJECTS, paths), *(Agents(SUBJECTS, paths, *more) for more in IDENTITIES)]
    calls = [
        *(partial(judge_trust, text, name=name, agents=one) for one in known),
        *(partial(judge_policy, text, name=name, agents=one) for one in known),
        *(partial(judge_lifecycle, text, name=name, agents=known[0], rerun_days=days)
          for days in (30, None)),
    ]  # fmt: skip
    findings, refused = [], []
    for call in calls:
        try:
            findings += call().findings
        except InputError as error:
            refused.append(error)
    return findings, refused


def check(findings, refused) -> None:
    for finding in findings:
        assert finding.rule in (*RULES, XC008)
        for words in (finding.observed, finding.expected):
            assert words.isprintable()
            assert 0 < len(words) <= 400
        assert finding.fix.replace("\n", "").isprintable()
    for error in refused:
        assert error.hint
        assert "\n" not in str(error)


WORDS = st.sampled_from(
    ["Allow", "Deny", "*", "s3:*", "s3:PutObject", "sts:*", "sts:AssumeRoleWithWebIdentity",
     "arn:aws:s3:::acme-xcom/*", "arn:aws:iam::1:oidc-provider/h", SUBJECTS[0], "allUsers",
     "system:serviceaccount:*:*", "pods.eks.amazonaws.com", "roles/storage.objectUser",
     "serviceAccount:p.svc.id.goog[airflow/astro-worker]", "acme-xcom/xcom/", "${aws:x}",
     "a\nb\u202e\x00", "\ud800", '{"Statement": []}', "%7B%22Statement%22%3A5%7D"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["Role", "AssumeRolePolicyDocument", "PolicyDocument", "Policy", "Statement", "Effect",
     "Action", "Resource", "AWS", "Principal", "Federated", "Condition", "StringEquals",
     "StringLike", "ForAllValues:StringLike", "Null", "h:sub", "h:aud", "bindings", "role",
     "members", "condition", "expression", "etag", "issuer", "subject", "audiences",
     "properties", "value", "scope", "roleDefinitionName", "Rules", "Filter", "And",
     "Prefix", "Tags", "Status", "Expiration", "Days", "Date", "rule", "action", "type",
     "age", "matchesPrefix", "lifecycle", "policy", "rules", "definition", "filters",
     "prefixMatch", "actions", "baseBlob", "delete", "daysAfterModificationGreaterThan",
     "associations", "namespace", "claimsMatchingExpression", "roleArn", "name"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)
STATEMENT = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        name: WORDS | st.lists(WORDS, max_size=3) | JSON
        for name in ("Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal")
    }
    | {
        "Principal": st.dictionaries(KEYS, WORDS | st.lists(WORDS, max_size=3), max_size=3),
        "Condition": st.dictionaries(KEYS, st.dictionaries(KEYS, WORDS | JSON, max_size=3)),
    },
)


TEXTS = (
    st.text()
    | st.text(alphabet='{}[]",:\\ue019 \n-+.xn').map("{{{}".format)
    | JSON.map(json.dumps)
    | st.lists(STATEMENT, min_size=1, max_size=4).map(lambda s: json.dumps({"Statement": s}))
)


@effort(max_examples=150)
@given(TEXTS)
def test_any_text_is_judged_or_refused(text) -> None:
    check(*judge_all(text))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "1:1: nothing in it"),
        (" \n", "1:1: nothing in it"),
        ('{"a": 1,\n}', "2:1: no JSON"),
        ('{"a": 1} x', "1:10: no JSON"),
        ('{"a": "\n"}', "1:8: no JSON"),
        ("a: [", "2:1: "),
        ("An error occurred (NoSuchEntity)", "1:1: not a mapping of keys"),
        ("[" * 61 + "]" * 61, "1:1: nested deeper than 60 levels"),
        ("[" * 200_000, "1:1: nested deeper than 60 levels"),
        ("{" + " " * 2_000_000, "1:1: more than 2000000 characters"),
    ],
)
def test_bad_file_is_refused_with_its_place(text, place) -> None:
    findings, refused = judge_all(text)
    assert findings == []
    assert len(refused) == 12
    for error in refused:
        assert str(error).startswith(f"file.json:{place}")
        assert error.hint


ODD = "a\n\x1b[31m\u202e'$(id)\ud800"


def test_odd_names_are_shown_escaped_and_never_pasted_raw() -> None:
    provider = f"arn:aws:iam::1:oidc-provider/{ODD}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
             "Principal": {"Federated": provider}, "Condition": {ODD: {ODD: ODD}}}  # fmt: skip
    files = (
        {"Statement": [trust]},
        {"bindings": [{"role": ODD, "members": [ODD]}]},
        [{"issuer": ODD, "subject": ODD, "audiences": [ODD], "name": ODD}],
        [{"scope": "/", "roleDefinitionName": ODD, "principalId": ODD}],
        {"associations": [{"namespace": ODD, "serviceAccount": ODD}]},
        {"Rules": [{"ID": ODD, "Status": "Enabled", "Expiration": {"Days": ODD}}]},
    )
    paths = tuple(BasePath(path.scheme, "c", ODD, ODD) for path in PATHS)
    for file in files:
        text = json.dumps(file)
        findings, refused = judge_all(text)
        findings += judge_all(text, paths=paths)[0]
        check(findings, refused)
        assert findings
        for fix in (finding.fix for finding in findings):
            assert json.loads(fix) if fix.startswith(("{", "[")) else "$(id)" not in _unquoted(fix)


def _unquoted(command: str) -> str:
    """Return what a shell would still expand in a command."""
    return re.sub(r"'[^']*'", "", command)


def test_commands_quote_the_names_of_service_accounts() -> None:
    name = "a b;$(id)"
    for text in ('{"associations": []}', "[]", '{"etag": "x"}'):
        agents = Agents(subjects=(f"system:serviceaccount:ns:{name}",))
        (finding,) = judge_trust(text, name="f", agents=agents).findings
        assert any(name in word for word in shlex.split(finding.fix))


@pytest.mark.parametrize(
    "number", ["9" * 5000, "-" + "9" * 5000, "1e999", "NaN", "-Infinity", "0.1"]
)
def test_odd_number_of_days_is_no_crash(number) -> None:
    rule = '{"Status": "Enabled", "Expiration": {"Days": %s}, "Filter": {}}'
    text = '{"Rules": [' + rule % number + "]}"
    agents = Agents(paths=PATHS[:1])
    findings = judge_lifecycle(text, name="f", agents=agents, rerun_days=30).findings
    check(findings, [])
    assert findings


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource":
                                   ["*a" * 300 + "b", "arn:*" + "?*" * 3000]}] * 500}),
        json.dumps({"Statement": [{"Effect": "Allow", "Action": "sts:*", "Principal":
                                   {"Federated": "arn:aws:iam::1:oidc-provider/h"}, "Condition":
                                   {"StringLike": {"h:sub": ["*s" * 200] * 400}}}]}),
        json.dumps({"Statement": [{"Effect": "Allow", "Action": ["s3:*"] * 6000}]}),
        json.dumps({"Statement": [{"Effect": "Allow", "Action": "sts:*", "Principal": {"Federated":
                    [f"arn:aws:iam::1:oidc-provider/{n}" for n in range(400)]}}]}),
        json.dumps({"bindings": [{"role": "r", "members": ["allUsers"] * 5_000}]}),
        json.dumps([{"issuer": "i", "subject": str(n)} for n in range(2_500)]),
        json.dumps([{"scope": "/", "roleDefinitionName": str(n)} for n in range(2_000)]),
        json.dumps({"Rules": [{"Status": "Enabled", "Expiration": {"Days": 1}}] * 2_000}),
        json.dumps({"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": f"*{n}",
                                   "Condition": {"Bool": {"aws:x": n}}} for n in range(300)]}),
        json.dumps([{"issuer": str(n), "claimsMatchingExpression": {}} for n in range(2_500)]),
        json.dumps([{"scope": "/", "roleDefinitionName": "Storage Blob Data Contributor",
                     "condition": str(n)} for n in range(2_000)]),
        "[" + "0," * 100_000 + "0]",
    ],
    ids=range(12),
)  # fmt: skip
def test_hostile_file_neither_hangs_nor_floods(text) -> None:
    begun = time.process_time()
    findings, refused = judge_all(text)
    assert time.process_time() - begun < 15
    check(findings, refused)
    for rule in RULES:
        assert sum(finding.rule is rule for finding in findings) <= 12 * 20


def test_what_the_runbook_makes_on_aws_passes() -> None:
    wanted = Settings.model_validate({"bucket": "acme-xcom", "prefix": "xcom", "cloud": "aws"})
    rights = json.dumps(documents.permissions(wanted, account="111122223333"))
    state = BasePath("s3", "aws", "acme-xcom", wanted.state_prefix)
    agents = Agents(SUBJECTS, PATHS[:1], state_paths=(state,))
    assert judge_policy(rights, name="f", agents=agents).findings == []
    issuer = "https://oidc.eks.eu-west-1.amazonaws.com/id/CAFE"
    provider = "arn:aws:iam::111122223333:oidc-provider/" + issuer.removeprefix("https://")
    trust = trust_document(provider_arn=provider, issuer=issuer, subjects=SUBJECTS)
    assert judge_trust(json.dumps(trust), name="f", agents=agents).findings == []


@pytest.mark.parametrize(
    ("cloud", "holder"), [("aws", "Rules"), ("azure", "rules"), ("gcp", "rule")]
)
def test_lifecycle_that_the_runbook_makes_passes_on_every_cloud(cloud, holder) -> None:
    rules = lifecycle_rules(
        cloud, bucket="acme-xcom", prefix="xcom", days=30, old_days=7, name="xcom"
    )
    path = next(path for path in PATHS if cloud_of(path.scheme) == cloud)
    text = json.dumps({holder: rules})
    agents = Agents(paths=(path,))
    assert judge_lifecycle(text, name="f", agents=agents, rerun_days=30).findings == []
