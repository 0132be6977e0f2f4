"""Two real helms say what a values file means; ours says the same, but for a named table."""

import math
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from real_helm import PACKAGES, PRINTER, Helm, Refused, find_helm, write_chart

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import Check
from xcomkit.lint.rendered import judge_rendered
from xcomkit.lint.rules import find
from xcomkit.lint.sources.layers import Parameter
from xcomkit.lint.sources.reading import read_configuration
from xcomkit.lint.sources.resolving import _set
from xcomkit.settings.settings import Settings
from xcomkit.values.accounts import read_accounts
from xcomkit.values.environment import worker_groups
from xcomkit.values.helm import template
from xcomkit.values.layers import layer
from xcomkit.values.values import read_values

CASES = 280
ROOT = Path(__file__).parents[2]

# What differs, and why: shown in docs/decisions/2026-12-01-helm-oracle.md. Each with a file, what
# both helms make of it, and what we answer (a text: why it is refused).
DIFFERENCES = {
    "a second document": (
        "a: 1\n---\nb: 2\n", {"a": 1}, {"a": 1, "b": 2}, "a second document: Helm 3 ignores it",
    ),
    "a document behind an empty one": (
        "---\n---\nb: 2\n", {}, {"b": 2}, "a second document: Helm 3 ignores it",
    ),
    "more behind the end of the document": (
        "a: 1\n...\nb: 2\n", {"a": 1}, {"a": 1}, "did not find expected <document start>",
    ),
    "the directive %YAML 1.1": (
        "%YAML 1.1\n---\na: 1\n", {"a": 1}, Refused, "%YAML and %TAG are refused",
    ),
    "the directive %TAG": (
        "%TAG ! tag:x,1:\n---\na: 1\n", {"a": 1}, Refused, "%YAML and %TAG are refused",
    ),
    "a key of more than six digits with a point": (
        "123456.75: a\n", {"123456.75": "a"}, {"123456.75": "a"}, {"123457": "a"},
    ),
    "a key that is infinite or beyond 64 bits": (
        "1e20: a\n", {"1e+20": "a"}, {"1e+20": "a"}, "a key that is too large a number",
    ),
    "an alias as a key": (
        "a: &x b\n*x : c\n", {"a": "b", "b": "c"}, {"a": "b", "b": "c"}, "a key that is no text",
    ),
    "an infinite number that a later << replaces": (
        "a: {b: .inf, <<: {b: 1}}\n", {"a": {"b": 1}}, {"a": {"b": 1}}, "infinite or not a number",
    ),
    "a key that helm refuses, which a later key replaces": (
        "a: {~: b}\na: 1\n", {"a": 1}, {"a": 1}, "a key that is null",
    ),
    "a tag without a value before a comma": (
        "a: {b: !!str, c: d}\n", Refused, Refused, {"a": {"b": "", "c": "d"}},
    ),
    "a text with the tag !!binary": (
        "a: !!binary aGk=\n", {"a": "hi"}, {"a": "hi"}, {"a": "aGk="},
    ),
    "no time with the tag !!timestamp": ("a: !!timestamp x\n", Refused, Refused, {"a": "x"}),
    "more than 60 levels": (
        "a: " + "[" * 70 + "]" * 70, object, object, "nested deeper than 60 levels",
    ),
}  # fmt: skip

# One file holds them all, each taken by helm as a text or as something else.
WORDS = """
y Y n N yes No ON off true False TRUE tRue oN ~ null Null NULL nULL null0 y0 yess v1
0 -0 +1 12 0123 0189 08 09.5 0o14 0O14 0o18 0o 0x1f 0X1F 0x 0xFFFFFFFFFFFFFFFFFF
0xFFFFFFFFFFFFFFFF +0xFFFFFFFFFFFFFFFF -0x8000000000000000 -0x8000000000000001
0b11 0B11 0b12 -0b11 +0x1F 0_1 1_000 _1 1_ 1__0 0x_1 1_000.5 1_0e3 +_1 ._5 0x1p-2
.3_11 .5_ .5__5 .5e1_0 .5_e1 ._
1. 1.e3 .5 +.5 -.5 -.5e3 . + +. e1 1e 1e6 1E5 +1e5 1.5e+3 -0.0 1e1.5 --1 0.0.1
1e400 -1e400 1e-400 1e21 1e-7 1048576 9007199254740993 9223372036854775807
9223372036854775808 18446744073709551615 18446744073709551616 +18446744073709551615
-9223372036854775808 -9223372036854775809 100000000000000000000000 1:30 1:30.5 -1:30
2024-01-01 2024-01-01T00:00:00Z = << nan NaN inf Inf +inf infinity .iNF 3.14.15 1,5
"""
TAKEN = [
    *WORDS.split(),
    "", "!!str", "!!str 3", "!!str ~", "!!int 3", "!!int '3'", '!!int "0o14"', "!!float 3",
    "!!float '.5'", "!!bool yes", "!!null", "!!null '~'", "!foo x", "! 3", "! x",
    "!!timestamp 2024-01-01", "'y'", '"1"', '"\\x41\\u00e9\\n"', "|\n  y", ">-\n  1\n  2",
    "9" * 400, "0" * 90 + "1.5", "10%",
]  # fmt: skip
REFUSED = [
    ".inf", "-.INF", "+.Inf", ".nan", ".NaN", ".NAN", "!!null x", "!!int x", "!!int 1.5",
    "!!int ''", "!!float x", "!!float 1e400", "!!bool x", "!!bool 1", "!!int true",
    '"\\/"', '"a\\\\\\/b"', '"\\ud800"', "*nobody", "`x", "@x", "%x",
]  # fmt: skip
KEYS = [
    "a", "true", "no", "1", "0x1F", "1.5", "1e6", "'~'", '"1.50"', "''",
    "0o17", "!!int 5", "!!str 6", "2024-01-01", "9223372036854775807", "-1e-7",
    "'<<'", "!!str <<", "1:30", "y y",
]  # fmt: skip
REFUSED_KEYS = ["~", "null", "9223372036854775808", "[a]", "{a: b}", "!!int x"]


@pytest.fixture(scope="module", params=PACKAGES)
def helm(request: pytest.FixtureRequest) -> Helm:
    return Helm(find_helm(request.param))


@pytest.fixture(scope="module")
def chart(tmp_path_factory) -> Path:
    return write_chart(tmp_path_factory.mktemp("printer") / "chart", printer=PRINTER)


def ours(texts: list[str]) -> object:
    """Return what we read, or why we refuse it."""
    try:
        files = [read_values(text, name="v.yaml") for text in texts]
    except InputError as refusal:
        return Refused(str(refusal))
    return layer(files)[0].data


def is_same(one: object, other: object) -> bool:
    """Tell whether data are equal; helm's numbers are of 64 bits with a point."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if type(one) in (int, float) and type(other) in (int, float):
        return math.isclose(one, other, rel_tol=1e-15)
    return type(one) is type(other) and (isinstance(one, Refused) or one == other)


def disagreements(helm: Helm, chart: Path, cases: list[list[str]]) -> list[str]:
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda texts: helm.read(chart, texts), cases)
        return [
            f"{texts}\n  helm: {answer}\n  ours: {ours(texts)}"
            for texts, answer in zip(cases, answers, strict=True)
            if not is_same(answer, ours(texts))
        ]


def test_scalars_and_keys_that_helm_takes_are_the_same(helm, chart) -> None:
    values = "".join(f"k{number}: {text}\n" for number, text in enumerate(TAKEN))
    keys = "".join(f"{key}: {number}\n" for number, key in enumerate(KEYS))

    assert disagreements(helm, chart, [[values], [keys]]) == []
    assert not isinstance(ours([values]), Refused)
    assert not isinstance(ours([keys]), Refused)


def test_scalars_and_keys_that_helm_refuses_are_refused(helm, chart) -> None:
    texts = [f"a: {text}\n" for text in REFUSED] + [f"{key}: a\n" for key in REFUSED_KEYS]

    assert disagreements(helm, chart, [[text] for text in texts]) == []
    assert all(isinstance(ours([text]), Refused) for text in texts)


@pytest.mark.parametrize("seed", range(4))
def test_generated_files_and_layers_are_the_same(helm, chart, seed) -> None:
    cases = [Writer(seed * CASES + number).files() for number in range(CASES // 4)]
    assert disagreements(helm, chart, cases) == []


# names and values of --set, as Argo CD writes them from helm.parameters
SET_NAMES = [
    "a.b", "a.c", "x", "x.y.z", "a.l[0]", "a.l[3]", "a.m[0].n", "a.m[1].n", "x[0]", "x[1].y",
    "x[0][1]", r"k\.d", r"a.e\.f", "a.l", "a", "a.m[0]", 'a."q"', r"x\[0\]",
]  # fmt: skip
SET_VALUES = [
    "1", "true", "True", "FALSE", "null", "Null", "text", "", "0", "-5", "007", "-007", "+1", "1.5",
    "1e3", r"a\,b", "a=b", "{a,b}", r"{a\,b,1,true}", "{}", "[1]", "9223372036854775807", "~",
    "-9223372036854775808", "9223372036854775808", " x ", "'q'", r"a\b", "0x1F", "-0", "00", "1_0",
    "yes",
]  # fmt: skip


@pytest.mark.parametrize("flag", ["--set", "--set-string"])
def test_parameters_mean_what_they_mean_to_helm(helm, chart, flag) -> None:
    base = "a: {b: 1, l: [x, z], m: [{o: p}]}\nk.d: 5\n"
    different = []
    for name, value in [*((name, "v") for name in SET_NAMES), *(("x", v) for v in SET_VALUES)]:
        parameter = Parameter(name, value, ("f", 1), is_text=flag == "--set-string")
        answer = helm.read(chart, [base], flag, f"{name}={value}")
        held = _set(read_values(base, name="v.yaml"), parameter, below=()).data
        if not is_same(answer, held):
            different.append((name, value, answer, held))
    assert different == []


class Writer:
    """Writes values files from a seed: what people write, and what they should not."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._anchors: dict[str, str] = {}  # by name, the kind of what is anchored

    def files(self) -> list[str]:
        """Return one to three files that lie over each other."""
        texts = []
        for _ in range(self._random.choice((1, 1, 2, 3))):
            self._anchors.clear()
            text = "".join(f"{line}\n" for line in self._mapping(0, 3))
            above = self._random.choice(("", "", "", "\ufeff", "---\n", "# top\n--- # first\n"))
            texts.append(
                above + text + self._random.choice(("", "", "", "---\n", "...\n", "---\n# x\n"))
            )
        return texts

    def _mapping(self, indent: int, depth: int) -> Iterator[str]:
        names = "abcdef" if indent else "abcdefgh"
        pad = " " * indent
        for name in self._random.sample(names, self._random.randint(1, 5)):
            match self._random.random():
                case chance if chance < 0.12 and self._anchors:
                    yield f"{pad}<<: {self._merged()}"
                case chance if chance < 0.16 and indent:
                    one, two = self._scalar_in_flow(), self._scalar_in_flow()
                    yield f"{pad}<<: {{{name}: {one}, {name}2: {two}}}"
                case chance if chance < 0.2:
                    yield f"{pad}{name}: {self._scalar()}"
            key = self._random.choice((name, name, name, f"'{name}'", f'"{name}"'))
            yield from self._pair(f"{pad}{key}:", indent, depth)
        if self._random.random() < 0.2:  # another layer may write the same key in another form
            yield f"{pad}{self._random.choice(KEYS)}: {self._scalar()}"
        if not indent and self._random.random() < 0.06:
            yield f"{pad}{self._random.choice(REFUSED_KEYS)}: {self._scalar()}"

    def _merged(self) -> str:
        mappings = [name for name, kind in self._anchors.items() if kind == "mapping"]
        if not mappings:
            return "{}"
        if self._random.random() < 0.03:  # perhaps a list, which helm refuses
            return f"*{self._random.choice(list(self._anchors))}"
        if self._random.random() < 0.3:
            return "[" + ", ".join(f"*{name}" for name in self._random.sample(mappings, 1)) + "]"
        return f"*{self._random.choice(mappings)}"

    def _pair(self, head: str, indent: int, depth: int) -> Iterator[str]:
        match self._random.random():
            case chance if chance < 0.35 and depth:
                name = self._anchor()
                yield f"{head}{name and f' &{name}'}"
                yield from self._mapping(indent + 2, depth - 1)
                self._anchors |= {name: "mapping"} if name else {}
            case chance if chance < 0.55 and depth:
                name = self._anchor()
                yield f"{head}{name and f' &{name}'}"
                yield from self._list(indent, depth - 1)
                self._anchors |= {name: "list"} if name else {}
            case chance if chance < 0.6 and self._anchors:
                yield f"{head} *{self._random.choice(list(self._anchors))}"
            case chance if chance < 0.64:
                yield f"{head} {self._random.choice(('{}', '[]', '~', ''))}"
            case chance if chance < 0.7:
                yield f"{head} {self._random.choice('|>')}{self._random.choice(('', '-', '+'))}"
                yield from (f"{' ' * indent}    {word}" for word in ("y", "", "1"))
            case _:
                yield f"{head} {self._scalar()}"

    def _anchor(self) -> str:
        return f"n{len(self._anchors)}" if self._random.random() < 0.4 else ""

    def _list(self, indent: int, depth: int) -> Iterator[str]:
        pad = " " * indent
        for _ in range(self._random.randint(1, 3)):
            if self._random.random() < 0.5 and depth:
                first, *rest = self._mapping(indent + 2, depth - 1)
                yield f"{pad}- {first.lstrip()}"
                yield from rest
            else:
                yield f"{pad}- {self._scalar()}"

    def _scalar(self) -> str:
        match self._random.random():
            case chance if chance < 0.3:
                flat = [text for text in TAKEN if "\n" not in text]
                return self._random.choice(flat)
            case chance if chance < 0.55:
                letters = "00112345789..__eE+-xXoObBaFyYnNtf"
                return "".join(self._random.choices(letters, k=self._random.randint(1, 6)))
            case chance if chance < 0.553:
                return self._random.choice(REFUSED)
            case chance if chance < 0.65:
                return f"[{self._scalar_in_flow()}, {self._scalar_in_flow()}]"
            case chance if chance < 0.73:
                return f"{{name: {self._scalar_in_flow()}, value: {self._scalar_in_flow()}}}"
            case _:
                return self._random.choice(("text", "two words", "'0'", '"yes"', "s3://c@b/x", "5"))

    def _scalar_in_flow(self) -> str:
        plain = [text for text in TAKEN if text not in ("", "!!str", "!!null") and "," not in text]
        plain = [text for text in plain if "\n" not in text]
        return self._random.choice(plain)


# What the downloaded file and its comments say of the chart, in the shortest templates that do it.
AGENTS = """{{- define "pod" }}
{{- $common := .values.commonEnv | default list }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .name }}}
spec:
  template:
    metadata: {labels: {{ toJson (.values.podLabels | default .values.labels) }}}
    spec:
      serviceAccountName: {{ .name }}
      containers:
        - name: {{ .container }}
          {{- $env := concat $common (.env | default list) }}
          {{- if .values.commonLast }}{{ $env = concat (.env | default list) $common }}{{ end }}
          env: {{- toYaml $env | nindent 12 }}
---
{{- end }}
{{- range .Values.workers }}
{{- template "pod" (dict "name" (printf "p-worker-%s" .name) "container" "worker" "env" .env
    "values" $.Values) }}
{{- if $.Values.serviceAccount.workers.create }}
kind: ServiceAccount
apiVersion: v1
metadata: {annotations: {{ toJson $.Values.shown }}, name: p-worker-{{ .name }}}
---
{{- end }}
{{- end }}
{{- template "pod" (dict "name" "p-dag-processor" "container" "dag-processor"
    "env" .Values.dagProcessor.env "values" .Values) }}
{{- with .Values.triggerer }}
{{- template "pod" (dict "name" "p-triggerer" "container" "triggerer" "env" .env
    "values" $.Values) }}
{{- end }}
"""
ROLE = "eks.amazonaws.com/role-arn: 'arn:aws:iam::111122223333:role/r'"
USE = "azure.workload.identity/use: 'true'"
DEFAULTS = """workers: [{name: default-worker}]
serviceAccount: {workers: {create: true}}
triggerer: {replicas: 1}
dagProcessor: {env: []}
commonEnv: []
"""


@pytest.fixture(scope="module")
def agents(tmp_path_factory) -> Path:
    return write_chart(tmp_path_factory.mktemp("a") / "chart", values=DEFAULTS, agents=AGENTS)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1", "workers: []", "workers: ~", "workers:\n#  - name: x", "workers: {}",
        "workers: [{name: a}, {name: b}]", "serviceAccount: {workers: {create: ~}}",
        "serviceAccount: {workers: {create: no}}", "serviceAccount: {workers: {create: n}}",
        "serviceAccount: {workers: {create: 'false'}}", "serviceAccount: {workers: {name: x}}",
        "serviceAccount: {workers: {create: 0}}", "serviceAccount: {}",
    ],
)  # fmt: skip
def test_null_and_empty_take_from_the_charts_defaults_what_we_say(helm, agents, text) -> None:
    said = helm.template(agents, [text])
    assert not isinstance(said, Refused), said
    values = read_values(text, name="v.yaml")
    found = [account for account in read_accounts(values, prefix="p") if ":" in account.component]
    assert [f"p-worker-{name}" for _, name in worker_groups(values)] == re.findall(
        r"^kind: Deployment\nmetadata: {name: (p-worker-\S+)}", said, re.MULTILINE
    )
    created = [account.component.replace("worker:", "p-worker-") for account in found
               if account.created]  # fmt: skip
    assert created == re.findall(r"^kind: ServiceAccount.*\n.*\n.*name: (\S+)}", said, re.MULTILINE)


def test_what_helm_rendered_is_judged_per_container_duplicates_included(helm, agents, tmp_path):
    text = (
        "commonEnv: [{name: A, value: a}, {name: LOG, value: x}]\n"
        "workers: [{name: w, env: [{name: B, value: $(A)}, {name: LOG, value: z}]}, {name: v}]\n"
    )
    said = helm.template(agents, [text])
    assert isinstance(said, str), said
    path = tmp_path / "rendered.yaml"
    path.write_text(said)

    config = read_configuration([str(path)])

    assert list(config.environment) == [
        "deployment/p-worker-w:worker", "deployment/p-worker-v:worker",
        "deployment/p-dag-processor:dag-processor", "deployment/p-triggerer:triggerer",
    ]  # fmt: skip
    assert config.environment["deployment/p-worker-w:worker"] == {"A": "a", "B": "a", "LOG": "z"}
    (finding,) = [one for one in find(config) if one.rule.id == "XC007"]
    assert finding.observed.startswith("deployment/p-worker-w:worker.env: 'LOG' on lines ")


@pytest.fixture
def installed(helm, tmp_path, monkeypatch) -> None:
    """Put this helm on PATH."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/helm").symlink_to(helm.program)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def judged(chart: Path | str, text: str) -> list[Check]:
    """Return the checks of step 03 on a chart."""
    settings = Settings.from_mapping({"bucket": "some-bucket", "chart": str(chart)})
    values = read_values(text, name="v.yaml")
    check, rendered = template(values, settings=settings)
    compared = [judge_rendered(rendered, values=values, prefix="p")] if rendered else []
    return [check, *compared]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("chart_yaml", "more", "status"),
    [
        ("", {"values.schema.json": '{"required": ["b"]}'}, "fail"),
        ("", {"templates/a.yaml": '{{ required "b is needed" .Values.b }}'}, "fail"),
        ("", {"templates/a.yaml": "x: {{ .Values.b.c }}"}, "fail"),
        ("", {"templates/a.yaml": "x: [\n"}, "fail"),
        ("kubeVersion: '>=99'\n", {}, "skip"),
        (None, {}, "skip"),
    ],
)
def test_only_what_helm_says_of_values_and_templates_is_held_against_them(
    tmp_path, chart_yaml, more, status
) -> None:
    chart = write_chart(tmp_path / "c", one="kind: A\n")
    for name, text in more.items():
        (chart / name).write_text(text)
    if chart_yaml is None:
        (chart / "Chart.yaml").unlink()
    else:
        (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: c\nversion: 0.1.0\n{chart_yaml}")
    (check,) = judged(chart, "a: 1\n")
    assert check.status == status, check.observed


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("chart", ["/nowhere", "nowhere/chart", "oci://127.0.0.1:1/chart"])
def test_chart_that_is_not_there_is_no_verdict(chart) -> None:
    (check,) = judged(chart, "a: 1\n")
    assert check.status == "skip", check.observed


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("text", "status", "observed"),
    [
        ("workers: [{name: w, env: [{name: B, value: b}]}, {name: v}]", "pass", "the same"),
        ("workers: [{name: w, env: [{name: A, value: b}]}]", "fail", "worker:w: A twice in one"),
        ("triggerer: {env: [{name: A, value: b}]}\ncommonLast: true", "fail",
         "triggerer: another A; triggerer: A twice"),
        ("serviceAccount: {workers: {name: mine}}", "fail",
         "worker:default-worker: runs as p-worker-default-worker, not as mine"),
        ("triggerer: ~", "unknown", "no pod of triggerer was found"),
        (f"shown: {{{ROLE}}}\nserviceAccount: {{workers: {{annotations: {{{ROLE}}}}}}}", "pass",
         "the same"),
        (f"serviceAccount: {{workers: {{annotations: {{{ROLE}}}}}}}", "fail",
         "worker:default-worker: the service account lacks eks.amazonaws.com/role-arn"),
        (f"labels: {{{USE}}}", "pass", "the same"),
        (f"labels: {{{USE}}}\npodLabels: {{a: b}}", "fail",
         "worker:default-worker: the pod lacks the label azure.workload.identity/use"),
    ],
)  # fmt: skip
def test_pods_that_helm_rendered_are_compared_with_what_was_computed(
    agents, text, status, observed
) -> None:
    rendered, compared = judged(agents, f"commonEnv: [{{name: A, value: a}}]\n{text}\n")
    assert rendered.status == "pass", rendered.observed
    assert (compared.id, compared.status) == ("XC083", status), compared.observed
    assert compared.observed.startswith(observed)


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_named_difference_is_one_and_is_written_down(helm, chart, name) -> None:
    text, three, four, answer = DIFFERENCES[name]
    expected = three if helm.program.name.startswith("helm-3") else four
    found = helm.read(chart, [text])
    assert isinstance(found, expected) if isinstance(expected, type) else found == expected
    held = ours([text])
    assert answer in held.words if isinstance(held, Refused) else held == answer
    page = (ROOT / "docs/decisions/2026-12-01-helm-oracle.md").read_text()
    assert f"| {name} |" in page
