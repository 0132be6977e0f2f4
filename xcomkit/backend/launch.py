"""Where the worker runs: in this interpreter, in another one, or in a pod of the agents.

In a pod nothing is installed and nothing is left: the worker's text travels over ``kubectl exec``,
and the pod's own environment is what counts.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from xcomkit.findings import redaction
from xcomkit.findings.errors import ProcessError

REDACTION = Path(redaction.__file__)
DURABLE = Path(__file__).parents[1] / "durable.py"
OLDEST = (3, 11)
"""The worker's text needs it: match, typing.Self, datetime.UTC."""

# An image calls its interpreter python3 or python. kubectl cannot ask for either, so a shell looks:
# one request, and an answer of our own where there is none.
_SHELL = (
    "p=$(command -v python3 || command -v python)"
    ' || { echo "no python3 and no python in this image" >&2; exit 127; }; exec "$p" -c "$1"'
)
# Exactly the bytes of the two texts are read: ``python -`` would take the requests behind them for
# more of the program. Where nothing can be written no file is left, also without an XCom path, with
# which Airflow writes below the current directory. The pod has secrets that nobody here knows, so
# its own are taken out there, and what libraries print stays there altogether.
_BOOTSTRAP = """\
import os, sys
if sys.version_info < {oldest}:
    sys.exit("Python %d.%d is too old: the worker needs {oldest_text}" % sys.version_info[:2])
sys.dont_write_bytecode = True
sys.path[:] = [folder for folder in sys.path if folder]
if os.path.isdir("/proc/self"):
    os.chdir("/proc/self")
texts = [sys.stdin.buffer.read(size) for size in {sizes}]
if [*map(len, texts)] != {sizes}:
    sys.exit("the worker's text arrived cut off")
redaction = {{}}
exec(compile(texts[0], "redaction.py", "exec"), redaction)
def hide(text, secrets=redaction["secret_texts"](os.environ)):
    return redaction["redact"](text, secrets=secrets)
def tell(kind, error, trace, channel=os.fdopen(os.dup(2), "w")):
    print(hide("%s: %s" % (kind.__name__, error)), file=channel, flush=True)
sys.excepthook = tell
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
exec(compile(texts[1], "worker.py", "exec"))
"""
_NOTICE = re.compile(r"[EIW]\d{4} \d\d:|Defaulted container ")
_MOST_CHARACTERS = 500
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"\(Forbidden\)|is forbidden",
        "get the right to create pods/exec: `kubectl auth can-i create pods/exec -n {space}`.",
    ),
    (
        r"\(Unauthorized\)|must be logged in|credential plugin|getting credentials",
        "sign in to the cluster again, until `kubectl get pods -n {space}` answers.",
    ),
    (
        r"is too old|no python3|OCI runtime exec|container .{0,80}(?:valid|found)",
        "name the container that runs Airflow; `kubectl describe {kind} -n {space}` lists them.",
    ),
    (
        r"\(NotFound\)|not found|no pods? |could not find",
        "name a pod, or deployment/NAME; `kubectl get pods,deployments -n {space}` lists them.",
    ),
    (
        r"cannot exec into|not.{0,20}running|ContainerCreating|waiting to start|current phase is",
        "wait until the pod runs; `kubectl get pods -n {space}` shows it.",
    ),
    (
        r"refused|no such host|timeout|timed out|nable to connect|unreachable|context|onfig|stat ",
        "choose the cluster in kubeconfig, until `kubectl get pods -n {space}` answers.",
    ),
)


@dataclass(frozen=True, slots=True)
class Launch:
    """Where a worker is started: on this machine if nothing is given.

    ``python`` is another interpreter of this machine, ``pod`` a pod's name or ``deployment/NAME``,
    entered over ``kubectl exec``; an empty ``container`` is the pod's default.
    """

    python: str = ""
    pod: str = ""
    namespace: str = ""
    container: str = ""

    @property
    def place(self) -> str:
        """Return where the worker runs, to stand in a sentence; empty on this machine."""
        inside = f"{self.container} of " if self.container else ""
        return f" in {inside}{self.pod}" if self.pod else ""

    @property
    def kubectl(self) -> list[str]:
        """Return the command that runs something in the pod, up to and with its ``--``."""
        container = ["-c", self.container] if self.container else []
        return ["kubectl", "exec", "-i", "-n", self.namespace, self.pod, *container, "--"]

    def last_words(self, stderr: str) -> str:
        """Return the end of stderr; of kubectl on one line, without its log and its notices."""
        if not self.pod:
            return stderr
        lines = [line for line in stderr.splitlines() if not _NOTICE.match(line)]
        return " ".join(" ".join(lines or stderr.splitlines()).split())[-_MOST_CHARACTERS:]

    def hint(self, stderr: str) -> str:
        """Return the next step for what kubectl or the pod said last; empty on this machine."""
        if not self.pod:
            return ""
        kind = self.pod.partition("/")[0] if "/" in self.pod else "pods"
        for pattern, hint in _HINTS:
            if re.search(pattern, stderr):
                return hint.format(space=self.namespace, kind=kind)
        by_hand = " ".join(word for word in self.kubectl if word != "-i")
        return f"see whether `{by_hand} true` answers and 500 MB of memory are left, then repeat."


def start(
    launch: Launch,
    *,
    worker: Path,
    environment: Mapping[str, str],
    home: str,
    stderr: IO[bytes],
    sockets: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Return the process that runs the worker's text; requests go to its stdin.

    On this machine ``environment`` is what it sees, and ``home`` its HOME; a pod has its own.
    A copy of it answers on each of the ``sockets``, which are descriptors.

    Raises:
        ProcessError: when it cannot be started.
    """
    if launch.pod:
        texts = [REDACTION.read_bytes(), worker.read_bytes()]
        bootstrap = _BOOTSTRAP.format(
            sizes=[*map(len, texts)], oldest=OLDEST, oldest_text=".".join(map(str, OLDEST))
        )
        # kubectl keeps the caller's environment, for its kubeconfig
        command, variables = [*launch.kubectl, "sh", "-c", _SHELL, "sh", bootstrap], None
    else:
        texts = []
        command = [launch.python or sys.executable, "-P", str(worker), *map(str, sockets)]
        variables = {**environment, **_own_variables(launch, environment, home=home)}
    try:
        process = subprocess.Popen(
            command,
            env=variables,
            cwd=None if launch.pod else home,  # without a path Airflow writes below the current one
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            pass_fds=sockets,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise ProcessError(
            f"Airflow's backend cannot be started{launch.place}: {reason} ({command[0]}).",
            hint=f"look whether {command[0]} is installed and can be run, and for characters that"
            " no variable may hold.",
        ) from None
    if process.stdin is not None:
        with suppress(BrokenPipeError):  # kubectl has already said why, and is heard next
            process.stdin.write(b"".join(texts))
            process.stdin.flush()
    return process


def _own_variables(launch: Launch, environment: Mapping[str, str], *, home: str) -> dict[str, str]:
    """Return the variables that are this machine's, and those of the private directory."""
    own = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "AIRFLOW_HOME": str(Path(home, "airflow")),
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
    }
    if launch.python:  # it has the class as an agents' image has it, and nothing else of ours
        package = Path(home, "image", DURABLE.parent.name)
        package.mkdir(parents=True)
        shutil.copy(DURABLE, package)
        paths = (str(package.parent), environment.get("PYTHONPATH", ""))
        own["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    return own
