"""An interpreter for a version of Airflow, in an environment that uv makes and keeps in its cache.

Two versions never share an environment: the task SDK, core and the providers of one release are
resolved together, as they are in an agent's image. Constraint files are not used, because only the
package index need be reachable; which versions came of it is part of the evidence.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from xcomkit.findings.errors import ProcessError

INSTALL_SECONDS = 900
_MOST_CHARACTERS = 300
PAYLOAD_PACKAGES = ("pandas", "pyarrow")
FLOORS: Mapping[str, str] = {
    "s3fs": "s3fs>=2023.10.0",
    "adlfs": "adlfs>=2023.10.0",
    "gcsfs": "gcsfs>=2023.10.0",
    "apache-airflow-providers-google": "apache-airflow-providers-google>=22",
    "apache-airflow-providers-microsoft-azure": "apache-airflow-providers-microsoft-azure>=15",
}
"""Floors of the amazon provider's extra and of this project. Without one a resolver may take s3fs
0.4 or google 12, which pin too little: the one cannot be imported, the other signs in otherwise."""


class NotInstallableError(ProcessError):
    """The packages do not fit together, or cannot be had: the version's row stays unknown."""


def requirements(
    version: str, *, agent_packages: Sequence[str], more: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return what an agent with this version of Airflow needs for its backend.

    Of a pre-release its parts are named as well: a resolver takes pre-releases of those packages
    only that are asked for with one.
    """
    named = sorted(FLOORS.get(name, name) for name in {*agent_packages, *PAYLOAD_PACKAGES})
    if re.search(r"[a-z]", version):
        named += [f"apache-airflow-core=={version}", "apache-airflow-task-sdk>=1.0.0a0"]
    return (f"apache-airflow=={version}", *named, *more)


def install(version: str, *, agent_packages: Sequence[str], more: Sequence[str] = ()) -> Path:
    """Return the interpreter of an environment with this version, made now or found in uv's cache.

    ``agent_packages`` are provider and filesystem of the cloud, ``more`` is what an image pins.

    Raises:
        NotInstallableError: uv finds no set of packages, or cannot have them.
        ProcessError: there is no uv.
    """
    wanted = requirements(version, agent_packages=agent_packages, more=more)
    # a tool's environment is kept, and settings of uv in the current folder do not count for it
    command = [find_uv(), "tool", "run", "--quiet", "--isolated", "--python", sys.executable]
    command += [word for name in wanted for word in ("--with", name)]
    try:
        done = subprocess.run(
            [*command, "python", "-c", "import sys; print(sys.executable)"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        reason = f"uv was not done after {INSTALL_SECONDS} s"
    else:
        if not done.returncode:
            return Path(done.stdout.strip())
        reason = last_words(done.stderr)
    raise NotInstallableError(
        reason, hint="compare the version with the releases of apache-airflow, then repeat."
    )


def find_uv() -> str:
    """Return uv: the one of this environment before one on the path.

    Raises:
        ProcessError: there is none.
    """
    own = str(Path(sys.executable).parent)
    found = shutil.which("uv", path=os.pathsep.join((own, os.environ.get("PATH", os.defpath))))
    if found is None:
        raise ProcessError(
            "There is no uv, which makes an environment per version of Airflow.",
            hint="pip install uv, or pip install xcomkit[test].",
        )
    return found


def last_words(stderr: str) -> str:
    """Return uv's last error on one line, without frame, colour and addresses.

    The resolver's reason, which begins with Because, stands after a general sentence.
    """
    text = re.sub(r"\x1b\[[0-9;]*m|[^\x20-\x7e\n]", " ", stderr)
    text = re.split(r"(?m)^\s*(?:hint|warning):", re.sub(r"\S*://\S+", "an address", text))[0]
    sentence = " ".join(text.split())
    reason = sentence[max(0, sentence.rfind("Because ")) :][:_MOST_CHARACTERS]
    return reason or "uv failed and gave no reason"
