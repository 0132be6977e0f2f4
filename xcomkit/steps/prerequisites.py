"""Step 00: is everything here that the proof rests on, and who is asking?"""

import re
import shutil
import sys
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from xcomkit.backend.process import open_worker
from xcomkit.backend.protocol import XCOM
from xcomkit.findings.errors import XcomkitError
from xcomkit.findings.model import STOCK_BACKEND, Check, Rule
from xcomkit.findings.text_file import write_text
from xcomkit.notebook import show
from xcomkit.notebook.step import Step, cell

PYTHON = Rule(
    id="XC101",
    title="Python is 3.11 or newer",
    severity="fail",
    why="Older ones cannot install the versions that were pinned.",
    remedy="Install Python 3.11 or newer and run make setup again.",
    source="pyproject.toml, requires-python",
)
PACKAGES = Rule(
    id="XC102",
    title="The packages the agent image needs are here",
    severity="fail",
    why="The proof would run without what the agent runs with.",
    remedy="Run make setup; put the requirements shown below into the agent image.",
    source="Astro docs, Configure XCom backend, required packages",
)
VERSIONS = Rule(
    id="XC103",
    title="This version of Airflow is supported, and no package has a known defect",
    severity="fail",
    why="A defect loses values or reads back their path, without an error, and how Airflow stores"
    " XComs changes between releases.",
    remedy="Choose other versions, here and in the agent image, or a newer xcomkit.",
    source="pyproject.toml; apache/airflow 55803; round trips of 3.0.6 with universal-pathlib 0.3",
)
CALLER = Rule(
    id="XC104",
    title="The caller of the runbook is known to the cloud",
    severity="fail",
    why="Without an identity nothing can be planned, made or looked at.",
    remedy="Sign in with your own chain (aws sso login, az login, gcloud auth) and run again.",
    source="STS GetCallerIdentity; claims of an Entra token; Google tokeninfo",
    blocks=True,
)
BACKEND = Rule(
    id="XC105",
    title="Airflow's backend can be imported in a fresh process",
    severity="fail",
    why="An agent that cannot import it fails every task.",
    remedy="Follow the error shown: mostly a missing or broken provider package.",
    source="common-io provider, airflow.providers.common.io.xcom.backend",
    blocks=True,
)
KUBECTL = Rule(
    id="XC106",
    title="kubectl is installed",
    severity="warn",
    why="Pods, service accounts and restarts must then be looked at elsewhere.",
    remedy="Install kubectl to look at the agents from here.",
    source="Kubernetes docs, Install Tools",
)
HELM = Rule(
    id="XC107",
    title="helm is installed",
    severity="warn",
    why="The chart's own templates are then not tried before the upgrade.",
    remedy="Install helm, which renders the chart with your values.",
    source="Helm docs, Installing Helm",
)
RULES: tuple[Rule, ...] = (PYTHON, PACKAGES, VERSIONS, CALLER, BACKEND, KUBECTL, HELM)


@cell
def check_environment(step: Step) -> show.Checks:
    """Return the checks of this machine: Python, packages, known defects and tools."""
    needed = step.cloud.agent_packages
    version = ".".join(str(part) for part in sys.version_info[:3])
    missing = [name for name in needed if not _version(name)]
    found = ", ".join(f"{name} {_version(name)}" for name in needed)
    return step.check(
        PYTHON.judge(
            sys.version_info >= (3, 11), expected=">= 3.11", observed=version,
            how="sys.version_info", basis="behaviour",
        ),
        PACKAGES.judge(
            not missing, expected=", ".join(needed),
            observed=f"missing: {', '.join(missing)}" if missing else found,
            how="installed distributions", basis="rule",
        ),
        check_versions(),
        _tool(KUBECTL, "kubectl", unproved="pods and service accounts in the cluster"),
        _tool(HELM, "helm", unproved="what the chart's templates make of the values"),
        caption="This machine",
    )  # fmt: skip


@cell
def check_caller(step: Step) -> show.Checks:
    """Return the check of who the cloud says we are."""
    known, how, remedy = None, "asked the cloud", ""
    try:
        caller = step.cloud.who_am_i()
    except XcomkitError as error:
        observed, remedy = str(error), error.hint
    else:
        known, how = bool(caller.principal), caller.how
        observed = caller.principal + (f" in account {caller.account}" if caller.account else "")
    check = CALLER.judge(
        known, expected="an account and a principal", observed=observed, how=how, basis="echo",
        remedy=remedy,
    )  # fmt: skip
    return step.check(check, caption="Who am I")


@cell
def check_backend(step: Step) -> show.Checks:
    """Return the check that a process with nothing but the class's name can import it."""
    step.say("importing Airflow in a fresh process")
    holds = None
    try:
        with open_worker({XCOM.class_variable: STOCK_BACKEND}, timeout=120) as worker:
            hello = worker.hello
    except XcomkitError as error:
        observed = str(error)
    else:
        step.facts["worker_packages"] = hello.packages
        holds = not hello.error
        observed = str(hello.error or f"imported in {hello.import_ms:,} ms")
    check = BACKEND.judge(
        holds, expected=f"{STOCK_BACKEND} imported", observed=observed, how="fresh process",
        basis="behaviour",
    )  # fmt: skip
    return step.check(check, caption="The backend")


def write_requirements(step: Step) -> show.Text:
    """Write and return the requirements.txt of the agent image, with the versions proved here."""
    lines = [
        "# The versions this run proves; the image brings Airflow itself.",
        *requirements(step),
    ]
    text = "\n".join(lines)
    write_text(step.run / "requirements-agent.txt", text + "\n")
    return show.Text(text, is_code=True)


def requirements(step: Step) -> list[str]:
    """Return what the agent image needs beside Airflow, in the versions that are installed here."""
    return [f"{name}=={_version(name)}" for name in step.cloud.agent_packages]


def check_versions() -> Check:
    """Return whether Airflow's version was tried and no package has a known defect (XC103)."""
    versions = {name: _version(name) for name in _JUDGED}
    defects, airflow = known_defects(versions), versions[_JUDGED[0]]
    tried = supported_versions()
    is_tried = airflow != "" and tried.contains(airflow, prereleases=True)
    version = f"Airflow {airflow}{'' if is_tried else ': not among the versions tried'}"
    return VERSIONS.judge(
        False if defects else True if is_tried else None,
        expected=f"Airflow {tried}, no known defect",
        observed="; ".join(defects) or version,
        how="installed versions against those tried and the list of measured defects",
        basis="rule",
    )


def supported_versions() -> SpecifierSet:
    """Return the versions of Airflow that are tried, as this package's own metadata has them."""
    named = map(Requirement, metadata.requires("xcomkit") or ())
    return next(one.specifier for one in named if one.name == "apache-airflow")


_JUDGED = ("apache-airflow-core", "apache-airflow-providers-common-io", "universal-pathlib")


def known_defects(versions: dict[str, str]) -> tuple[str, ...]:
    """Return the known defects among the versions; an absent package has none."""
    airflow, common_io, upath = (Version(versions.get(n) or "0") for n in _JUDGED)
    found = []
    if Version("3.0") <= airflow < Version("3.1") and upath >= Version("0.3"):
        found.append(f"Airflow {airflow} with universal-pathlib {upath} cannot push at all")
    if Version("1.6.1") <= common_io <= Version("1.6.2"):
        found.append(f"common-io {common_io} breaks at import")
    return tuple(found)


def _tool(rule: Rule, name: str, *, unproved: str) -> Check:
    how = f"{name} on PATH"
    if shutil.which(name):
        return rule.judge(True, expected=name, observed="found", how=how, basis="rule")
    observed = f"not proved: {unproved}"
    return rule.skip(expected=name, observed=observed, how=how, remedy=rule.remedy)


def _version(name: str) -> str:
    """Return the installed version of a distribution, or ``""``."""
    try:
        return metadata.version(re.sub(r"\[.*\]", "", name))
    except metadata.PackageNotFoundError:
        return ""
