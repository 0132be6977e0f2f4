"""The agents' image: the lines that put the durable class into it, and what its label says."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from xcomkit.findings.model import DURABLE_BACKEND, Check, Rule

DURABLE = Path(__file__).parents[1] / "durable.py"
LABEL = "xcomkit.durable.sha256"
_ENGINES = ("docker", "podman")
_SECONDS = 20

XC413 = Rule(
    id="XC413",
    title="The agents' image holds the durable class",
    severity="fail",
    why="The class is in no base image; where it is absent no task starts, and another version of"
    " it is not what was proved here.",
    remedy="Build the image as image/Dockerfile of the run directory says, install it, and run step"
    " 04 with run_in: kubectl, which imports the class in a pod.",
    source="own class, xcomkit.durable; the label that image/Dockerfile sets",
)
RULES: tuple[Rule, ...] = (XC413,)
_EXPECTED = "the class of this runbook"
_DOCKERFILE = """\
# The agents' image, with what step 03 was proved with. Build it with this folder as the context:
#   docker build --build-arg BASE_IMAGE=<image of your agents> -t <image of your own> image/
ARG BASE_IMAGE
FROM ${{BASE_IMAGE}}
RUN pip install --no-cache-dir {packages}

# The durable class, one of two ways. Copied as one file:
COPY xcomkit/durable.py /opt/xcom/xcomkit/durable.py
ENV PYTHONPATH=/opt/xcom${{PYTHONPATH:+:${{PYTHONPATH}}}}
# Or installed with its package, which holds the same file:
# RUN pip install --no-cache-dir xcomkit=={version}

# Here the build fails where the class cannot be imported; later no task would start.
RUN python -c "from {module} import {name}"
LABEL {label}={digest}
"""


def digest() -> str:
    """Return the SHA-256 of the durable class of this runbook."""
    return hashlib.sha256(DURABLE.read_bytes()).hexdigest()


def dockerfile(packages: Sequence[str]) -> str:
    """Return the lines that make the agents' image with these packages, as pip takes them."""
    module, _, name = DURABLE_BACKEND.rpartition(".")
    return _DOCKERFILE.format(
        packages=" ".join(packages),
        version=metadata.version("xcomkit"),
        module=module,
        name=name,
        label=LABEL,
        digest=digest(),
    )


def judge_labels(images: Sequence[str]) -> Check:
    """Return whether the images that are on this machine have the label of the class (XC413)."""
    how = f"label {LABEL} of the images that docker or podman has here"
    found, ours = {image: _read_label(image) for image in dict.fromkeys(images)}, digest()
    other = [f"{name}: {label[:64]}" for name, label in found.items() if label not in ("", ours)]
    unseen = [name for name, label in found.items() if not label]
    if other:
        observed = f"another version of the class in {'; '.join(other)}"
        return XC413.judge(False, expected=_EXPECTED, observed=observed, how=how, basis="echo")
    if unseen or not found:
        named = f"nothing here tells what is in {', '.join(unseen)}" if unseen else "no image named"
        return XC413.skip(
            expected=_EXPECTED, observed=f"not proved: {named}", how=how, remedy=XC413.remedy
        )
    observed = f"in {', '.join(found)}"
    return XC413.judge(True, expected=_EXPECTED, observed=observed, how=how, basis="echo")


def judge_pod(imported: str, *, pod: str) -> Check:
    """Return whether a pod could import the class (XC413).

    ``imported`` is the SHA-256 of the file it came from; empty where the import failed.
    """
    version = "the same file as here" if imported == digest() else f"another version, {imported}"
    return XC413.judge(
        bool(imported),
        expected=_EXPECTED,
        observed=f"imported in {pod}: {version}" if imported else f"{pod} cannot import it",
        how="import in the pod, SHA-256 of the module's file",
        basis="behaviour",
    )


def _read_label(image: str) -> str:
    """Return the label of an image; empty where nobody here has the image, or it has no label."""
    for engine in filter(shutil.which, _ENGINES):
        command = [engine, "image", "inspect", "--format", "{{json .Config.Labels}}", "--", image]
        try:
            done = subprocess.run(command, capture_output=True, check=False, timeout=_SECONDS)
            labels = json.loads(done.stdout) if done.returncode == 0 else None
        except (OSError, subprocess.TimeoutExpired, ValueError):
            continue
        if isinstance(labels, dict) and labels.get(LABEL):
            return str(labels[LABEL])
    return ""
