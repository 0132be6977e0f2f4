"""Is the environment of a running pod the one that the values file says?

Only digests go into the pod, and only verdicts, names and the settings of the backend come back:
every other value may be secret.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from xcomkit.backend import protocol
from xcomkit.backend.expectation import Expectation
from xcomkit.backend.process import Worker
from xcomkit.findings.model import Check, Rule

XC520 = Rule(
    id="XC520",
    title="The pod's environment matches the values file",
    severity="fail",
    why="A file that was edited and not installed, or a variable somebody set by hand, means that"
    " what is proved from the file is not what the agents run with.",
    remedy="Install the values file with helm upgrade, remove what is set beside it, and wait until"
    " the pods are new.",
    source="Kubernetes: a container keeps the environment it was started with",
)
RULES: tuple[Rule, ...] = (XC520,)
_SAME = Expectation(
    XC520,
    "every variable of the values file with its value, and no other one of the backend",
    "SHA-256 of each value, compared in the pod",
)
_REFERENCE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)", re.ASCII)


def check(worker: Worker, *, environment: Mapping[str, str | None]) -> Check:
    """Return whether the worker's variables have the values that the file gives them (XC520).

    Args:
        worker: started in the pod, whose own environment is looked at.
        environment: the effective environment; ``None`` for a value the file does not hold
            (``valueFrom``), which is not compared, nor is a value that refers to one.

    Raises:
        ProcessError: when the worker is gone.
    """
    known = {
        name: value
        for name, value in environment.items()
        if value is not None
        and not any(environment.get(other, "") is None for other in _REFERENCE.findall(value))
    }
    unknown = len(environment) - len(known)
    more = f"; {unknown} from elsewhere (valueFrom) not compared" if unknown else ""
    if not known:
        return _SAME.skip(f"nothing to compare{more}")
    digests = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in known.items()}
    (outcome,) = worker.run([protocol.environment(digests, known=tuple(environment))])
    if outcome.error is not None or outcome.environment is None:
        return _SAME.judge(None, f"the pod could not compare: {outcome.error or 'no answer'}")
    problems = _problems(outcome.environment, known)
    return _SAME.judge(not problems, ("; ".join(problems) or f"all {len(known)} the same") + more)


def _problems(found: Mapping[str, Any], known: Mapping[str, str]) -> list[str]:
    """Return what is not as it should be, in words; values only where the pod sent its own."""
    verdicts, shown = found["verdicts"], found["shown"]
    differing = [name for name, verdict in verdicts.items() if verdict == "differs"]
    named = {
        "differs": [name for name in differing if name not in shown],
        "missing": [name for name, verdict in verdicts.items() if verdict == "missing"],
        "in the pod only": found["others"],
    }
    return [
        *(
            f"{name} is {shown[name] or 'empty'} instead of {known[name] or 'empty'}"
            for name in differing
            if name in shown
        ),
        *(f"{word}: {', '.join(names)}" for word, names in named.items() if names),
    ]
