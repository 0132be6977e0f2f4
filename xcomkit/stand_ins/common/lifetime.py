"""How a stand-in's process lives: it says once that it is ready, and dies with its starter."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path


def serve_until_parent_ends(
    directory: Path, facts: Mapping[str, str], *, stop: Callable[[], None] = lambda: None
) -> None:
    """Print the facts as one line of JSON, wait until stdin ends, tidy up and leave.

    Args:
        directory: the stand-in's own folder; it is removed.
        facts: what the parent needs to know to talk to the stand-in.
        stop: ends what the stand-in itself has started.
    """
    print(json.dumps(dict(facts)), flush=True)  # noqa: T201 - the protocol with the parent
    os.dup2(2, 1)  # libraries print now and then, and nobody reads this pipe any more
    parent = os.getppid()
    sys.stdin.buffer.read()
    stop()
    shutil.rmtree(directory, ignore_errors=True)
    for _ in range(8):
        if os.getppid() == parent:
            break
        time.sleep(0.5)  # its kernels find out within a second, and write here until then
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)
