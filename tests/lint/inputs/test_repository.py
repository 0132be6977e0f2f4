"""A whole repository: what configures agents is found, laid together and judged, nothing else."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import indent

import pytest
from good_values import GOOD, changed

from xcomkit.findings.errors import InputError
from xcomkit.findings.reports.report import Report
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.repository import read_folder

CHART = "astro-remote-execution-agent"
BAD = changed(('"0"', '"1MB"'))
WHOLE = f"agentTokenSecretName: t\n{GOOD}"
OVER = "resourceNamePrefix: prod\nreplicas: 3\n"
CHART_YAML = f"name: agents\nversion: 1.0.0\ndependencies: [{{name: {CHART}, alias: agents}}]\n"
FLUX = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: agents}\nspec:\n"
RELEASE = f"{FLUX}  chart: {{spec: {{chart: {CHART}}}}}\n  values:\n{indent(BAD, '    ')}"
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: stage}
spec:
  source:
    path: charts/agents
    helm: {valueFiles: [values.yaml, ../../envs/stage.yaml]}
"""
SET = f"""\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: all}}
spec:
  template:
    spec:
      source:
        chart: {CHART}
        helm: {{valueFiles: ['$values/clusters/{{{{ .name }}}}/values.yaml']}}
"""
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: worker, envFrom: [{configMapRef: {name: m}}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: nginx}
spec: {containers: [{name: nginx, image: nginx}]}
"""
MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata:\n"
SERVICE = "services: {airflow: {environment: {%s}}}\n"
THRESHOLD = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"


@pytest.fixture
def lint(tmp_path, monkeypatch):
    """Return what is found in a folder that holds the files."""
    monkeypatch.chdir(tmp_path)

    def judge_files(files: dict[str, str]) -> Report:
        for name, text in files.items():
            Path("r", name).parent.mkdir(parents=True, exist_ok=True)
            Path("r", name).write_text(text)
        found = read_folder(Path("r"))
        return judge(found.configurations, cloud=CloudFiles(), unread=found.findings)

    return judge_files


def failed(report: Report) -> list[tuple[str, str]]:
    return [(f.rule.id, f.where) for f in report.findings if f.severity == "fail"]


def names(report: Report) -> set[str]:
    return {one.name.replace("r/", "") for one in report.deployments}


TOGETHER = {
    "overlay beside a chart": (
        {"c/Chart.yaml": "name: c\n", "c/values.yaml": GOOD, "c/values-prod.yaml": OVER},
        {"c/values.yaml, c/values-prod.yaml"},
    ),
    "overlay of an umbrella chart": (
        {"c/Chart.yaml": CHART_YAML, "c/values.yaml": f"agents:\n{indent(GOOD, '  ')}",
         "c/prod.yaml": f"agents:\n{indent(OVER, '  ')}"},
        {"c/values.yaml, c/prod.yaml (agents)"},
    ),
    "overlay without a chart": (
        {"values.yaml": WHOLE, "values-prod.yaml": OVER},
        {"values.yaml, values-prod.yaml"},
    ),
    "overlay in a folder below": (
        {"values.yaml": WHOLE, "envs/prod/values.yaml": OVER},
        {"values.yaml, envs/prod/values.yaml"},
    ),
    "overlay beside the folder of the base": (
        {"base/values.yaml": WHOLE, "overlays/prod/values.yaml": OVER},
        {"base/values.yaml, overlays/prod/values.yaml"},
    ),
    "two whole files": (
        {"values.yaml": WHOLE, "values-other.yaml": WHOLE.replace("astro/xcom", "other")},
        {"values.yaml", "values-other.yaml"},
    ),
    "argo": (
        {"argo/a.yaml": APPLICATION, "charts/agents/Chart.yaml": CHART_YAML,
         "charts/agents/values.yaml": f"agents:\n{indent(GOOD, '  ')}",
         "envs/stage.yaml": "agents: {image: 'r/x:1'}\n"},
        {"charts/agents/values.yaml, envs/stage.yaml (Argo CD Application stage, agents)"},
    ),
    "a set of argo by the files that are there": (
        {"a.yaml": SET, "clusters/eu/values.yaml": GOOD,
         "clusters/us/values.yaml": GOOD.replace("astro/xcom", "other")},
        {f"clusters/{name}/values.yaml (Argo CD ApplicationSet all for {name})"
         for name in ("eu", "us")},
    ),
    "patch of flux": (
        {"base/a.yaml": RELEASE.replace("1MB", "0"), "prod/p.yaml": f"{FLUX}  values: {{}}\n"},
        {"base/a.yaml, prod/p.yaml (Flux HelmRelease agents)"},
    ),
    "flux with values of another file": (
        {"a.yaml": f"{FLUX}  chart: {{spec: {{chart: {CHART}}}}}\n"
                   "  valuesFrom: [{kind: ConfigMap, name: m}]\n",
         "m.yaml": f"{MAP}  values.yaml: |\n{indent(GOOD, '    ')}"},
        {"m.yaml (Flux HelmRelease agents)"},
    ),
    "flux with values of a generator, patched in another folder": (
        {"a.yaml": f"{FLUX}  chart: {{spec: {{chart: {CHART}}}}}\n"
                   "  valuesFrom: [{kind: ConfigMap, name: m}]\n",
         "k/kustomization.yaml": "configMapGenerator: [{name: m, files: [values.yaml=v.yaml]}]\n",
         "k/v.yaml": GOOD, "prod/p.yaml": f"{FLUX}  values: {{}}\n"},
        {"k/v.yaml, prod/p.yaml (Flux HelmRelease agents)"},
    ),
    "helmfile by its environments": (
        {"helmfile.yaml": f"releases:\n  - name: a\n    chart: x/{CHART}\n"
                          "    namespace: {{ .Namespace }}\n    values:\n      - v.yaml\n"
                          "      - envs/{{ .Environment.Name }}.yaml\n",
         "v.yaml": GOOD, "envs/prod.yaml": "labels: {}\n"},
        {"v.yaml, envs/prod.yaml (helmfile release a for prod)"},
    ),
    "patch of argo": (
        {"base/a.yaml": SET.replace("Set", "").replace("  template:\n    spec:\n", "").replace(
            "helm: {valueFiles: ['$values/clusters/{{ .name }}/values.yaml']}",
            f"helm:\n          valuesObject:\n{indent(GOOD, ' ' * 12)}"),
         "prod/p.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\n"
                        "metadata: {name: all}\nspec: {source: {helm: {valuesObject: {a: b}}}}\n"},
        {"base/a.yaml, prod/p.yaml (Argo CD Application all)"},
    ),
    "map beside its pod": (
        {"d/p.yaml": POD, "d/m.yaml": f"{MAP}  {THRESHOLD}: '0'\n"},
        {"d/m.yaml, d/p.yaml"},
    ),
    "compose with its override and env file": (
        {"compose.yaml": SERVICE % f"{THRESHOLD}: '$T'",
         "compose.override.yaml": SERVICE % "TZ: x", ".env": "T=0\n"},
        {"compose.yaml, compose.override.yaml, .env"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), TOGETHER.values(), ids=TOGETHER.keys())
def test_files_that_belong_together_are_judged_as_one(lint, files, expected):
    report = lint(files)

    assert names(report) == expected
    missing = {"d/p.yaml", "compose.yaml"} & set(files)  # they have no path and no class
    assert missing or failed(report) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("replace, path: /spec/values/commonEnv/1/value, value: 1MB", "XC010"),
        ("add, path: /spec/values/commonEnv/1/value, value: 1MB", "XC010"),
        ("replace, path: /spec/values/commonEnv/1/value, value: {}", "XC076"),
        ("add, path: /spec/values/commonEnv/1, value: 1MB", "XC076"),
    ],
)
def test_json_patch_of_a_release_is_applied_or_said(lint, change, expected):
    row = f"- {{op: {change}}}"
    head = "patches:\n  - target: {kind: HelmRelease, name: agents}\n    patch: |\n      "
    found = lint(
        {"base/a.yaml": RELEASE.replace("1MB", "0"), "k.yaml": f"{head}{row}\n      # x\n"}
    )
    assert [f.rule.id for f in found.findings if "k.yaml" in f.file] == [expected]


@pytest.mark.parametrize("name", ["agents", ".*", "ag.*", "", "(agents|other)", "agent[a-z]"])
@pytest.mark.parametrize(("value", "expected"), [("1MB", "XC010"), ("{}", "XC076")])
def test_json_patch_in_a_file_of_its_own_is_applied_to_the_releases_of_its_target(
    lint, name, value, expected
):
    row = f"op: replace\n  path: /spec/values/commonEnv/1/value\n  value: {value}\n"
    target = "{kind: HelmRelease" + (f", name: '{name}'}}" if name else "}")
    found = lint(
        {
            "base/a.yaml": RELEASE.replace("1MB", "0"),
            "base/b.yaml": RELEASE.replace("1MB", "0").replace("agents}", "others}", 1),
            "prod/kustomization.yaml": f"patches: [{{path: p.yaml, target: {target}}}]\n",
            "prod/p.yaml": f"# prod\n- op: test\n  path: /spec\n- {row}",
        }
    ).findings
    ours = [f for f in found if f.rule.id == expected]
    assert {f.where for f in ours} == {"r/prod/p.yaml:4"}
    assert {f.rule.id for f in found} <= {expected, "XC028"}


GOOD_RELEASE = RELEASE.replace("1MB", "0")
TO_1MB = "op: replace\n  path: /spec/values/commonEnv/1/value\n  value: 1MB\n"


def patched(target: str, patch: str) -> dict[str, str]:
    """Return files with a good release of the agents, and a patch with a target."""
    rows = f"patches: [{{path: p.yaml, target: {{kind: HelmRelease, {target}}}}}]\n"
    return {"a.yaml": GOOD_RELEASE, "kustomization.yaml": rows, "p.yaml": patch}


@pytest.mark.parametrize("patch", [f"- {TO_1MB}", f"-\n  {TO_1MB}", f"---\n# x\n-\r\n  {TO_1MB}"])
def test_list_of_a_json_patch_may_begin_on_the_next_line(lint, patch):
    assert "XC010" in {rule for rule, _ in failed(lint(patched("name: agents", patch)))}


@pytest.mark.parametrize(
    "target",
    ["name: agent", "name: 'agent*'", "name: gents", "name: '('", "labelSelector: 'a=b'",
     "name: agents, annotationSelector: 'a=b'", "name: '(a*)*(e*)*(n*)*(t*)*s'"],
)  # fmt: skip
def test_json_patch_of_no_release_that_is_here_is_unknown_not_silent(lint, target):
    (unknown,) = lint(patched(target, f"- {TO_1MB}")).findings
    assert (unknown.rule.id, unknown.is_unknown) == ("XC076", True)
    assert unknown.file == "r/kustomization.yaml"
    assert "kustomize build" in unknown.fix


def test_json_patch_of_another_chart_that_is_not_here_is_nobodys_business(lint):
    patch = "- {op: replace, path: /spec/values/controller/replicaCount, value: 2}\n"
    assert lint(patched("name: nginx", patch)).findings == ()


@pytest.mark.parametrize("content", [None, b"\xff\xfe\0"])
def test_patch_file_that_cannot_be_read_is_said_and_the_rest_is_judged(lint, content):
    files = patched("name: agents", "") | {"other/values.yaml": f"agentTokenSecretName: t\n{BAD}"}
    Path("r").mkdir()
    if content is not None:
        Path("r/p.yaml").write_bytes(content)
    found = lint({name: text for name, text in files.items() if text})

    assert {(f.rule.id, f.file) for f in found.findings} == {
        ("XC076", "r/kustomization.yaml"), ("XC010", "r/other/values.yaml"),
    }  # fmt: skip


def test_manifest_of_a_patch_with_a_target_is_for_the_target_whatever_its_own_name(lint):
    over = f"{FLUX.replace('agents', 'ignored')}  values:\n{indent(BAD, '    ')}"
    report = lint(patched("name: agents", over))
    assert failed(report) == [("XC010", "r/p.yaml:12")]
    assert names(report) == {"a.yaml, p.yaml (Flux HelmRelease agents)"}


def test_patches_of_one_kustomization_lie_over_a_release_together(lint):
    values = GOOD.replace("xcomBackend", "other").replace("objectstorage_path", "x")
    base = GOOD_RELEASE.replace(indent(GOOD, "    "), indent(values, "    "))
    add = "[{{op: add, path: /spec/values/{}, value: {}}}]"
    backend = add.format("xcomBackend", GOOD.split("xcomBackend: ")[1].split()[0])
    rows = "".join(
        f"  - target: {{kind: HelmRelease, name: '{name}'}}\n    patch: '{patch}'\n"
        for name, patch in ((".*", backend), ("agents", add.format("labels/a", "b")))
    )
    assert failed(lint({"a.yaml": base, "kustomization.yaml": f"patches:\n{rows}"})) == []


def test_patch_of_one_cluster_leaves_the_release_of_the_same_name_in_another_to_be_judged(lint):
    patch = f"{FLUX}  values: {{labels: {{a: b}}}}\n"
    report = lint({"eu/a.yaml": GOOD_RELEASE, "eu/p.yaml": patch, "us/a.yaml": RELEASE})
    assert failed(report) == [("XC010", "r/us/a.yaml:13")]


TOO_MANY = "workers:\n" + "  - {name: a}\n" * 301


def test_file_that_is_refused_is_said_and_the_rest_is_judged(lint):
    pods = WORKER % ("selector: {a: b}", THRESHOLD, "0")
    report = lint(
        {
            "a/values.yaml": f"agentTokenSecretName: t\ncommonEnv: []\n{TOO_MANY}",
            "b/values.yaml": f"agentTokenSecretName: t\n{BAD}",
            "c.yaml": f"{FLUX}  chart: {{spec: {{chart: {CHART}}}}}\n"
            f"  values:\n{indent(TOO_MANY, '    ')}",
            "d/pods.yaml": "---\n".join(pods.replace("r}", f"r{n}}}", 1) for n in range(301)),
        }
    )
    assert {*failed(report)} == {
        ("XC075", "r/a/values.yaml:1"), ("XC010", "r/b/values.yaml:8"),
        ("XC075", "r/c.yaml:4"), ("XC075", "r/d/pods.yaml:1"),
    }  # fmt: skip


WORKER = """\
kind: Deployment
apiVersion: apps/v1
metadata: {name: worker}
spec: {%s, template: {spec: {containers: [{name: worker, env: [{name: %s, value: '%s'}]}]}}}
"""


@pytest.mark.parametrize("over", ["a", "z"])
def test_patch_of_a_deployment_is_laid_over_it_or_is_a_part(lint, over):
    whole = WORKER % ("selector: {a: b}", THRESHOLD, "0")
    patch = WORKER % ("replicas: 3", THRESHOLD, "1MB")
    together = lint({"d/base.yaml": whole, f"d/{over}.yaml": patch})
    assert ("XC010", f"r/d/{over}.yaml:4") in failed(together)
    assert not {"XC007", "XC018"} & {f.rule.id for f in together.findings}
    assert ("XC001", "r/d/base.yaml:4") in failed(together)


@pytest.mark.parametrize(("first", "second"), [("1MB", "0"), ("0", "1MB")])
def test_patches_of_a_deployment_that_contradict_do_not_hide_each_other(lint, first, second):
    files = {
        "d/base.yaml": WORKER % ("selector: {a: b}", "AIRFLOW__CORE__PARALLELISM", "8"),
        "d/a.yaml": WORKER % ("replicas: 3", THRESHOLD, first),
        "d/b.yaml": WORKER % ("replicas: 3", THRESHOLD, second),
        "d/c.yaml": WORKER % ("replicas: 3", "AIRFLOW__CORE__XCOM_BACKEND", "x.Y"),
    }
    report = lint(files)
    wrong = next(name for name, text in files.items() if "1MB" in text)
    assert [where for rule, where in failed(report) if rule == "XC010"] == [f"r/{wrong}:4"]
    assert not {"XC009", "XC002"} & {f.rule.id for f in report.findings if "no " in f.observed}


@pytest.mark.parametrize(
    ("target", "pointer", "expected"),
    [
        ("kind: Deployment, name: worker", "containers/0/env/0/value", ["XC076"]),
        ("kind: Deployment, name: 'work.*'", "containers/0/env/-", ["XC076"]),
        ("name: worker", "containers/0/envFrom", ["XC076"]),
        ("kind: Deployment, name: worker", "containers/0/image", []),
        ("kind: Deployment, name: other", "containers/0/env/0/value", []),
        ("kind: StatefulSet, name: worker", "containers/0/env/0/value", []),
    ],
)
@pytest.mark.parametrize("is_file", [False, True])
def test_json_patch_of_the_variables_of_agents_pods_is_said(
    lint, target, pointer, expected, is_file
):
    patch = f"[{{op: add, path: /spec/template/spec/{pointer}, value: 1MB}}]"
    how = "path: p.yaml" if is_file else f"patch: '{patch}'"
    found = lint(
        {
            "base/d.yaml": WORKER % ("selector: {a: b}", THRESHOLD, "0"),
            "prod/kustomization.yaml": f"patches: [{{target: {{{target}}}, {how}}}]\n",
            "prod/p.yaml": patch,
        }
    ).findings
    assert [f.rule.id for f in found if f.file.startswith("r/prod")] == expected


RENDERED = f"helmCharts: [{{name: {CHART}, releaseName: a, valuesFile: v.yaml}}]\n"


@pytest.mark.parametrize(
    ("patch", "rule"),
    [
        (WORKER % ("replicas: 3", THRESHOLD, "-1"), "XC002"),
        (
            "- {op: replace, path: /spec/template/spec/containers/0/env/0/value, value: x}\n",
            "XC076",
        ),
        ("- {op: add, path: /spec/template/spec/containers/0/env/-, value: {name: DD_SITE}}\n", ""),
    ],
    ids=["manifest", "by number", "of another tool"],
)
@pytest.mark.parametrize("below", [RENDERED, "resources: [base]\n"], ids=["chart", "deployment"])
def test_patch_that_stands_in_a_kustomization_is_judged_or_said(lint, below, patch, rule):
    rows = f"patches:\n  - target: {{kind: Deployment}}\n    patch: |\n{indent(patch, '      ')}"
    files = {"v.yaml": WHOLE, "base/d.yaml": WORKER % ("selector: {a: b}", THRESHOLD, "0")}
    found = lint({**files, "kustomization.yaml": below + rows}).findings
    said = {f.rule.id for f in found if f.file == "r/kustomization.yaml"}
    assert said - {"XC001", "XC009"} == {rule} - {""}


FROM_MAP = WORKER.replace("env: [{name: %s, value: '%s'}]", "envFrom: [{configMapRef: {name: m}}]")
FROM_MAP %= "selector: {a: b}"


@pytest.mark.parametrize(
    ("generator", "where"),
    [
        (f"literals: [{THRESHOLD}=1MB]", "kustomization.yaml:1"),
        (f"literals: ['{THRESHOLD}=\"1MB\"']", "kustomization.yaml:1"),
        ("envs: [agent.env]", "agent.env:2"),
        ("env: agent.env", "agent.env:2"),
    ],
)
def test_map_that_kustomize_makes_of_literals_or_an_env_file_is_given_to_its_pods(
    lint, generator, where
):
    files = {"kustomization.yaml": f"configMapGenerator: [{{name: m, {generator}}}]\n"}
    if "env" in generator:
        files["agent.env"] = f"# ours\n{THRESHOLD}=1MB\n"
    report = lint({**files, "d.yaml": FROM_MAP})
    assert ("XC010", f"r/{where}") in failed(report)
    assert "'1MB' in deployment/worker:worker" in "".join(f.observed for f in report.findings)
    assert {f.observed for f in report.findings if "in airflow" in f.observed} == set()
    assert len(report.deployments) == 1


def test_map_that_kustomize_makes_of_a_file_that_is_not_here_is_unknown(lint):
    files = {"kustomization.yaml": "configMapGenerator: [{name: m, envs: [gone.env]}]\n"}
    own = f"envFrom: [{{configMapRef: {{name: m}}}}], env: [{{name: {THRESHOLD}, value: '0'}}]"
    report = lint(
        {**files, "d.yaml": FROM_MAP.replace("envFrom: [{configMapRef: {name: m}}]", own)}
    )
    assert {f.severity for f in report.findings} == {"warn"}


def test_patch_of_a_deployment_alone_lacks_nothing_for_sure(lint):
    assert failed(lint({"p.yaml": WORKER % ("replicas: 3", THRESHOLD, "0")})) == []


def test_file_of_an_overlay_is_judged_with_what_lies_below(lint):
    report = lint({"values.yaml": WHOLE, "values-prod.yaml": "commonEnv: []\n"})

    assert ("XC001", "r/values-prod.yaml:1") in failed(report)


def test_finding_in_a_base_counts_for_each_of_its_overlays_and_is_listed_once(lint):
    files = {"values.yaml": WHOLE.replace('"0"', '"1MB"')}
    report = lint({**files, "values-a.yaml": OVER, "values-b.yaml": OVER.replace("prod", "b")})

    assert failed(report) == [("XC010", "r/values.yaml:8")]
    assert [one.count("fail") for one in report.deployments] == [1, 1]


def test_what_configures_agents_and_is_not_read_is_found_wherever_it_is(lint):
    settings = "kind: Deployment\nenv:\n  - name: AIRFLOW__CORE__XCOM_BACKEND\n    value: "
    report = lint(
        {
            "own/templates/a.yaml": settings + "{{ .Values.a }}\n",
            "own/templates/b.yaml": settings + "{{ .Values.b }}\n",
            "tf/main.tf": f'chart = "{CHART}"\nvalues = [yamlencode({{}})]\n',
            "tf/file.tf": f'chart = "{CHART}"\nvalues = [file("values.yaml")]\n',
            "app.yaml": APPLICATION.replace(
                "helm: {valueFiles: [values.yaml, ../../envs/stage.yaml]}",
                "helm:\n      values: |\n        xcomBackend: x\n        {{ if }}",
            ),
            "play.yaml": f"- helm:\n    values:\n{indent(GOOD, '      ')}",
        }
    )

    assert failed(report) == [
        ("XC075", "r/app.yaml:9"),
        ("XC075", "r/own/templates/a.yaml:3"),
        ("XC075", "r/play.yaml:5"),
        ("XC075", "r/tf/main.tf:1"),
    ]
    assert "helm template RELEASE r/own" in report.findings[1].fix


def test_other_charts_hidden_folders_links_and_bytes_are_left_alone(lint):
    files = {
        "values.yaml": WHOLE,
        "nginx/values.yaml": "image: {repository: nginx}\nreplicaCount: 2\n",
        "nginx/app.yaml": APPLICATION.replace("agents", "nginx"),
        "redis/values.yaml": "sentinel: {enabled: true}\n",
        "airflow/values.yaml": "executor: X\nwebserver: {}\ndagProcessor: {}\nworkers: {}\n",
        "node_modules/values.yaml": BAD,
        ".terraform/values.yaml": BAD,
        "record.json": '{"AIRFLOW__CORE__XCOM_BACKEND": "x"}',
        "broken/values.yaml": "a: [\n",
        "sources.yaml": f"kind: OCIRepository\napiVersion: v1\nspec: {{url: oci://x/{CHART}}}\n",
    }
    Path("r/link").mkdir(parents=True)
    Path("r/link/loop").symlink_to("..")
    Path("r/link/bad.yaml").symlink_to("bad.yaml")
    Path("r/bytes.yaml").write_bytes(b"xcomBackend\0")
    os.mkfifo("r/pipe.yaml")

    assert names(report := lint(files)) == {"values.yaml"}
    assert failed(report) == []


def test_files_that_cannot_be_read_are_said_each(lint):
    assert len(failed(lint({"a.yaml": BAD + "x: [\n", "b.yaml": BAD + "x: [\n"}))) == 2


def test_file_that_is_too_large_is_said_not_passed(lint):
    report = lint({"values.yaml": WHOLE, "big.yaml": BAD + "# x\n" * 2_100_000})

    assert [rule for rule, _ in failed(report)] == ["XC075"]


def _steps(read: Callable[[], object]) -> int:
    """Return how many steps of Python a call takes, the same on every machine."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        read()
    finally:
        sys.settrace(before)
    return count


FLUX_FROM = (
    f"{FLUX}  chart: {{spec: {{chart: {CHART}}}}}\n  valuesFrom: [{{kind: ConfigMap, name: m}}]\n"
)
MAP_OF_VALUES = f"{MAP}  values.yaml: |\n{indent(GOOD, '    ')}"
MANY = {
    "releases of one file": lambda n: {
        "helmfile.yaml": "releases:\n"
        + f"  - name: a\n    chart: x/{CHART}\n    values:\n      -\n{indent(GOOD, ' ' * 8)}" * n
    },
    "objects that releases take values from": lambda n: {
        f"{k}{i}.yaml": text.replace(": m}", f": m{i}}}").replace("agents}", f"a{i}}}")
        for i in range(n)
        for k, text in (("a", FLUX_FROM), ("m", MAP_OF_VALUES))
    },
}


@pytest.mark.parametrize("files", MANY.values(), ids=MANY.keys())
def test_four_times_as_many_take_four_times_as_long(tmp_path, monkeypatch, files):
    steps = []
    for count in (1, 15, 60):  # on Python 3.12 the first trace of a process sees nothing
        folder = tmp_path / str(count)
        folder.mkdir()
        monkeypatch.chdir(folder)
        for name, text in files(count).items():
            Path(name).write_text(text)
        steps.append(_steps(lambda: read_folder(Path())))

    assert 0 < steps[2] < 4.4 * steps[1]


def test_folder_without_agents_is_an_error_not_a_pass(lint):
    with pytest.raises(InputError, match="no file below it configures agents"):
        lint({"nginx/values.yaml": "replicaCount: 1\n"})


@pytest.mark.parametrize(
    "text",
    ["data: ENC[AES256_GCM,data:x,type:str]\nsops: {mac: y}\n",
     '{"data": "ENC[AES256_GCM,data:x,type:str]", "sops": {"mac": "y"}}\n'],
)  # fmt: skip
def test_folder_of_files_that_sops_encrypted_as_a_whole_says_what_to_do(lint, text):
    files = {"a/values.enc.yaml": text, "b c/values.enc.yaml": text}
    with pytest.raises(InputError, match=r"a/values.enc.yaml and 1 more encrypted by") as refused:
        lint(files)
    assert refused.value.hint == "sops decrypt r/a/values.enc.yaml | xcomkit lint -"
    assert refused.value.exit_code == 2
    assert failed(lint({**files, "values.yaml": WHOLE})) == []


def test_prefix_of_many_deployments_is_said_once_for_each_further_one(lint):
    files = {
        f"{name}/values.yaml": WHOLE.replace("namespace: astro", f"namespace: {name}")
        for name in "abc"
    }

    shared = [f.observed for f in lint(files).findings if f.rule.id == "XC028"]
    assert [text.partition(" is in ")[2] for text in shared] == [
        "r/a/values.yaml as well",
        "r/a/values.yaml, r/b/values.yaml as well",
    ]


XCOM_PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
CONNECTION = "AIRFLOW_CONN_AWS_DEFAULT"
KEY = '{"conn_type": "aws", "login": "AKIA0", "password": "no-key"}'


def test_patch_of_a_deployment_lies_over_the_folder_its_kustomization_names(lint):
    base = WORKER % ("selector: {a: b}", XCOM_PATH, "s3://aws_default@acme-xcom/x")
    report = lint(
        {
            "base/d.yaml": base,
            "stage/kustomization.yaml": "resources: [../base]\n",
            "prod/kustomization.yaml": "resources: [../stage]\npatches: [{path: conn.yaml}]\n",
            "prod/conn.yaml": WORKER % ("replicas: 2", CONNECTION, KEY),
        }
    )
    assert ("XC016", "r/prod/conn.yaml:4") in failed(report)
    assert "XC001" not in {f.rule.id for f in report.findings}
    assert len(report.deployments) == 1


def test_patch_of_a_kustomize_component_is_judged_over_the_pods_of_its_name(lint):
    report = lint(
        {
            "base/d.yaml": WORKER % ("selector: {a: b}", XCOM_PATH, "s3://aws_default@acme-xcom/x"),
            "other/d.yaml": WORKER.replace("worker", "other")
            % ("selector: {a: b}", THRESHOLD, "0"),
            "keys/kustomization.yaml": "kind: Component\npatches: [{path: conn.yaml}]\n",
            "keys/conn.yaml": WORKER % ("replicas: 2", CONNECTION, KEY),
            "prod/kustomization.yaml": "resources: [../base]\ncomponents: [../keys]\n",
        }
    )
    assert ("XC016", "r/keys/conn.yaml:4") in failed(report)


@pytest.mark.parametrize("is_target", [True, False])
def test_patch_of_a_release_in_another_namespace_changes_no_other_of_its_name(lint, is_target):
    target = "target: {kind: HelmRelease, namespace: two}, " if is_target else ""
    values = f"{FLUX}  values: {{commonEnv: [{{name: {THRESHOLD}, value: '0'}}]}}\n"
    found = lint(
        {
            "one.yaml": RELEASE.replace("agents}", "agents, namespace: one}", 1),
            "two.yaml": RELEASE.replace("agents}", "agents, namespace: two}", 1),
            "kustomization.yaml": f"patches: [{{{target}path: p.yaml}}]\n",
            "p.yaml": values.replace("agents}", "agents, namespace: two}", 1),
        }
    )
    wrong = [f.where for f in found.findings if f.rule.id == "XC010"]
    assert [where.rpartition(":")[0] for where in wrong] == ["r/one.yaml"]


def test_json_patch_of_a_map_of_variables_is_unknown(lint):
    patch = f"[{{op: replace, path: /data/{THRESHOLD}, value: '-1'}}]"
    files = {"d.yaml": FROM_MAP, "m.yaml": f"{MAP}  {THRESHOLD}: '0'\n"}
    rows = f'patches: [{{target: {{kind: ConfigMap, name: m}}, patch: "{patch}"}}]\n'
    found = lint({**files, "prod/kustomization.yaml": f"resources: [..]\n{rows}"}).findings
    assert [f.rule.id for f in found if f.file.startswith("r/prod")] == ["XC076"]


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("Deployment", "spec.template.spec.containers.[name=worker].env.[name=A].value"),
        ("Deployment", "spec.template.spec.containers.0.env.3.value"),
        ("ConfigMap", f"data.{THRESHOLD}"),
        ("HelmRelease", "spec.values.commonEnv.1.value"),
        ("Deployment", "spec.replicas"),
    ],
)
@pytest.mark.parametrize("is_file", [False, True])
def test_settings_that_kustomize_replaces_are_unknown(lint, kind, field, is_file):
    row = f"source: {{kind: ConfigMap, name: m}}\ntargets:\n- select: {{kind: {kind}}}\n"
    row += f"  fieldPaths: ['{field}']\n"
    rows = "{path: r.yaml}" if is_file else f"\n{indent(row, '    ')}".replace("    s", "  - s", 1)
    found = lint(
        {
            "d.yaml": WORKER % ("selector: {a: b}", THRESHOLD, "0"),
            "a.yaml": GOOD_RELEASE,
            "kustomization.yaml": f"resources: [d.yaml]\nreplacements: {'[' * is_file}{rows}"
            f"{']' * is_file}\n",
            "r.yaml": row if is_file else "",
        }
    ).findings
    said = [(f.rule.id, f.severity) for f in found if f.rule.id in ("XC075", "XC076")]
    assert said == [("XC076", "warn")] * (field != "spec.replicas")


def test_release_whose_parameters_were_judged_is_not_called_unread(lint):
    release = f"releases:\n  - chart: x/{CHART}\n    values: [v.yaml]\n    set:\n"
    release += "      - {name: xcomBackend, value: airflow.sdk.bases.xcom.BaseXCom}\n"
    assert failed(lint({"helmfile.yaml": release, "v.yaml": GOOD})) == [
        ("XC009", "r/helmfile.yaml:5")
    ]
