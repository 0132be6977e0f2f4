"""A private PostgreSQL server for tests: a folder and a port of its own, gone afterwards."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

USER = "runbook"
PASSWORD = "p@ss/w'rd%20$HOME:é"  # all that an address has to spell in another way


@dataclass(frozen=True)
class PostgresqlServer:
    port: int

    def url(self, *, user: str = USER, password: str = PASSWORD, scheme: str = "postgresql") -> str:
        name = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return f"{scheme}://{name}@127.0.0.1:{self.port}/postgres"

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=USER, password=PASSWORD, dbname=database,
            autocommit=True,
        )  # fmt: skip

    def run(self, statement: str) -> list[str]:
        """Return the first column of what a statement answers."""
        with self.connect() as connection:
            found = connection.execute(statement)
            return [row[0] for row in found] if found.description else []

    def databases(self) -> set[str]:
        return set(self.run("SELECT datname FROM pg_database"))


def folder_of_programs() -> Path | None:
    """Return where initdb and pg_ctl are: on PATH, or where Debian puts them."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def running_server(programs: Path) -> Iterator[PostgresqlServer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # not below pytest's folder, which is root's own where root runs the tests
    with tempfile.TemporaryDirectory(prefix="xcomkit-postgresql-", dir="/tmp") as name:
        folder = Path(name)
        other: dict[str, Any] = {}
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres", "postgres")
            other = {"user": "postgres", "group": "postgres", "extra_groups": []}

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [programs / program, "-D", folder / "data", *arguments],
                cwd=folder, env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
                stdout=subprocess.DEVNULL, check=True, timeout=120, **other,
            )  # fmt: skip

        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        (folder / "password").chmod(0o644)
        run("initdb", "-U", USER, "--pwfile", "password", "-A", "scram-sha-256", "-E", "UTF8", "-N")
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        )
        run("pg_ctl", "start", "-w", "-s", "-l", "log", "-o", options)
        try:
            yield PostgresqlServer(port)
        finally:
            run("pg_ctl", "stop", "-w", "-s", "-m", "immediate")
