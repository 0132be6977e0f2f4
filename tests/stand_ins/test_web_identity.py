"""Web identities on the stand-in are let in and refused like by AWS STS."""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from xcomkit.stand_ins.aws import AwsStandIn

ELSEWHERE = "https://oidc.elsewhere.internal/id/1"
OTHER = "system:serviceaccount:astro:somebody-else"


def test_agent_with_its_token_becomes_the_role(rig, stand_in):
    role = rig.make_role(trust=rig.trust([OTHER, rig.AGENT]))
    credentials = rig.assume(role, token=stand_in.mint_token(rig.AGENT))

    caller = rig.client("sts", who=credentials).get_caller_identity()["Arn"]

    assert caller.endswith(f":assumed-role/{role.rpartition('/')[2]}/worker")


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"subject": OTHER}, "AccessDenied"),
        ({"subject": "system:serviceaccount:other:astro-agent-worker-default-worker"},
         "AccessDenied"),
        ({"subject": "system:serviceaccount:astro:astro-agent-worker-default-workerX"},
         "AccessDenied"),
        ({"subject": "SYSTEM:serviceaccount:astro:astro-agent-worker-default-worker"},
         "AccessDenied"),
        ({"subject": "*"}, "AccessDenied"),
        ({"audience": "https://kubernetes.default.svc"}, "InvalidIdentityToken"),
        ({"expires_in": -5}, "ExpiredTokenException"),
        ({"issuer": ELSEWHERE}, "InvalidIdentityToken"),
    ],
    ids=["other name", "other namespace", "longer", "capitals", "wildcard", "audience", "expired",
         "issuer"],
)  # fmt: skip
def test_token_that_differs_in_anything_is_refused_with_the_code_of_sts(
    rig, stand_in, claims, code
):
    token = stand_in.mint_token(**{"subject": rig.AGENT, **claims})

    assert rig.refusal(rig.assume, rig.make_role(), token=token) == code


def test_provider_for_a_foreign_issuer_does_not_make_its_tokens_true(rig, stand_in):
    made = rig.iam.create_open_id_connect_provider(
        Url=ELSEWHERE, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
    )
    try:
        token = stand_in.mint_token(rig.AGENT, issuer=ELSEWHERE)
        assert rig.refusal(rig.assume, rig.make_role(), token=token) == "InvalidIdentityToken"
    finally:
        arn = made["OpenIDConnectProviderArn"]
        rig.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def forge(stand_in: AwsStandIn, *, subject: str, key: Any = None, algorithm: str = "RS256") -> str:
    now = int(time.time())
    claims = {"iss": stand_in.issuer, "sub": subject, "aud": ["sts.amazonaws.com"],
              "iat": now, "exp": now + 600}  # fmt: skip
    return jwt.encode(claims, key, algorithm=algorithm)


def test_token_that_this_issuer_did_not_sign_is_invalid(rig, stand_in):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    unsigned = forge(stand_in, subject=rig.AGENT, algorithm="none")
    header, _, signature = stand_in.mint_token(OTHER).split(".")
    forged = {
        "signed with another key": forge(stand_in, subject=rig.AGENT, key=key),
        "not signed": unsigned,
        "changed after signing": f"{header}.{unsigned.split('.')[1]}.{signature}",
        "no token": "not a token",
        "no claims": "eyJhbGciOiJSUzI1NiJ9.e30.",
        "not ASCII": "…ü.<x>.ü",
    }
    role = rig.make_role()

    found = {how: rig.refusal(rig.assume, role, token=token) for how, token in forged.items()}

    assert found == dict.fromkeys(forged, "InvalidIdentityToken")


def test_role_that_does_not_exist_is_denied(rig, stand_in):
    role = f"arn:aws:iam::{rig.ACCOUNT}:role/nobody-made-this"
    token = stand_in.mint_token(rig.AGENT)
    assert rig.refusal(rig.assume, role, token=token) == "AccessDenied"


@pytest.mark.parametrize(
    "change",
    [
        {"Principal": {"Federated": "arn:aws:iam::123456789012:oidc-provider/other"}},
        {"Action": "sts:AssumeRole"},
        {"Condition": {"SomethingNew": {"a": "b"}}},
        {"Effect": "Deny"},
    ],
    ids=["other provider", "other action", "unknown operator", "deny"],
)
def test_trust_that_does_not_fit_is_denied(rig, stand_in, change):
    role = rig.make_role(trust={**rig.trust(rig.AGENT), **change})
    token = stand_in.mint_token(rig.AGENT)
    assert rig.refusal(rig.assume, role, token=token) == "AccessDenied"


def test_claims_are_compared_as_the_operator_of_the_trust_says(rig, stand_in):
    token = stand_in.mint_token(rig.AGENT)
    audience = {f"{rig.issuer_host}:aud": "another-audience", f"{rig.issuer_host}:sub": rig.AGENT}
    namespace = {f"{rig.issuer_host}:sub": "system:serviceaccount:astro:*"}

    other_audience = rig.make_role(trust=rig.trust(None, StringEquals=audience))
    equals = rig.make_role(trust=rig.trust(None, StringEquals=namespace))
    like = rig.make_role(trust=rig.trust(None, StringLike=namespace))

    assert rig.refusal(rig.assume, other_audience, token=token) == "AccessDenied"
    assert rig.refusal(rig.assume, equals, token=token) == "AccessDenied"
    assert rig.assume(like, token=token)
    elsewhere = stand_in.mint_token("system:serviceaccount:astro2:any")
    assert rig.refusal(rig.assume, like, token=elsewhere) == "AccessDenied"


def test_without_the_oidc_provider_nobody_is_let_in(rig, stand_in):
    role, token = rig.make_role(), stand_in.mint_token(rig.AGENT)
    rig.iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=rig.provider)
    try:
        assert rig.refusal(rig.assume, role, token=token) == "InvalidIdentityToken"
    finally:
        rig.iam.create_open_id_connect_provider(
            Url=stand_in.issuer, ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
        )
    assert rig.assume(role, token=token)


def test_boto3_signs_itself_in_from_the_variables_a_platform_injects(
    rig, stand_in, bucket, monkeypatch, tmp_path
):
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
