"""Step 03: the values file under proof, what each component sees of it, and how to install it."""

import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import Change, Check, Plan, WorkerIdentity
from xcomkit.findings.text import listed, recorded_program
from xcomkit.findings.text_file import write_text
from xcomkit.lint.rendered import judge_rendered
from xcomkit.lint.rules import lint
from xcomkit.lint.rules.storage import is_durable
from xcomkit.notebook import show
from xcomkit.notebook.effective import FRAGMENT, Component, name_of_merged
from xcomkit.notebook.step import Step, cell
from xcomkit.steps import prerequisites
from xcomkit.values import helm, image, rules, sensitive
from xcomkit.values.names import BACKEND, PRACTICE
from xcomkit.values.rules import PodIdentity

_YOURS = "YOURS.yaml"
"""Stands for the file that was downloaded from the Astro UI."""
FOLDERS = ("values", "image")
"""Folders of the run directory with what was proved of values and image, to be recovered."""
_BY_PARAMETERS = {
    "XC015": "Set backend to durable, or compression to none, or accept XC015 with the reason."
}
"""What to do about a fragment, which is not edited but made again."""
_FILES = ("AWS_CA_BUNDLE",)
"""Variables that name a file in the pods, for which the caller's own stands in."""


def process_environment(
    step: Step, component: Component, identity: WorkerIdentity
) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return what a process of the component sees, and which of it stands over the identity.

    A webhook leaves alone what the file sets itself. Where the caller stands in for the agents,
    the caller's sign-in is what counts.
    """
    written, injected = component.environment, identity.environment
    # This machine's file stands in for that of a pod, and only where the values name one.
    injected = {n: text for n, text in injected.items() if n not in _FILES or n in written}
    layers = {**injected, **written} if identity.agents else {**written, **injected}
    return {**layers, **step.platform.environment}, rivals(step, component, given=injected)


def rivals(step: Step, component: Component, *, given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables of the file that stand over the identity which ``given`` makes."""
    written = component.environment
    return tuple(
        name
        for name in step.cloud.rival_variables
        if name in written and written[name] != given.get(name)
    )


@cell
def plan(step: Step) -> show.Text:
    """Return the diff to the user's file, or the fragment where there is none."""
    step.values = step.values.anew()
    found, merged = step.values.file, step.values.merged
    text = found.text if merged is None else merged.diff
    result = found.text if merged is None else merged.text
    written = _target(step)
    is_there = written.exists() and written.read_text(encoding="utf-8") == result
    row = Change(
        resource=written.name,
        setting="values file",
        before=found.name if merged else "absent",
        after="the same" if not text else f"{len(text.splitlines())} lines below",
        action="unchanged" if is_there else "create",
        note="your own file stays as it is" if merged else "a part of values.yaml, to be merged",
    )
    step.plan(lambda: Plan("Values file", (row,)))
    return show.Text(text or "Nothing to change: the file says it all already.", is_code=True)


def _target(step: Step) -> Path:
    """Return where the file to install goes; one with the user's own lines stays beside theirs.

    The run directory is handed over, and the user's file may hold a token.
    """
    given = step.settings.values_file
    if not given:
        return step.run / FRAGMENT
    path = Path(given).expanduser()
    return path.with_name(name_of_merged(given))


@cell
def apply(step: Step) -> show.Text:
    """Write the file to install if ``apply`` is set."""

    def write(_plan: Plan) -> None:
        given = step.settings.values_file
        # the user's file may hold a token, so the result is open to nobody it is closed to
        mode = Path(given).expanduser().stat().st_mode & 0o777 if given else 0o644
        write_text(_target(step), step.values.file.text, mode=mode)

    practice = f" {PRACTICE}." if step.settings.is_embedded else ""
    return show.Text(f"{step.apply(write).text} To install: {_to_install(step)}.{practice}")


def _to_install(step: Step) -> str:
    """Return in words which file is to be installed, and where it is."""
    given = step.settings.values_file
    if not given:
        return f"{FRAGMENT} of the run directory, merged into the file downloaded from the Astro UI"
    name = Path(given).name
    return f"{name_of_merged(name)}, beside {name}" if step.settings.apply else f"{name} as it is"


@cell
def show_environment(step: Step) -> show.Table:
    """Return what every component will see, with the line each value comes from."""
    headers = ("variable", "value", "seen by", "from")
    return show.table(headers, _environment(step), caption="Effective environment")


def _environment(step: Step) -> list[tuple[str, str, str, str]]:
    """Return each variable with its value, secrets masked, who sees it, and where it stands."""
    components: dict[tuple[str, str, str], list[str]] = {}
    for component, variables in step.values.variables.items():
        for one in variables:
            value = "" if one.value is None else sensitive.show(one.name, one.value)
            text = one.problem or value or "(from elsewhere)"
            key = (one.name, text, f"{one.source}, line {one.line}")
            components.setdefault(key, []).append(component)
    return [(name, text, ", ".join(seen), at) for (name, text, at), seen in components.items()]


@cell
def verify(step: Step) -> show.Checks:
    """Return what the rules say of the file under proof, and what helm says of it."""
    values, settings, cloud = step.values, step.settings, step.cloud
    step.facts["environment"] = _environment(step)
    step.facts["install"] = _to_install(step)
    step.facts["files"] = _write_copies(step)
    pods = PodIdentity(
        annotations=cloud.annotations(),
        labels=cloud.labels(),
        rivals=cloud.rival_variables,
        is_needed=cloud.annotation_is_needed,
    )
    checks = [*lint(values.file), *rules.judge(values.file, settings=settings, pods=pods)]
    if values.original is None:
        checks = [
            replace(one, remedy=_BY_PARAMETERS[one.id], paste="")
            if one.closes_gate and one.id in _BY_PARAMETERS
            else one
            for one in checks
        ]
    if values.original and settings.apply and values.merged:
        checks.append(rules.judge_merge(values.merged, original=values.original))
    return step.check(*checks, *_template(step), caption="The values file")


def _write_copies(step: Step) -> dict[str, str]:
    """Write what is proved into the run directory; return what each file of it is.

    It is handed over, so what is or might be a secret is masked, on the line where it was.
    """
    for name in FOLDERS:
        shutil.rmtree(step.run / name, ignore_errors=True)
    values, merged = step.values, step.values.merged
    text = sensitive.masked(values.file) if merged else values.file.text
    masks = "" if text == values.file.text else ", with what might be a secret as ***"
    is_merged = merged is not None and step.settings.apply
    what = "the file to install" if is_merged else "the file as it is" if merged else "the fragment"
    copies = {f"values/{values.file.name}": (text, f"{what}{masks}")}
    if merged:
        copies["values/fragment.yaml"] = (values.rendered, "the fragment, before it was merged")
        copies["values/merge.diff"] = (merged.diff + "\n", f"the merge into {merged.values.name}")
    if is_durable(values.first_worker.environment.get(BACKEND, "")):
        durable = image.DURABLE.read_text(encoding="utf-8")
        copies["image/xcomkit/durable.py"] = (durable, "the class that was proved, for the image")
        lines = image.dockerfile(prerequisites.requirements(step))
        copies["image/Dockerfile"] = (lines, "lines that put it into the image")
    for name, (content, _) in copies.items():
        write_text(step.run / name, content)
    return {name: about for name, (_, about) in copies.items()}


def show_image(step: Step) -> show.Text:
    """Return the lines of the agents' image, which are needed where the class is not Airflow's."""
    path = step.run / "image" / "Dockerfile"
    if not path.exists():
        return show.Text("No line is needed: the common-io provider holds the class.")
    return show.Text(path.read_text(encoding="utf-8"), is_code=True)


def _template(step: Step) -> Iterator[Check]:
    """Yield what helm says of the file, and whether the pods it renders are those computed."""
    if not step.settings.values_file:
        yield helm.XC402.skip(
            observed="not proved: a fragment is no whole values file, so helm would refuse it",
            how="values_file is empty",
            remedy="Name the values.yaml downloaded from the Astro UI in values_file.",
        )
        return
    if shutil.which("helm"):
        step.say("helm template")
    check, rendered = helm.template(step.values.file, settings=step.settings)
    step.facts["chart"] = check.observed.rpartition(" of ")[2] if check.status == "pass" else ""
    yield check
    if rendered:
        prefix = step.settings.resource_name_prefix
        yield judge_rendered(rendered, values=step.values.file, prefix=prefix)


def show_next_steps(step: Step) -> show.Table:
    """Return the commands that install the file, and what the guide asks for next.

    There are none while a check is red; a fragment alone would be refused, so it is merged first.
    """
    headers = ("purpose", "command or advice")
    if red := [*dict.fromkeys(check.id for check in step.checks if check.closes_gate)]:
        row = ("First", f"Nothing is installed while a check is red: {listed(red, most=8)}.")
        return show.table(headers, [row], caption="No file to install yet")
    try:
        namespace = step.values.namespace
    except XcomkitError:
        return show.table(headers, [], caption="No file to install yet")
    rows: list[tuple[str, str]] = []
    path = _to_type(step)
    if not step.settings.values_file:
        command = recorded_program(seen_from=step.run.parent.parent)
        line = shlex.join([command, "merge", _YOURS, path])
        rows, path = [("Merge it into the file of the Astro UI", line)], name_of_merged(_YOURS)
    commands = helm.commands(step.settings, values_path=path, namespace=namespace)
    rows += [*commands.items(), *helm.next_steps(step.settings)]
    practice = f" ({PRACTICE})" if step.settings.is_embedded else ""
    return show.table(headers, rows, caption=f"What is next{practice}")


def _to_type(step: Step) -> str:
    """Return the path of the file under proof, as it is typed in the folder of the runbook."""
    given = step.settings.values_file
    if given:
        written = Path(given).expanduser()
        applied = step.settings.recorded["apply"]
        return str(written.with_name(name_of_merged(given)) if applied else written)
    path = step.run / FRAGMENT
    path = path if path.exists() else step.run / "values" / FRAGMENT
    return str(path.relative_to(step.run.parent.parent))
