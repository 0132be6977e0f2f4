import os
import shutil
import subprocess
import time

import pytest
from records import write

from xcomkit.__main__ import main
from xcomkit.errors import InputError, ProcessError
from xcomkit.record.manifest import write_manifest
from xcomkit.record.signature import sign_record, try_key


def make_key(folder, name="key", *, passphrase=""):
    key = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", key],
                   check=True)  # fmt: skip
    return key


def allow(key, name="ann@example.com"):
    signers = key.with_name("signers.txt")
    signers.write_text(f"{name} {key.with_name(key.name + '.pub').read_text()}")
    return signers


@pytest.fixture
def key(tmp_path):
    (tmp_path / "keys").mkdir()
    return make_key(tmp_path / "keys")


@pytest.fixture
def signed(tmp_path, key):
    directory = write(tmp_path / "run")
    write_manifest(directory)
    sign_record(directory, key)
    return directory


def verify(directory, *signers):
    words = ("--allowed-signers", str(signers[0])) if signers else ()
    return main(["verify-record", str(directory), *words])


def test_signed_record_is_verified_and_the_signer_is_named(signed, key, capsys):
    assert verify(signed, allow(key)) == 0
    assert "signed by ann@example.com" in capsys.readouterr().out


def test_without_signers_it_is_said_that_there_is_a_signature(signed, capsys):
    assert verify(signed) == 0
    assert "--allowed-signers FILE checks by whom" in capsys.readouterr().out


def test_changed_file_under_a_new_manifest_is_caught(signed, key, capsys):
    (signed / "record.html").write_text("forged")
    write_manifest(signed)

    assert verify(signed) == 0
    assert verify(signed, allow(key)) == 1
    assert "no valid signature" in capsys.readouterr().out


def test_signature_of_somebody_else_is_refused(signed, tmp_path, capsys):
    other = make_key(tmp_path, "other")

    assert verify(signed, allow(other)) == 1
    assert "no valid signature of an allowed signer" in capsys.readouterr().out


def test_signature_made_for_another_purpose_is_refused(signed, key):
    (signed / "manifest.sha256.sig").unlink()
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", "git",
                    signed / "manifest.sha256"], check=True, capture_output=True)  # fmt: skip

    assert verify(signed, allow(key)) == 1


@pytest.mark.parametrize("text", [None, "", "nonsense\x1b[31m"])
def test_missing_or_broken_signature_is_one_line(signed, key, capsys, text):
    (signed / "manifest.sha256.sig").unlink()
    if text is not None:
        (signed / "manifest.sha256.sig").write_text(text)

    assert verify(signed, allow(key)) == 1
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert str(signed) not in out


def test_signature_is_no_file_of_the_manifest_and_one_elsewhere_is_an_added_file(signed, capsys):
    (signed / "evidence").mkdir()
    (signed / "evidence/manifest.sha256.sig").write_text("")
    (signed / "evidence/manifest.sha256").write_text("")

    assert verify(signed) == 1
    assert "evidence/manifest.sha256 was added" in capsys.readouterr().out


def test_path_of_the_key_is_stored_nowhere(signed, key):
    for path in signed.rglob("*"):
        assert key.name not in path.read_text().split()
        assert str(key.parent) not in path.read_text()


def test_protected_key_is_refused_at_once_and_nothing_is_asked(tmp_path):
    key = make_key(tmp_path, "protected", passphrase="something long")
    begun = time.monotonic()

    with pytest.raises(
        InputError, match=r"protected: ssh-keygen does not sign.*passphrase"
    ) as told:
        try_key(key)

    assert time.monotonic() - begun < 20
    assert "ssh-agent" in told.value.hint
    assert str(tmp_path) not in str(told.value)


def test_protected_key_asks_no_program_of_the_desktop_either(tmp_path, monkeypatch):
    asked = tmp_path / "asked"
    program = tmp_path / "askpass"
    program.write_text(f"#!/bin/sh\ntouch {asked}\necho something long\n")
    program.chmod(0o755)
    for name, value in {"SSH_ASKPASS": str(program), "SSH_ASKPASS_REQUIRE": "force",
                        "DISPLAY": ":0"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)

    with pytest.raises(InputError):
        try_key(make_key(tmp_path, "protected", passphrase="something long"))
    assert not asked.exists()


def test_protected_key_signs_through_the_agent(tmp_path, monkeypatch, key):
    socket = tmp_path / "s"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        while not socket.exists():
            time.sleep(0.05)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        subprocess.run(["ssh-add", "-q", key], check=True)
        key.unlink()  # what the agent holds is enough

        try_key(key.with_name("key.pub"))
    finally:
        agent.kill()
        agent.wait()


@pytest.mark.parametrize("text", [None, "no key"])
def test_what_is_no_key_is_refused_in_one_line(tmp_path, text):
    if text:
        (tmp_path / "key").write_text(text)
        (tmp_path / "key").chmod(0o600)

    with pytest.raises(InputError) as told:
        try_key(tmp_path / "key")
    assert "\n" not in str(told.value)


def test_missing_ssh_keygen_is_one_clear_line(signed, key, capsys, monkeypatch):
    signers = allow(key)
    monkeypatch.setenv("PATH", os.devnull)
    assert shutil.which("ssh-keygen") is None

    with pytest.raises(ProcessError, match="not installed"):
        try_key(key)
    assert verify(signed, signers) == 3
    error = capsys.readouterr().err
    assert error.startswith("xcomkit: ssh-keygen is not installed")
    assert error.count("\n") == 1


def test_missing_file_of_signers_is_exit_2(signed, tmp_path, capsys):
    assert verify(signed, tmp_path / "none") == 2
    assert "no such file of allowed signers" in capsys.readouterr().err
