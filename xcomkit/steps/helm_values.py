"""Step 03: the values file in force, what each component sees of it, and how to install it.

In force is the file that would be installed: with ``apply`` the user's file with the fragment
merged in, without ``apply`` the user's file as it is, and the fragment where there is no file.
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xcomkit import evidence, show
from xcomkit.chart import accounts, environment, fragment, helm, merge, rules, sensitive, values
from xcomkit.chart.identity import PodIdentity
from xcomkit.errors import InputError
from xcomkit.lint.rules import lint
from xcomkit.model import Change, Check, Plan, WorkerIdentity
from xcomkit.step import Step

FRAGMENT = "values.yaml"
_FILES = ("AWS_CA_BUNDLE",)


@dataclass(frozen=True, slots=True)
class Component:
    """A component as a process: its effective environment and its token's subject."""

    name: str
    subject: str
    environment: dict[str, str] = field(repr=False)


def make_fragment(step: Step) -> dict[str, object]:
    """Return the part of values.yaml that this run needs, as plain data."""
    return fragment.generate(
        step.settings,
        connection=step.cloud.connection(),
        annotations=step.cloud.annotations(),
        labels=step.cloud.labels(),
        environment=step.cloud.agent_environment(),
        secrets_backend=step.cloud.secrets_backend(),
    )


def _pods(step: Step) -> PodIdentity:
    """Return what ties the pods of this cloud to their identity."""
    return PodIdentity(
        annotations=step.cloud.annotations(),
        labels=step.cloud.labels(),
        rivals=step.cloud.rival_variables,
        is_needed=step.cloud.annotation_is_needed,
    )


def _original(step: Step) -> values.Values | None:
    """Return the user's own file, or ``None`` where none was given."""
    given = step.settings.values_file
    return values.load_values(Path(given).expanduser()) if given else None


def _merged(step: Step, original: values.Values) -> merge.Merged:
    return merge.merge(original.text, make_fragment(step), name=original.name)


def in_force(step: Step) -> values.Values:
    """Return the values file that is under proof.

    Raises:
        InputError: the user's file cannot be read or merged.
    """
    original = _original(step)
    if original is None:
        return values.read_values(fragment.render(make_fragment(step)), name=FRAGMENT)
    if not step.settings.apply:
        return original
    return values.read_values(_merged(step, original).text, name=original.name)


def read_subjects(step: Step) -> tuple[str, ...]:
    """Return the subjects of the tokens of all service accounts the chart will create."""
    return accounts.subjects(
        in_force(step),
        prefix=step.settings.resource_name_prefix,
        namespace=step.settings.namespace,
    )


def all_components(step: Step) -> tuple[Component, ...]:
    """Return every component that handles XComs: worker groups first, each with its subject."""
    found = in_force(step)
    names = {
        a.component: a.name
        for a in accounts.read_accounts(found, prefix=step.settings.resource_name_prefix)
    }
    start = (
        f"system:serviceaccount:{accounts.read_namespace(found, default=step.settings.namespace)}:"
    )
    return tuple(
        Component(component, start + names[component], seen)
        for component, seen in environment.effective_environment(found).items()
        if component in names
    )


def first_worker(step: Step) -> Component:
    """Return the first worker group: its environment and its subject."""
    return all_components(step)[0]


def written(step: Step, component: Component) -> dict[str, str | None]:
    """Return what the file says of a component's variables; ``None`` for a value from elsewhere."""
    variables = environment.list_variables(in_force(step))[component.name]
    return {**{variable.name: None for variable in variables}, **component.environment}


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


def deployment(step: Step, component: Component) -> str:
    """Return the name of a worker group's Deployment, as the chart makes it."""
    prefix = accounts.read_prefix(in_force(step), default=step.settings.resource_name_prefix)
    return f"{prefix}-worker-{component.name.removeprefix('worker:')}"


def plan(step: Step) -> show.Text | show.Table:
    """Return the diff to the user's file, or the fragment where there is none."""
    try:
        original = _original(step)
        merged = None if original is None else _merged(step, original)
    except InputError as error:
        return step.check(step.could_not(error))
    written = _target(step)
    if merged is None or original is None:
        text, before = fragment.render(make_fragment(step)), "absent"
    else:
        text, before = merged.diff, original.name
    is_there = written.exists() and written.read_text(encoding="utf-8") == (
        text if merged is None else merged.text
    )
    row = Change(
        resource=written.name,
        setting="values file",
        before=before,
        after="the same" if not text else f"{len(text.splitlines())} lines below",
        action="unchanged" if is_there else "create",
        note="your own file stays as it is" if merged else "a part of values.yaml, to be merged",
    )
    step.propose(lambda: Plan("Values file", (row,)))
    return show.Text(text or "Nothing to change: the file says it all already.", is_code=True)


def _target(step: Step) -> Path:
    """Return where the file to install goes; one with the user's own lines stays beside theirs.

    The run directory is handed over, and the user's file may hold a token.
    """
    given = step.settings.values_file
    if not given:
        return step.run / FRAGMENT
    path = Path(given).expanduser()
    return path.with_name(f"{path.stem}.xcom{path.suffix}")


def apply(step: Step) -> show.Text | show.Table:
    """Write the file to install if ``apply`` is set."""

    def write(_plan: Plan) -> None:
        given = step.settings.values_file
        # the user's file may hold a token, so the result is open to nobody it is closed to
        mode = Path(given).expanduser().stat().st_mode & 0o777 if given else 0o644
        evidence.write_text(_target(step), in_force(step).text, mode=mode)

    return step.carry_out(write)


def show_environment(step: Step) -> show.Table:
    """Return what every component will see, with the line each value comes from."""
    try:
        listed = environment.list_variables(in_force(step))
    except InputError as error:
        return step.check(step.could_not(error))
    components: dict[tuple[str, str, str], list[str]] = {}
    for component, variables in listed.items():
        for variable in variables:
            value = "" if variable.value is None else sensitive.show(variable.name, variable.value)
            text = variable.problem or value or "(from elsewhere)"
            key = (variable.name, text, f"{variable.source}, line {variable.line}")
            components.setdefault(key, []).append(component)
    rows = [(name, value, ", ".join(seen), origin) for (name, value, origin), seen
            in components.items()]  # fmt: skip
    step.facts["environment"] = rows
    headers = ("variable", "value", "seen by", "from")
    return show.table(headers, rows, caption="Effective environment")


def verify(step: Step) -> show.Table:
    """Return what the rules say of the file in force, and what helm says of it."""
    return step.judge(lambda: _verify(step), caption="The values file")


def _verify(step: Step) -> tuple[Check, ...]:
    found, original = in_force(step), _original(step)
    checks = (
        *lint(found),
        *rules.judge(found, settings=step.settings, pods=_pods(step)),
    )
    if original is not None and step.settings.apply:
        merged = _merged(step, original)
        checks += rules.judge_merge(merged, original=original, fragment=make_fragment(step))
    return (*checks, _template(step, found))


def _template(step: Step, found: values.Values) -> Check:
    if not step.settings.values_file:
        return helm.XC402.skip(
            expected="helm template renders the chart",
            observed="not proved: a fragment is no whole values file, so helm would refuse it",
            how="values_file is empty",
            remedy="name the values.yaml downloaded from the Astro UI in values_file.",
        )
    with tempfile.TemporaryDirectory(prefix="xcomkit-values-") as private:
        path = Path(private) / found.name
        path.write_text(found.text, encoding="utf-8")
        if shutil.which("helm"):
            step.say("helm template")
        return helm.template_check(path, settings=step.settings)


def show_next_steps(step: Step) -> show.Table:
    """Return the commands that install the file, and what the guide asks for next."""
    try:
        namespace = accounts.read_namespace(in_force(step), default=step.settings.namespace)
    except InputError:
        return show.table(("purpose", "command or advice"), [], caption="No file to install yet")
    path = _target(step)
    commands = helm.commands(step.settings, values_path=path.name, namespace=namespace)
    rows = [*commands.items(), *helm.next_steps(step.settings)]
    return show.table(("purpose", "command or advice"), rows, caption="What is next")
