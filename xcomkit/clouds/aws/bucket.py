"""The bucket and its settings: read, planned, applied and read again, one row per setting.

One table drives the API call, the equivalent aws command and the check, so they cannot differ.
A setting that cannot be read (403) is left alone and stays unknown; a store that refuses a
setting is not repaired by a delete call, it is reported as not supporting it.
"""

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Literal

from xcomkit.clouds.aws import clear, documents
from xcomkit.clouds.aws.bucket_settings import SETTINGS, BucketSetting
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.session import (
    Clients,
    aws_errors,
    error_code,
    http_status,
    is_unsupported,
    patiently,
)
from xcomkit.clouds.lifecycle import judge_sooner
from xcomkit.clouds.rules import EXISTS, REGION, TLS_ONLY
from xcomkit.errors import (
    AccessDeniedError,
    ConflictError,
    MissingError,
    ServiceError,
    XcomkitError,
)
from xcomkit.model import Change, Check, Plan
from xcomkit.settings import Settings

_MINIMUM = "TransitionDefaultMinimumObjectSize"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a setting is now: its document, or why there is none.

    ``beside`` is what S3 keeps beside the document, and forgets unless it is sent along.
    """

    state: Literal["set", "unset", "denied", "unsupported"]
    document: Document
    detail: str = ""
    beside: Document = field(default_factory=dict)


class Bucket:
    """The bucket of the settings, as the caller's clients see it."""

    def __init__(self, settings: Settings, *, clients: Clients, account: str) -> None:
        self._settings = settings
        self._clients = clients
        self._owner = {"ExpectedBucketOwner": account} if account else {}
        self._target = {"Bucket": settings.bucket, **self._owner}

    def find(self) -> str | None:
        """Return the region of the bucket, or ``None`` when there is no such bucket.

        Raises:
            AccessDeniedError: it is somebody else's, or the caller may not look.
        """
        try:
            with aws_errors(f"looking for bucket {self._settings.bucket}"):
                answer = self._clients.s3.head_bucket(**self._target)
        except MissingError:
            return None
        except AccessDeniedError as error:
            raise AccessDeniedError(
                f"Bucket {self._settings.bucket} is not to be seen (403): it belongs to another"
                " account, or s3:ListBucket is missing.",
                hint="choose another bucket name, or ask for s3:ListBucket on this one.",
            ) from error
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        return str(answer.get("BucketRegion") or headers.get("x-amz-bucket-region") or "")

    def read(self, setting: BucketSetting) -> Reading:
        """Return a setting's present document; never raises for a refusal."""
        from botocore.exceptions import ClientError

        try:
            with aws_errors(f"reading {setting.name}"):
                answer: Document = getattr(self._clients.s3, setting.read)(**self._target)
        except AccessDeniedError:
            return Reading("denied", {}, f"403 to {setting.read}")
        except ServiceError as error:
            cause = error.__cause__
            if not isinstance(cause, ClientError):
                raise
            if error_code(cause) == setting.unset:
                return Reading("unset", {})
            if self._clients.is_compatible_store and is_unsupported(error):
                return Reading("unsupported", {}, f"{http_status(cause)} {error_code(cause)}")
            raise
        document = answer.get(setting.member, {}) if setting.nested else _body(answer)
        if isinstance(document, str):
            document = json.loads(document)
        beside = {_MINIMUM: answer[_MINIMUM]} if answer.get(_MINIMUM) else {}
        return Reading("set" if document else "unset", document, beside=beside)

    def plan(self) -> Plan:
        """Return the rows of the bucket and its settings, before and after."""
        try:
            region = self.find()
        except AccessDeniedError as error:
            hidden = Change(
                resource=self._settings.bucket,
                setting="bucket",
                before="unknown",
                after="unknown",
                action="keep",
                note=str(error),
            )
            return Plan(f"Bucket {self._settings.bucket}", (hidden,))
        if region and region != self._settings.region and not self._clients.is_compatible_store:
            note = f"it is in {region}, not in {self._settings.region}: so it is not touched"
            other = Change(self._settings.bucket, "bucket", region, region, "keep", note=note)
            return Plan(f"Bucket {self._settings.bucket}", (other,))
        create = ["aws", "s3api", "create-bucket", "--bucket", self._settings.bucket]
        create += ["--region", self._settings.region]
        if location := self._location():
            create += ["--create-bucket-configuration", _json(location)]
        rows = [
            Change(
                resource=self._settings.bucket,
                setting="bucket",
                before="absent" if region is None else f"in {region or 'a store without regions'}",
                after=f"in {self._settings.region}",
                action="create" if region is None else "unchanged",
                command=shlex.join(create),
            )
        ]
        rows += [self._plan_row(s, absent=region is None) for s in SETTINGS if self._is_wanted(s)]
        return Plan(f"Bucket {self._settings.bucket}", tuple(rows))

    def _is_wanted(self, setting: BucketSetting) -> bool:
        """Tell whether a setting concerns this run: no tags asked for, no row about tags."""
        return setting.name != "tags" or bool(self._settings.tags)

    def _location(self) -> Document:
        """Return the location constraint; us-east-1 is the one region that takes none."""
        region = self._settings.region
        return {} if region == "us-east-1" else {"LocationConstraint": region}

    def _plan_row(self, setting: BucketSetting, *, absent: bool) -> Change:
        if setting.rule is TLS_ONLY and self._settings.endpoint_url.startswith("http://"):
            note = "endpoint_url is http://: a store that enforces it would refuse the agents"
            return Change(self._settings.bucket, setting.name, "-", "-", "keep", note=note)
        reading = Reading("unset", {}) if absent else self.read(setting)
        wanted = setting.wanted(self._settings, reading.document)
        row = {"resource": self._settings.bucket, "setting": setting.name}
        command = self._command(setting, wanted)
        match reading.state:
            case "denied":
                note = f"{reading.detail}: cannot be seen, so it is not touched"
                return Change(**row, before="unknown", after="unknown", action="keep", note=note)
            case "unsupported":
                note = f"the store answers {reading.detail}. What follows: {setting.rule.why}"
                return Change(**row, before="-", after="-", action="unsupported", note=note)
        before = _json(reading.document) if reading.document else "unset"
        broken = documents.rules_that_cannot_be_put_back(reading.document)
        if setting.name == "lifecycle" and broken:
            note = f"the store would not take {', '.join(broken)} as it answers it: not touched"
            return Change(**row, before=before, after=before, action="keep", note=note)
        if reading.document == wanted:
            return Change(**row, before=before, after=before, action="unchanged", command=command)
        action: Literal["create", "update"] = "update" if reading.document else "create"
        return Change(**row, before=before, after=_json(wanted), action=action, command=command)

    def _command(self, setting: BucketSetting, wanted: Document) -> str:
        option = re.sub(r"(?<!^)(?=[A-Z])", "-", setting.member).lower()
        words = ["aws", "s3api", setting.put.replace("_", "-"), "--bucket", self._settings.bucket]
        return shlex.join([*words, f"--{option}", _json(wanted)])

    def apply(self, plan: Plan) -> None:
        """Make the pending changes; lifecycle, policy and tags are merged once more just before.

        Raises:
            ConflictError: the name is taken by another account.
            ServiceError: AWS refused a change; rows after it were not tried.
        """
        by_name = {setting.name: setting for setting in SETTINGS}
        for change in plan.pending:
            if change.setting == "bucket":
                self._create()
            else:
                self._put(by_name[change.setting])

    def _create(self) -> None:
        location = self._location()
        options = {"CreateBucketConfiguration": location} if location else {}
        name = self._settings.bucket
        try:
            patiently(
                f"creating bucket {name}",
                lambda: self._clients.s3.create_bucket(Bucket=name, **options),  # type: ignore[arg-type]
            )
        except ConflictError as error:
            if error_code(error.__cause__) == "OperationAborted":
                raise
            raise ConflictError(
                f"The bucket name {self._settings.bucket} is taken, here or in another account.",
                hint="bucket names are shared by all accounts: choose another one.",
            ) from error
        waiter = self._clients.s3.get_waiter("bucket_exists")
        waiter.wait(Bucket=self._settings.bucket, WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    def _put(self, setting: BucketSetting) -> None:
        """Put a setting, and put back what was there where the store loses something foreign.

        Raises:
            ServiceError: it is refused, or it would have lost something that is not ours.
        """
        present = self.read(setting)
        before, beside = present.document, present.beside
        wanted = setting.wanted(self._settings, before)
        try:
            self._send(setting, wanted, beside)
        except ServiceError as error:
            # An S3-compatible store may refuse it; verify then reports it as unsupported there.
            if not (self._clients.is_compatible_store and is_unsupported(error)):
                raise
            return
        if setting.items and before:
            after = self.read(setting).document.get(setting.items, [])
            kept = [one for one in wanted[setting.items] if one in before.get(setting.items, [])]
            if lost := [one for one in kept if one not in after]:
                self._send(setting, before, beside)
                raise ServiceError(
                    f"Setting {setting.name} would have lost what is not ours: {_json(lost[0])}."
                    " What was there before has been put back.",
                    hint="set it by hand beside what is there, or accept the check by name.",
                )

    def _send(self, setting: BucketSetting, document: Document, beside: Document) -> None:
        value: Any = json.dumps(document) if setting.member == "Policy" else document
        put = getattr(self._clients.s3, setting.put)
        patiently(
            f"setting {setting.name}",
            lambda: put(**self._target, **{setting.member: value}, **beside),
        )

    def verify(self, *, applied: bool, plain_http_url: str) -> tuple[Check, ...]:
        """Return every bucket check; with ``applied`` an unset value means the store ignored it."""
        how = "s3 HeadBucket"
        expected = f"bucket {self._settings.bucket} of this account"
        try:
            region = self.find()
        except XcomkitError as error:
            blind = EXISTS.judge(
                None, expected=expected, observed=str(error), how=how, basis="echo"
            )
            return (blind,)
        if region is None:
            gone = EXISTS.judge(False, expected=expected, observed="absent", how=how, basis="echo")
            return (gone,)
        checks = [self._verify_owner(expected)]
        if not self._clients.is_compatible_store:
            same = region == self._settings.region
            checks.append(
                REGION.judge(
                    same, expected=self._settings.region, observed=region, how=how, basis="echo"
                )
            )
        for setting in filter(self._is_wanted, SETTINGS):
            if setting.rule is TLS_ONLY and self._clients.is_compatible_store:
                checks.append(clear.verify_store(self._settings, clients=self._clients))
            else:
                checks += self._verify_setting(setting, applied=applied)
        if plain_http_url:
            url = plain_http_url
            checks.append(clear.verify_refused(self._settings, clients=self._clients, url=url))
        return tuple(checks)

    def _verify_owner(self, expected: str) -> Check:
        """Return whether the bucket is the caller's; a policy may let anybody reach another's."""
        if not self._clients.is_compatible_store:  # asked with ExpectedBucketOwner
            return EXISTS.judge(
                True, expected=expected, observed="found", how="s3 HeadBucket", basis="echo"
            )
        holds: bool | None
        try:
            owner, names = self._clients.own_buckets()
            holds = self._settings.bucket in names
            observed = f"{'among' if holds else 'reachable, and not among'} the buckets of {owner}"
        except XcomkitError as error:
            holds, observed = None, f"reachable; whose it is cannot be seen: {error}"
        return EXISTS.judge(
            holds, expected=expected, observed=observed, how="s3 ListBuckets", basis="echo"
        )

    def _verify_setting(self, setting: BucketSetting, *, applied: bool) -> list[Check]:
        how = "s3 " + "".join(part.capitalize() for part in setting.read.split("_"))
        reading = self.read(setting)
        wanted = setting.wanted(self._settings, reading.document)
        expected = _json(wanted)
        if reading.state == "denied":
            observed = f"{reading.detail}: the caller may not look"
            return [
                setting.rule.judge(
                    None,
                    expected=expected,
                    observed=observed,
                    how=how,
                    basis="echo",
                    remedy=f"Grant the caller of the runbook the right to {setting.read}.",
                )
            ]
        holds = reading.document == wanted
        ignored = applied and self._clients.is_compatible_store and not holds
        if reading.state == "unsupported" or ignored:
            observed = f"refused: {reading.detail}" if reading.detail else "refused or not kept"
            return [setting.rule.unsupported(expected=expected, observed=observed, how=how)]
        observed = _json(reading.document) if reading.document else "unset"
        check = setting.rule.judge(
            holds, expected=expected, observed=observed, how=how, basis="echo"
        )
        if setting.name != "lifecycle":
            return [check]
        return [check, judge_sooner(self._settings, reading.document.get("Rules", []), how=how)]


def _body(answer: Document) -> Document:
    """Return an answer that has no wrapping member, without what boto3 and S3 add to it."""
    extra = ("ResponseMetadata", _MINIMUM)
    return {name: value for name, value in answer.items() if name not in extra}


def _json(document: Document) -> str:
    """Return a document in one line, in a fixed order."""
    return json.dumps(document, sort_keys=True, default=str)  # a rule's Date is a datetime
