"""The bucket and its settings on S3 and on stores that speak S3.

A store that refuses a setting is not repaired by a delete call, it is reported as not supporting
it.
"""

import re
import shlex
from collections.abc import Iterator
from functools import cached_property, partial
from typing import Any, ClassVar

from xcomkit.clouds.aws import documents, without_tls
from xcomkit.clouds.aws.bucket_settings import SETTINGS, AwsSetting
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.put_setting import PutSettings
from xcomkit.clouds.aws.session import Clients, aws_errors, error_code, patiently
from xcomkit.clouds.bucket import Bucket, Found, Reading
from xcomkit.clouds.errors import find
from xcomkit.clouds.rows import ABSENT, as_text, keep, row
from xcomkit.clouds.rules import KEY, PUBLIC, TLS_ONLY
from xcomkit.findings.errors import AccessDeniedError, ConflictError, MissingError, XcomkitError
from xcomkit.findings.model import Change, Check, Plan


class AwsBucket(Bucket):
    """The bucket of the settings."""

    table: ClassVar[tuple[AwsSetting, ...]] = SETTINGS

    _clients: Clients

    @cached_property
    def _target(self) -> Document:
        account = self._cloud.who_am_i().account  # asked first: a HEAD refused has no reason in it
        # Who owns a bucket of another store, its list of buckets tells.
        owner = {} if self._clients.is_compatible_store else {"ExpectedBucketOwner": account}
        return {"Bucket": self._settings.bucket, **owner}

    @property
    def requests(self) -> str:  # type: ignore[override]
        """Return the requests by which the bucket is found, and whose it is."""
        return "s3 ListBuckets" if self._clients.is_compatible_store else "s3 HeadBucket"

    @property
    def removal(self) -> str:  # type: ignore[override]
        """Return the command that deletes the bucket."""
        return self._aws("delete-bucket")

    def find(self) -> Found | None:
        """Return the bucket, or ``None`` when there is none."""
        s3, name = self._clients.s3, self._settings.bucket
        try:
            answer = find(
                aws_errors, f"looking for bucket {name}", lambda: s3.head_bucket(**self._target)
            )
        except AccessDeniedError as error:
            raise AccessDeniedError(
                f"Bucket {name} is not to be seen (403): it belongs to another"
                " account, or s3:ListBucket is missing.",
                hint="choose another bucket name, or ask for s3:ListBucket on this one.",
            ) from error
        if answer is None:
            return None
        if self._clients.is_compatible_store:
            is_ours, whose = self._whose()
            return Found(None, is_ours=is_ours, whose=whose)
        # Asked with ExpectedBucketOwner, so it is ours.
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return Found(str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or ""))

    def _whose(self) -> tuple[bool | None, str]:
        """Return whose the bucket of a store is; a policy may let anybody reach another's."""
        try:
            owner, names = self._clients.own_buckets()
        except XcomkitError as error:
            return None, f"reachable; whose it is cannot be seen: {error}"
        is_ours = self._settings.bucket in names
        where = "among" if is_ours else "reachable, and not among"
        return is_ours, f"{where} the buckets of {owner}"

    def read(self, setting: AwsSetting, _found: Found | None = None) -> Reading:
        """Return a setting's present document; never raises for a refusal."""
        return setting.reading(self._clients, target=self._target)

    def _how(self, setting: AwsSetting) -> str:
        return "s3 " + "".join(part.capitalize() for part in setting.read.split("_"))

    def _plan_creation(self, found: Found | None) -> list[Change]:
        create = ["--region", self._settings.region]
        for option, value in self._creation().items():
            create += [_option(option), as_text(value)]
        name, region = self._settings.bucket, f"in {self._settings.region}"
        before = ABSENT if found is None else region
        return [row(name, "bucket", before, region, self._aws("create-bucket", *create))]

    def _creation(self) -> Document:
        """Return what the creating call takes beside the name; us-east-1 takes no location.

        A name of the account's own namespace is taken nowhere else, if the call says so (Amazon S3
        User Guide, account regional namespaces).
        """
        region, options = self._settings.region, Document()
        if region != "us-east-1":
            options["CreateBucketConfiguration"] = {"LocationConstraint": region}
        if not self._clients.is_compatible_store:
            options["ObjectOwnership"] = "BucketOwnerEnforced"
            if self._settings.bucket.endswith(f"-{region}-an"):
                options["BucketNamespace"] = "account-regional"
        return options

    def _aws(self, operation: str, *words: str) -> str:
        """Return the equivalent aws command."""
        endpoint = self._settings.endpoint_url if self._clients.is_compatible_store else ""
        elsewhere = ("--endpoint-url", endpoint) if endpoint else ()
        return shlex.join(
            ["aws", "s3api", operation, "--bucket", self._settings.bucket, *words, *elsewhere]
        )

    def _command(self, setting: AwsSetting, wanted: Document) -> str:
        return self._aws(setting.put.replace("_", "-"), _option(setting.member), as_text(wanted))

    def _plan_setting(self, setting: AwsSetting, found: Found | None) -> Change:
        if setting.rule is TLS_ONLY and self._settings.endpoint_url.startswith("http://"):
            note = "endpoint_url is http://: a store that enforces it would refuse the agents"
            return keep(self._settings.bucket, setting.name, "-", note)
        return super()._plan_setting(setting, found)

    def _what_cannot_be_put_back(self, setting: AwsSetting, reading: Reading) -> str:
        if setting.items != "Rules":
            return ""
        return ", ".join(documents.rules_that_cannot_be_put_back(reading.value))

    def _is_lacking(self, setting: AwsSetting, reading: Reading) -> bool:
        # What a store does not have is the same with and without apply: nobody can tell beforehand.
        may_lack_it = reading.state != "set" or setting.rule is PUBLIC  # some switches, not all
        return self._clients.is_compatible_store and may_lack_it

    def _verify_key(self) -> Iterator[Check]:
        key, how = self._settings.kms_key, "kms DescribeKey"
        if not key or self._clients.is_compatible_store:  # KMS knows no key of another store
            return
        judge = partial(KEY.judge, expected="Enabled", how=how, basis="echo")
        try:
            with aws_errors(f"looking for the key {key}"):
                found = self._clients.client("kms").describe_key(KeyId=key)["KeyMetadata"]
        except AccessDeniedError as error:
            remedy = "Get kms:DescribeKey on the key, or accept XC214: step 04 writes with it."
            yield judge(None, observed=str(error), remedy=remedy)
        except MissingError:
            yield judge(False, observed=f"{key}: absent")
        except XcomkitError as error:
            yield judge(None, observed=str(error))
        else:
            state = found.get("KeyState")
            holds = state == "Enabled" if state else None
            yield judge(holds, observed=f"{key}: {state or 'the answer says no state'}")

    def apply(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes; return what was not made, each with the reason."""
        pending = {change.setting: change for change in plan.pending}
        if "bucket" in pending:
            self._create(pending["bucket"])
        settings = [setting for setting in SETTINGS if setting.name in pending]
        if not settings:
            return ()
        with PutSettings(self._cloud, target=self._target) as puts:
            self._not_made = {one.name: why for one in settings if (why := puts.put(one))}
        return tuple(f"{name}: {why}" for name, why in self._not_made.items())

    def _create(self, _change: Change) -> None:
        s3, name = self._clients.s3, self._settings.bucket
        try:
            patiently(
                f"creating bucket {name}",
                lambda: s3.create_bucket(Bucket=name, **self._creation()),
            )
        except ConflictError as error:
            if error_code(error.__cause__) == "OperationAborted":
                raise
            raise ConflictError(
                f"The bucket name {name} is taken, here or in another account.",
                hint="bucket names are shared by all accounts: choose another one.",
            ) from error
        waiter = s3.get_waiter("bucket_exists")
        waiter.wait(Bucket=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    def _put(self, setting: Any) -> None:
        """Do nothing: settings are put together, with a probe object beside them."""

    def verify(self) -> tuple[Check, ...]:
        """Return every bucket check, and that of its key, if the settings name one.

        A request without TLS is tried where its address is known.
        """
        checks, url = super().verify(), self._cloud.platform.plain_http_url
        if len(checks) > 1:  # the bucket is there
            checks = (*checks, *self._verify_key())
        if not url or len(checks) == 1:
            return checks
        clear = without_tls.verify_refused(self._settings, clients=self._clients, url=url)
        return (*checks, clear)

    def _verify_setting(self, setting: AwsSetting, found: Found) -> list[Check]:
        if setting.rule is TLS_ONLY and self._clients.is_compatible_store:
            return [without_tls.verify_store(self._settings, clients=self._clients)]
        return super()._verify_setting(setting, found)

    def delete(self) -> None:
        """Delete the bucket; S3 itself refuses one in use."""
        with aws_errors("deleting the bucket"):
            self._clients.s3.delete_bucket(Bucket=self._settings.bucket)


def _option(member: str) -> str:
    """Return the aws option of a member of a request: ``Tagging`` is ``--tagging``."""
    return "--" + re.sub(r"(?<!^)(?=[A-Z])", "-", member).lower()
