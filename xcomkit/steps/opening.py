"""Opening a step: parameters to settings, target to platform, and the run directory.

On the embedded stand-in a notebook may run alone: what the earlier steps would have made is then
made first, and the step says so.
"""

import os
import sys
from collections.abc import Collection, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from xcomkit.clouds import Platform, open_cloud
from xcomkit.findings import evidence
from xcomkit.findings.errors import SettingsError
from xcomkit.findings.model import CloudName
from xcomkit.notebook.effective import EffectiveValues
from xcomkit.notebook.form import Form, default_values
from xcomkit.notebook.guide import Guide, LiveGuide, StepState, describe_problem, read_guide
from xcomkit.notebook.step import ACCEPTED, INTERPRETER, NEVER_ACCEPTED, Step
from xcomkit.settings.observed import ObservedSettings
from xcomkit.settings.settings import Settings, read_notebook
from xcomkit.settings.terms import TERMS
from xcomkit.stand_ins.common.stand_in import StandIn, stand_in_of
from xcomkit.steps.orchestration import DagStep
from xcomkit.steps.rule_index import RULES_BY_ID

OWED: Mapping[str, tuple[str, ...]] = {
    "00_prerequisites": (
        "prerequisites.check_environment",
        "prerequisites.check_caller",
        "prerequisites.check_backend",
    ),
    "01_create_bucket": ("create_bucket.verify",),
    "02_grant_access": ("grant_access.verify",),
    "03_helm_values": ("helm_values.verify",),
    "04_round_trip": ("round_trip.prove",),
    "05_inspect_objects": ("inspect_objects.verify",),
    "06_verify_dag": (
        "verify_dag.scan",
        "verify_dag.verify",
        "verify_reruns.clear",
        "verify_reruns.delete",
    ),
    "07_tear_down": ("tear_down.verify_objects", "tear_down.verify_target"),
}
"""Per step the cells that leave checks in every run; the evidence says which one did not."""
STEPS = tuple(OWED)
KERNEL_PYTHON = "XCOMKIT_PYTHON"
SELECTED = "XCOMKIT_STEPS"
"""Names the steps of the run that started the stand-in; the others are practised on it."""
_CHANGED: dict[str, tuple[str | None, str | None]] = {}
"""What this process's environment held before it became the administrator of a stand-in, and since.
"""
_OPEN: dict[str, Any] = {}
"""The guide and the form of the notebook of this kernel, where it has them."""
_STARTED: dict[CloudName, StandIn] = {}
"""The stand-ins of this process, so that coming back to one finds it as it was left."""


def open_form(here: str, namespace: Mapping[str, Any]) -> Form:
    """Return the form of the parameters that a notebook takes; it rejects nothing itself.

    What a person changed and did not save is still in the form of the same notebook and target.
    """
    form = Form(namespace, root=find_root(Path.cwd()), notebook=here)
    before = _OPEN.get("form")
    if before is not None and before.notebook == here:
        form.keep(before)
    _OPEN["form"] = form
    return form


def open_guide(here: str, namespace: Mapping[str, Any]) -> LiveGuide:
    """Return how far the run of the target is that a notebook's namespace names."""

    def read() -> Guide:
        try:
            asked = read_notebook(namespace, root=find_root(Path.cwd()))
        except SettingsError as error:  # the form says so as well, and the step does not open
            return Guide("", tuple(map(StepState, STEPS)), here, problem=describe_problem(error))
        source = asked.file.name if asked.file else "this notebook"
        try:
            settings = Settings.from_mapping(asked.values, source=asked.source)
        except SettingsError as error:
            problem, target = describe_problem(error), _describe_invalid(asked.values, source)
            return Guide("", tuple(map(StepState, STEPS)), here, problem=problem, target=target)
        return _read_guide(here, settings, target=describe_target(settings, source=source))

    def describe() -> str:
        form = _OPEN.get("form")
        return _describe_invalid(form.values, form.source) if form and form.problems else ""

    form = _OPEN.get("form")
    _OPEN.clear()
    if form is not None and form.notebook == here:
        _OPEN["form"] = form
    guide = _OPEN["guide"] = LiveGuide(read, describe=describe)
    return guide


def _read_guide(here: str, settings: Settings, *, target: str, run: Path | None = None) -> Guide:
    stand_in = _find_stand_in(settings.cloud) if settings.is_embedded else None
    run = run or _named_run(settings)
    if run is None and (stand_in or not settings.is_embedded):  # else all is yet to begin
        # What one stand-in held, no other has.
        instance = f"{settings.target}\n{stand_in.url if stand_in else ''}"
        run = evidence.find_run_directory(_runs(), name=settings.bucket, target=instance)
    return read_guide(run, steps=STEPS, settings=settings, here=here, target=target)


def describe_target(settings: Settings, *, source: str) -> str:
    """Return whose parameters these are and where they lead, practice apart from an account."""
    where = "practice on a stand-in" if settings.is_embedded else describe_place(settings)
    return f"{source}: {settings.cloud}, {settings.place} ({where})"


def _describe_invalid(values: Mapping[str, Any], source: str) -> str:
    """Return of invalid parameters whose they are, and the target as far as it is known."""
    problems, usual = Settings.find_problems(values), default_values()
    cloud, bucket = (
        f"no valid {name}" if name in problems else str(values.get(name) or usual[name])
        for name in ("cloud", "bucket")
    )
    return f"{source}: {cloud}, {bucket}"


def open_step(name: str, settings: Settings) -> Step:
    """Return the step bound to the settings, in the newest run directory of its target.

    Raises:
        InputError: a run directory cannot be made.
        SettingsError: the run directory that is named is of another target, or is closed.
        ProcessError: the stand-in did not start.
    """
    asked, settings = settings, ObservedSettings.of(settings)
    run = _named_run(settings)
    if run:
        evidence.claim_run_directory(run, target=settings.target)
    platform, is_new = open_platform(settings)
    runs, target = _runs(), f"{settings.target}\n{platform.instance}"
    if run is None and name != STEPS[0]:
        run = evidence.find_run_directory(runs, name=settings.bucket, target=target)
    run = run or evidence.make_run_directory(runs, name=settings.bucket, target=target)
    cloud = open_cloud(settings, platform=platform)
    kind = DagStep if name == "06_verify_dag" else Step
    step = kind(name, settings, run, platform, cloud, owed=OWED[name])
    form, live = _OPEN.get("form"), _OPEN.get("guide")
    source = form.source if form else "given parameters"
    step.target_name = describe_target(asked, source=source)
    step.follows = form.follows if form else None

    def read() -> Guide:
        return _read_guide(name, asked, target=step.target_name, run=run)

    step.next_step = lambda: read().next
    if live:
        live.follow(read, is_current=not step.closed)
        step.on_save = live.refresh
    _check_surroundings(step)
    selected = os.environ.get(SELECTED, "")
    if is_new or selected:
        _practise_earlier_steps(step, settings=asked, done=() if is_new else selected.split(","))
    return step


def _runs() -> Path:
    return find_root(Path.cwd()) / "runs"


def _named_run(settings: Settings) -> Path | None:
    return Path(settings.run_dir).expanduser().resolve() if settings.run_dir else None


def find_root(start: Path) -> Path:
    """Return the nearest folder upwards that holds ``parameters``, or ``start`` itself."""
    return next((p for p in (start, *start.parents) if (p / "parameters").is_dir()), start)


def describe_place(settings: Settings) -> str:
    """Return in words which service answers: a stand-in is never passed off as the cloud."""
    if settings.is_embedded:
        return stand_in_of(settings.cloud).label
    store = TERMS[settings.cloud].store
    return settings.endpoint_url or f"{store}, with the caller's own credential chain"


def open_platform(settings: Settings) -> tuple[Platform, bool]:
    """Return the platform of the target, and whether a new, empty stand-in was started for it."""
    label = describe_place(settings)
    _leave_stand_in()
    if not settings.is_embedded:
        return Platform(label=label, issuer=""), False
    stand_in = _find_stand_in(settings.cloud)
    is_new = stand_in is None
    if stand_in is None:
        stand_in = _STARTED[settings.cloud] = stand_in_of(settings.cloud).start()
    _enter(stand_in)
    return (
        Platform(
            label=label,
            issuer=stand_in.issuer,
            environment=stand_in.platform_environment,
            mint_token=stand_in.mint_token,
            plain_http_url=stand_in.http_url,
            open_metadata=stand_in.open_metadata,
            instance=stand_in.url,
        ),
        is_new,
    )


def _find_stand_in(cloud: CloudName) -> StandIn | None:
    """Return the cloud's stand-in that this process started, or was started under."""
    started = _STARTED.get(cloud)
    if started and started.is_running:
        return started
    environment = dict(os.environ)
    _restore(environment)  # another cloud's stand-in may be entered, which is none of this one
    return stand_in_of(cloud).attach(environment)


def export(environment: Mapping[str, str], *, replaced: Iterable[str]) -> None:
    """Make this process, and the kernels it starts, the administrator of the stand-in."""
    for name in replaced:
        os.environ.pop(name, None)
    os.environ.update(environment)


def _enter(stand_in: StandIn) -> None:
    """Become the administrator of a stand-in, until another target is opened."""
    names = (*stand_in.environment, *stand_in.replaced)
    before = {name: os.environ.get(name) for name in names}
    export(stand_in.environment, replaced=stand_in.replaced)
    _CHANGED.update({name: (before[name], os.environ.get(name)) for name in names})


def _leave_stand_in() -> None:
    """Be who this process was before: a real account must never be asked for at the stand-in."""
    _restore(os.environ)
    _CHANGED.clear()


def _restore(environment: MutableMapping[str, str]) -> None:
    """Take out what entering a stand-in changed; what somebody else has set meanwhile stays."""
    for name, (before, since) in _CHANGED.items():
        if environment.get(name) != since:
            continue
        if before is not None:
            environment[name] = before
        else:
            environment.pop(name, None)


def _practise_earlier_steps(step: Step, *, settings: Settings, done: Collection[str]) -> None:
    """Do on a new stand-in what the steps before this one, but not ``done``, would have done.

    What they read of the settings is no part of what this step reads.
    """
    cloud = open_cloud(settings, platform=step.platform)
    _, bucket, access, *_ = STEPS
    missing = set(STEPS[: STEPS.index(step.name)]) & {bucket, access} - set(done)
    if bucket in missing:
        cloud.bucket.apply(cloud.bucket.plan())
    if access in missing:
        subjects = EffectiveValues(settings, cloud).subjects
        cloud.access.apply(cloud.access.plan(subjects), subjects)
    if missing:
        step.note = "the stand-in is new: what earlier steps make was made in it first"


def _check_surroundings(step: Step) -> None:
    """Record a check for each surrounding fact that does not hold; silence is consent here."""
    if os.environ.get(KERNEL_PYTHON, sys.executable) != sys.executable:
        wanted, seen = "the interpreter of the launcher", "another interpreter"
        how = "sys.executable of kernel and launcher"
        step.check(
            INTERPRETER.judge(False, expected=wanted, observed=seen, how=how, basis="behaviour")
        )
    unknown = sorted(set(step.settings.accepted_reasons) - (set(RULES_BY_ID) - NEVER_ACCEPTED))
    if unknown:
        wanted, seen = "ids of checks that can be accepted", ", ".join(unknown)
        how = "accepted against docs/checks.md"
        step.check(ACCEPTED.judge(False, expected=wanted, observed=seen, how=how, basis="rule"))
