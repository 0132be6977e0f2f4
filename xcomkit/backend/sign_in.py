"""Is the worker's token worth the agents' identity, and a stranger's token worth nothing?

The token is exchanged once, outside of any filesystem, because a filesystem may try a refused
exchange again for more than a minute and then tell about something else.
"""

import time
from collections.abc import Callable

from xcomkit.findings.errors import AccessDeniedError, CredentialsError, XcomkitError, find_cause
from xcomkit.findings.model import Check, Rule, WorkerIdentity

MOST_SECONDS = 10

XC513 = Rule(
    id="XC513",
    title="The worker's token is accepted for the agents' identity",
    severity="fail",
    why="nobody signs in, so every push fails, on some clouds only after a minute of retries",
    remedy="run step 02 with apply: true; compare subject, issuer and audience with what it trusts",
    source="STS AssumeRoleWithWebIdentity; Entra client assertion; GKE metadata server",
    fix_in="02",
)
XC514 = Rule(
    id="XC514",
    title="A stranger's token is refused within seconds",
    severity="fail",
    why="any pod of the cluster could read and write every XCom",
    remedy="let the identity trust exactly the service accounts of the chart: step 02",
    source="STS AssumeRoleWithWebIdentity; Entra client assertion; GKE metadata server",
    fix_in="02",
)
RULES: tuple[Rule, ...] = (XC513, XC514)

SignIn = Callable[[WorkerIdentity], None]


def check_worker(identity: WorkerIdentity, *, sign_in: SignIn) -> Check:
    """Return whether the worker's own token is accepted (XC513)."""
    expected, how = "the exchange succeeds", "the worker's token exchanged once, without Airflow"
    try:
        sign_in(identity)
        if not identity.agents:
            observed = f"not proved: the proof runs as {identity.proves or identity.subject}"
            return XC513.skip(expected=expected, observed=observed, how=how)
    except (CredentialsError, AccessDeniedError) as error:
        holds, observed = False, f"{identity.subject}: {error}"
    except XcomkitError as error:
        holds, observed = None, f"{identity.subject}: {error}"
    else:
        holds, observed = True, f"accepted for {identity.subject}"
    return XC513.judge(
        holds,
        expected=expected,
        observed=observed,
        how=how,
        basis="behaviour",
        remedy=find_cause(observed)[1],
    )


def check_stranger(stranger: WorkerIdentity, *, sign_in: SignIn, worker: Check) -> Check:
    """Return whether the token of a service account nobody named is refused soon (XC514).

    It proves nothing where the ``worker`` was not let in either (XC513).
    """
    expected, how = f"refused within {MOST_SECONDS} s", "a stranger's token exchanged once"
    if not stranger.agents:
        observed = "not proved: only the cluster can mint a service-account token"
        return XC514.skip(expected=expected, observed=observed, how=how)
    if worker.status != "pass":
        observed = "not proved: the worker itself was not let in"
        return XC514.skip(expected=expected, observed=observed, how=how)
    started = time.monotonic()
    try:
        sign_in(stranger)
    except (CredentialsError, AccessDeniedError) as error:
        seconds = time.monotonic() - started
        holds, observed = seconds <= MOST_SECONDS, f"refused after {seconds:.1f} s: {error}"
    except XcomkitError as error:
        holds, observed = None, str(error)
    else:
        holds, observed = False, f"{stranger.subject} was let in"
    return XC514.judge(holds, expected=expected, observed=observed, how=how, basis="behaviour")
