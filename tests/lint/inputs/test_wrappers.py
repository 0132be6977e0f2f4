"""Values of the agent chart as teams keep them in git: inside of what other tools read."""

import json
from base64 import b64encode
from pathlib import Path
from textwrap import indent

import pytest
from good_values import GOOD, changed

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Finding
from xcomkit.lint.run import CloudFiles, judge
from xcomkit.lint.sources.reading import read_together

BAD = changed(('"0"', '"1MB"'))
CHART = "astro-remote-execution-agent"


def below(head: str, spaces: int, values: str = BAD, tail: str = "") -> str:
    return head + indent(values, " " * spaces) + tail


ARGO = f"""\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: agents}}
spec:
  source:
    chart: {CHART}
    repoURL: https://charts.example.com
    helm:
"""
FLUX = f"""\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {{name: agents, namespace: astro}}
spec:
  chart: {{spec: {{chart: {CHART}, sourceRef: {{kind: HelmRepository, name: a}}}}}}
"""
APPLICATION_SET = f"""\
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {{name: agents}}
spec:
  generators: [{{list: {{elements: [{{bucket: a}}, {{bucket: b}}]}}}}]
  template:
    spec:
      sources:
        - {{repoURL: https://git.example.com/x.git, ref: values}}
        - chart: {CHART}
          repoURL: https://charts.example.com
          helm:
"""
LIST = "apiVersion: v1\nkind: List\nitems:\n  - apiVersion: v1\n    kind: Namespace\n  - "
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: values}\ndata:\n  values.yaml: |\n"
K3S = "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nspec:\n  valuesContent: |-\n"
CROSSPLANE = (
    "apiVersion: helm.crossplane.io/v1beta1\nkind: Release\nspec:\n  forProvider:\n    values:\n"
)
KUSTOMIZE = f"helmCharts:\n  - name: {CHART}\n    releaseName: agents\n    valuesInline:\n"
WRAPPED = {
    "umbrella": below(f"other: {{a: 1}}\n{CHART}:\n", 2),
    "umbrella with an alias": below("global: {}\nagents:\n", 2),
    "umbrella below an umbrella": below("platform:\n  agents-eu:\n", 4),
    "argo values": below(f"{ARGO}      values: |\n", 8),
    "argo values without last line end": below(f"{ARGO}      values: |-\n", 10),
    "argo valuesObject": below(f"{ARGO}      valuesObject:\n", 8),
    "argo valuesObject over values": below(
        f"{ARGO}      values: |\n        xcomBackend: x\n      valuesObject:\n", 8
    ),
    "argo set": below(f"{APPLICATION_SET}            valuesObject:\n", 14),
    "argo set of text": below(f"{APPLICATION_SET}            values: |\n", 14),
    "flux": below(f"{FLUX}  values:\n", 4),
    "flux in a stream": below(f"kind: Namespace\napiVersion: v1\n---\n{FLUX}  values:\n", 4),
    "flux in a list": LIST + below(indent(f"{FLUX}  values:\n", " " * 4).lstrip(), 8),
    "helmfile": below(f"releases:\n  - name: a\n    chart: x/{CHART}\n    values:\n      -\n", 8),
    "kustomize": below(KUSTOMIZE, 6),
    "config map": below(CONFIG_MAP, 4),
    "k3s": below(K3S, 4),
    "crossplane": below(CROSSPLANE, 6),
    "config map of an application": CONFIG_MAP.replace("values.yaml", "app.yaml")
    + indent(below(f"{ARGO}      values: |\n", 8), "    "),
    "argo plugin": below(
        ARGO.replace("helm:", "plugin:") + "      env:\n        - name: HELM_VALUES\n"
        "          value: |\n",
        12,
    ),
    "helmfile with templates": below(
        f"releases:\n  - name: a\n    chart: x/{CHART}\n    namespace: {{{{ .Namespace }}}}\n"
        "    values:\n      -\n",
        8,
    ),
    "fleet": below("defaultNamespace: astro\nhelm:\n  releaseName: agents\n  values:\n", 4),
}


@pytest.fixture
def found(tmp_path, monkeypatch):
    """Return the findings of files below a folder; all are written, the first ones are named."""
    monkeypatch.chdir(tmp_path)

    def judge_files(files: dict[str, str], *names: str) -> list[Finding]:
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text)
        read = read_together(names or (next(iter(files)),))
        report = judge(read.configurations, cloud=CloudFiles(), unread=read.findings)
        return list(report.findings)

    return judge_files


@pytest.mark.parametrize("text", WRAPPED.values(), ids=WRAPPED.keys())
def test_values_are_judged_where_they_stand_and_nothing_else_is_found(found, text):
    line = next(n for n, one in enumerate(text.splitlines()) if "1MB" in one)  # of its entry

    assert [(f.rule.id, f.where) for f in found({"a.yaml": text})] == [("XC010", f"a.yaml:{line}")]
    assert found({"a.yaml": text.replace("1MB", "0")}) == []


SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: v}\ndata:\n  agents.yaml: "
SET = {"name": "commonEnv[1].value", "value": "1MB", "type": "string"}
PLAN = {"type": "helm_release", "address": "helm_release.a",
        "values": {"chart": CHART, "values": [GOOD], "set": [SET]}}  # fmt: skip
MANIFEST = {"type": "kubectl_manifest",
            "values": {"yaml_body": below(f"{ARGO}      values: |\n", 8)}}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SECRET + b64encode(BAD.encode()).decode() + "\n", 5),
        (json.dumps({"values": {"root_module": {"resources": [PLAN]}}}), 1),
        (json.dumps({"planned_values": {"root_module": {"child_modules": [
            {"resources": [PLAN]}]}}}, indent=1), 18),
        (json.dumps({"values": {"root_module": {"resources": [MANIFEST]}}}), 1),
    ],
    ids=["secret", "terraform", "terraform's plan", "manifest of terraform"],
)  # fmt: skip
def test_values_that_are_encoded_are_judged_with_the_line_they_begin_in(found, text, line):
    assert [(f.rule.id, f.where) for f in found({"a.json": text})] == [("XC010", f"a.json:{line}")]


def test_secret_with_other_values_is_none_of_agents(found):
    with pytest.raises(InputError, match="nothing in it runs an agent"):
        found({"a.yaml": f"{SECRET}{b64encode(b'replicas: 1').decode()}\n"})


POST = (
    f"{FLUX}  postRenderers:\n    - kustomize:\n"
    "        patches: [{patch: '- {op: add, path: /spec/%s}'}]\n  values:\n"
)
FROM = f"{ARGO}      valueFiles: ['%s']\n      valuesObject:\n"


@pytest.mark.parametrize(
    ("manifest", "command"),
    [
        (POST % "env/-, value: AIRFLOW__A__B", "helm get manifest"),
        (POST % "containers/0/env/1/value, value: 1", "helm get manifest"),
        (POST % "containers/0/env/-, value: {name: DD_SITE}", ""),
        (POST % "tty", ""),
        (FROM % "secrets://a.enc.yaml", "sops decrypt a.enc.yaml | "),
        (FROM % "secrets+age-import:///k?$ref/a.enc.yaml", "sops decrypt a.enc.yaml | "),
    ],
    ids=["variables behind helm", "by number", "of another tool", "no variables",
         "helm-secrets", "helm-secrets with a key"],
)  # fmt: skip
def test_part_that_another_tool_adds_is_said_with_what_prints_it(found, manifest, command):
    spaces = 4 if manifest.startswith(FLUX) else 8
    findings = found({"a.yaml": below(manifest, spaces, GOOD)})
    assert [f.rule.id for f in findings] == (["XC076"] if command else [])
    assert all(command in f.fix and f.is_unknown for f in findings)


def test_values_of_one_target_beside_those_of_all_are_judged_as_a_part(found):
    more = f"targetCustomizations:\n  - helm:\n      values:\n{indent(OVER, ' ' * 8)}"
    findings = found({"fleet.yaml": below(f"helm:\n  values:\n{indent(GOOD, ' ' * 4)}", 0, more)})
    assert {(f.rule.id, f.is_unknown) for f in findings} >= {("XC001", True), ("XC002", True)}


def test_agents_keys_beside_a_subchart_are_named_and_the_subchart_is_judged(found):
    text = below(f"commonEnv: []\nnamespace: own\n{CHART}:\n", 2)
    judged = {f.rule.id: f.observed.partition(" to the")[0] for f in found({"a.yaml": text})}
    assert judged == {"XC010": judged["XC010"], "XC075": "helm does not hand commonEnv"}


def test_ignore_comment_counts_inside_a_text_too(found):
    text = below(f"{ARGO}      values: |\n", 8)

    ignored = text.replace('"1MB"', '"1MB"  # xcomkit: ignore XC010 it is a test')
    assert found({"a.yaml": ignored}) == []


def test_text_that_is_no_block_points_at_the_line_it_begins_in(found):
    values = BAD.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    text = f'{ARGO}      values: "{values}"\n'

    (finding,) = found({"a.yaml": text})
    assert finding.where == f"a.yaml:{len(text.splitlines())}"


def test_two_releases_in_one_file_are_two_configurations_with_names(tmp_path):
    path = tmp_path / "a.yaml"
    other = FLUX.replace("name: agents,", "name: others,")
    path.write_text(below(f"{FLUX}  values:\n", 4) + "---\n" + below(f"{other}  values:\n", 4))

    read = read_together([str(path)])
    assert [one.label for one in read.configurations] == [
        "Flux HelmRelease agents", "Flux HelmRelease others",
    ]  # fmt: skip
    report = judge(read.configurations, cloud=CloudFiles())
    assert [one.count("fail") for one in report.deployments] == [1, 1]


FILES = {
    "argo": below(
        f"{ARGO}      valueFiles: [$values/envs/base.yaml, $values/envs/prod.yaml]\n", 0, ""
    ),
    "argo chart in the repository": ARGO.replace(
        f"chart: {CHART}", "path: envs"
    ) + "      valueFiles: [base.yaml, /envs/prod.yaml]\n",
    "flux": FLUX.replace(
        f"chart: {CHART}, sourceRef: {{kind: HelmRepository",
        "chart: ./envs, valuesFiles: [envs/base.yaml, ./envs/prod.yaml],"
        " sourceRef: {kind: GitRepository",
    ),
    "helmfile": f"releases:\n  - name: a\n    chart: x/{CHART}\n"
    "    values: [../envs/base.yaml, ../envs/prod.yaml]\n",
    "kustomize": f"helmCharts:\n  - name: {CHART}\n    valuesFile: ../envs/base.yaml\n"
    "    additionalValuesFiles: [../envs/prod.yaml]\n",
}  # fmt: skip
OVER = "resourceNamePrefix: prod\ncommonEnv:\n  - name: TZ\n    value: UTC\n"


@pytest.mark.parametrize("manifest", FILES.values(), ids=FILES.keys())
def test_files_that_a_manifest_names_are_laid_over_each_other(found, manifest):
    files = {"apps/app.yaml": manifest, "envs/base.yaml": GOOD, "envs/prod.yaml": "labels: {}\n"}
    assert found(files) == []

    findings = found({**files, "envs/prod.yaml": OVER})
    assert {f.rule.id for f in findings} >= {"XC001", "XC025"}
    assert {f.file for f in findings} == {"envs/prod.yaml"}


def test_file_that_is_not_there_or_outside_is_said_and_nothing_is_missing_for_sure(found):
    secret = "xcomBackend: s3cr3t\n"
    manifest = f"{ARGO}      valueFiles: [$v/gone.yaml, $v/../outside.yaml]\n"
    text = below(f"{manifest}      values: |\n", 8, "replicas: 1\n")
    Path("../outside.yaml").write_text(secret)

    findings = found({"apps/app.yaml": text})

    assert {f.rule.id for f in findings if f.is_unknown} >= {"XC001", "XC002", "XC076"}
    assert {f.severity for f in findings} == {"warn"}
    assert "s3cr3t" not in repr(findings)


@pytest.mark.parametrize(
    ("kind", "field", "content"),
    [("ConfigMap", "data", BAD), ("Secret", "stringData", BAD)],
)
def test_values_that_flux_takes_from_an_object_beside_are_read(found, kind, field, content):
    text = f"{FLUX}  valuesFrom: [{{kind: {kind}, name: v}}]\n  values: {{labels: {{}}}}\n---\n"
    beside = f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: v}}\n{field}:\n  values.yaml: |\n"

    assert [f.rule.id for f in found({"a.yaml": below(text + beside, 4, content)})] == ["XC010"]


def test_values_that_flux_takes_from_elsewhere_are_said_with_the_command(found):
    text = f"{FLUX}  valuesFrom: [{{kind: Secret, name: v}}]\n"

    (finding,) = found({"a.yaml": text})
    assert (finding.rule.id, finding.severity) == ("XC075", "fail")
    assert "kubectl get secret v" in finding.fix

    partly = found({"a.yaml": below(f"{text}  values:\n", 4, "labels: {}\n")})
    assert {f.severity for f in partly} == {"warn"}
    assert "XC076" in {f.rule.id for f in partly}

    part = f"{FLUX}  valuesFrom: [{{kind: ConfigMap, name: values, targetPath: labels}}]\n---\n"
    (unread,) = found({"a.yaml": below(part + CONFIG_MAP, 4, "x: y\n")})
    assert (unread.rule.id, "valuesFrom ConfigMap" in unread.observed) == ("XC075", True)


@pytest.mark.parametrize(
    ("tool", "reference"),
    [(f"{FLUX}  values:\n", "${THRESHOLD:=0}"), (f"{FLUX}  values:\n", "${THRESHOLD}"),
     (f"{APPLICATION_SET}            values: |\n", "{{ .threshold }}"),
     (f"{APPLICATION_SET}            valuesObject:\n", "{{threshold}}")],
)  # fmt: skip
def test_what_the_tool_fills_in_is_unknown(found, tool, reference):
    spaces = 4 if "Flux" not in tool and "HelmRelease" in tool else 14
    text = below(tool, spaces, changed(('"0"', f'"{reference}"')))

    (finding,) = found({"a.yaml": text})
    assert (finding.rule.id, finding.is_unknown) == ("XC002", True)


def test_template_without_quotes_is_unknown_in_a_text_of_an_application_set(found):
    values = changed(('"0"', "{{ .threshold }}"), ("xcom-bucket", "{{ .bucket }}"))
    text = below(f"{APPLICATION_SET}            values: |\n", 14, values)

    assert {(f.rule.id, f.is_unknown) for f in found({"a.yaml": text})} == {
        ("XC001", True), ("XC002", True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("[{name: 'commonEnv[1].value', value: '-1', forceString: true}]", "XC002"),
        ("[{name: 'commonEnv[1].value', value: '-1'}]", "XC006"),
        (r"[{name: 'serviceAccount.annotations.eks\.amazonaws\.com/role-arn', value: x}]", "XC048"),
        (f"[{{name: 'commonEnv[2].value', value: '{2**63 - 1}'}}]", "XC006"),
        (f"[{{name: 'commonEnv[2].value', value: '{-(2**63)}'}}]", "XC006"),
        (f"[{{name: 'commonEnv[2].value', value: '{2**63}'}}]", "XC019"),
        ("[{name: 'commonEnv[1000].value', value: 1}]", "XC006"),
    ],
)
def test_parameters_of_argo_stand_over_all_values(found, rows, expected):
    text = below(f"{ARGO}      parameters: {rows}\n      valuesObject:\n", 8, GOOD)

    findings = found({"a.yaml": text})
    assert {f.rule.id for f in findings} == {expected}
    assert {f.line for f in findings} == {9}


@pytest.mark.parametrize("name", ["commonEnv[1001].value", "commonEnv[-1].value", "commonEnv[9", "",
                                  f"commonEnv[{'9' * 5000}].value"])  # fmt: skip
def test_parameter_that_helm_or_lint_does_not_follow_is_said(found, name):
    rows = json.dumps([{"name": name, "value": "x"}])
    text = below(f"{ARGO}      parameters: {rows}\n      valuesObject:\n", 8, GOOD)

    assert {(f.rule.id, f.is_unknown, f.line) for f in found({"a.yaml": text})} == {
        ("XC076", True, 9)
    }


def test_values_file_may_lie_below_a_manifest(found):
    files = {"values.yaml": GOOD, "a.yaml": below(f"{FLUX}  values:\n", 4, OVER)}

    assert "XC001" in {f.rule.id for f in found(files, "values.yaml", "a.yaml")}
    two = below(f"{FLUX}  values:\n", 4) + "---\n" + below(f"{FLUX}  values:\n", 4)
    with pytest.raises(InputError, match="2 installations"):
        found({"values.yaml": GOOD, "a.yaml": two}, "values.yaml", "a.yaml")


@pytest.mark.parametrize(
    "text", ["resourceNamePrefix: prod\nreplicas: 3\n", "image: a:1\n", "ingress: {}\n"]
)
def test_overlay_alone_is_unknown_and_what_is_wrong_in_it_fails(found, text):
    assert {f.severity for f in found({"values-prod.yaml": text})} == {"warn"}

    wrong = f"{text}triggerer:\n  env:\n    - {{name: A, value: 1}}\n"
    failed = [f.rule.id for f in found({"values-prod.yaml": wrong}) if f.severity == "fail"]
    assert failed == ["XC006"]


def test_file_with_image_workers_and_variables_is_whole_and_lacks_its_backend(found):
    text = changed(("xcomBackend:", "image: r/a:1\nother:"))

    assert [f.rule.id for f in found({"a.yaml": text}) if f.severity == "fail"] == ["XC009"]


UNREAD = {
    "main.tf": ('values = [<<EOF\nxcomBackend: "x"\nEOF\n]\n', "terraform show -json"),
    "json.tf": ('values = [jsonencode({ xcomBackend = "x" })]\n', "terraform show -json"),
    "templates/app.yaml": (
        f"{{{{- if .Values.a }}}}\n{ARGO}      values: |\n        xcomBackend: x\n",
        "helm template RELEASE . ",
    ),
    "apps/kustomization.yaml": (
        "kind: Kustomization\nconfigMapGenerator:\n  - literals: [AIRFLOW__CORE__XCOM_BACKEND=x]\n",
        "kustomize build apps",
    ),
    "values.yaml.gotmpl": ("xcomBackend: {{ .Values.x }}\n", "helmfile"),
    "Dockerfile.agent": ("FROM x\nENV AIRFLOW__CORE__XCOM_BACKEND=x\n", "docker run"),
    "values.jsonnet": ("{ xcomBackend: 'x' }\n", "jsonnet values.jsonnet"),
    "cluster.yaml": (
        "kind: AirflowCluster\nspec:\n  envOverrides:\n    AIRFLOW__CORE__XCOM_BACKEND: x\n",
        '"envOverrides"',
    ),
    "play.yml": (
        "- hosts: all\n  tasks:\n    - kubernetes.core.helm:\n        xcomBackend: x\n",
        "xcomkit lint -",
    ),
    "airflow.yaml": (
        "executor: x\nenv:\n  - name: AIRFLOW__CORE__XCOM_BACKEND\n",
        "helm template",
    ),
    "values.yaml": ("agents:\n  env:\n    AIRFLOW__CORE__XCOM_BACKEND: x\n", 'has("env")'),
}


@pytest.mark.parametrize(("name", "given"), UNREAD.items(), ids=UNREAD.keys())
def test_what_configures_agents_and_is_not_read_fails_with_the_command_that_prints_it(
    found, name, given
):
    text, command = given

    (finding,) = found({name: text})
    assert (finding.rule.id, finding.severity) == ("XC075", "fail")
    assert command in finding.fix
    assert finding.line == next(
        n for n, one in enumerate(text.splitlines(), 1) if "XCOM" in one.upper()
    )


@pytest.mark.parametrize("kind", ["SealedSecret", "ExternalSecret"])
def test_settings_that_a_controller_puts_into_a_secret_are_unknown(found, kind):
    text = f"kind: {kind}\napiVersion: a/v1\nspec: {{a: AIRFLOW__CORE__XCOM_BACKEND}}\n"
    (finding,) = found({"a.yaml": text})
    assert (finding.rule.id, finding.is_unknown) == ("XC076", True)
    assert "kubectl get secret" in finding.fix


def test_comment_about_agents_makes_no_file_one_of_agents(found):
    with pytest.raises(InputError, match="nothing in it runs an agent"):
        found({"a.yaml": "apiVersion: v1\nkind: Service\n# xcomBackend: x\n"})


SKAFFOLD = f"""\
apiVersion: skaffold/v4beta11
kind: Config
deploy:
  helm:
    releases:
      - name: agents
        remoteChart: x/{CHART}
        valuesFiles: [good.yaml]
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("        version: 2.3.0\n", []),
        ("        setValues: {'commonEnv[1].value': 1MB}\n", [("XC010", False)]),
        ("        setValueTemplates: {'commonEnv[1].value': '{{.T}}'}\n", [("XC076", True)]),
        ("        setFiles: {image: image.txt}\n", [("XC076", True)]),
        (("profiles:\n  - name: dev\n    manifests:\n      helm:\n        releases:\n"
         f"          - {{name: a, remoteChart: x/{CHART}, valuesFiles: [good.yaml],"
         " setValues: {'commonEnv[1].value': -1}}\n"), [("XC006", False)]),
    ],
    ids=["values files", "set", "set by a template", "set from a file", "profile"],
)  # fmt: skip
def test_release_of_skaffold_is_read_and_what_is_not_read_is_said(found, more, expected):
    findings = found({"skaffold.yaml": SKAFFOLD + more, "good.yaml": GOOD})
    assert [(f.rule.id, f.is_unknown) for f in findings] == expected


def test_file_encrypted_by_sops_is_unknown_as_a_whole(found):
    text = GOOD + "sops: {mac: 'ENC[AES256_GCM,data:bWFj]', version: 3.9.0}\n"

    findings = found({"a.yaml": text.replace('"0"', "ENC[AES256_GCM,data:MA==,type:str]")})
    assert {f.severity for f in findings} == {"warn"}
    assert any("sops decrypt a.yaml" in f.fix for f in findings)
