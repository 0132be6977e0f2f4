"""Is the environment of a running pod the one that the values file says?

Only digests go into the pod, and only verdicts, names and the settings of the backend come back:
every other value may be secret.
"""

import hashlib
import re
from collections.abc import Mapping

from xcomkit.backend import protocol
from xcomkit.backend.process import Worker
from xcomkit.findings.model import Check, Rule

XC520 = Rule(
    id="XC520",
    title="The pod's environment is the values file's",
    severity="fail",
    why="a file that was edited and not installed, or a variable somebody set by hand, means that"
    " what is proved from the file is not what the agents run with",
    remedy="install the values file with helm upgrade, remove what is set beside it, and wait until"
    " the pods are new",
    source="Kubernetes: a container keeps the environment it was started with",
)
RULES: tuple[Rule, ...] = (XC520,)

_REFERENCE = re.compile(r"\$\(([A-Za-z_][\w.-]*)\)", re.ASCII)


def check(worker: Worker, *, environment: Mapping[str, str | None]) -> Check:
    """Return whether the worker's variables have the values that the file gives them (XC520).

    Args:
        worker: started in the pod, whose own environment is looked at.
        environment: the effective environment; ``None`` for a value the file does not tell
            (``valueFrom``), which is not compared, nor is a value that refers to one.

    Raises:
        ProcessError: when the worker is gone.
    """
    known = _comparable(environment)
    untold = len(environment) - len(known)
    expected = "every variable of the values file with its value, and no other one of the backend"
    how = "SHA-256 of each value, compared in the pod"
    more = f"; {untold} from elsewhere (valueFrom) not compared" if untold else ""
    if not known:
        observed = f"nothing to compare{more}"
        return XC520.skip(expected=expected, observed=observed, how=how)
    found = _ask(worker, known, names=tuple(environment))
    if isinstance(found, str):
        return XC520.judge(None, expected=expected, observed=found, how=how, basis="behaviour")
    problems = _problems(found, known)
    observed = "; ".join(problems) or f"all {len(known)} the same"
    return XC520.judge(
        not problems, expected=expected, observed=observed + more, how=how, basis="behaviour"
    )


def _comparable(environment: Mapping[str, str | None]) -> dict[str, str]:
    """Return the variables whose value the file tells to its end."""
    return {
        name: value
        for name, value in environment.items()
        if value is not None
        and not any(environment.get(other, "") is None for other in _REFERENCE.findall(value))
    }


def _ask(
    worker: Worker, known: Mapping[str, str], *, names: tuple[str, ...]
) -> Mapping[str, Mapping[str, str]] | str:
    """Return what the worker found, or why it could not look."""
    digests = {name: hashlib.sha256(value.encode()).hexdigest() for name, value in known.items()}
    (outcome,) = worker.run([protocol.environment(digests, known=names)])
    if outcome.error is not None or outcome.environment is None:
        return f"the pod could not compare: {outcome.error or 'no answer'}"
    return outcome.environment


def _problems(found: Mapping[str, Mapping[str, str]], known: Mapping[str, str]) -> list[str]:
    """Return what is not as it should be, in words; values only where the pod told its own."""
    verdicts, shown = found["verdicts"], found["shown"]
    problems = [
        f"{name} is {shown[name] or 'empty'} instead of {known[name] or 'empty'}"
        for name, verdict in verdicts.items()
        if verdict == "differs" and name in shown
    ]
    differing = [n for n, verdict in verdicts.items() if verdict == "differs" and n not in shown]
    missing = [name for name, verdict in verdicts.items() if verdict == "missing"]
    named = (("differs", differing), ("missing", missing), ("in the pod only", found["others"]))
    return problems + [f"{word}: {', '.join(names)}" for word, names in named if names]
