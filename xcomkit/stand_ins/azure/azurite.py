"""Azurite: installed once into a cache outside the repository, and run as a child of the stand-in.

Versions and hashes stand in ``azurite/package-lock.json``.
"""

import re
import subprocess
import threading
from pathlib import Path

import trustme

from xcomkit.findings.errors import ProcessError
from xcomkit.stand_ins.common import npm
from xcomkit.stand_ins.common.http_server import HOST

MANIFEST = Path(__file__).with_name("azurite")
_MAIN = Path("node_modules/azurite/dist/src/blob/main.js")
_START_SECONDS = 60
# Node does not notice that its parent is gone; the end of its stdin tells it.
_WRAPPER = (
    "process.stdin.on('end', () => process.exit(0)).resume();"
    "const main = process.argv[1];"
    "process.argv = [process.argv[0], main, ...process.argv.slice(2)];"
    "require(main)"
)


def start(directory: Path, *, authority: trustme.CA) -> tuple[int, subprocess.Popen[str]]:
    """Return the port of a new Azurite and its process; it ends when its stdin does.

    It keeps everything in memory, sends no telemetry, and takes OAuth tokens over TLS.

    Raises:
        ProcessError: it did not listen in time.
    """
    own = authority.issue_cert(HOST)
    chain, key = directory / "chain.pem", directory / "key.pem"
    chain.write_bytes(b"".join(part.bytes() for part in own.cert_chain_pems))
    key.touch(mode=0o600)
    own.private_key_pem.write_to_path(str(key))
    main = str(npm.find_folder(MANIFEST) / _MAIN)
    words = [npm.find_node()[0], "-e", _WRAPPER, main, "--blobHost", HOST,
             "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry",
             "--skipApiVersionCheck", "--oauth", "basic", "--cert", str(chain),
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
