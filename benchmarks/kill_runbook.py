"""Ends whole runs at ten random moments, by SIGKILL or Ctrl-C, and says what was left."""

import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/plane"))
from leftovers import ROOT, owner_of

MOMENTS = 10
LATEST = 130.0  # seconds; about as long as a run takes
PATIENCE = 20.0  # seconds


def end_after(seconds: float, number: signal.Signals) -> tuple[str, list[str]]:
    """Return the last line of progress, and what was left of processes and folders."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as out:
        parameters = str(ROOT / "parameters/local-aws.yaml")
        command = ("-m", "xcomkit", "run", "-f", parameters, "--out", out)
        with owner_of(*command, temporary=Path(name)) as owner:
            time.sleep(seconds)
            owner.end_by(number)
            dead = time.monotonic()
            left = owner.left(seconds=PATIENCE)
            took = time.monotonic() - dead
            said = owner.process.stdout.read() if owner.process.stdout else ""
    step = said.rpartition("[")[2].split()[:2] if "[" in said else ["no step yet"]
    return f"{' '.join(step)}; gone in {took:.1f} s", left


def main() -> None:
    found = []
    for moment in sorted(random.uniform(0, LATEST) for _ in range(MOMENTS)):
        number = random.choice((signal.SIGKILL, signal.SIGINT))
        where, left = end_after(moment, number)
        found += left
        print(f"{moment:5.1f} s, {number.name} ({where}): left {', '.join(left) or 'nothing'}",
              flush=True)  # fmt: skip
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
