"""Plays what stores that speak S3 and are not AWS do otherwise, each as it was measured on one."""

import copy
from typing import Any

import flask
import xmltodict  # type: ignore[import-untyped]
from moto.s3.models import s3_backends

from xcomkit.stand_ins.aws.answers import Answer, refuse
from xcomkit.stand_ins.aws.state import UNSET_CODES, AwsState

_ALL_OFF = (
    "<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls>"
    "</PublicAccessBlockConfiguration>"
)
_NO_VERSIONING = '<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>'


def play_store(state: AwsState, bucket: Any, key: str, *, method: str, query: Any) -> None:
    """Answer for a bucket setting, or an upload, the way a store was asked to.

    Raises:
        Answer: what such a store answers in place of S3.
    """
    asked = state.subresources
    blocks = bucket.public_access_block
    if asked.get("publicAccessBlock") == "forbid-puts":  # a Ceph gateway, 16.2
        if blocks and blocks.block_public_acls and key and method == "PUT":
            raise refuse("s3", "AccessDenied", "Access Denied")
        if not blocks and "publicAccessBlock" in query and method == "GET":
            raise Answer(200, _ALL_OFF)
    for name, behaviour in asked.items():
        if key or name not in query:
            continue
        if name == "lifecycle" and behaviour in ("prefix-apart", "keep-last"):
            _play_lifecycle(state, bucket.name, behaviour, method=method)
        elif behaviour == "as-bucket":
            _play_bucket(bucket, method=method)
        elif answer := _answer(name, behaviour, method=method):
            raise answer


def _answer(name: str, behaviour: str, *, method: str) -> Answer | None:
    """Return what a store answers for a setting that it does not have."""
    if behaviour == "refuse":
        message = "A header you provided implies functionality that is not implemented"
        return refuse("s3", "NotImplemented", message, status=501)
    if behaviour == "refuse-without-body":
        return Answer(405)
    if behaviour == "deny" or (behaviour == "deny-put" and method == "PUT"):
        return refuse("s3", "AccessDenied", "Access Denied")
    if behaviour != "ignore":
        return None
    if method != "GET":
        return Answer(200 if method == "PUT" else 204)
    if name == "versioning":
        return Answer(200, _NO_VERSIONING)
    return refuse("s3", UNSET_CODES[name], "The configuration does not exist", status=404)


def _play_bucket(bucket: Any, *, method: str) -> None:
    """Take a request for a setting for one of the bucket itself (OpenStack Swift, s3api)."""
    if method == "GET":
        raise Answer(200, f"<ListBucketResult><Name>{bucket.name}</Name></ListBucketResult>")
    if method == "PUT":
        raise refuse("s3", "MalformedXML", "The XML you provided was not well-formed", status=400)
    if method == "DELETE" and not bucket.keys:
        s3_backends[bucket.account_id]["aws"].buckets.pop(bucket.name)
        raise Answer(204)
    raise refuse("s3", "BucketNotEmpty", "The bucket you tried to delete is not empty", status=409)


def _play_lifecycle(state: AwsState, name: str, behaviour: str, *, method: str) -> None:
    """Keep a lifecycle document the way a store does that does not keep it whole."""
    if method == "PUT":
        document = xmltodict.parse(flask.request.get_data(), force_list=("Rule",))
        rules = document["LifecycleConfiguration"].get("Rule", [])
        for rule in rules:
            if "And" in (rule.get("Filter") or {}):
                rule["Filter"].pop("Prefix", None)
        state.lifecycles[name] = rules[-1:] if behaviour == "keep-last" else rules
        raise Answer(200)
    if method == "DELETE":
        state.lifecycles.pop(name, None)
        raise Answer(204)
    if name not in state.lifecycles:
        raise refuse("s3", UNSET_CODES["lifecycle"], "The configuration does not exist", status=404)
    rules = copy.deepcopy(state.lifecycles[name])
    for rule in rules if behaviour == "prefix-apart" else ():
        both = (rule.get("Filter") or {}).get("And", {})
        if "Prefix" in both:
            rule["Filter"]["Prefix"] = both.pop("Prefix")
    raise Answer(200, xmltodict.unparse({"LifecycleConfiguration": {"Rule": rules}}))
