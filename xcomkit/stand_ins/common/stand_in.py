"""Starts a stand-in in its own process and holds the line to it.

A stand-in is ours, not the cloud: what it proves is that the runbook asks for what it says, against
the published rules of the service; what the cloud itself would answer is not proved by it.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

import urllib3

from xcomkit.findings.errors import ProcessError, UnreachableError
from xcomkit.findings.model import CloudName

VARIABLE = "XCOMKIT_STAND_IN"
PROXY_VARIABLES = (
    "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy", "http_proxy", "https_proxy",
)  # fmt: skip
START_SECONDS = 90


@dataclass(frozen=True, slots=True)
class Request:
    """One request the stand-in has answered.

    ``action`` is what it was judged as, ``principal`` who asked (an ARN, an object id, an e-mail or
    a token's subject), each ``""`` where the request did not get that far.
    """

    seq: int
    method: str
    path: str
    action: str
    principal: str
    status: int


class StandIn:
    """A running stand-in. The one that started it stops it; attached ones only talk to it.

    Each cloud's subclass names its server's module, what it is (``label``, for people), and the
    variables to remove before ``environment`` is added, because they would win over it.
    """

    cloud: ClassVar[CloudName]
    server: ClassVar[str]
    label: ClassVar[str]
    replaced: ClassVar[tuple[str, ...]]
    http_url: str = ""
    """An unencrypted door to the store, where the stand-in has one."""
    open_metadata: Callable[[str, str, str], str] | None = None
    """Opens the metadata server of a pod, on a cloud whose pods have one; see ``Platform``."""

    def __init__(self, facts: dict[str, str], *, process: subprocess.Popen[str] | None) -> None:
        self.url = facts["url"]
        self.issuer = facts["issuer"]
        self.ca_bundle = Path(facts["ca_bundle"])
        self.facts = facts
        self._process = process
        self._owner = os.getpid()
        if process:
            atexit.register(self.stop)

    def __repr__(self) -> str:
        """Return the address only: everything else may be secret."""
        return f"{type(self).__name__}({self.url})"

    def __enter__(self) -> Self:
        """Return the stand-in itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    @classmethod
    def start(cls) -> Self:
        """Return a new stand-in, ready for requests; stop it, or it stops with this process.

        Raises:
            ProcessError: when it is not ready in time, with the end of its log.
        """
        directory = Path(tempfile.mkdtemp(prefix=f"xcomkit-{cls.cloud}-"))  # 0700: private
        log = directory / "server.log"
        with log.open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", cls.server, str(directory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=_child_environment(),
                start_new_session=True,  # Ctrl-C is for the parent, which still has work to undo
            )
        facts = _read_facts(process, seconds=START_SECONDS)
        if facts is None:
            _end(process)
            tail = " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
            shutil.rmtree(directory, ignore_errors=True)
            raise ProcessError(
                f"The stand-in for {cls.cloud} was not ready within {START_SECONDS} s:"
                f" {tail or 'no log'}",
                hint=f"install xcomkit[local]; python -m {cls.server} DIRECTORY shows the cause.",
            )
        return cls(facts, process=process)

    @classmethod
    def attach(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """Return the stand-in of this cloud that an environment names, or ``None``."""
        facts = json.loads(environment.get(VARIABLE, "{}"))
        return cls(facts, process=None) if facts.get("cloud") == cls.cloud else None

    @property
    def is_running(self) -> bool:
        """Tell whether this process started it and it has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def door_environment(self) -> dict[str, str]:
        """Return what leads a cloud's real host names here, and whom to trust."""
        bundle = str(self.ca_bundle)
        return {
            "HTTPS_PROXY": self.facts["http_url"],
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": bundle,
            "REQUESTS_CA_BUNDLE": bundle,
        }

    @property
    def platform_environment(self) -> dict[str, str]:
        """Return what the platform would inject into every pod: where the cloud is, and its CA."""
        raise NotImplementedError

    @property
    def administrator(self) -> dict[str, str]:
        """Return the variables that make a process the administrator, beside the platform's."""
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process needs to be the administrator; remove ``replaced`` first."""
        excluded = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        hosts = [*(excluded or "").split(","), urlsplit(self.url).hostname or ""]
        return {
            **self.platform_environment,
            **self.administrator,
            "no_proxy": ",".join(filter(None, dict.fromkeys(hosts))),
            VARIABLE: json.dumps({**self.facts, "cloud": self.cloud}),
        }

    def mint_token(
        self, subject: str, *, audience: str = "", issuer: str = "", expires_in: int = 3600
    ) -> str:
        """Return a service-account token, as the cluster would project it into a pod.

        Args:
            subject: ``system:serviceaccount:<namespace>:<service account>``.
            audience: who the token is for; ``""`` is the cloud's own.
            issuer: another issuer to claim; ``""`` is the stand-in's own.
            expires_in: seconds; negative for a token that has already expired.
        """
        own = {"audience": audience} if audience else {}
        claims = {"subject": subject, "issuer": issuer, "expires_in": expires_in}
        return str(self.call("token", **claims, **own))

    def read_requests(self, *, since: int = 0) -> tuple[Request, ...]:
        """Return the requests to the cloud after sequence number ``since``, oldest first."""
        return tuple(Request(**entry) for entry in self.call("requests", since=since))

    def secrets(self) -> tuple[str, ...]:
        """Return every secret text of the stand-in, so that a test can look for leaks."""
        return tuple(self.call("secrets"))

    def stop(self) -> None:
        """Stop the process and remove its files; nothing happens on an attached stand-in."""
        if self._process is None or os.getpid() != self._owner:
            return
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        _end(process)
        shutil.rmtree(self.ca_bundle.parent, ignore_errors=True)

    def call(self, endpoint: str, **arguments: object) -> Any:
        """Return what a control endpoint answers to arguments that JSON can carry.

        Raises:
            UnreachableError: when the stand-in does not answer.
            ProcessError: when it refuses the request.
        """
        url = f"{self.url}/_stand_in/{endpoint}"
        key = {"x-stand-in-key": self.facts["control_key"]}
        with urllib3.PoolManager(ca_certs=str(self.ca_bundle), timeout=30, retries=False) as pool:
            try:
                answer = pool.request("POST", url, json=arguments, headers=key)
            except urllib3.exceptions.HTTPError as error:
                raise UnreachableError(
                    f"The stand-in at {self.url} does not answer: {error}.", hint="start it again."
                ) from None
        if answer.status != 200:
            text = answer.data.decode()
            raise ProcessError(f"The stand-in refused {endpoint}: {answer.status} {text}".strip())
        return answer.json()


def stand_in_of(cloud: CloudName) -> type[StandIn]:
    """Return the class of a cloud's stand-in."""
    match cloud:
        case "aws":
            from xcomkit.stand_ins.aws import AwsStandIn

            return AwsStandIn
        case "azure":
            from xcomkit.stand_ins.azure import AzureStandIn

            return AzureStandIn
        case "gcp":
            from xcomkit.stand_ins.gcp import GcpStandIn

            return GcpStandIn


def _child_environment() -> dict[str, str]:
    """Return this environment without what would turn a server into something else."""
    foreign = ("AWS_", "MOTO_", "XCOMKIT_", "AZURE_", "AZURITE_", "GOOGLE_", "STORAGE_EMULATOR")
    others = {n: v for n, v in os.environ.items() if not n.upper().startswith(foreign)}
    return {**others, "MOTO_DISABLE_GLOBAL_CORS": "true", "PYTHONUNBUFFERED": "1"}


def _read_facts(process: subprocess.Popen[str], *, seconds: int) -> dict[str, str] | None:
    """Return the first line the child prints, or ``None`` when it dies or takes too long."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        line = process.stdout.readline() if process.stdout else ""
    finally:
        timer.cancel()
    return json.loads(line) if line else None


def _end(process: subprocess.Popen[str]) -> None:
    """Close the child's stdin, which ends it; kill it if that does not."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
