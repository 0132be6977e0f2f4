# ruff: noqa: INP001 - Airflow loads plugins by path, not from a package
"""Plugin of the local plane's API server: SQLite has no row locks, so agents take jobs in turn.

The Edge API reads a queued job with ``FOR UPDATE SKIP LOCKED``, which SQLite ignores: two requests
at the same time get the same job, and the second try of it fails the task.
"""

import asyncio
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class OneFetchAtATime:
    """ASGI middleware that lets one fetch of a job through at a time."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.turn = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass a request on, a fetch only after the one before has been answered."""
        if "/jobs/fetch/" not in scope.get("path", ""):
            await self.app(scope, receive, send)
            return
        async with self.turn:
            await self.app(scope, receive, send)


class RunbookPlugin(AirflowPlugin):  # type: ignore[misc]
    """Hangs the middleware into the API server."""

    name = "xcom_runbook"
    fastapi_root_middlewares = [{"middleware": OneFetchAtATime, "name": "one fetch at a time"}]  # noqa: RUF012
