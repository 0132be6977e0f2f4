"""Opening a step: parameters to settings, target to platform, and the run directory.

On the embedded stand-in a notebook may run alone: what the earlier steps would have made is then
made first, and the step says so.
"""

import os
import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from xcomkit import evidence
from xcomkit.catalogue import RULES_BY_ID
from xcomkit.clouds import Platform, open_cloud
from xcomkit.form import Form
from xcomkit.local.stand_in import stand_in_of
from xcomkit.settings import Settings
from xcomkit.step import ACCEPTED, INTERPRETER, NEVER_ACCEPTED, Step
from xcomkit.steps import helm_values
from xcomkit.terms import TERMS

STEPS = (
    "00_prerequisites",
    "01_create_bucket",
    "02_grant_access",
    "03_helm_values",
    "04_round_trip",
    "05_inspect_objects",
    "06_verify_dag",
    "07_tear_down",
)
KERNEL_PYTHON = "XCOMKIT_PYTHON"
SELECTED = "XCOMKIT_STEPS"
"""Names the steps of the run that started the stand-in; the others are practised on it."""


def open_form(namespace: Mapping[str, Any]) -> Form:
    """Return the form of the parameters in a notebook's namespace; it refuses nothing itself."""
    return Form(namespace, root=find_root(Path.cwd()))


def open_step(name: str, bound_to: Settings | Mapping[str, Any]) -> Step:
    """Return the step bound to settings, or to the parameters in a notebook's namespace.

    Raises:
        SettingsError: a parameter is refused.
        ProcessError: the stand-in did not start.
    """
    root = find_root(Path.cwd())
    settings = (
        bound_to if isinstance(bound_to, Settings) else Settings.from_notebook(bound_to, root=root)
    )
    run = (
        Path(settings.run_dir).expanduser().resolve()
        if settings.run_dir
        else evidence.open_run_directory(
            root / "runs", name=settings.bucket, fresh=name == STEPS[0]
        )
    )
    platform, is_new = open_platform(settings)
    cloud = open_cloud(settings, platform=platform)
    step = Step(name, settings, run, platform, cloud)
    _check_surroundings(step)
    selected = os.environ.get(SELECTED, "")
    if is_new or selected:
        _practise_earlier_steps(step, done=() if is_new else selected.split(","))
    return step


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
    if not settings.is_embedded:
        return Platform(label=label, issuer=settings.oidc_issuer), False
    kind = stand_in_of(settings.cloud)
    stand_in = kind.attach()
    is_new = stand_in is None
    if stand_in is None:
        stand_in = kind.start()
        export(stand_in.environment, replaced=kind.replaced)
    return (
        Platform(
            label=label,
            issuer=stand_in.issuer,
            environment=stand_in.platform_environment,
            mint_token=stand_in.mint_token,
            plain_http_url=stand_in.http_url,
            open_metadata=stand_in.open_metadata,
        ),
        is_new,
    )


def export(environment: Mapping[str, str], *, replaced: Iterable[str]) -> None:
    """Make this process, and the kernels it starts, the administrator of the stand-in."""
    for name in replaced:
        os.environ.pop(name, None)
    os.environ.update(environment)


def _practise_earlier_steps(step: Step, *, done: Collection[str]) -> None:
    """Do on a new stand-in what the steps before this one, but not ``done``, would have done."""
    _, bucket, access, *_ = STEPS
    missing = set(STEPS[: STEPS.index(step.name)]) & {bucket, access} - set(done)
    if bucket in missing:
        step.cloud.apply_bucket(step.cloud.plan_bucket())
    if access in missing:
        subjects = helm_values.read_subjects(step)
        step.cloud.apply_access(step.cloud.plan_access(subjects), subjects)
    if missing:
        step.note = "the stand-in is new: what earlier steps make was made in it first"


def _check_surroundings(step: Step) -> None:
    """Record a check for each surrounding fact that does not hold; silence is consent here."""
    launcher = os.environ.get(KERNEL_PYTHON, sys.executable)
    if launcher != sys.executable:
        step.check(
            INTERPRETER.judge(
                False,
                expected="the interpreter of the launcher",
                observed="another interpreter",
                how="sys.executable of kernel and launcher",
                basis="behaviour",
            )
        )
    unknown = sorted(set(step.settings.accepted_reasons) - (set(RULES_BY_ID) - NEVER_ACCEPTED))
    if unknown:
        step.check(
            ACCEPTED.judge(
                False,
                expected="ids of checks that can be accepted",
                observed=", ".join(unknown),
                how="accepted against docs/checks.md",
                basis="rule",
            )
        )
