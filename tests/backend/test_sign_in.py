import time

import pytest

from xcomkit.backend import sign_in
from xcomkit.findings.errors import AccessDeniedError, CredentialsError, UnreachableError
from xcomkit.findings.model import Check, WorkerIdentity

AGENT = WorkerIdentity("system:serviceaccount:astro:worker", {}, proves="the agents' identity")
CALLER = WorkerIdentity("me", {}, proves="the caller in place of the agents'", agents=False)


def accept(_identity: WorkerIdentity) -> None:
    """Let everybody in."""


def refuse(_identity: WorkerIdentity) -> None:
    raise CredentialsError("AADSTS700213: no matching federated identity record.")


def deny(_identity: WorkerIdentity) -> None:
    raise AccessDeniedError("not authorised to assume the role.")


def say_nothing(_identity: WorkerIdentity) -> None:
    raise UnreachableError("no answer.")


def stranger_checked(identity: WorkerIdentity, exchange: sign_in.SignIn) -> Check:
    let_in = sign_in.check_worker(AGENT, sign_in=accept)
    return sign_in.check_stranger(identity, sign_in=exchange, worker=let_in)


@pytest.mark.parametrize(
    ("exchange", "worker", "stranger"),
    [
        (accept, "pass", "fail"),
        (refuse, "fail", "pass"),
        (deny, "fail", "pass"),
        (say_nothing, "unknown", "unknown"),
    ],
)
def test_worker_must_be_let_in_and_a_stranger_must_not(exchange, worker, stranger):
    assert sign_in.check_worker(AGENT, sign_in=exchange).status == worker
    assert stranger_checked(AGENT, exchange).status == stranger


def test_reason_of_the_cloud_is_told():
    assert "AADSTS700213" in sign_in.check_worker(AGENT, sign_in=refuse).observed


def test_refusal_that_takes_too_long_is_red(monkeypatch):
    monkeypatch.setattr(sign_in, "MOST_SECONDS", 0.05)

    def refuse_late(identity: WorkerIdentity) -> None:
        time.sleep(0.1)
        refuse(identity)

    assert stranger_checked(AGENT, refuse_late).status == "fail"


def test_caller_in_place_of_the_agents_is_not_proved():
    for found in (sign_in.check_worker(CALLER, sign_in=accept), stranger_checked(CALLER, accept)):
        assert (found.status, "not proved" in found.observed) == ("skip", True)


def test_caller_whose_key_the_store_refuses_is_red_before_anything_is_pushed():
    assert sign_in.check_worker(CALLER, sign_in=refuse).status == "fail"
    assert stranger_checked(CALLER, refuse).status == "skip"


def test_stranger_where_not_even_the_worker_is_let_in_proves_nothing():
    worker = sign_in.check_worker(AGENT, sign_in=refuse)

    found = sign_in.check_stranger(AGENT, sign_in=refuse, worker=worker)

    assert (found.status, "the worker itself" in found.observed) == ("skip", True)
