"""The checks of a run as JUnit XML, so that CI shows them: a suite per step, a case per check."""

from collections.abc import Iterator

from xcomkit.findings.model import Check
from xcomkit.findings.reports import junit
from xcomkit.record.runner import Run, StepResult

NAME = "record.junit.xml"


def to_junit(run: Run, *, written: str) -> str:
    """Return the checks: what closes the gate is a failure, a skip is a skip.

    An accepted risk does not fail the job, and says in its name that it was accepted.
    """
    return junit.document(_suite(run, result, written=written) for result in run.results)


def _suite(run: Run, result: StepResult, *, written: str) -> str:
    cases = [
        junit.case(_inner(check), {"classname": f"xcomkit.{result.name}", "name": _name(check)})
        for check in result.checks
    ]
    attributes = {
        "name": f"xcomkit {result.name}: {run.settings.place}",
        "timestamp": written,
        "time": f"{result.seconds:.3f}",
    }
    return junit.suite(cases, attributes)


def _name(check: Check) -> str:
    accepted = " (accepted)" if check.accepted and check.status != "pass" else ""
    return f"{check.id} {check.title}{accepted}"


def _inner(check: Check) -> Iterator[str]:
    told = f"{check.status}: {check.observed}"
    whole = (
        f"{told}\nexpected: {check.expected}\nhow: {check.how} [{check.basis}]"
        f"\nwhat to do: {check.remedy}"
    )
    if check.closes_gate:
        yield junit.element("failure", whole, {"message": told, "type": check.status})
    elif check.status == "skip":
        yield junit.element("skipped", "", {"message": check.observed})
    elif check.status != "pass":
        reason = f"accepted: {check.accepted}\n" if check.accepted else ""
        yield junit.element("system-out", f"{reason}{whole}")
