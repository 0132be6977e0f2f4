"""What a proof rests on: the versions of packages, and the commit of the runbook."""

import platform as machine
import subprocess
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "apache-airflow", "apache-airflow-task-sdk", "apache-airflow-providers-amazon",
    "apache-airflow-providers-common-io", "apache-airflow-providers-google",
    "apache-airflow-providers-microsoft-azure", "adlfs", "azure-identity", "boto3", "fsspec",
    "gcp-storage-emulator", "gcsfs", "moto", "papermill", "s3fs", "universal-pathlib", "xcomkit",
)  # fmt: skip


def read_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that the proof rests on."""
    found = {"python": machine.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "absent"
    return found


def read_commit() -> str:
    """Return the git commit of the runbook, ``-dirty`` where files differ, or ``""``."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty",
               "--abbrev=40", "--exclude=*"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
