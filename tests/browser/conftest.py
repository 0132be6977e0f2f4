"""A JupyterLab and a run without it for those that need them."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hostile_object import store_hostile_object
from jupyter_lab import JupyterLab, running_lab

from xcomkit.record.runner import Run, run_steps
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.aws import AwsStandIn
from xcomkit.steps.opening import STEPS

ROOT = Path(__file__).parents[2]
WITHOUT_PLANE = tuple(step for step in STEPS if step != "06_verify_dag")
QUICK = {"repetitions": 1, "payload_sizes": [1000]}
"""Few measurements: the tests look at what is proved and shown, not at how fast it is."""
ACCEPTED = {"accepted": ["XC003: small values may stay in the database"]}
SHOTS = ROOT / ".pytest_cache/browser"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep a picture of every page that is open when a test fails."""
    report = yield
    if report.failed and (browser := item.funcargs.get("browser")):
        SHOTS.mkdir(parents=True, exist_ok=True)
        pages = [page for context in browser.contexts for page in context.pages]
        for number, page in enumerate(pages):
            path = SHOTS / f"{re.sub(r'[^A-Za-z0-9]+', '-', item.name)}-{number}.png"
            page.screenshot(path=path)
            report.sections.append(("picture", str(path.relative_to(ROOT))))
    return report


@pytest.fixture(scope="session")
def practice() -> Settings:
    """Return the target that a notebook without parameters practises on."""
    asked = Settings.from_yaml(ROOT / "parameters/local-aws.yaml").to_parameters()
    return Settings.from_mapping({**asked, **QUICK})


@pytest.fixture(scope="session")
def lab(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterLab]:
    del program  # without a browser there is nothing to run for
    with running_lab(tmp_path_factory.mktemp("lab"), **QUICK) as running:
        yield running


@pytest.fixture(scope="session")
def run(program: str, practice: Settings, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run steps as ``xcomkit run`` does, with a hostile object and a risk that is accepted."""
    del program

    def after(result: object) -> None:
        if result.name == STEPS[4]:
            store_hostile_object(AwsStandIn.attach(), practice)

    out = tmp_path_factory.mktemp("runs")
    settings = Settings.from_mapping({**practice.to_parameters(), "threshold": 1, **ACCEPTED})
    return run_steps(settings, name="here", steps=WITHOUT_PLANE, notebooks=ROOT / "notebooks",
                     out=out, progress=after)  # fmt: skip
