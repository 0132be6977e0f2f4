"""Starts the AWS stand-in in its own process and holds the line to it.

Our stand-in, not AWS: moto over https, with policies, conditions and web-identity tokens checked.
What it proves is that the runbook does what it says against the published rules of the services.
"""

import atexit
import json
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from xcomkit.errors import ProcessError, UnreachableError

VARIABLE = "XCOMKIT_STAND_IN"
START_SECONDS = 30
FOREIGN_BUCKET = "bucket-of-somebody-else"
"""A bucket that exists from the start and belongs to another account."""
NEIGHBOUR_BUCKET = "bucket-of-another-team"
"""A bucket of the same account, which the agents' role must not reach."""
REPLACED: tuple[str, ...] = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_KMS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_STS",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)
"""Variables to remove before ``StandIn.environment`` is added: they would win over it."""


@dataclass(frozen=True, slots=True)
class Request:
    """One AWS request the stand-in has answered.

    ``action`` is the IAM action it was judged as, ``principal`` the caller's ARN (or the token's
    subject), each ``""`` where the request did not get that far.
    """

    seq: int
    method: str
    path: str
    action: str
    principal: str
    status: int


class StandIn:
    """A running stand-in. The one that started it stops it; attached ones only talk to it."""

    def __init__(self, facts: dict[str, str], *, process: subprocess.Popen[str] | None) -> None:
        self.url = facts["url"]
        self.http_url = facts["http_url"]
        self.issuer = facts["issuer"]
        self.ca_bundle = Path(facts["ca_bundle"])
        self._facts = facts
        self._process = process
        self._owner = os.getpid()
        if process:
            atexit.register(self.stop)

    def __repr__(self) -> str:
        """Return the address only: everything else may be secret."""
        return f"StandIn({self.url})"

    def __enter__(self) -> Self:
        """Return the stand-in itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """Return what a process needs to be the administrator, without a region.

        Remove the variables named in ``REPLACED`` first: a profile or a session token of the
        user's own would win, or sign with half of each.
        """
        excluded = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        return {
            **self.platform_environment,
            "AWS_ACCESS_KEY_ID": self._facts["access_key"],
            "AWS_SECRET_ACCESS_KEY": self._facts["secret_key"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "no_proxy": ",".join(filter(None, (excluded, urlsplit(self.url).hostname))),
            VARIABLE: json.dumps(self._facts),
        }

    @property
    def platform_environment(self) -> dict[str, str]:
        """Return what the platform would inject into every pod: where AWS is, and whom to trust."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_CA_BUNDLE": str(self.ca_bundle)}

    def mint_token(
        self,
        subject: str,
        *,
        audience: str = "sts.amazonaws.com",
        issuer: str = "",
        expires_in: int = 3600,
    ) -> str:
        """Return a service-account token, as the cluster would project it into a pod.

        Args:
            subject: ``system:serviceaccount:<namespace>:<service account>``.
            audience: who the token is for.
            issuer: another issuer to claim; ``""`` is the stand-in's own.
            expires_in: seconds; negative for a token that has already expired.
        """
        wanted = {"audience": audience, "issuer": issuer, "expires_in": expires_in}
        return str(self._call("POST", "token", body={"subject": subject, **wanted}))

    def read_requests(self, *, since: int = 0) -> tuple[Request, ...]:
        """Return the AWS requests after sequence number ``since``, oldest first."""
        return tuple(Request(**entry) for entry in self._call("GET", f"requests?since={since}"))

    def expire_before_read(self, prefix: str) -> None:
        """Make objects below a key prefix vanish just before anybody but the administrator reads.

        This plays lifecycle expiry, which moto never runs. An empty prefix switches it off.
        """
        self._call("POST", "expire", body={"prefix": prefix})

    def set_subresource(self, name: str, *, answer: str) -> None:
        """Make a bucket setting behave like that of an S3-compatible store.

        Args:
            name: publicAccessBlock, ownershipControls, tagging, lifecycle, encryption, versioning
                or policy.
            answer: ``refuse`` (501 NotImplemented), ``refuse-without-body`` (405), ``ignore``
                (accepts and forgets) or ``""`` (as AWS).
        """
        self._call("POST", "subresource", body={"name": name, "answer": answer})

    def secrets(self) -> tuple[str, ...]:
        """Return every secret text of the stand-in, so that a test can look for leaks."""
        return tuple(self._call("GET", "secrets"))

    def stop(self) -> None:
        """Stop the process and remove its files; nothing happens on an attached stand-in."""
        if self._process is None or os.getpid() != self._owner:
            return
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        _end(process)
        shutil.rmtree(self.ca_bundle.parent, ignore_errors=True)

    def _call(self, method: str, path: str, *, body: object = None) -> Any:
        """Return the JSON answer of a control endpoint.

        Raises:
            UnreachableError: when the stand-in does not answer.
            ProcessError: when it refuses the request.
        """
        key = {"x-stand-in-key": self._facts["control_key"]}
        try:
            context = ssl.create_default_context(cafile=self.ca_bundle)
            connection = HTTPSConnection(urlsplit(self.url).netloc, timeout=30, context=context)
            connection.request(method, f"/_stand_in/{path}", json.dumps(body), key)
            response = connection.getresponse()
            text = response.read().decode()
            connection.close()
        except (OSError, HTTPException) as error:
            raise UnreachableError(
                f"The AWS stand-in at {self.url} does not answer: {error}.",
                hint="start it again.",
            ) from None
        if response.status != 200:
            raise ProcessError(f"The AWS stand-in refused {path}: {response.status} {text}".strip())
        return json.loads(text)


def start() -> StandIn:
    """Return a new stand-in, ready for requests; stop it, or it stops with this process.

    Raises:
        ProcessError: when it is not ready in time, with the end of its log.
    """
    directory = Path(tempfile.mkdtemp(prefix="xcomkit-aws-"))  # 0700: only its owner can look in
    log = directory / "server.log"
    with log.open("w", encoding="utf-8") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "xcomkit.local.aws_server", str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env=_child_environment(),
            start_new_session=True,  # Ctrl-C is for the parent, which still has work to undo
        )
    facts = _read_facts(process)
    if facts is None:
        _end(process)
        tail = " | ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
        shutil.rmtree(directory, ignore_errors=True)
        raise ProcessError(
            f"The AWS stand-in was not ready within {START_SECONDS} s: {tail or 'no log'}",
            hint="install xcomkit[local]; python -m xcomkit.local.aws_server shows the cause.",
        )
    return StandIn(facts, process=process)


def attach() -> StandIn | None:
    """Return the stand-in this process was started under, or ``None``."""
    text = os.environ.get(VARIABLE)
    return StandIn(json.loads(text), process=None) if text else None


def _child_environment() -> dict[str, str]:
    """Return this environment without what would turn moto into something else."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MOTO_", "XCOMKIT_"))
    }
    return {**kept, "MOTO_DISABLE_GLOBAL_CORS": "true", "PYTHONUNBUFFERED": "1"}


def _read_facts(process: subprocess.Popen[str]) -> dict[str, str] | None:
    """Return the first line the child prints, or ``None`` when it dies or takes too long."""
    timer = threading.Timer(START_SECONDS, process.kill)
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
