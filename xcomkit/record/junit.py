"""The checks of a run as JUnit XML, so that CI shows them: a suite per step, a case per check."""

from xml.etree.ElementTree import Element, SubElement

from xcomkit.findings.model import Check
from xcomkit.findings.reports.junit import document, suite
from xcomkit.record.record import Record, StepResult

NAME = "record.junit.xml"


def to_junit(record: Record) -> str:
    """Return the checks: what closes the gate is a failure, a skip is a skip.

    An accepted risk does not fail the job, and says in its name that it was accepted.
    """
    return document(_suite(step, record=record) for step in record.steps)


def _suite(step: StepResult, *, record: Record) -> Element:
    return suite(
        [_case(check, step=step.name) for check in step.checks],
        name=f"xcomkit {step.name}: {record.target}",
        timestamp=record.written,
        time=f"{step.seconds:.3f}",
    )


def _case(check: Check, *, step: str) -> Element:
    accepted = " (accepted)" if check.accepted and check.status != "pass" else ""
    name = f"{check.id} {check.title}{accepted}"
    case = Element("testcase", classname=f"xcomkit.{step}", name=name)
    message = f"{check.status}: {check.observed}"
    text = (
        f"{message}\nexpected: {check.expected}\nhow: {check.how} [{check.basis}]"
        f"\nwhat to do: {check.remedy}"
    )
    if check.closes_gate:
        SubElement(case, "failure", message=message, type=check.status).text = text
    elif check.status == "skip":
        SubElement(case, "skipped", message=check.observed)
    elif check.status != "pass":
        reason = f"accepted: {check.accepted}\n" if check.accepted else ""
        SubElement(case, "system-out").text = f"{reason}{text}"
    return case
