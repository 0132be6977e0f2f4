"""A whole repository: what configures agents is found, laid together and judged, nothing else."""

import os
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


@pytest.mark.parametrize("name", ["agents", ".*", "ag.*", ""])
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


def test_patch_file_that_is_not_there_is_said(lint):
    rows = "patchesJson6902: [{path: gone.yaml, target: {kind: HelmRelease, name: agents}}]\n"
    found = lint({"a.yaml": RELEASE.replace("1MB", "0"), "kustomization.yaml": rows}).findings
    assert [(f.rule.id, f.is_unknown) for f in found] == [("XC076", True)]


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


def test_folder_without_agents_is_an_error_not_a_pass(lint):
    with pytest.raises(InputError, match="no file below it configures agents"):
        lint({"nginx/values.yaml": "replicaCount: 1\n"})


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
