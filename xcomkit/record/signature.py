"""An optional signature over the manifest, made and checked with the user's ssh-keygen.

The manifest names every file by its hash, so its signature covers the whole record. Of the key
only its public half is kept, in the signature itself.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from xcomkit import evidence
from xcomkit.errors import InputError, ProcessError
from xcomkit.plain import plain
from xcomkit.record import manifest

NAMESPACE = "xcomkit-record"
_SECONDS = 60  # a hardware key waits for a touch


def try_key(key: Path) -> None:
    """Sign an empty text, so that a key that cannot sign is known before the run.

    Raises:
        InputError: the key cannot be read or used without being asked for its passphrase.
        ProcessError: there is no ssh-keygen, or it hangs.
    """
    _sign(b"", key)


def sign_record(directory: Path, key: Path) -> Path:
    """Sign the manifest of a run directory, and return the path of the signature.

    Raises:
        InputError: the key cannot be read or used without being asked for its passphrase.
        ProcessError: there is no ssh-keygen, or it hangs.
    """
    signature = _sign((directory / manifest.NAME).read_bytes(), key)
    path = directory / manifest.SIGNATURE
    evidence.write_text(path, signature.decode("ascii"))
    return path


def find_signer(directory: Path, allowed: Path) -> tuple[str, str]:
    """Return who of the allowed signers signed the manifest, and what is wrong if nobody did.

    Raises:
        InputError: the file of allowed signers cannot be read.
        ProcessError: there is no ssh-keygen, or it hangs.
    """
    if not allowed.is_file():
        raise InputError(
            f"{allowed.name}: no such file of allowed signers.",
            hint="name a file with lines as: name@example.com ssh-ed25519 AAAA...",
        )
    signature = directory / manifest.SIGNATURE
    if not signature.is_file():
        return "", f"the record is not signed: there is no {manifest.SIGNATURE}"
    listed = ("-s", str(signature), "-f", str(allowed))
    found = _run("find-principals", *listed)
    for signer in (
        found.stdout.decode(errors="replace").splitlines() if not found.returncode else ()
    ):
        checked = _run("verify", *listed, "-I", signer, "-n", NAMESPACE,
                       given=(directory / manifest.NAME).read_bytes())  # fmt: skip
        if not checked.returncode:
            return plain(signer[:200]), ""
        found = checked
    said = _last_line(found, hide={str(signature): signature.name, str(allowed): allowed.name})
    return "", f"{manifest.SIGNATURE} is no valid signature of an allowed signer: {said}"


def _sign(text: bytes, key: Path) -> bytes:
    if not key.is_file():
        raise InputError(f"{key.name}: no such key.", hint="name an SSH key file in --sign-key.")
    # Given an empty passphrase, ssh-keygen takes a protected key as wrong, and never asks.
    with tempfile.TemporaryDirectory(prefix="xcomkit-") as folder:
        signed = Path(folder) / "signed"
        signed.write_bytes(text)
        done = _run("sign", "-f", str(key), "-P", "", "-n", NAMESPACE, str(signed))
        if not done.returncode:
            return signed.with_name("signed.sig").read_bytes()
    said = _last_line(done, hide={str(key): key.name})
    raise InputError(
        f"{key.name}: ssh-keygen does not sign with it: {said}.",
        hint="name a key without a passphrase, or load it into ssh-agent and name its .pub file.",
    )


def _run(act: str, *words: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Run ssh-keygen in a session of its own: without a terminal nothing can be asked for."""
    program = shutil.which("ssh-keygen")
    if program is None:
        raise ProcessError(
            "ssh-keygen is not installed, so nothing can be signed or verified.",
            hint="install the OpenSSH client (Debian: openssh-client), 8.9 or newer.",
        )
    try:
        return subprocess.run([program, "-Y", act, *words], input=given, capture_output=True,
                              check=False, timeout=_SECONDS, start_new_session=True)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise ProcessError(
            f"ssh-keygen did not answer within {_SECONDS} s.",
            hint="is it waiting for a touch of the key, or for ssh-agent?",
        ) from None


def _last_line(done: "subprocess.CompletedProcess[bytes]", *, hide: dict[str, str]) -> str:
    """Return the last thing ssh-keygen said, with the names of files instead of their paths."""
    said = (done.stderr or done.stdout).decode(errors="replace").strip()
    for path, name in hide.items():
        said = said.replace(path, name)
    return plain(said.splitlines()[-1][:200]) if said else f"it ended with {done.returncode}"
