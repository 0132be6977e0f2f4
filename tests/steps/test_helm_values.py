"""The values file of a step: merged, loaded and rendered once, however many cells ask for it."""

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from xcomkit.clouds import Cloud, Platform
from xcomkit.findings.errors import ServiceError
from xcomkit.findings.model import WorkerIdentity
from xcomkit.notebook.effective import EffectiveValues
from xcomkit.notebook.step import Step
from xcomkit.settings.observed import ObservedSettings
from xcomkit.settings.settings import Settings
from xcomkit.steps import agent, fidelity, helm_values, orchestration
from xcomkit.values import fragment, image, merge, values
from xcomkit.values.names import PRACTICE

ONCE = {"merge": 1, "load": 1, "fragment": 1}
LINES = "# theirs\nnamespace: astro\nworkers:\n  - name: first\n  - name: second\ncommonEnv: []\n"


ONE_GROUP = "namespace: astro\nworkers:\n  - name: first\n"


def cloud() -> Cloud:
    """Return a cloud that knows what the agents need, and nothing else."""
    nothing: Callable[[], dict[str, str]] = dict
    identity = WorkerIdentity("somebody", {}, proves="nothing")
    return cast(Cloud, SimpleNamespace(
        connection=lambda: {"conn_type": "aws"}, annotations=nothing, labels=nothing,
        agent_environment=nothing, secrets_backend=nothing, rival_variables=(),
        annotation_is_needed=False, agent_packages=("s3fs",),
        worker_identity=lambda *_, **__: identity,
    ))  # fmt: skip


@pytest.fixture
def step(tmp_path: Path) -> Step:
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(LINES, encoding="utf-8")
    given = {"bucket": "some-bucket", "values_file": str(theirs), "apply": True}
    platform = Platform(label="", issuer="")
    return Step("some_step", Settings.from_mapping(given), tmp_path / "run", platform, cloud())


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is done to the values file."""
    found: Counter[str] = Counter()

    def counted(name: str, module: object, function: str) -> None:
        original = getattr(module, function)

        def call(*args: Any, **kwargs: Any) -> Any:
            found[name] += 1
            return original(*args, **kwargs)

        monkeypatch.setattr(module, function, call)

    counted("merge", merge, "apply")
    counted("load", values, "read_text")
    counted("fragment", fragment, "generate")
    return found


@pytest.mark.parametrize(("values_file", "reads"), [("theirs.yaml", True), ("", False)])
def test_apply_decides_what_is_proved_of_a_file_of_the_users_only(
    tmp_path, monkeypatch, values_file, reads
):
    monkeypatch.chdir(tmp_path)
    Path("theirs.yaml").write_text(LINES, encoding="utf-8")
    settings = Settings.from_mapping({"bucket": "some-bucket", "values_file": values_file})
    observed = ObservedSettings.of(settings)
    step = Step("some_step", observed, tmp_path / "run", Platform(label="", issuer=""), cloud())

    cells_of_step_03(step)

    assert ("apply" in observed.reads) == reads


def cells_of_step_03(step: Step) -> None:
    helm_values.plan(step)
    helm_values.apply(step)
    helm_values.show_environment(step)
    helm_values.verify(step)
    helm_values.show_next_steps(step)


def processes_of_step_04(step: Step) -> None:
    with agent.open_agent(step) as opened, fidelity._processes(step, opened) as processes:
        assert len(processes) == 4


def agents_of_step_06(step: Step) -> None:
    orchestration.open_plane(original=step.values.original)
    members = orchestration._members(step, private=step.run / "private")
    assert len(members) == 3


@pytest.mark.parametrize(
    "work",
    [cells_of_step_03, processes_of_step_04, agents_of_step_06],
    ids=lambda one: one.__name__,
)
def test_values_file_is_merged_loaded_and_rendered_once_per_step(step, count, monkeypatch, work):
    for module in (agent, fidelity):
        monkeypatch.setattr(module, "open_worker", lambda *_, **__: nullcontext(SimpleNamespace()))

    work(step)

    assert count == ONCE


@pytest.mark.parametrize(("depth", "is_copied"), [("quick", True), ("full", False)])
def test_worker_of_step_04_has_a_copy_unless_all_faults_are_tried(
    tmp_path, monkeypatch, depth, is_copied
):
    asked = {}

    def open_worker(*_, **given):
        asked.update(given)
        return nullcontext(SimpleNamespace())

    monkeypatch.setattr(agent, "open_worker", open_worker)

    with agent.open_agent(open_fragment(tmp_path, fault_depth=depth)):
        assert asked["is_copied"] is is_copied


def test_plan_that_is_made_again_sees_what_was_edited_meanwhile(step):
    helm_values.plan(step)
    Path(step.settings.values_file).write_text(LINES.replace("second", "third"), encoding="utf-8")

    helm_values.plan(step)

    assert [one.name for one in step.values.components][:2] == ["worker:first", "worker:third"]


def test_identity_trusts_each_account_once_in_the_namespace_of_the_file(step, tmp_path):
    shared = "serviceAccount: {dagProcessor: {name: one}, triggerer: {name: one}}\n"
    Path(tmp_path / "as-is.yaml").write_text(LINES.replace("astro", "other") + shared)
    given = {"bucket": "some-bucket", "values_file": str(tmp_path / "as-is.yaml")}

    assert EffectiveValues(Settings.from_mapping(given), step.cloud).subjects == (
        "system:serviceaccount:other:astro-agent-worker-first",
        "system:serviceaccount:other:astro-agent-worker-second",
        "system:serviceaccount:other:one",
    )


def test_file_that_is_installed_holds_the_lines_of_the_user_and_the_fragment(step):
    cells_of_step_03(step)

    written = Path(step.settings.values_file).with_name("theirs.xcom.yaml").read_text()
    assert "# theirs" in written
    assert "xcomBackend: " in written


def test_what_was_proved_lies_in_the_run_directory_without_a_secret_and_on_the_lines_cited(step):
    theirs = Path(step.settings.values_file)
    theirs.write_text(LINES + "agentToken: hush-1\n# - name: DB\n#   value: hush-2\n")

    cells_of_step_03(step)

    installed = theirs.with_name("theirs.xcom.yaml").read_text().splitlines()
    kept = {name: (step.run / name).read_text() for name in step.facts["files"]}
    copy = kept["values/theirs.xcom.yaml"].splitlines()
    hidden = [number for number, line in enumerate(installed) if "hush" in line]
    assert [n for n, pair in enumerate(zip(installed, copy, strict=True)) if len({*pair}) == 2] == (
        hidden
    )
    assert not any("hush" in text for text in kept.values())
    assert "***" in step.facts["files"]["values/theirs.xcom.yaml"]
    assert "+xcomBackend: " in kept["values/merge.diff"]
    cited = [check.how for check in step.checks if "theirs" in check.how]
    assert cited
    assert all("theirs.xcom.yaml" in how or "compared with" in how for how in cited)


def test_image_gets_the_class_and_its_packages_before_the_file_is_installed(step):
    cells_of_step_03(step)

    lines = helm_values.show_image(step).text
    assert (step.run / "image/xcomkit/durable.py").read_bytes() == image.DURABLE.read_bytes()
    assert f"LABEL {image.LABEL}={image.digest()}" in lines
    assert "COPY xcomkit/durable.py" in lines
    assert "pip install --no-cache-dir xcomkit==" in lines
    assert "s3fs==" in lines


def test_airflows_own_class_needs_no_line_and_leaves_none_of_an_earlier_pass(step):
    cells_of_step_03(step)
    stock = Settings.from_mapping({**step.settings.to_parameters(), "backend": "stock"})
    again = Step("some_step", stock, step.run, step.platform, step.cloud)

    cells_of_step_03(again)

    assert not (step.run / "image").exists()
    assert "No line is needed" in helm_values.show_image(again).text


def test_evidence_is_the_same_without_the_cells_that_show(step):
    helm_values.plan(step)
    helm_values.apply(step)
    helm_values.verify(step)
    measured = dict(step.facts)

    cells_of_step_03(step)

    assert measured["environment"]
    assert step.facts == measured


def test_cloud_that_cannot_be_asked_is_a_check_in_every_cell_and_no_traceback(step, monkeypatch):
    def refuse() -> dict[str, str]:
        raise ServiceError("AWS_ENDPOINT_URL leads elsewhere", hint="unset it")

    monkeypatch.setattr(step.cloud, "annotations", refuse)
    for cell in (helm_values.plan, helm_values.show_environment, helm_values.verify):
        cell(step)
    shown = helm_values.show_next_steps(step)

    assert "helm upgrade" not in repr(shown)
    assert {(check.id, check.status) for check in step.checks} == {("XC901", "unknown")}


def open_fragment(tmp_path, **more):
    settings = Settings.from_mapping({"bucket": "some-bucket", "apply": True, **more})
    run = tmp_path / "runs/20260101T000000Z-run"
    return Step("03_helm_values", settings, run, Platform(label="", issuer=""), cloud())


def rows(table):
    return [(row[0].text, row[1].text) for row in table.rows]


def test_fragment_is_merged_before_it_is_installed_and_files_are_named_as_they_are_typed(tmp_path):
    theirs = tmp_path / "theirs.yaml"
    theirs.write_text(ONE_GROUP, encoding="utf-8")
    alone = open_fragment(tmp_path)
    cells_of_step_03(alone)
    (_, merge_line), *others = rows(helm_values.show_next_steps(alone))
    merged = open_fragment(tmp_path, values_file=str(theirs))
    cells_of_step_03(merged)
    own = rows(helm_values.show_next_steps(merged))

    run = "runs/20260101T000000Z-run"
    assert merge_line.endswith(f"xcomkit merge YOURS.yaml {run}/values.yaml")
    assert dict(others)["Install"].endswith("-f YOURS.xcom.yaml")
    assert dict(own)["Install"].endswith(f"-f {tmp_path}/theirs.xcom.yaml")


def test_red_step_offers_nothing_to_install_and_names_the_parameters_that_decide(tmp_path):
    step = open_fragment(tmp_path, backend="stock", compression="zip")
    cells_of_step_03(step)

    red = [check for check in step.checks if check.id == "XC015"]
    assert [check.observed.partition(" with ")[0] for check in red] == [
        "zip of XCom", "zip of the state store",
    ]  # fmt: skip
    assert {check.remedy[:41] for check in red} == {"Set backend to durable, or compression to"}
    assert rows(helm_values.show_next_steps(step)) == [
        ("First", "Nothing is installed while a check is red: XC015."),
    ]


@pytest.mark.parametrize("given", [{}, {"values_file": "theirs.yaml"}], ids=["fragment", "merged"])
def test_what_practice_writes_says_so_in_its_first_line_and_so_does_the_notebook(
    tmp_path, monkeypatch, given
):
    monkeypatch.chdir(tmp_path)
    Path("theirs.yaml").write_text(f"{ONE_GROUP}xcomBackend: old.Class\n", encoding="utf-8")
    step = open_fragment(tmp_path, endpoint_url="embedded", **given)
    cells_of_step_03(step)

    written = Path("theirs.xcom.yaml") if given else step.run / "values.yaml"
    assert written.read_text().startswith(f"# {PRACTICE}\n")
    assert PRACTICE in helm_values.apply(step).text
    assert PRACTICE in helm_values.show_next_steps(step).caption
    if given:
        (compared,) = (check for check in step.checks if check.id == "XC403")
        assert compared.observed.startswith("theirs.yaml:4: xcomBackend 'old.Class' -> ")
