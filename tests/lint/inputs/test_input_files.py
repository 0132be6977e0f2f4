"""Which kind a file is of, and how several lie over each other."""

import io
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xcomkit.findings.errors import InputError
from xcomkit.lint.file_types import KINDS
from xcomkit.lint.sources.reading import read_configuration

PATH = "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH"
VALUES = f"commonEnv:\n  - name: {PATH}\n    value: s3://c@b/x\n"
COMPOSE = f"services:\n  airflow:\n    environment:\n      {PATH}: s3://c@${{B:-d}}/x\n"
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: worker}]}\n"
CFG = "[common.io]\nxcom_objectstorage_path = s3://c@b/x\n"
ENV = f"{PATH}=s3://c@b/x\n"
LEVELS = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12)]
BOMB = "l0: &l0 [x, x]\n" + "".join(LEVELS)


@pytest.fixture
def file(tmp_path):
    def write(name: str, content: str | bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


# what helm get all prints
ALL = f"""NAME: astro-agent
STATUS: deployed
USER-SUPPLIED VALUES:
{VALUES}
COMPUTED VALUES:
{VALUES}
HOOKS:
MANIFEST:
---
# Source: chart/templates/pod.yaml
{POD}
"""


def test_values_of_the_users_are_read_from_all_that_helm_prints_of_a_release(file):
    found = read_configuration([file("all.txt", ALL)])
    assert found.values.data == read_configuration([file("v.yaml", VALUES)]).values.data
    assert found.values.line(next(iter(found.values.data))) == 4
    assert found.values.duplicates == ()


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("values.yaml", VALUES, "values"),
        ("values.json", '{"commonEnv": []}', "values"),
        ("release.txt", "USER-SUPPLIED VALUES:\n" + VALUES, "values"),
        ("all.txt", ALL, "values"),
        ("empty.yaml", "", "values"),
        ("docker-compose.yaml", COMPOSE, "compose"),
        ("anything.yml", COMPOSE, "compose"),
        ("pod.yaml", POD, "pod"),
        ("pods", f"---\n{POD}---\n{POD}", "pod"),
        ("airflow.cfg", CFG, "cfg"),
        ("airflow.conf", "# note\n" + CFG, "cfg"),
        (".env", ENV, "env"),
        (".env.production", ENV, "env"),
        ("settings", "export " + ENV, "env"),
        ("services.yaml", "services: {name: x}\n" + VALUES, "values"),
    ],
)
def test_kind_is_told_by_name_and_content(file, name, content, kind):
    assert read_configuration([file(name, content)]).kind == kind


def test_kind_that_was_said_is_taken(file):
    assert read_configuration([file("x", COMPOSE)], kind="values").kind == "values"


def test_standard_input_is_a_dash(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(VALUES.encode())))

    found = read_configuration(["-"])

    assert found.variables["triggerer"][0].file == "stdin"


def test_env_file_stands_over_airflow_cfg_whatever_the_order(file):
    names = [file(".env", f"{PATH}=s3://c@other/x\n"), file("airflow.cfg", CFG)]

    assert read_configuration(names).environment["airflow"][PATH] == "s3://c@other/x"


def test_env_file_beside_a_compose_file_fills_in_its_references(file):
    names = [file("compose.yaml", COMPOSE), file(".env", "B=mine\n")]

    assert read_configuration(names).environment["airflow"][PATH] == "s3://c@mine/x"


def test_kinds_that_do_not_lie_over_each_other_are_refused_with_what_they_are(file):
    with pytest.raises(InputError, match=r"is a values file of the agent chart.*--each"):
        read_configuration([file("values.yaml", VALUES), file(".env", ENV)])


@pytest.mark.parametrize(
    ("content", "kind"), [("kind: Service\napiVersion: v1\n", "pod"), ("services: {}\n", "compose")]
)
def test_file_with_nothing_that_runs_an_agent_is_refused_instead_of_passed(file, content, kind):
    with pytest.raises(InputError, match="nothing in it runs an agent"):
        read_configuration([file("x.yaml", content)], kind=kind)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"a: \x00", "x.yaml:1:4:"),
        (b"\ta: 1", "x.yaml:1:1:"),
        (b"a: 1\nb: \xff\xfe", "x.yaml:2:4:"),
        (b"[" * 100, "x.yaml:1:61:"),
        (b"a: &a [1]\n" + b"b: &b [*a, *a]\n", ""),
        (b"x" * 9_000_000, "x.yaml:1:1:"),
        (b"- 1\n", "x.yaml:1:1:"),
        (b"{{ .Values.x }}: 1\n", "x.yaml:1:"),
        (b"# " + b"x" * 8_000_000, "more than 8 MB"),
        (BOMB.encode(), "aliases that multiply"),
    ],
)
def test_hostile_bytes_are_read_or_refused_in_one_line_with_the_place(file, content, place):
    name = file("x.yaml", content)
    if not place:
        read_configuration([name])
        return
    with pytest.raises(InputError) as caught:
        read_configuration([name])
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["gone.yaml", ".", "bad\x00name"])
def test_path_that_cannot_be_read_is_one_line(name):
    with pytest.raises(InputError) as caught:
        read_configuration([name])
    assert "\n" not in str(caught.value)


CHARACTERS = "\t\r\n :-[]{}&*|>'\"#=$\\%@`!,?~\x00\ufeff"
WORDS = (
    "services:", "environment:", "containers:", "commonEnv:\n", "env:", "spec:", "kind: Pod\n",
    "apiVersion: v1\n", "items:\n", "&a", "*a", "<<: *a", "[core]\n", "A=b\n", "export ",
    "  - name: A\n", "    value: 1\n", "x",
)  # fmt: skip
PIECES = st.lists(st.sampled_from([*CHARACTERS, *WORDS]), max_size=40).map("".join)


@settings(max_examples=400, deadline=2000)
@given(
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | PIECES.map(str.encode)
    | st.binary(max_size=300),
    st.sampled_from([None, *KINDS]),
)
def test_any_content_of_any_kind_is_read_or_refused_in_one_line(tmp_path_factory, content, kind):
    path = tmp_path_factory.getbasetemp() / "fuzz"
    path.write_bytes(content)
    try:
        read_configuration([str(path)], kind=kind)
    except InputError as refusal:
        assert "\n" not in str(refusal)
