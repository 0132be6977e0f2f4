"""A private Swift for tests: a folder and ports of its own, gone with the process that asked."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

PROGRAM = Path(__file__).with_name("swift_process.py")
SYSTEM_PYTHON = "/usr/bin/python3"  # the one that has Debian's packages
ACCESS_KEY = "xcom:root"
SECRET_KEY = "rootSecretKey0123456789"


@dataclass(frozen=True)
class Swift:
    """The same store behind two doors."""

    http: str
    https: str
    ca_bundle: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return who signs, and whom TLS is to trust."""
        return {
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
        }


def is_installed() -> bool:
    return all(
        shutil.which(f"swift-{n}-server") for n in ("proxy", "account", "container", "object")
    )


def _fast_folder() -> str | None:
    """Return memory where it keeps extended attributes, as Swift needs: each write is flushed."""
    try:
        with tempfile.NamedTemporaryFile(dir="/dev/shm") as probe:
            os.setxattr(probe.fileno(), "user.swift.probe", b"1" * 1024)
    except OSError:
        return None
    return "/dev/shm"


@contextmanager
def running_swift() -> Iterator[Swift]:
    with tempfile.TemporaryDirectory(prefix="xcomkit-swift-", dir=_fast_folder()) as name:
        folder = Path(name)
        authority = trustme.CA()
        bundle, key = folder / "ca.pem", folder / "server.pem"
        authority.cert_pem.write_to_path(bundle)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(key)
        log = folder / "server.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [SYSTEM_PYTHON, "-W", "ignore", PROGRAM, folder / "store", key],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True,
            )  # fmt: skip
        assert process.stdin
        assert process.stdout
        try:
            line = process.stdout.readline()
            assert line, f"Swift did not start: {log.read_text()[-2000:]}"
            yield Swift(**json.loads(line), ca_bundle=bundle)
        finally:
            process.stdin.close()  # which ends it
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
