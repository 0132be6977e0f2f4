"""Replaces what in moto stands between a request and its effect. Our stand-in, not AWS.

moto keeps the state, routes, parses, and checks every signature. Replaced in this one place are:

- the authorisation of every action: real conditions, ARNs and bucket policies
- the authorisation of each key of DeleteObjects
- AssumeRoleWithWebIdentity, which moto grants to any token

and added is what moto never does: expiry by lifecycle, on demand; buckets of another account being
foreign; 403 for a missing key to a caller who may not list; the KMS rights behind SSE-KMS; the
refusal of malformed bucket policies; bucket settings that behave as on an S3-compatible store.
"""
# ruff: noqa: SLF001 - these seams are moto's private ones: the reason for this module

import re
from typing import Any

import flask
import jwt
import xmltodict  # type: ignore[import-untyped]
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import _RESTError
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket, s3_backends
from moto.sts.responses import TokenResponse

from xcomkit.cloud_documents.policies import Caller, Standing, find_policy_problem
from xcomkit.stand_ins.aws.actions import (
    kms_key_arn,
    kms_key_exists,
    name_resource,
    name_s3_action,
    read_s3_context,
)
from xcomkit.stand_ins.aws.answers import refuse
from xcomkit.stand_ins.aws.callers import (
    ACCOUNT,
    find_provider,
    read_standing,
    read_trust,
)
from xcomkit.stand_ins.aws.other_stores import play_store
from xcomkit.stand_ins.aws.state import TRACE, AwsState, Trace
from xcomkit.stand_ins.common.authority import TokenAuthority

WEB_IDENTITY = "AssumeRoleWithWebIdentity"
S3_ARN = "arn:aws:s3:::"
_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=(?:[^/,\s]+/){4}aws4_request,")
_NO_SIGNATURE = "The request must contain a valid signature (AWS Signature Version 4)"


def install(state: AwsState) -> None:
    """Put the replacements in moto's place, for all requests of this process."""
    grant = TokenResponse.assume_role_with_web_identity

    def authorise(response: Any, request_class: type, resource: str = "*") -> None:
        _authorise(state, response, request_class, resource)

    def check_and_grant(response: Any) -> Any:
        _check_web_identity(state, response)
        return grant(response)

    ActionAuthenticatorMixin._authenticate_and_authorize_action = authorise
    FakeBucket.get_permission = _judge_key
    TokenResponse.assume_role_with_web_identity = check_and_grant


def _authorise(state: AwsState, response: Any, request_class: type, resource: str) -> None:
    """Let a request pass, or raise the error its service would answer with."""
    trace: Trace = flask.request.environ[TRACE]
    service = response.service_name
    if service == "sts" and response._get_action() == WEB_IDENTITY:
        trace.action = f"sts:{WEB_IDENTITY}"  # unsigned by design: the token is the proof
        return
    access_key = _authenticate(response, request_class, service)
    standing = read_standing(access_key, is_secure=trace.is_secure)
    trace.principal = standing.caller.arn
    if service == "s3":
        _authorise_s3(state, response, standing, resource)
    else:
        _authorise_other(response, standing)


def _authenticate(response: Any, request_class: Any, service: str) -> Any:
    """Return moto's access key behind a signature that holds, ``None`` for an unsigned S3 request.

    Signed URLs count as unsigned: moto checks signatures in the header only.
    """
    if not _SIGNED.match(response.headers.get("Authorization", "")):
        if service == "s3":
            return None
        raise refuse(service, "MissingAuthenticationToken", _NO_SIGNATURE)
    query = response.parsed_url.query
    try:
        request = request_class(
            account_id=response.current_account,
            method=response.method,
            path=f"{response.raw_path}?{query}" if query else response.raw_path,
            data=response.data,
            body=response.raw_body,
            headers=response.headers,
            action=response._get_action(),
        )
        request.check_signature()
    except _RESTError as error:
        raise refuse(service, error.error_type, error.message) from None
    return request._access_key


def _authorise_other(response: Any, standing: Standing) -> None:
    """Judge a request to IAM, STS, KMS or Secrets Manager."""
    service = response.service_name
    action = f"{service}:{response._get_action()}"
    flask.request.environ[TRACE].action = action
    if action == "sts:GetCallerIdentity":
        return  # needs no permission and cannot be denied (STS API reference)
    resource = name_resource(
        service,
        data=response.data,
        body=response.raw_body,
        account=response.current_account,
        region=response.region,
    )
    if action == "sts:AssumeRole":
        allowed = standing.may_assume(resource, trust=read_trust(resource), action=action)
    else:
        allowed = standing.may(action, resource)
    if not allowed:
        message = f"User: {standing.caller.arn} is not authorized to perform: {action}"
        raise refuse(service, "AccessDenied", f"{message} on resource: {resource}")


def _authorise_s3(state: AwsState, response: Any, standing: Standing, resource: str) -> None:
    """Judge a request to S3, then play what the service would do before it serves it."""
    request = flask.request
    trace: Trace = request.environ[TRACE]
    name, _, key = resource.removeprefix(S3_ARN).partition("/")
    trace.action = action = name_s3_action(
        response._get_action(), method=request.method, query=request.args, key=key
    )
    bucket = response.backend.buckets.get(name)
    policy = bucket.policy if bucket else None
    if bucket:
        play_store(state, bucket, key, method=request.method, query=request.args)
    if action == "s3:DeleteObject" and request.method == "POST":
        trace.may_delete = _judge_deletions(response.body, standing, policy)
        return
    context = read_s3_context(action, query=request.args, headers=request.headers)
    allowed = standing.may(action, resource, policy=policy, context=context)
    is_foreign = bucket is None and name in s3_backends.bucket_accounts
    if not allowed or (is_foreign and action != "s3:CreateBucket"):
        raise _s3_denied()
    if "x-amz-copy-source" in request.headers:  # would need rights on its source as well
        raise refuse("s3", "NotImplemented", "The stand-in does not copy", status=501)
    _require_kms(response, standing, action, bucket, key)
    if action == "s3:PutBucketPolicy" and (
        problem := find_policy_problem(response.body, bucket_arn=resource)
    ):
        raise refuse("s3", "MalformedPolicy", problem, status=400)
    if bucket and action == "s3:GetObject":
        may_list = standing.may("s3:ListBucket", f"{S3_ARN}{name}", policy=policy)
        _play_expiry(state, response, standing, key)
        if not may_list and response.backend.get_object(name, key) is None:
            raise _s3_denied()  # who may not list must not learn which keys exist


def _require_kms(response: Any, standing: Standing, action: str, bucket: Any, key: str) -> None:
    """Raise unless the KMS key of an object is there, and the caller has the right to use it."""
    used = _find_kms_use(response, action, bucket, key) if bucket else None
    if used is None:
        return
    if not kms_key_exists(used[1], account=ACCOUNT):
        raise refuse("s3", "KMS.NotFoundException", f"Key {used[1]} does not exist", status=400)
    if not standing.may(*used):
        raise _s3_denied()


def _find_kms_use(response: Any, action: str, bucket: Any, key: str) -> tuple[str, str] | None:
    """Return the KMS right and key that a read or write of an object needs under SSE-KMS."""
    headers, method = flask.request.headers, flask.request.method
    if action == "s3:PutObject":
        rule = (bucket.encryption or {}).get("Rule", {})
        default = rule.get("ApplyServerSideEncryptionByDefault", {})
        algorithm = headers.get("x-amz-server-side-encryption") or default.get("SSEAlgorithm")
        key_id = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
        right, key_id = "kms:GenerateDataKey", key_id or default.get("KMSMasterKeyID")
    elif action == "s3:GetObject" and method == "GET":
        stored = response.backend.get_object(bucket.name, key)
        algorithm, key_id = getattr(stored, "encryption", ""), getattr(stored, "kms_key_id", "")
        right = "kms:Decrypt"
    else:
        return None
    if algorithm != "aws:kms" or not key_id:  # the AWS managed key needs no right of the caller's
        return None
    return right, kms_key_arn(key_id, account=ACCOUNT, region=bucket.region_name)


def _judge_deletions(body: bytes, standing: Standing, policy: object) -> Any:
    """Return the judge of one DeleteObjects request: object ARN in, verdict out."""
    found = xmltodict.parse(body, strip_whitespace=False)["Delete"].get("Object", [])
    actions: dict[str, set[str]] = {}
    for item in found if isinstance(found, list) else [found]:
        action = "s3:DeleteObjectVersion" if "VersionId" in item else "s3:DeleteObject"
        actions.setdefault(item["Key"], set()).add(action)

    def judge(resource: str) -> bool:
        key = resource.removeprefix(S3_ARN).partition("/")[2]
        return all(standing.may(action, resource, policy=policy) for action in actions[key])

    return judge


def _judge_key(_: object, __: str, resource: str) -> Any:
    """Replace FakeBucket.get_permission, which moto asks per key of DeleteObjects.

    It asks it for every object request too, with invented actions: those are judged above.
    """
    may_delete = flask.request.environ[TRACE].may_delete
    if may_delete is None or may_delete(resource):
        return PermissionResult.PERMITTED
    return PermissionResult.DENIED


def _play_expiry(state: AwsState, response: Any, standing: Standing, key: str) -> None:
    """Remove an object the moment before it is read, as a lifecycle rule may."""
    name = response.bucket_name
    prefix = state.expiring_prefix
    if not prefix or not key.startswith(prefix) or standing.caller.arn == state.administrator:
        return
    if response.backend.get_object(name, key) is not None:
        response.backend.delete_object(name, key)


def _check_web_identity(state: AwsState, response: Any) -> None:
    """Raise what STS answers unless token and trust policy agree on the role."""
    trace: Trace = flask.request.environ[TRACE]
    token = str(response._get_param("WebIdentityToken"))
    provider, audience, subject = _prove(state.cluster, token)
    issuer = state.cluster.issuer.removeprefix("https://").lower()
    context = {
        f"{issuer}:sub": (subject,),
        f"{issuer}:aud": (audience,),
        "aws:securetransport": (str(trace.is_secure).lower(),),
        "sts:rolesessionname": (str(response._get_param("RoleSessionName")),),
    }
    trace.principal = subject
    trust = read_trust(str(response._get_param("RoleArn")))
    guest = Standing(Caller(names=(provider,)), (), context)
    if not guest.is_trusted(trust, action=f"sts:{WEB_IDENTITY}"):
        raise refuse("sts", "AccessDenied", f"Not authorized to perform sts:{WEB_IDENTITY}")


def _prove(cluster: TokenAuthority, token: str) -> tuple[str, str, str]:
    """Return ARN of the provider, audience and subject of a token.

    It is accepted as by AWS STS: an OIDC provider for its issuer with its audience must exist in
    IAM, signature and times must hold. Source: STS API reference, AssumeRoleWithWebIdentity.
    """
    code, text = "InvalidIdentityToken", ""
    try:
        claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
        provider = find_provider(str(claimed))
        if provider:
            accepted = tuple(provider.client_id_list)
            claims = cluster.verify(token, audience=accepted)
        else:
            text = f"No OpenIDConnect provider found in your account for {claimed}"
    except jwt.ExpiredSignatureError as error:
        code, text = "ExpiredTokenException", f"Token expired: {error}"
    except jwt.InvalidTokenError as error:
        text = f"The ID Token provided is not a valid JWT: {error}"
    if text:
        raise refuse("sts", code, text, status=400)
    audiences = [claims["aud"]] if isinstance(claims["aud"], str) else claims["aud"]
    audience = next(one for one in audiences if one in accepted)
    return str(provider.arn), audience, str(claims["sub"])


def _s3_denied() -> Exception:
    return refuse("s3", "AccessDenied", "Access Denied")
