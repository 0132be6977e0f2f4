"""The bucket and its settings on every cloud: planned, applied and read back, one row per setting.

A table of settings drives request, equivalent command and check, so they cannot differ. What the
caller may not read (403) is left alone and stays unknown.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from xcomkit.cloud_documents.lifecycle import Effect
from xcomkit.clouds.lifecycle import judge_takings, read_ours
from xcomkit.clouds.rows import ABSENT, as_text, keep, row, shell
from xcomkit.clouds.rules import EXISTS, LIFECYCLE, REGION, TAGS
from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    MissingError,
    ServiceError,
    XcomkitError,
)
from xcomkit.findings.model import Change, Check, Plan, Rule
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud


@dataclass(frozen=True, slots=True)
class Found:
    """A bucket that is there: where, whose, and what its settings are read from.

    ``region`` is ``None`` in a store without regions, ``is_ours`` where nobody knows;
    ``is_complete`` is false for a storage account of Azure without the container.
    """

    region: str | None
    content: Any = None
    is_ours: bool | None = True
    whose: str = "found"
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """What a setting is now: its value, or in ``detail`` why there is none.

    ``beside`` is what S3 keeps beside the document, and forgets unless it is sent along.
    """

    value: Any
    state: Literal["set", "unset", "denied", "unsupported"] = "set"
    detail: str = ""
    beside: Mapping[str, Any] = field(default_factory=dict)


def no_note(_settings: Settings, _present: object, _wanted: object) -> str:
    """Return nothing: the change takes nothing away."""
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting of the bucket and the rule that judges it.

    ``wanted`` takes the present value and returns it unchanged where it does what is needed;
    ``new`` is the value in a bucket that is not there yet; ``note`` says what a change from present
    to wanted takes away; ``items`` names the list in the value that may hold what is not ours.
    """

    name: str
    rule: Rule
    wanted: Callable[[Settings, Any], Any]
    new: Any = None
    note: Callable[[Settings, Any, Any], str] = no_note
    items: str = ""


class Bucket(ABC):
    """The bucket of a target with its settings, as the caller's clients see it."""

    table: ClassVar[tuple[Any, ...]]
    """The settings, in the order in which they are made."""
    requests: str
    """The requests by which the bucket is found."""
    removal: str
    """The command that deletes the bucket."""

    def __init__(self, cloud: "Cloud") -> None:
        self._cloud = cloud
        self._settings = cloud.settings
        self._clients: Any = cloud.clients
        self._not_made: dict[str, str] = {}

    @property
    def _title(self) -> str:
        return f"Bucket {self._settings.bucket}"

    @property
    def _resource(self) -> str:
        """Return the name of what has the settings."""
        return self._settings.bucket

    @abstractmethod
    def find(self) -> Found | None:
        """Return the bucket, or ``None`` when there is none.

        Raises:
            AccessDeniedError: it is somebody else's, or the caller may not look.
            ConflictError: it can be seen and is somebody else's.
        """

    @abstractmethod
    def read(self, setting: Any, found: Found) -> Reading:
        """Return a setting's present value; never raises for a refusal."""

    @abstractmethod
    def _plan_creation(self, found: Found | None) -> list[Change]: ...

    @abstractmethod
    def _command(self, setting: Any, wanted: Any) -> str: ...

    @abstractmethod
    def _how(self, setting: Any) -> str:
        """Return the request by which a setting is read."""

    @abstractmethod
    def _create(self, change: Change) -> None: ...

    @abstractmethod
    def _put(self, setting: Any) -> None:
        """Make a setting; what it holds of others is merged once more just before."""

    @abstractmethod
    def delete(self) -> None:
        """Delete the bucket, which is empty."""

    def _what_cannot_be_put_back(self, _setting: Any, _reading: Reading) -> str:
        """Return what in a setting would not survive being written again; most clouds lose none."""
        return ""

    def _is_lacking(self, _setting: Any, reading: Reading) -> bool:
        """Tell whether a setting that is not as wanted may be one that the store does not have."""
        return reading.state == "unsupported"

    def _settings_of_run(self) -> list[Any]:
        """Return the settings that concern this run: no tags asked for, no row about tags."""
        return [one for one in self.table if one.rule is not TAGS or self._settings.tags]

    def plan(self) -> Plan:
        """Return the rows of the bucket and its settings, before and after."""
        try:
            found = self.find()
        except (AccessDeniedError, ConflictError) as error:
            return Plan(self._title, (keep(self._resource, "bucket", "unknown", str(error)),))
        wanted = self._settings.region
        if found is not None and found.region not in (None, wanted):
            note = f"it is in {found.region}, not in {wanted}: so it is not touched"
            return Plan(self._title, (keep(self._resource, "bucket", str(found.region), note),))
        if found is not None and found.is_ours is False:
            note = f"it is {found.whose}: so it is not touched"
            return Plan(self._title, (keep(self._resource, "bucket", "shared", note),))
        rows = [self._plan_setting(setting, found) for setting in self._settings_of_run()]
        return Plan(self._title, (*self._plan_creation(found), *rows))

    def _plan_setting(self, setting: Any, found: Found | None) -> Change:
        reading = self.read(setting, found) if found else Reading(setting.new, "unset")
        if reading.state == "denied":
            note = f"{reading.detail}: cannot be seen, so it is not touched"
            return keep(self._resource, setting.name, "unknown", note)
        if reading.state == "unsupported":
            note = f"the store answers {reading.detail}. What follows: {setting.rule.why}"
            return Change(self._resource, setting.name, "-", "-", "unsupported", note=note)
        present = reading.value
        if lost := self._what_cannot_be_put_back(setting, reading):
            note = f"the store would not take {lost} as it answers it: not touched"
            return keep(self._resource, setting.name, as_text(present), note)
        wanted = setting.wanted(self._settings, present)
        before = ABSENT if found is None or reading.state == "unset" else as_text(present)
        after = before if present == wanted else as_text(wanted)
        note = "" if present == wanted else setting.note(self._settings, present, wanted)
        command = self._command(setting, wanted)
        return row(self._resource, setting.name, before, after, command, note=note)

    def apply(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes in order; return what was not made, each with the reason.

        Raises:
            ConflictError: the name is taken by somebody else.
            ServiceError: the cloud refused a change; rows after it were not tried.
        """
        by_name = {setting.name: setting for setting in self.table}
        for change in plan.pending:
            if change.setting in by_name:
                self._put(by_name[change.setting])
            else:
                self._create(change)
        return ()

    def verify(self) -> tuple[Check, ...]:
        """Return every check of the bucket, each read back from the cloud."""
        expected = f"{self._title}, which is yours"
        exists = partial(EXISTS.judge, expected=expected, how=self.requests, basis="echo")
        try:
            found = self.find()
        except ConflictError as error:
            return (exists(False, observed=str(error)),)
        except XcomkitError as error:
            # The way to look has to be fixed, not the bucket.
            look = exists(None, observed=error.args[0], remedy=error.hint, fix_in=error.fix_in)
            return (look,)
        if found is None or not found.is_complete:
            return (exists(False, observed="absent"),)
        checks = [exists(found.is_ours, observed=found.whose), self._verify_region(found)]
        for setting in self._settings_of_run():
            checks += self._verify_setting(setting, found)
        return tuple(checks)

    def _verify_region(self, found: Found) -> Check:
        wanted, region = self._settings.region, found.region
        if region is None:
            observed = "not proved: a store of its own has no regions, or one"
            return REGION.skip(expected=wanted, observed=observed, how=self.requests)
        return REGION.judge(
            region == wanted, expected=wanted, observed=region, how=self.requests, basis="echo"
        )

    def _verify_setting(self, setting: Any, found: Found) -> list[Check]:
        reading, how = self.read(setting, found), self._how(setting)
        wanted = setting.wanted(self._settings, reading.value)
        expected, holds = as_text(wanted), reading.value == wanted
        judge = partial(setting.rule.judge, expected=expected, how=how, basis="echo")
        if reading.state == "denied":
            remedy = f"Grant the caller of the runbook the right to read it: {how}."
            unknown = judge(None, observed=f"{reading.detail}: may not look", remedy=remedy)
            if setting.rule is not LIFECYCLE:
                return [unknown]
            unread = reading.detail
            return [unknown, *judge_takings(self._settings, None, how=how, unread=unread)]
        observed = f"refused: {reading.detail}" if reading.detail else as_text(reading.value)
        if reason := self._not_made.get(setting.name):
            observed += f"; {reason}"
        if not holds and self._is_lacking(setting, reading):
            return [setting.rule.unsupported(expected=expected, observed=observed, how=how)]
        lost = self._what_cannot_be_put_back(setting, reading)
        by_hand = f"Put ours beside {lost} with whatever made them." if lost else ""
        check = judge(holds, observed=observed, remedy=by_hand)
        if setting.rule is not LIFECYCLE:
            return [check]
        return [check, *judge_takings(self._settings, _rules(setting, reading), how=how)]

    def read_lifecycle(self) -> tuple[Effect, ...]:
        """Return what the present lifecycle of the bucket does to the XCom objects.

        Raises:
            ServiceError: it cannot be read.
        """
        return read_ours(self._settings, _rules(*self._read_one(LIFECYCLE)))

    def read_setting(self, rule: Rule) -> str:
        """Return the present value of a setting as a text, empty where it is not set.

        Raises:
            ServiceError: it cannot be read.
        """
        _, reading = self._read_one(rule)
        return as_text(reading.value) if reading.state == "set" and reading.value else ""

    def _read_one(self, rule: Rule) -> tuple[Any, Reading]:
        setting = next(one for one in self.table if one.rule is rule)
        found = self.find()
        if found is None:
            raise MissingError(f"there is no bucket {self._settings.bucket}")
        reading = self.read(setting, found)
        if reading.state == "denied":
            raise AccessDeniedError(f"the {setting.name} may not be read: {reading.detail}")
        if reading.state == "unsupported":
            raise ServiceError(f"the store has no {setting.name}: {reading.detail}")
        return setting, reading

    def plan_removal(self) -> list[Change]:
        """Return what deleting the bucket would do; one that holds objects stays."""
        found, name = self.find(), self._settings.bucket
        command = shell(self.removal, self._settings)
        if found is None or not found.is_complete:
            return [row(name, "bucket", ABSENT, ABSENT, command)]
        if self._cloud.holds_objects():
            note = "objects that this run did not make stay, and so does what holds them"
            return [keep(name, "bucket", "holds objects", note)]
        return [row(name, "bucket", "empty", ABSENT, command)]


def _rules(setting: Any, reading: Reading) -> Any:
    """Return the rules of a lifecycle, of whatever form the cloud has for them."""
    value = reading.value or {}
    return value.get(setting.items, []) if setting.items else value


def replaces_key(key: str) -> str:
    """Return the note where a customer's key is replaced; only a parameter can ask for that."""
    return f"encryption is set, so it replaces the customer's key {key}"


def missing_bucket(cloud: "Cloud") -> Check | None:
    """Return a failure where there is no bucket: whatever else failed then would mislead.

    Who may not look for it may still be the one who may use it.
    """
    try:
        found = cloud.bucket.find()
    except (AccessDeniedError, ConflictError):
        return None
    if found is not None and found.is_complete:
        return None
    return EXISTS.judge(
        False,
        expected=f"the bucket {cloud.settings.bucket}",
        observed="absent, so nothing was tried",
        how=cloud.bucket.requests,
        basis="echo",
        remedy=EXISTS.remedy,
        fix_in="01",
    )
