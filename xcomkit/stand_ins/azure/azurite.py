"""Azurite: installed once into a cache outside the repository, and run as a child of the stand-in.

Versions and hashes stand in ``azurite/package-lock.json``.
"""

import re
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from xcomkit.findings.errors import ProcessError
from xcomkit.stand_ins.common import npm

_MANIFEST = Path(__file__).with_name("azurite")
_MAIN = Path("node_modules/azurite/dist/src/blob/main.js")
_START_SECONDS = 60
# Node does not notice that its parent is gone; the end of its stdin tells it.
_WRAPPER = (
    "process.stdin.on('end', () => process.exit(0)).resume();"
    "const main = process.argv[1];"
    "process.argv = [process.argv[0], main, ...process.argv.slice(2)];"
    "require(main)"
)


def install(say: Callable[[str], None]) -> None:
    """Install Azurite where it is missing.

    Raises:
        ProcessError: npm failed, with its last words.
    """
    npm.install(_MANIFEST, say=say)


def start(directory: Path, *, certificate: Path, key: Path) -> tuple[int, subprocess.Popen[str]]:
    """Return the port of a new Azurite and its process; it ends when its stdin does.

    It keeps everything in memory, sends no telemetry, and takes OAuth tokens over TLS.

    Raises:
        ProcessError: it did not listen in time.
    """
    main = str(npm.find_folder(_MANIFEST) / _MAIN)
    words = [npm.find_node()[0], "-e", _WRAPPER, main, "--blobHost", "127.0.0.1",
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
