"""A real kernel, spoken to as JupyterLab or as papermill does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager


@dataclass
class Ran:
    """What a cell sent, as kind and content, and the seconds from its interrupt to its end."""

    messages: list[tuple[str, dict[str, Any]]]
    seconds: float = 0.0

    def texts(self, *kinds: str) -> list[str]:
        return [c["data"]["text/plain"] for kind, c in self.messages if kind in kinds]

    @property
    def lines(self) -> str:
        return "".join(c["text"] for kind, c in self.messages if kind == "stream")

    @property
    def error(self) -> dict[str, Any]:
        return next((c for kind, c in self.messages if kind == "error"), {})


@dataclass
class Kernel:
    manager: KernelManager
    client: BlockingKernelClient

    @property
    def pid(self) -> int:
        return self.manager.provisioner.process.pid

    def run(
        self, code: str, *, person: bool = True, interrupt_at: str = "", history: bool = True
    ) -> Ran:
        """Run a cell; interrupt it as soon as it sends a text."""
        asked = self.client.execute(code, allow_stdin=person, store_history=history)
        ran, interrupted = Ran([]), 0.0
        while True:
            message = self.client.get_iopub_msg(timeout=120)
            kind, content = message["msg_type"], message["content"]
            if message["parent_header"].get("msg_id") != asked:
                continue
            ran.messages.append((kind, content))
            said = kind != "execute_input" and interrupt_at in json.dumps(content)
            if interrupt_at and said and not interrupted:
                interrupted = monotonic()
                self.manager.interrupt_kernel()
            if kind == "status" and content["execution_state"] == "idle":
                ran.seconds = monotonic() - interrupted
                return ran


@contextmanager
def open_kernel(folder: Path) -> Iterator[Kernel]:
    """Start a kernel that works in a folder; its sockets lie there too."""
    manager = KernelManager(
        kernel_name="python3", transport="ipc", ip=str(folder / "k"),
        connection_file=str(folder / "kernel.json"),
    )  # fmt: skip
    manager.start_kernel(cwd=str(folder))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
