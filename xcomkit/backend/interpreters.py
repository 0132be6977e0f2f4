"""An interpreter of its own for a version of Airflow, installed with uv and kept.

Two versions never share an environment: the task SDK, core and the providers of one release are
resolved together, as they are in an agent's image. Constraint files are not used, because only the
package index need be reachable; which versions came of it is part of the evidence.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from xcomkit.findings.errors import ProcessError

INSTALL_SECONDS = 900
MOST_WORDS = 300
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


def install(
    version: str,
    *,
    agent_packages: Sequence[str],
    more: Sequence[str] = (),
    cache: Path | None = None,
) -> Path:
    """Return the interpreter of an environment with this version, made now or kept from before.

    It is made under another name and renamed when it is complete, so that an install that was cut
    off is never taken for one.

    Args:
        version: of Airflow.
        agent_packages: provider and filesystem of the cloud.
        more: further requirements, such as what the agents' image pins.
        cache: folder of the environments; the user's cache if nothing is said.

    Raises:
        NotInstallableError: uv finds no set of packages, or cannot have them.
        ProcessError: there is no uv, or the folder cannot be written to.
    """
    wanted = requirements(version, agent_packages=agent_packages, more=more)
    cache = cache or default_cache()
    python = platform.python_version()
    digest = hashlib.sha256("\n".join((*wanted, python, platform.platform())).encode()).hexdigest()
    home = cache / f"airflow-{version}-{digest[:12]}"
    if not home.is_dir():
        uv = find_uv()
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(
                prefix=".making-", dir=cache, ignore_cleanup_errors=True
            ) as made:
                _make(Path(made, "env"), uv=uv, wanted=wanted)
                if not home.is_dir():  # somebody else may have been faster
                    Path(made, "env").rename(home)
        except OSError as error:
            raise ProcessError(
                f"{cache}: no environment can be made there ({error.strerror}).",
                hint="name a folder that can be written to in XDG_CACHE_HOME.",
            ) from None
    return home / "bin" / "python"


def default_cache() -> Path:
    """Return where environments are kept. Source: XDG Base Directory Specification."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    # The specification: a relative path is invalid and to be ignored.
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return base / "xcomkit"


def find_uv() -> str:
    """Return uv: the one of this environment before one on the path.

    Raises:
        ProcessError: there is none.
    """
    own = Path(sys.executable).with_name("uv")
    found = str(own) if own.is_file() else shutil.which("uv")
    if found is None:
        raise ProcessError(
            "There is no uv, which makes an environment per version of Airflow.",
            hint="pip install uv, or pip install xcomkit[test].",
        )
    return found


def _make(home: Path, *, uv: str, wanted: Sequence[str]) -> None:
    """Make an environment with the packages; the folder's own settings of uv do not count."""
    python = str(home / "bin" / "python")
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(home)],
        [uv, "pip", "install", "--quiet", "--python", python, *wanted],
    ):
        try:
            done = subprocess.run(
                command,
                cwd=home.parent,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            words = f"uv was not done after {INSTALL_SECONDS} s"
        else:
            if not done.returncode:
                continue
            words = last_words(done.stderr)
        raise NotInstallableError(
            words, hint="compare the version with the releases of apache-airflow, then repeat."
        )


def last_words(stderr: str) -> str:
    """Return uv's last error on one line, without frame, colour and addresses.

    The resolver's reason, which begins with Because, stands after a general sentence.
    """
    plain = re.sub(r"\x1b\[[0-9;]*m|[^\x20-\x7e\n]", " ", stderr)
    said = re.split(r"(?m)^\s*(?:hint|warning):", re.sub(r"\S*://\S+", "an address", plain))[0]
    sentence = " ".join(said.split())
    return sentence[max(0, sentence.rfind("Because ")) :][:MOST_WORDS] or "uv failed without a word"
