"""A stand-in ends with the process that started it, however that ends, and leaves nothing."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

CODE = """
import sys
from xcomkit.stand_ins.common.stand_in import stand_in_of
running = stand_in_of(sys.argv[1]).start()
print(running._process.pid, running.ca_bundle.parent, flush=True)
input()
"""


def stat_of(process: int) -> list[str]:
    """Return state, parent and so on of a process; nothing where it has ended."""
    try:
        found = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if found[0] == "Z" else found


def children(process: int) -> list[int]:
    every = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [one for one in every if stat_of(one)[1:2] == [str(process)]]


def happens(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


@pytest.mark.parametrize(
    ("cloud", "ending"),
    [("aws", signal.SIGKILL), ("aws", signal.SIGTERM), ("aws", None), ("azure", signal.SIGKILL),
     ("gcp", signal.SIGINT)],
)  # fmt: skip
def test_everything_ends_with_the_process_that_started_it(cloud, ending):
    with subprocess.Popen(
        [sys.executable, "-c", CODE, cloud], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as parent:  # fmt: skip
        assert parent.stdout is not None
        server, folder = parent.stdout.readline().split()
        family = [int(server), *children(int(server))]
        assert len(family) == (2 if cloud == "azure" else 1)
        assert all(stat_of(one) for one in family)
        if ending:
            parent.send_signal(ending)
        parent.communicate("\n", timeout=60)

    assert happens(lambda: not any(stat_of(one) for one in family))
    assert happens(lambda: not Path(folder).exists())
