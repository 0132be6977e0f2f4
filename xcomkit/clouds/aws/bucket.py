"""The bucket and its settings: read, planned, applied and read again, one row per setting.

One table drives the API call, the equivalent aws command and the check, so they cannot differ.
A setting that cannot be read (403) is left alone and stays unknown; a store that refuses a
setting is not repaired by a delete call, it is reported as not supporting it.
"""

import re
import shlex
from typing import Literal

from xcomkit.clouds.aws import clear, documents
from xcomkit.clouds.aws.bucket_settings import SETTINGS, BucketSetting
from xcomkit.clouds.aws.documents import Document
from xcomkit.clouds.aws.putting import Putting
from xcomkit.clouds.aws.reading import Reading, read, shown
from xcomkit.clouds.aws.session import Clients, aws_errors, error_code, patiently
from xcomkit.clouds.lifecycle import judge_sooner
from xcomkit.clouds.rules import EXISTS, PUBLIC, REGION, TLS_ONLY
from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    MissingError,
    XcomkitError,
)
from xcomkit.findings.model import Change, Check, Plan
from xcomkit.settings.settings import Settings


class Bucket:
    """The bucket of the settings, as the caller's clients see it."""

    def __init__(
        self, settings: Settings, *, clients: Clients, account: str, plain_http_url: str = ""
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._plain_http_url = plain_http_url
        owner = {"ExpectedBucketOwner": account} if account else {}
        self._target: Document = {"Bucket": settings.bucket, **owner}
        self._not_made: dict[str, str] = {}

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
        return read(setting, clients=self._clients, target=self._target)

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
        is_ours, whose = (None, "") if region is None else self._whose()
        if is_ours is False:
            note = f"it is {whose}: so it is not touched"
            shared = Change(self._settings.bucket, "bucket", "shared", "shared", "keep", note=note)
            return Plan(f"Bucket {self._settings.bucket}", (shared,))
        create = ["--region", self._settings.region]
        for option, value in self._creation().items():
            create += [_option(option), value if isinstance(value, str) else shown(value)]
        rows = [
            Change(
                resource=self._settings.bucket,
                setting="bucket",
                before="absent" if region is None else f"in {region or 'a store without regions'}",
                after=f"in {self._settings.region}",
                action="create" if region is None else "unchanged",
                command=self.command("create-bucket", *create),
            )
        ]
        rows += [self._plan_row(s, absent=region is None) for s in SETTINGS if self._is_wanted(s)]
        return Plan(f"Bucket {self._settings.bucket}", tuple(rows))

    def _is_wanted(self, setting: BucketSetting) -> bool:
        """Tell whether a setting concerns this run: no tags asked for, no row about tags."""
        return setting.name != "tags" or bool(self._settings.tags)

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

    def command(self, operation: str, *words: str) -> str:
        """Return the equivalent aws command."""
        endpoint = self._settings.endpoint_url if self._clients.is_compatible_store else ""
        elsewhere = ("--endpoint-url", endpoint) if endpoint else ()
        return shlex.join(
            ["aws", "s3api", operation, "--bucket", self._settings.bucket, *words, *elsewhere]
        )

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
        before = shown(reading.document)
        broken = documents.rules_that_cannot_be_put_back(reading.document)
        if setting.name == "lifecycle" and broken:
            note = f"the store would not take {', '.join(broken)} as it answers it: not touched"
            return Change(**row, before=before, after=before, action="keep", note=note)
        if reading.document == wanted:
            return Change(**row, before=before, after=before, action="unchanged", command=command)
        action: Literal["create", "update"] = "update" if reading.document else "create"
        note = setting.note(self._settings, reading.document, wanted)
        return Change(
            **row, before=before, after=shown(wanted), action=action, command=command, note=note
        )

    def _command(self, setting: BucketSetting, wanted: Document) -> str:
        return self.command(setting.put.replace("_", "-"), _option(setting.member), shown(wanted))

    def apply(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes; lifecycle, policy and tags are merged once more just before.

        Returns:
            What was not made, each with the reason.

        Raises:
            ConflictError: the name is taken by another account.
            ServiceError: AWS refused a change; rows after it were not tried.
        """
        pending = {change.setting for change in plan.pending}
        if "bucket" in pending:
            self._create()
        settings = [setting for setting in SETTINGS if setting.name in pending]
        if not settings:
            return ()
        with Putting(self._settings, clients=self._clients, target=self._target) as putting:
            self._not_made = {one.name: why for one in settings if (why := putting.put(one))}
        return tuple(f"{name}: {why}" for name, why in self._not_made.items())

    def _create(self) -> None:
        options, name = self._creation(), self._settings.bucket
        try:
            patiently(
                f"creating bucket {name}",
                lambda: self._clients.s3.create_bucket(Bucket=name, **options),
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

    def verify(self) -> tuple[Check, ...]:
        """Return every bucket check; a request without TLS is tried where its address is known."""
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
        is_ours, whose = self._whose()
        asked = "s3 ListBuckets" if self._clients.is_compatible_store else how
        checks = [EXISTS.judge(is_ours, expected=expected, observed=whose, how=asked, basis="echo")]
        wanted = self._settings.region
        if self._clients.is_compatible_store:
            observed = "not proved: a store of its own has no regions, or one"
            checks.append(REGION.skip(expected=wanted, observed=observed, how=how))
        else:
            same = region == wanted
            checks.append(
                REGION.judge(same, expected=wanted, observed=region, how=how, basis="echo")
            )
        for setting in filter(self._is_wanted, SETTINGS):
            if setting.rule is TLS_ONLY and self._clients.is_compatible_store:
                checks.append(clear.verify_store(self._settings, clients=self._clients))
            else:
                checks += self._verify_setting(setting)
        if url := self._plain_http_url:
            checks.append(clear.verify_refused(self._settings, clients=self._clients, url=url))
        return tuple(checks)

    def _whose(self) -> tuple[bool | None, str]:
        """Return whether the bucket is the caller's; a policy may let anybody reach another's."""
        if not self._clients.is_compatible_store:  # asked with ExpectedBucketOwner
            return True, "found"
        try:
            owner, names = self._clients.own_buckets()
        except XcomkitError as error:
            return None, f"reachable; whose it is cannot be seen: {error}"
        is_ours = self._settings.bucket in names
        where = "among" if is_ours else "reachable, and not among"
        return is_ours, f"{where} the buckets of {owner}"

    def _verify_setting(self, setting: BucketSetting) -> list[Check]:
        how = "s3 " + "".join(part.capitalize() for part in setting.read.split("_"))
        reading = self.read(setting)
        wanted = setting.wanted(self._settings, reading.document)
        expected = shown(wanted)
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
        observed = f"refused: {reading.detail}" if reading.detail else shown(reading.document)
        if reason := self._not_made.get(setting.name):
            observed += f"; {reason}"
        # What a store does not have is the same with and without apply: nobody can tell beforehand.
        may_lack_it = reading.state != "set" or setting.rule is PUBLIC  # some switches, not all
        if self._clients.is_compatible_store and may_lack_it and not holds:
            return [setting.rule.unsupported(expected=expected, observed=observed, how=how)]
        broken = documents.rules_that_cannot_be_put_back(reading.document)
        by_hand = f"Put ours beside {', '.join(broken)} with whatever made them." if broken else ""
        check = setting.rule.judge(
            holds, expected=expected, observed=observed, how=how, basis="echo", remedy=by_hand
        )
        if setting.name != "lifecycle":
            return [check]
        return [check, judge_sooner(self._settings, reading.document.get("Rules", []), how=how)]


def _option(member: str) -> str:
    """Return the aws option of a member of a request: ``Tagging`` is ``--tagging``."""
    return "--" + re.sub(r"(?<!^)(?=[A-Z])", "-", member).lower()
