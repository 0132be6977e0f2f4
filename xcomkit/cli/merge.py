"""``xcomkit merge``: a fragment of values.yaml into the file downloaded from the Astro UI."""

import argparse
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xcomkit.cli.terminal import note, relative
from xcomkit.findings.errors import InputError
from xcomkit.findings.text import listed, plain, program
from xcomkit.findings.text_file import read_text, write_text

if TYPE_CHECKING:
    from xcomkit.values.merge import Merged
    from xcomkit.values.values import Values

STDOUT = Path("-")
_HINT = "name another file with --out."


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
        epilog="example:\n  xcomkit merge values.yaml runs/20261125T120000Z-aws/values.yaml\n"
        "takes about a second\n"
        "exit codes: 0 merged, or nothing had to change, 1 there are conflicts or duplicate keys to"
        " look at, or with --check the fragment is not in the file yet, 2 a file cannot be read,"
        " merged or written",
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
    from xcomkit.values.fragment_file import read_fragment
    from xcomkit.values.merge import merge
    from xcomkit.values.names import PRACTICE, is_practice
    from xcomkit.values.values import read_values

    name, other = str(options.values), str(options.fragment)
    values = read_values(read_text(options.values, name=name), name=name)
    text = read_text(options.fragment, name=other)
    fragment = read_fragment(text, name=other)
    merged = merge(values.text, fragment, name=name)
    is_same = merged.text == values.text
    if is_practice(text):
        note(f"{plain(other)}: {PRACTICE}; run step 03 with the parameters of your own account.")
    if options.check:
        _show(merged.diff)
        has_problems = _tell_problems(merged, values)
        state = "holds the fragment" if is_same else "does not hold the fragment yet"
        note(f"{name} {state}; nothing was written.")
        return int(not is_same or has_problems)

    if options.out == STDOUT:
        _show(merged.text, end="")
        done = "the result is on stdout"
    else:
        values_file = options.values
        options.out = options.out or values_file.with_stem(f"{values_file.stem}.xcom")
        done = _write(merged.text, options)
        _show(merged.diff)
    has_problems = _tell_problems(merged, values)
    same = "nothing had to change; " if is_same else ""
    note(f"{same}{done}, {name} is as it was.")
    if options.out != STDOUT:
        _tell_next(options.out)
    return int(has_problems)


def _tell_next(out: Path) -> None:
    """Name what lint fails in the result, and the command that says what to do about it."""
    from xcomkit.lint.run import CloudFiles, judge, read_each

    found, *_ = read_each([str(out)], kind=None)
    report = judge(found.configurations, cloud=CloudFiles(), unread=found.findings)
    for finding in report.findings[:20]:
        if finding.severity == "fail":
            rule = finding.rule
            said = f"{rule.id} fails, expected: {rule.title}; observed: {finding.observed}"
            note(plain(f"{finding.where}: {said}"))
    note(f"Next: {program(seen_from=Path.cwd())} lint {out}")


def _tell_problems(merged: "Merged", values: "Values") -> bool:
    """Name duplicate keys, names and conflicts, and return whether there are any."""
    from xcomkit.values.environment import list_repeated
    from xcomkit.values.merge_rules import label
    from xcomkit.values.parts import below, find_agents

    path = values.name
    repeated = list_repeated(below(values, *next(find_agents(values.data), ())))
    for source, name, (first, *_, last) in repeated:
        said = f"duplicate name {name} in {source}, first in line {first}; Helm 3 takes the last"
        note(f"{plain(path)}:{last}: {plain(said)}, Helm 4 may refuse both: keep one.")
    for key in values.duplicates:
        first, *_, last = key.lines
        lost = f", without {listed(key.lost, most=10)}" if key.lost else ""
        said = f"duplicate key {label(key.path)}, first in line {first}; helm reads the last{lost}"
        note(f"{plain(path)}:{last}: {plain(said)}: merge both into one key.")
    for conflict in merged.conflicts:
        state = "replaced" if conflict.replaced else "kept"
        said = f"your file says {conflict.before}, the fragment {conflict.after}"
        note(plain(f"{path}:{conflict.line}: {conflict.path}: {state}: {said}"))
    if count := len(merged.conflicts):
        word = "conflict" if count == 1 else "conflicts"
        note(f"{count} {word}: look at the lines above before you install it.")
    return bool(merged.conflicts or values.duplicates or repeated)


def _write(text: str, options: argparse.Namespace) -> str:
    """Write the result whole or not at all, open to nobody the original is closed to.

    Raises:
        InputError: it cannot be written, or would replace what no merge has written.
    """
    values, out = options.values, options.out
    try:
        target = out.resolve()
        was_there = target.exists()
        mode = stat.S_IMODE(values.stat().st_mode) & 0o777
        if was_there:
            _refuse_taken(target, name=str(out), values=values, fragment=options.fragment)
            mode &= stat.S_IMODE(target.stat().st_mode)
            if target.read_bytes() == text.encode():
                target.chmod(mode)
                return f"{relative(target)} was that already"
        next(target.parent.iterdir(), None)  # a folder that is not there is not made
        write_text(target, text, mode=mode)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{out}: cannot be written ({reason}).", hint=_HINT) from None
    return f"{relative(target)} {'replaced' if was_there else 'written'}"


def _refuse_taken(target: Path, *, name: str, values: Path, fragment: Path) -> None:
    """Do nothing where an earlier merge may have written the file.

    Raises:
        InputError: something else is there.
    """
    from xcomkit.values.values import load_values

    for taken, what in ((values, "your own file"), (fragment, "the fragment")):
        if target.samefile(taken):
            raise InputError(f"{name} is {what}, and stays as it is.", hint=_HINT)
    if not target.is_file():
        raise InputError(f"{name} is there and is no ordinary file.", hint=_HINT)
    try:
        load_values(target)
    except InputError:
        raise InputError(f"{name} is there and is no values file.", hint=_HINT) from None


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
