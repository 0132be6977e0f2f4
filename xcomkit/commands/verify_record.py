"""``xcomkit verify-record``: whether a record is as it was written."""

import argparse
from pathlib import Path

from xcomkit.commands.terminal import say


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    verify = commands.add_parser(
        "verify-record",
        help="check that no file of a record was changed",
        description="Compare every file of a run directory with its manifest.sha256, and with"
        " --allowed-signers also who signed that (xcomkit run --sign-key). Without it anybody who"
        " changes a file can write the manifest anew.",
        epilog="example: xcomkit verify-record runs/20260101T080000Z-aws --allowed-signers"
        " signers.txt | a line of signers.txt: name@example.com ssh-ed25519 AAAA... | exit codes:"
        " 0 unchanged, and signed where it was asked for, 1 something changed or the signature is"
        " not valid, 2 no manifest or no file of signers, 3 no ssh-keygen",
    )
    verify.add_argument("directory", type=Path, metavar="DIR", help="a run directory")
    verify.add_argument(
        "--allowed-signers", type=Path, metavar="FILE",
        help="names and public keys of those whose signature counts, as ssh-keygen knows them",
    )  # fmt: skip
    verify.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Name every file that differs from its manifest, and who signed; 1 when something is wrong."""
    from xcomkit.plain import plain
    from xcomkit.record.manifest import SIGNATURE, find_differences
    from xcomkit.record.signature import find_signer

    found = [plain(sentence) for sentence in find_differences(options.directory)]
    signer = ""
    if options.allowed_signers:
        signer, problem = find_signer(options.directory, options.allowed_signers)
        found += [problem] if problem else []
    for sentence in found:
        say(f"✖ {sentence}")
    if not found:
        say(f"✔ {plain(options.directory.resolve().name)}: every file is as it was written")
    if signer:
        say(f"✔ the manifest was signed by {signer}")
    elif not options.allowed_signers and (options.directory / SIGNATURE).is_file():
        say("- it is signed; --allowed-signers FILE checks by whom")
    return 1 if found else 0
