"""Puts one setting of a bucket, and takes it back where it breaks what the bucket is for.

Stores that speak S3 have refused every upload after a setting of S3, forgotten part of a document,
or kept nothing at all, each with a 200. So an object of our own is put, read and deleted before and
after each setting of such a store, and what is read back is compared with what was written.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any, Self

from xcomkit.clouds.aws.bucket_settings import AwsSetting
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.session import Clients, aws_errors, is_unsupported, patiently
from xcomkit.clouds.bucket import Reading
from xcomkit.clouds.objects import Objects
from xcomkit.clouds.rows import as_text
from xcomkit.clouds.rules import TLS_ONLY
from xcomkit.findings.errors import AccessDeniedError, ServiceError


class PutSettings:
    """The settings of one bucket being made, with a probe object beside them.

    The first of the two probes stays until the last setting is made: some stores delete an *empty*
    bucket when they are asked to delete one of its settings.
    """

    def __init__(self, cloud: Objects, *, target: Document) -> None:
        self._cloud = cloud
        self._settings = settings = cloud.settings
        self._bucket = settings.bucket
        self._clients: Clients = cloud.clients
        self._target = target
        name = f"{settings.prefix}/xcomkit-probe-{uuid.uuid4()}"
        self._guard, self._probe = f"{name}-0", f"{name}-1"
        self._is_tried = False

    def __enter__(self) -> Self:
        """Put the first probe.

        Raises:
            ServiceError: the bucket cannot be used even before any change.
        """
        if self._clients.is_compatible_store:
            with aws_errors("putting a probe object, before any setting is changed"):
                self._clients.s3.put_object(Bucket=self._bucket, Key=self._guard, Body=b"1")
            self._is_tried = True
            if trouble := self._trouble():
                self.__exit__()
                raise ServiceError(
                    f"The bucket cannot be used even before any setting is changed. {trouble}"
                )
        return self

    def __exit__(self, *_: object) -> None:
        """Delete both probes with all their versions."""
        if self._is_tried:
            keys = (self._guard, self._probe)
            self._cloud.delete_keys(keys)

    def put(self, setting: AwsSetting) -> str:
        """Put a setting; return why it is not there now, or ``""``.

        Raises:
            ServiceError: AWS refuses it, or the setting is broken and cannot be taken back.
        """
        before = setting.reading(self._clients, target=self._target)
        wanted = setting.wanted(self._settings, before.value)
        try:
            self._send(setting, wanted, before.beside)
        except ServiceError as error:
            # A Ceph gateway that blocks public policies takes a refusal of everybody for one.
            is_blocked = setting.rule is TLS_ONLY and isinstance(error, AccessDeniedError)
            is_lacking = is_blocked or is_unsupported(error)
            if not (self._clients.is_compatible_store and is_lacking):
                raise
            return f"refused. {error}"
        if self._is_tried and (trouble := self._trouble()):
            self._take_back(setting, before)
            return f"taken back, because the bucket could not be used with it. {trouble}"
        after = setting.reading(self._clients, target=self._target)
        if lost := _lost(setting, before.value, wanted, after.value):
            self._take_back(setting, before)
            raise ServiceError(
                f"Setting {setting.name} would have lost what is not ours: {lost}."
                " What was there before has been put back.",
                hint="set it by hand beside what is there, or accept the check by name.",
            )
        if setting.wanted(self._settings, after.value) != after.value:
            return f"accepted, and not kept: it reads back as {as_text(after.value)}"
        return ""

    def _trouble(self) -> str:
        """Put, read and delete an object; return what is refused, or ``""``."""
        s3: Any = self._clients.s3
        where, body = {"Bucket": self._bucket, "Key": self._probe}, self._probe.encode()
        try:
            with aws_errors("trying the bucket with a probe object"):
                s3.put_object(**where, Body=body)
                is_same = s3.get_object(**where)["Body"].read() == body
                s3.delete_object(**where)
        except ServiceError as error:
            return str(error)
        return "" if is_same else "A probe object came back with other bytes."

    def _take_back(self, setting: AwsSetting, before: Reading) -> None:
        """Put back what was there, or nothing; the first probe keeps the bucket from being empty.

        Raises:
            ServiceError: it cannot be taken back, or the bucket stays as it is without it.
        """
        if before.value or not setting.delete:
            self._send(setting, before.value or setting.off, before.beside)
        elif self._is_tried:
            with aws_errors(f"taking back {setting.name}"):
                getattr(self._clients.s3, setting.delete)(**self._target)
        if self._is_tried and (trouble := self._trouble()):
            raise ServiceError(
                f"Setting {setting.name} was taken back, and the bucket still cannot be used:"
                f" {trouble}",
                hint=f"undo it by hand: it was {as_text(before.value)} before.",
            )

    def _send(self, setting: AwsSetting, document: Document, beside: Mapping[str, Any]) -> None:
        value: Any = json.dumps(document) if setting.member == "Policy" else document
        put = getattr(self._clients.s3, setting.put)
        patiently(
            f"setting {setting.name}",
            lambda: put(**self._target, **{setting.member: value}, **beside),
        )


def _lost(setting: AwsSetting, before: Document, wanted: Document, after: Document) -> str:
    """Return what was not ours, was sent back and is gone."""
    if not setting.items:
        return ""
    held, left = before.get(setting.items, []), after.get(setting.items, [])
    foreign = [one for one in wanted[setting.items] if one in held]
    return next((as_text(one) for one in foreign if one not in left), "")
