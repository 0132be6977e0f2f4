import pytest

from xcomkit.backend import sign_in
from xcomkit.findings.errors import AccessDeniedError, CredentialsError, UnreachableError
from xcomkit.findings.model import Check, WorkerIdentity

AGENT = WorkerIdentity("system:serviceaccount:astro:worker", {}, proves="the agents' identity")
CALLER = WorkerIdentity("me", {}, proves="the caller in place of the agents'", agents=False)
REFUSED = CredentialsError("AADSTS700213: no matching federated identity record.")


def exchange(error: Exception | None) -> sign_in.SignIn:
    """Return a sign-in that lets everybody in, or fails as it is told."""

    def sign(_identity: WorkerIdentity) -> None:
        if error:
            raise error

    return sign


def untrusted(identity: WorkerIdentity, error: Exception | None) -> Check:
    worker = sign_in.check_worker(AGENT, sign_in=exchange(None))
    return sign_in.check_untrusted(identity, sign_in=exchange(error), worker=worker)


@pytest.mark.parametrize(
    ("error", "as_worker", "as_untrusted", "as_caller"),
    [
        (None, "pass", "fail", "skip"),
        (REFUSED, "fail", "pass", "fail"),
        (AccessDeniedError("not authorised"), "fail", "pass", "fail"),
        (UnreachableError("no answer"), "unknown", "unknown", "unknown"),
    ],
    ids=["let in", "unknown", "denied", "no answer"],
)
def test_worker_must_be_let_in_and_an_untrusted_account_must_not(
    error, as_worker, as_untrusted, as_caller
):
    worker = sign_in.check_worker(AGENT, sign_in=exchange(error))
    assert worker.status == as_worker
    assert error is None or str(error) in worker.observed
    assert untrusted(AGENT, error).status == as_untrusted
    assert sign_in.check_worker(CALLER, sign_in=exchange(error)).status == as_caller
    assert untrusted(CALLER, error).status == "skip"


@pytest.mark.parametrize(("seconds", "status"), [(10, "pass"), (10.5, "fail")])
def test_rejection_that_takes_too_long_is_red(monkeypatch, seconds, status):
    worker = sign_in.check_worker(AGENT, sign_in=exchange(None))
    clock = iter((0.0, seconds))
    monkeypatch.setattr(sign_in.time, "monotonic", lambda: next(clock))
    found = sign_in.check_untrusted(AGENT, sign_in=exchange(REFUSED), worker=worker)
    assert found.status == status


@pytest.mark.parametrize("error", [REFUSED, UnreachableError("no answer")], ids=str)
def test_rejection_where_the_worker_is_not_known_to_be_let_in_proves_nothing(error):
    worker = sign_in.check_worker(AGENT, sign_in=exchange(error))
    found = sign_in.check_untrusted(AGENT, sign_in=exchange(REFUSED), worker=worker)
    assert (found.status, "the worker itself" in found.observed) == ("skip", True)
