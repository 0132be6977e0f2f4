"""Is the worker's token worth the agents' identity, and that of an untrusted account worth nothing?

The token is exchanged once, outside of any filesystem, because a filesystem may try a refused
exchange again for more than a minute and then report something else.
"""

import time
from collections.abc import Callable

from xcomkit.backend.expectation import Expectation
from xcomkit.findings.errors import AccessDeniedError, CredentialsError, XcomkitError, find_cause
from xcomkit.findings.model import Check, Rule, WorkerIdentity

MOST_SECONDS = 10

XC513 = Rule(
    id="XC513",
    title="The worker's token is accepted for the agents' identity",
    severity="fail",
    why="Nobody signs in, so every push fails, on some clouds only after a minute of retries.",
    remedy="Run step 02 with apply: true; compare subject, issuer and audience with its trust.",
    source="STS AssumeRoleWithWebIdentity; Entra client assertion; GKE metadata server",
    fix_in="02",
)
XC514 = Rule(
    id="XC514",
    title="An untrusted service account is rejected promptly",
    severity="fail",
    why="Any pod of the cluster could read and write every XCom.",
    remedy="Let the identity trust exactly the service accounts of the chart: step 02.",
    source="STS AssumeRoleWithWebIdentity; Entra client assertion; GKE metadata server",
    fix_in="02",
)
RULES: tuple[Rule, ...] = (XC513, XC514)
_ACCEPTED = Expectation(
    XC513, "the exchange succeeds", "the worker's token exchanged once, without Airflow"
)
_REJECTED = Expectation(
    XC514, f"rejected within {MOST_SECONDS} s", "an untrusted account's token exchanged once"
)

SignIn = Callable[[WorkerIdentity], None]


def check_worker(identity: WorkerIdentity, *, sign_in: SignIn) -> Check:
    """Return whether the worker's own token is accepted (XC513)."""
    try:
        sign_in(identity)
    except XcomkitError as error:
        holds = False if isinstance(error, (CredentialsError, AccessDeniedError)) else None
        observed = f"{identity.subject}: {error}"
        return _ACCEPTED.judge(holds, observed, remedy=find_cause(observed)[1])
    if not identity.agents:
        return _ACCEPTED.skip(
            f"not proved: the proof runs as {identity.proves or identity.subject}"
        )
    return _ACCEPTED.judge(True, f"accepted for {identity.subject}")


def check_untrusted(untrusted: WorkerIdentity, *, sign_in: SignIn, worker: Check) -> Check:
    """Return whether the token of a service account nobody named is rejected soon (XC514).

    It proves nothing where the ``worker`` was not let in either (XC513).
    """
    if not untrusted.agents:
        return _REJECTED.skip("not proved: only the cluster can mint a service-account token")
    if worker.status != "pass":
        return _REJECTED.skip("not proved: the worker itself was not let in")
    started = time.monotonic()
    try:
        sign_in(untrusted)
    except (CredentialsError, AccessDeniedError) as error:
        seconds = time.monotonic() - started
        holds = seconds <= MOST_SECONDS
        return _REJECTED.judge(holds, f"rejected after {seconds:.1f} s: {error.args[0]}")
    except XcomkitError as error:
        return _REJECTED.judge(None, str(error))
    return _REJECTED.judge(False, f"{untrusted.subject} was let in")
