"""The objects of the bucket, read and written without Airflow."""

from collections.abc import Iterator

from xcomkit.clouds.aws.session import Clients, aws_errors, is_unsupported
from xcomkit.errors import MissingError, ServiceError
from xcomkit.model import ObjectDetails, StoredObject


def list_objects(clients: Clients, *, bucket: str, prefix: str) -> Iterator[StoredObject]:
    """Yield every current object below the prefix, 1,000 a page."""
    paginator = clients.s3.get_paginator("list_objects_v2")
    with aws_errors("listing objects"):
        for page in paginator.paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", ()):
                yield StoredObject(entry["Key"], entry["Size"], entry["LastModified"])


def read(clients: Clients, key: str, *, bucket: str, limit: int) -> bytes:
    """Return the object's bytes, at most ``limit`` of them where it is above 0."""
    with aws_errors(f"reading {key}"):
        answer = clients.s3.get_object(Bucket=bucket, Key=key)
        return answer["Body"].read(limit or None)


def write(clients: Clients, key: str, body: bytes, *, bucket: str) -> None:
    """Put the bytes under the key with one PutObject; replace what is there."""
    with aws_errors(f"writing {key}"):
        clients.s3.put_object(Bucket=bucket, Key=key, Body=body)


def describe(clients: Clients, key: str, *, bucket: str) -> ObjectDetails:
    """Return size, time, version, encryption and tags of the object."""
    with aws_errors(f"describing {key}"):
        head = clients.s3.head_object(Bucket=bucket, Key=key)
    try:
        with aws_errors(f"reading the tags of {key}"):
            tags = clients.s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    except ServiceError as error:
        if not (clients.is_compatible_store and is_unsupported(error)):
            raise
        tags = []
    return ObjectDetails(
        key=key,
        size=head["ContentLength"],
        modified=head["LastModified"],
        version=head.get("VersionId", ""),
        encryption=head.get("ServerSideEncryption", "not reported"),
        tags=tuple((tag["Key"], tag["Value"]) for tag in tags),
    )


def exists(clients: Clients, key: str, *, bucket: str) -> bool:
    """Tell whether the object is there.

    Raises:
        AccessDeniedError: the caller may not look, so nobody knows.
    """
    try:
        with aws_errors(f"looking for {key}"):
            clients.s3.head_object(Bucket=bucket, Key=key)
    except MissingError:
        return False
    return True
