"""Whatever stands in a file of whatever kind, it is judged or refused, in every format."""

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.findings.reports.junit import to_junit
from xcomkit.findings.reports.machine import to_json
from xcomkit.findings.reports.sarif import to_sarif
from xcomkit.findings.reports.text import to_text
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_configuration

COMMON = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_"
KEYS = [
    "commonEnv", "env", "name", "value", "valueFrom", "workers", "dagProcessor", "triggerer",
    "serviceAccount", "create", "annotations", "labels", "image", "xcomBackend", "secretBackend",
    "namespace", "resourceNamePrefix", "agentToken", "astroDeploymentAPIURL",
    "eks.amazonaws.com/role-arn", "azure.workload.identity/client-id",
    "azure.workload.identity/use", "iam.gke.io/gcp-service-", "account", "services",
    "environment", "env_file", "items", "kind", "apiVersion", "metadata", "spec", "template",
    "containers", "envFrom", "configMapRef", "data", "AIRFLOW_CONN_C", "AZURE_CLIENT_ID",
    "AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER",
]  # fmt: skip
KEYS += [COMMON + option for option in ("PATH", "THRESHOLD", "COMPRESSION")]
TEXTS = [
    "s3://c@b/x", "gs://c@b/x", "abfs://c@b/x", "abfs://b", "s3://", "wasb://x",
    "aws://?a=http://b://c", '{"extra":', '{"extra":[1]}', '{"extra":{"anon":"x"}}', '"[]"',
    "http://[", "0", "-1", "1e400", "true", "gzip", "$(A)", "${A}", "{{x}}", "<todo>", "Pod",
    "ConfigMap", "Deployment", "v1",
]  # fmt: skip
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([*KEYS, *TEXTS]) | st.text(max_size=6)
)  # fmt: skip
DATA = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=30,
)


LINES = st.lists(
    st.tuples(st.sampled_from([k for k in KEYS if k.isupper() or "_" in k]), SCALARS), max_size=8
).map(lambda lines: "".join(f"{name}={value}\n" for name, value in lines))
DOCUMENTS = st.dictionaries(st.sampled_from(KEYS), DATA, max_size=8).map(json.dumps)


@settings(max_examples=400, deadline=2000)
@given(
    st.tuples(DOCUMENTS, st.sampled_from(["values", "compose", "pod", None]))
    | st.tuples(LINES, st.just("env"))
    | st.tuples(LINES.map("[core]\n{}".format), st.just("cfg"))
)
def test_any_file_is_judged_or_refused_in_every_format(tmp_path_factory, file):
    text, kind = file
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(text.encode("utf-8", "replace"))
    try:
        report = judge([read_configuration([str(path)], kind=kind)], cloud=CloudFiles())
    except InputError as refusal:
        assert "\n" not in str(refusal)
        return
    to_text(report, width=80, colour=True)
    json.loads(to_json(report))
    json.loads(to_sarif(report))
    to_junit(report)
    assert all(f.observed.isprintable() for f in report.findings), report.findings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("values.yaml", "commonEnv:\n" + "- {name: A, value: $X}\n" * 10_000),
        ("large.env", "A=$X\n" * 50_000),
        ("large.cfg", "[core]\n" + "a = $X\n" * 50_000),
        ("compose.yaml", "services: {airflow: {environment: [" + "AIRFLOW__A=$X, " * 9000 + "]}}"),
        ("pod.yaml", "kind: Pod\napiVersion: v1\nspec: {containers: [{name: w, env: ["
         + "{name: A, value: $X}, " * 5000 + "]}]}\n"),
        ("quote.env", 'A="\n' + "x\n" * 20_000),
        ("dashes.yaml", "a: " + "ey-" * 20_000 + "\n"),
        ("blanks.cfg", "[core]\na" + " " * 60_000 + "b\n"),
        ("braces.yaml", "commonEnv: [{name: AIRFLOW_CONN_A, value: '" + "{{ " * 30_000 + "'}]\n"),
        ("ignores.yaml", "a: 1  # xcomkit: ignore XC014 x\n" * 10_000),
        ("groups.yaml", "commonEnv: [" + "{name: A, value: b}, " * 1500 + "]\nworkers: ["
         + "{name: w}, " * 1500 + "]\n"),
        ("keys.yaml", "".join(f"k{n}: 1\n" for n in range(20_000))),
        ("twice.yaml", "k: 1\n" * 20_000),
        ("services.yaml", "services:\n" + "".join(
            f"  s{n}: {{environment: {{{COMMON}PATH: s3://c{n}@b/x}}}}\n" for n in range(500))),
        ("pods.yaml", "kind: List\napiVersion: v1\nitems:\n" + (
            "- {kind: Pod, metadata: {name: p}, spec: {containers: [{name: w}]}}\n" * 2000)),
    ],
)  # fmt: skip
@pytest.mark.timeout(60)  # these took minutes, or gigabytes
def test_file_made_to_take_long_does_not(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text)
    over = tmp_path / "over.yaml"
    over.write_text("".join(f"k{n}: 2\n" for n in range(10_000)))
    names = [str(path), str(over)] if name == "keys.yaml" else [str(path)]

    with contextlib.suppress(InputError):
        report = judge([read_configuration(names)], cloud=CloudFiles())
        to_text(report, width=80, colour=False)
        to_sarif(report)
