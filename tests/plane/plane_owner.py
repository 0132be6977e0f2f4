"""A process that opens a plane and agents, says what has come up, and waits to be killed."""

import sys
import time
from pathlib import Path

from xcomkit.plane.agents import TRIGGERER, Agent, open_agents
from xcomkit.plane.control_plane import open_control_plane


def say(sentence: str) -> None:
    print(sentence, flush=True)  # noqa: T201 - whoever started this reads it


def main() -> None:
    bucket = Path(sys.argv[1])
    with open_control_plane() as plane:
        say(plane.url)
        say(plane.folder)
        plane.wait_until_healthy(timeout=600, progress=say)
        seen = {"AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": f"file://{bucket}"}
        members = [Agent("default-worker", seen, ("default",)), Agent(TRIGGERER, seen)]
        with open_agents(plane, members) as agents:
            agents.wait_until_registered(timeout=600, progress=say)
            say("all up")
            time.sleep(600)


if __name__ == "__main__":
    main()
