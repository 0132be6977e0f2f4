"""Puts single faults into a copy of the package, and tells which of them no test sees.

    python tests/mutations/run.py [-j JOBS] [ROOM ...]

A room is a YAML file beside this one: per source file its tests (a pytest selection that takes
well under a minute) and its faults, each ``[kind, old text, new text]``, where a fault may name
tests of its own as a fourth item. Kinds: ``a`` an unknown is reported as a pass, ``b`` a boundary,
``c`` a branch of one cloud only, ``d`` what is somebody else's is not kept, ``e`` a limit in the
wrong scope, ``o`` other.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LONGEST = 300  # seconds: a fault may well make the tests hang
WORDS = ("caught", "survived", "stale", "red anyway")
_NO_TESTS = 5  # exit status of pytest where a selection selects nothing


@dataclass(frozen=True)
class Fault:
    """One fault: where, of which kind, and the tests that are to see it."""

    room: str
    file: str
    kind: str
    old: str
    new: str
    tests: str

    @property
    def is_stale(self) -> bool:
        """Tell whether its text is not there exactly once."""
        return (ROOT / self.file).read_text(encoding="utf-8").count(self.old) != 1

    @property
    def text(self) -> str:
        """Return the fault in one line."""
        old, new = (" ".join(text.split())[:70] for text in (self.old, self.new))
        return f"{self.file} ({self.kind}): {old!r} -> {new!r}"


def read_faults(*rooms: str) -> Iterator[Fault]:
    """Yield the faults of these rooms, or of all."""
    for path in sorted(HERE.glob("*.yaml")):
        if not rooms or path.stem in rooms:
            found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
            for file, part in found.items():
                for kind, old, new, *tests in part["faults"]:
                    yield Fault(path.stem, f"xcomkit/{file}", kind, old, new,
                                tests[0] if tests else part["tests"])  # fmt: skip


def is_caught(fault: Fault, copy: Path) -> bool:
    """Tell whether the tests fail with the fault in this copy, which is whole again afterwards."""
    target = copy / fault.file
    whole = target.read_text(encoding="utf-8")
    target.write_text(whole.replace(fault.old, fault.new), encoding="utf-8")
    for stale in target.parent.glob(f"__pycache__/{target.stem}.*"):
        stale.unlink()  # Python looks at size and second only
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(
            [*command, *shlex.split(fault.tests)], cwd=copy, capture_output=True, check=False,
            env={**os.environ, "PYTHONPATH": str(copy)}, timeout=LONGEST,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return True
    finally:
        target.write_text(whole, encoding="utf-8")
        for stale in target.parent.glob(f"__pycache__/{target.stem}.*"):
            stale.unlink()
    if done.returncode == _NO_TESTS:
        return False
    return done.returncode != 0


def _copy_to(folder: Path) -> Path:
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True,
        check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def main() -> int:
    """Run the faults and print what survived; the exit status is 1 where one did, or is stale."""
    parser = argparse.ArgumentParser(description="Which single faults does no test see?")
    parser.add_argument("-j", type=int, default=2, metavar="JOBS")
    parser.add_argument("-k", default="", metavar="TEXT", help="only faults whose line holds this")
    parser.add_argument("rooms", nargs="*", metavar="ROOM")
    asked = parser.parse_args()
    faults = [one for one in read_faults(*asked.rooms) if asked.k in one.text]
    with tempfile.TemporaryDirectory(prefix="xcomkit-mutations-") as private:
        copies: Queue[Path] = Queue()
        for number in range(asked.j):
            copies.put(_copy_to(Path(private, str(number))))

        red: dict[str, bool] = {}

        def run(fault: Fault) -> str:
            if fault.is_stale:
                word = "stale"
            else:
                copy = copies.get()
                try:
                    if fault.tests not in red:  # what is red anyway sees nothing
                        red[fault.tests] = is_caught(replace(fault, new=fault.old), copy)
                    word = "caught" if is_caught(fault, copy) else "survived"
                    word = "red anyway" if red[fault.tests] else word
                finally:
                    copies.put(copy)
            if word != "caught":
                print(f"{word:<10} {fault.text}", flush=True)  # noqa: T201
            return word

        with ThreadPoolExecutor(asked.j) as pool:
            words = list(pool.map(run, faults))
    counts = Counter((fault.room, word) for fault, word in zip(faults, words, strict=True))
    for room in dict.fromkeys(fault.room for fault in faults):
        text = ", ".join(f"{counts[room, w]} {w}" for w in WORDS)
        print(f"{room:<16} {text}")  # noqa: T201
    return int(any(word != "caught" for word in words))


if __name__ == "__main__":
    sys.exit(main())
