"""``xcomkit merge``: a fragment of values.yaml into the file downloaded from the Astro UI."""

import argparse
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from xcomkit.cli.terminal import note, relative
from xcomkit.findings.errors import InputError
from xcomkit.findings.plain import plain
from xcomkit.findings.text_file import write_text

if TYPE_CHECKING:
    from xcomkit.values.merge import Merged

STDOUT = Path("-")
_Read = TypeVar("_Read")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Teach the command line this command."""
    merge = commands.add_parser(
        "merge",
        help="merge a fragment into your values.yaml, keeping every comment",
        description="Merge FRAGMENT, a part of values.yaml such as the one step 03 writes, into"
        " VALUES, the file downloaded from the Astro UI. Comments, order, quoting, anchors and line"
        " ends stay; mappings are merged key by key, lists of entries with names (commonEnv, env,"
        " workers, volumes) by name. VALUES itself is never written: the result goes to"
        " STEM.xcom.SUFFIX beside it, with the permissions of VALUES, and replaces what an earlier"
        " merge left there, so edit VALUES and not the result. Where VALUES says otherwise, that is"
        " a conflict and is shown with its line: what the runbook owns (class, path, threshold,"
        " compression, connection, identity) is replaced, everything else is kept, and so is any"
        " other list and every worker group. The diff goes to stdout without secrets.",
        epilog="example: xcomkit merge values.yaml runs/20261125T120000Z-aws/values.yaml | exit"
        " codes: 0 merged, or nothing had to change, 1 there are conflicts to look at, or with"
        " --check the fragment is not in the file yet, 2 a file cannot be read, merged or written",
    )
    merge.add_argument("values", type=Path, metavar="VALUES", help="your file; it stays as it is")
    merge.add_argument("fragment", type=Path, metavar="FRAGMENT", help="what is to be in it")
    either = merge.add_mutually_exclusive_group()
    either.add_argument(
        "--out", type=Path, metavar="FILE",
        help="where the result goes; - is stdout, whole and with its secrets, and without the diff",
    )  # fmt: skip
    either.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 while something is to be done"
    )
    merge.set_defaults(act=act)


def act(options: argparse.Namespace) -> int:
    """Merge, write the result, show what differed, and return the exit code."""
    from xcomkit.values.fragment_file import load_fragment
    from xcomkit.values.merge import merge
    from xcomkit.values.values import load_values

    values = _read(load_values, options.values)
    fragment = _read(load_fragment, options.fragment)
    merged = merge(values.text, fragment, name=str(options.values))
    is_same = merged.text == values.text
    if options.check:
        _show(merged.diff)
        _tell_conflicts(merged, path=options.values)
        state = "holds the fragment" if is_same else "does not hold the fragment yet"
        note(f"{options.values} {state}; nothing was written.")
        return int(not is_same or bool(merged.conflicts))

    if options.out == STDOUT:
        _show(merged.text, end="")
        done = "the result is on stdout"
    else:
        target = _target(options.values, options.out, fragment=options.fragment)
        done = _write(target, merged.text, like=options.values)
        _show(merged.diff)
    _tell_conflicts(merged, path=options.values)
    said = "nothing had to change; " if is_same else ""
    note(f"{said}{done}, {options.values} is as it was.")
    return int(bool(merged.conflicts))


def _tell_conflicts(merged: "Merged", *, path: Path) -> None:
    for conflict in merged.conflicts:
        state = "replaced" if conflict.replaced else "kept"
        line = (
            f"{path}:{conflict.line}: {conflict.path}: {state}: your file says {conflict.before},"
            f" the fragment {conflict.after}"
        )
        note(plain(line))
    if merged.conflicts:
        told = "conflict" if len(merged.conflicts) == 1 else "conflicts"
        note(f"{len(merged.conflicts)} {told}: look at the lines above before you install it.")


def _read(load: Callable[[Path], _Read], path: Path) -> _Read:
    """Return what a file holds; a refusal names the file as it was typed, two may have one name.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return load(path)
    except InputError as error:
        rest = str(error.args[0]).removeprefix(path.name)
        raise InputError(f"{path}{rest}", hint=error.hint) from None


def _target(values: Path, out: Path | None, *, fragment: Path) -> Path:
    """Return where the result goes.

    Raises:
        InputError: something else is there that a merge must not write over.
    """
    from xcomkit.values.values import load_values

    named = out or values.with_name(f"{values.stem}.xcom{values.suffix}")
    hint = "name another file with --out."
    try:
        target = named.resolve()
        if not target.exists():
            return target
        for taken, what in ((values, "your own file"), (fragment, "the fragment")):
            if target.samefile(taken):
                raise InputError(f"{named} is {what}, and stays as it is.", hint=hint)
        if not target.is_file():
            raise InputError(f"{named} is there and is no ordinary file.", hint=hint)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        raise _unwritable(named, error) from None
    try:
        load_values(target)
    except InputError:
        raise InputError(f"{named} is there and is no values file.", hint=hint) from None
    return target


def _write(target: Path, text: str, *, like: Path) -> str:
    """Write the result whole or not at all, open to nobody the original is closed to.

    Raises:
        InputError: it cannot be written.
    """
    try:
        mode = stat.S_IMODE(like.stat().st_mode) & 0o777
        was_there = target.exists()
        if was_there:
            mode &= stat.S_IMODE(target.stat().st_mode)
            if target.read_bytes() == text.encode():
                target.chmod(mode)
                return f"{relative(target)} was that already"
        next(target.parent.iterdir(), None)  # a folder that is not there is not made
        write_text(target, text, mode=mode)
    except OSError as error:
        raise _unwritable(target, error) from None
    return f"{relative(target)} {'replaced' if was_there else 'written'}"


def _unwritable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or error
    hint = "name another file with --out."
    return InputError(f"{path}: cannot be written ({reason}).", hint=hint)


def _show(text: str, *, end: str = "\n") -> None:
    """Write to stdout as UTF-8, byte for byte; a reader that has gone away is no mistake."""
    if not text:
        return
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write((text + end).encode())
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
