"""A plane that does not come up, or whose owner dies, and the plugin that it needs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from leftovers import OWNER, is_answering, owner_of, wait_until

from xcomkit.findings.errors import ProcessError, UnreachableError
from xcomkit.plane import control_plane
from xcomkit.plane.control_plane import PLUGINS_FOLDER, ControlPlane, open_control_plane
from xcomkit.plane.supervisor import log_file

LIMIT = 600  # seconds; a shared machine is slow
# Two fetches through the middleware, or without it, while each takes its time.
FETCHES = """
import asyncio, runpy, sys
found = runpy.run_path(sys.argv[1])
(hung,) = found["RunbookPlugin"].fastapi_root_middlewares
at_once, most = 0, 0

async def app(scope, receive, send):
    global at_once, most
    at_once += 1
    most = max(most, at_once)
    await asyncio.sleep(0.05)
    at_once -= 1
    if scope["path"].endswith("broken"):
        raise LookupError

async def main():
    served = hung["middleware"](app)
    global most
    for folder in sys.argv[2:]:
        paths = [folder + name for name in ("one", "broken", "three", "four")]
        calls = [served({"type": "http", "path": path}, None, None) for path in paths]
        most = 0
        await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
        print("at once:", most)
    await served({"type": "lifespan", "path": ""}, None, None)

asyncio.run(main())
"""


def test_agents_fetch_in_turn_even_when_one_fetch_fails(tmp_path):
    plugin = PLUGINS_FOLDER / "one_fetch_at_a_time.py"
    paths = [f"/edge_worker/v1/jobs/{name}/" for name in ("fetch", "state")]
    done = subprocess.run(
        [sys.executable, "-c", FETCHES, str(plugin), *paths],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path)},
        check=True, stdout=subprocess.PIPE, text=True, timeout=120,
    )  # fmt: skip

    assert done.stdout.splitlines()[-2:] == ["at once: 1", "at once: 4"]


def test_migration_that_fails_is_reported_at_once(temporary, monkeypatch):
    monkeypatch.setattr(control_plane, "DATABASE_FILE", "nowhere/metadata.db")

    with (
        pytest.raises(ProcessError, match="migration ended with status 1") as caught,
        open_control_plane() as plane,
    ):
        plane.wait_until_healthy(timeout=LIMIT, progress=lambda _: None)

    assert "unable to open database file" in str(caught.value)
    assert not list(temporary.iterdir())


def test_killed_owner_of_a_plane_leaves_nothing(temporary, tmp_path):
    with owner_of(OWNER, str(tmp_path / "bucket"), temporary=temporary) as owner:
        port, home = int(owner.read_line().rpartition(":")[2]), Path(owner.read_line())
        assert wait_until(log_file(home, "scheduler").exists, seconds=LIMIT)
        owner.end_by(signal.SIGKILL)
        assert not owner.left(seconds=60)

    assert not is_answering(port)


def test_token_of_a_plane_that_is_gone_is_an_error_with_the_next_step(tmp_path):
    gone = ControlPlane("http://127.0.0.1:1", str(tmp_path), "", "", (), (), started=0.0)

    with pytest.raises(UnreachableError, match="gives out no token") as caught:
        gone.make_token()
    assert caught.value.hint
