"""Web identities on the stand-in are let in and refused like by AWS STS."""

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from xcomkit.stand_ins.aws import AwsStandIn


def test_agent_with_its_token_becomes_the_role(rig: Any, stand_in: AwsStandIn) -> None:
    role = rig.make_role()
    credentials = rig.assume(role, token=stand_in.mint_token(rig.AGENT))
    caller = rig.client("sts", who=credentials).get_caller_identity()
    assert (
        caller["Arn"]
        == role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/") + "/worker"
    )


def test_one_of_several_trusted_subjects_is_let_in(rig: Any, stand_in: AwsStandIn) -> None:
    role = rig.make_role(
        trust=rig.trust([rig.AGENT, "system:serviceaccount:astro:astro-agent-triggerer"])
    )
    token = stand_in.mint_token("system:serviceaccount:astro:astro-agent-triggerer")
    assert rig.assume(role, token=token)["SessionToken"]


@pytest.mark.parametrize(
    "subject",
    [
        "system:serviceaccount:astro:somebody-else",
        "system:serviceaccount:other:astro-agent-worker-default-worker",
        "system:serviceaccount:astro:astro-agent-worker-default-workerX",
        "SYSTEM:serviceaccount:astro:astro-agent-worker-default-worker",
        "*",
    ],
)
def test_wrong_subject_is_denied(rig: Any, stand_in: AwsStandIn, subject: str) -> None:
    token = stand_in.mint_token(subject)
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "AccessDenied"


def test_audience_unknown_to_the_provider_is_invalid(rig: Any, stand_in: AwsStandIn) -> None:
    token = stand_in.mint_token(rig.AGENT, audience="https://kubernetes.default.svc")
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


def test_audience_of_the_token_that_the_role_does_not_trust_is_denied(
    rig: Any, stand_in: AwsStandIn
) -> None:
    wanted = {f"{rig.issuer_host}:aud": "another-audience", f"{rig.issuer_host}:sub": rig.AGENT}
    role = rig.make_role(trust=rig.trust(None, StringEquals=wanted))
    assert rig.refusal(rig.assume, role, token=stand_in.mint_token(rig.AGENT)) == "AccessDenied"


def test_expired_token_is_refused_as_expired(rig: Any, stand_in: AwsStandIn) -> None:
    token = stand_in.mint_token(rig.AGENT, expires_in=-5)
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "ExpiredTokenException"


def test_issuer_without_provider_is_invalid(rig: Any, stand_in: AwsStandIn) -> None:
    token = stand_in.mint_token(rig.AGENT, issuer="https://oidc.elsewhere.internal/id/1")
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


def test_provider_for_a_foreign_issuer_does_not_make_its_tokens_true(
    rig: Any, stand_in: AwsStandIn
) -> None:
    rig.iam.create_open_id_connect_provider(
        Url="https://oidc.foreign.internal/id/1",
        ClientIDList=["sts.amazonaws.com"],
        ThumbprintList=["0" * 40],
    )
    token = stand_in.mint_token(rig.AGENT, issuer="https://oidc.foreign.internal/id/1")
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


def forge(stand_in: AwsStandIn, *, subject: str, key: Any = None, algorithm: str = "RS256") -> str:
    claims = {
        "iss": stand_in.issuer,
        "sub": subject,
        "aud": ["sts.amazonaws.com"],
        "iat": int(time.time()),
        "exp": int(time.time()) + 600,
    }
    return jwt.encode(claims, key, algorithm=algorithm)


def test_token_signed_with_another_key_is_invalid(rig: Any, stand_in: AwsStandIn) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    token = forge(stand_in, subject=rig.AGENT, key=key)
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


def test_token_without_signature_is_invalid(rig: Any, stand_in: AwsStandIn) -> None:
    token = forge(stand_in, subject=rig.AGENT, algorithm="none")
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


def test_token_whose_subject_was_changed_after_signing_is_invalid(
    rig: Any, stand_in: AwsStandIn
) -> None:
    header, _, signature = stand_in.mint_token("system:serviceaccount:astro:other").split(".")
    payload = forge(stand_in, subject=rig.AGENT, algorithm="none").split(".")[1]
    token = f"{header}.{payload}.{signature}"
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


@pytest.mark.parametrize("token", ["not a token", "a.b.c", "eyJhbGciOiJSUzI1NiJ9.e30.", "…ü.<x>.ü"])
def test_nonsense_is_invalid_and_not_a_crash(rig: Any, token: str) -> None:
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


def test_role_that_does_not_exist_is_denied(rig: Any, stand_in: AwsStandIn) -> None:
    role = f"arn:aws:iam::{rig.ACCOUNT}:role/nobody-made-this"
    token = stand_in.mint_token(rig.AGENT)
    assert rig.refusal(rig.assume, role, token=token) == "AccessDenied"


@pytest.mark.parametrize(
    "change",
    [
        {"Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/other"}},
        {"Principal": {"Service": "ec2.amazonaws.com"}},
        {"Action": "sts:AssumeRole"},
        {"Condition": {"SomethingNew": {"a": "b"}}},
        {"Effect": "Deny"},
    ],
    ids=["other provider", "a service", "other action", "unknown operator", "deny"],
)
def test_trust_that_does_not_fit_is_denied(
    rig: Any, stand_in: AwsStandIn, change: dict[str, Any]
) -> None:
    role = rig.make_role(trust={**rig.trust(rig.AGENT), **change})
    token = stand_in.mint_token(rig.AGENT)
    assert rig.refusal(rig.assume, role, token=token) == "AccessDenied"


def test_wildcard_in_string_equals_is_only_a_character(rig: Any, stand_in: AwsStandIn) -> None:
    equals = rig.make_role(trust=rig.trust("system:serviceaccount:astro:*"))
    token = stand_in.mint_token(rig.AGENT)
    assert rig.refusal(rig.assume, equals, token=token) == "AccessDenied"


def test_wildcard_in_string_like_lets_the_whole_namespace_in(
    rig: Any, stand_in: AwsStandIn
) -> None:
    pattern = {f"{rig.issuer_host}:sub": "system:serviceaccount:astro:*"}
    role = rig.make_role(trust=rig.trust(None, StringLike=pattern))
    assert rig.assume(role, token=stand_in.mint_token("system:serviceaccount:astro:any"))
    elsewhere = stand_in.mint_token("system:serviceaccount:astro2:any")
    assert rig.refusal(rig.assume, role, token=elsewhere) == "AccessDenied"


def test_without_the_oidc_provider_nobody_is_let_in(rig: Any, stand_in: AwsStandIn) -> None:
    role, token = rig.make_role(), stand_in.mint_token(rig.AGENT)
    rig.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=rig.provider)
    try:
        assert rig.refusal(rig.assume, role, token=token) == "InvalidIdentityToken"
    finally:
        rig.iam.create_open_id_connect_provider(
            Url=stand_in.issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )
    assert rig.assume(role, token=token)


def test_token_of_one_stand_in_is_worth_nothing_at_another(rig: Any, stand_in: AwsStandIn) -> None:
    with AwsStandIn.start() as other:
        token = other.mint_token(rig.AGENT, issuer=stand_in.issuer)
    assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"


def test_boto3_signs_itself_in_from_the_variables_a_platform_injects(
    rig: Any, stand_in: AwsStandIn, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    role = rig.make_role(rig.allow("s3:PutObject", f"arn:aws:s3:::{bucket}/xcom/*"))
    token = tmp_path / "token"
    token.write_text(stand_in.mint_token(rig.AGENT), encoding="ascii")
    pod = {
        **stand_in.platform_environment,
        "AWS_ROLE_ARN": role,
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_DEFAULT_REGION": rig.REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    for name, value in pod.items():
        monkeypatch.setenv(name, value)
    import boto3

    agent = boto3.Session().client("s3")
    agent.put_object(Bucket=bucket, Key="xcom/a", Body=b"1")
    agent.close()
    assert rig.s3.get_object(Bucket=bucket, Key="xcom/a")["Body"].read() == b"1"
