"""Kills whoever holds a local plane and agents at ten random moments; prints what was left."""

import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/plane"))
from leftovers import OWNER, is_answering, owner_of

MOMENTS = 10
LATEST = 30.0  # seconds; by then the agents have been up for some
PATIENCE = 10.0  # seconds


def kill_after(seconds: float) -> tuple[str, list[str]]:
    """Return the log files that had begun, and what was left of processes, folders and ports."""
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as bucket:
        temporary = Path(name)
        with owner_of(OWNER, bucket, temporary=temporary) as owner:
            begun = time.monotonic()
            url = owner.read_line()  # the first thing it says
            time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
            running = sorted(path.stem for path in temporary.glob("xcomkit-*/*.log"))
            owner.end_by(signal.SIGKILL)
            dead = time.monotonic()
            left = owner.left(seconds=PATIENCE)
            took = time.monotonic() - dead
            port = int(url.rpartition(":")[2])
            left += [f"port {port}"] if is_answering(port) else []
    return f"{', '.join(running) or 'nothing yet'}; gone in {took:.1f} s", left


def main() -> None:
    found = []
    for moment in sorted(random.uniform(0, LATEST) for _ in range(MOMENTS)):
        running, left = kill_after(moment)
        found += left
        print(f"{moment:5.1f} s ({running}): left {', '.join(left) or 'nothing'}", flush=True)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
