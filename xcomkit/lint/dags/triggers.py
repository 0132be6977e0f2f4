"""XC031: XCom in trigger classes."""

from collections.abc import Iterator

from xcomkit.findings.model import Finding, Rule
from xcomkit.lint.dags.resolving import Project
from xcomkit.lint.dags.running import Run, find_uses
from xcomkit.lint.dags.scopes import Module

METHODS = ("run", "serialize", "__init__", "cleanup", "on_kill")
XC031 = Rule(
    id="XC031",
    title="Triggers use no XCom, or every agent runs Agent Client 1.5.0 or later",
    severity="warn",
    why="With a custom backend older agents have no XCom in the triggerer: the trigger fails, and"
    " the task that waits for it.",
    remedy="Pull in the operator before self.defer(...) and give the value to the trigger as an"
    " argument; push what comes back in execute_complete. Or run Agent Client 1.5.0 or later on"
    " every agent and accept XC031 with that reason.",
    source="configure XCom backend, limitations",
)


def find_triggers(module: Module, project: Project) -> Iterator[Finding]:
    """Yield the uses of XCom in the triggers of a file and what their methods call."""
    roots = [
        Run(method, f"a method of the trigger {owner.name}")
        for owner in module.classes
        if project.is_kind_of(owner, "Trigger")
        and (project.method(owner, "run") or project.method(owner, "serialize"))
        for method in (project.method(owner, name) for name in METHODS)
        if method is not None
    ]
    expected = "values come in as arguments and leave as the event"
    yield from find_uses(XC031, roots, project, expected=expected)
