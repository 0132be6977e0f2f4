"""The bucket and its settings: read, planned, applied and read again, one row per setting.

Created with all its settings in one request, so it is never open and meets organization policies;
a bucket that is there is patched and read back, setting by setting.
"""

import json
import re
import shlex
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from xcomkit.clouds.gcp.bucket_settings import (
    MANAGED,
    SETTINGS,
    BucketSetting,
)
from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.lifecycle import judge_sooner
from xcomkit.clouds.rules import EXISTS, REGION
from xcomkit.findings.errors import AccessDeniedError, ConflictError, MissingError, SettingsError
from xcomkit.findings.errors import XcomkitError as AnyError
from xcomkit.findings.model import Change, Check, Plan, Rule
from xcomkit.settings.settings import Settings

if TYPE_CHECKING:
    from google.cloud.storage import Bucket as Handle

_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_FOREIGN = "belongs to another project"


class Bucket:
    """The bucket of the settings, as the caller's client sees it."""

    def __init__(self, settings: Settings, *, clients: Clients) -> None:
        for name, value in settings.tags.items():
            if not (_LABEL.fullmatch(name) and _LABEL.fullmatch(value) and name[:1].isalpha()):
                raise SettingsError(
                    f"tags: {name}={value} is refused: labels are lower case letters, digits,"
                    " _ and -, up to 63, beginning with a letter.",
                    hint="correct tags.",
                )
        self._settings = settings
        self._clients = clients
        self._url = f"gs://{settings.bucket}"

    def find(self) -> "Handle | None":
        """Return the bucket with its properties, or ``None`` when there is none.

        Raises:
            AccessDeniedError: it is somebody else's, or the caller may not look.
            ConflictError: it can be seen and is another project's.
        """
        handle = self._clients.bucket
        try:
            with gcp_errors(f"looking for bucket {self._settings.bucket}"):
                handle.reload(**patience())
        except MissingError:
            return None
        except AccessDeniedError as error:
            raise AccessDeniedError(
                f"Bucket {self._settings.bucket} is not to be seen (403): it {_FOREIGN}, or"
                " storage.buckets.get is missing.",
                hint="choose another bucket name, or ask for storage.buckets.get on this one.",
            ) from error
        with gcp_errors(f"listing the buckets of {self._settings.project}"):
            own = self._clients.storage.list_buckets(
                prefix=self._settings.bucket, project=self._settings.project, **patience()
            )
            names = [bucket.name for bucket in own]
        if self._settings.bucket not in names:
            raise ConflictError(
                f"Bucket {self._settings.bucket} {_FOREIGN} than {self._settings.project}.",
                hint="choose another bucket name, or set project to the bucket's; service_account"
                " takes the e-mail of an account of another project.",
            )
        return handle

    def plan(self) -> Plan:
        """Return the rows of the bucket and its settings, before and after."""
        title = f"Bucket {self._settings.bucket}"
        try:
            handle = self.find()
        except (AccessDeniedError, ConflictError) as error:
            row = self._row("bucket", "unknown", "unknown")
            return Plan(title, (Change(**row, action="keep", note=str(error)),))
        wanted = self._settings.region
        if handle is not None and (location := str(handle.location).lower()) != wanted:
            note = f"it is in {location}, not in {wanted}: so it is not touched"
            row = self._row("bucket", location, location)
            return Plan(title, (Change(**row, action="keep", note=note),))
        create = ["gcloud", "storage", "buckets", "create", self._url,
                  f"--project={self._settings.project}", f"--location={wanted}",
                  "--uniform-bucket-level-access", "--public-access-prevention"]  # fmt: skip
        create += [f"--default-encryption-key={key}"] if (key := self._settings.kms_key) else []
        first = Change(
            **self._row("bucket", f"in {wanted}" if handle else "absent", f"in {wanted}"),
            action="unchanged" if handle else "create",
            command=shlex.join(create),
        )
        rows = [self._plan_row(setting, handle) for setting in SETTINGS if self._is_wanted(setting)]
        return Plan(title, (first, *rows))

    def _row(self, setting: str, before: str, after: str) -> dict[str, str]:
        return {
            "resource": self._settings.bucket, "setting": setting, "before": before, "after": after,
        }  # fmt: skip

    def _is_wanted(self, setting: BucketSetting) -> bool:
        """Tell whether a setting concerns this run: no tags asked for, no row about labels."""
        return setting.name != "labels" or bool(self._settings.tags)

    def _plan_row(self, setting: BucketSetting, handle: "Handle | None") -> Change:
        present = setting.read(handle) if handle else _NEW.get(setting.name)
        wanted = setting.wanted(self._settings, present)
        command = f"gcloud storage buckets update {self._url} {setting.flag(wanted)}"
        is_same = present == wanted
        return Change(
            **self._row(setting.name, _json(present) if handle else "absent", _json(wanted)),
            action="unchanged" if is_same else "update" if handle else "create",
            command=command,
            note=setting.note(self._settings, present, wanted) if handle and not is_same else "",
        )

    def apply(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes; lifecycle and labels are merged once more just before.

        Raises:
            ConflictError: the name is taken by another project.
            ServiceError: Cloud Storage refused a change; rows after it were not tried.
        """
        by_name = {setting.name: setting for setting in SETTINGS}
        for change in plan.pending:
            if change.setting == "bucket":
                self._create()
                continue
            setting, handle = by_name[change.setting], self._clients.bucket
            with gcp_errors(f"setting {setting.name}"):
                handle.reload(**patience())
                present = setting.read(handle)
                if (wanted := setting.wanted(self._settings, present)) != present:
                    setting.write(handle, wanted)
                    handle.patch(if_metageneration_match=handle.metageneration, **patience())
        return ()

    def _create(self) -> None:
        handle = self._clients.bucket
        for setting in filter(self._is_wanted, SETTINGS):
            new = _NEW.get(setting.name)
            if (wanted := setting.wanted(self._settings, new)) != new:
                setting.write(handle, wanted)
        try:
            with gcp_errors(f"creating bucket {self._settings.bucket}"):
                self._clients.storage.create_bucket(
                    handle,
                    project=self._settings.project,
                    location=self._settings.region,
                    **patience(),
                )
        except ConflictError as error:
            with suppress(AccessDeniedError, ConflictError):
                if self.find() is not None:
                    return  # ours: an answer was lost on the way, or somebody was faster
            raise ConflictError(
                f"The bucket name {self._settings.bucket} is taken by another project.",
                hint="bucket names are shared by all projects: choose another one.",
            ) from error

    def verify(self) -> tuple[Check, ...]:
        """Return every bucket check, read back from Cloud Storage."""
        expected = f"bucket {self._settings.bucket} of project {self._settings.project}"
        how = "storage buckets.get and buckets.list"
        exists = partial(EXISTS.judge, expected=expected, how=how, basis="echo")
        try:
            handle = self.find()
        except ConflictError as error:
            return (exists(False, observed=str(error)),)
        except AnyError as error:
            return (exists(None, observed=str(error)),)
        if handle is None:
            return (exists(False, observed="absent"),)
        location, region = str(handle.location).lower(), self._settings.region
        checks = [
            exists(True, observed="found"),
            _echo(REGION, location == region, expected=region, observed=location),
        ]
        for setting in filter(self._is_wanted, SETTINGS):
            present = setting.read(handle)
            wanted = setting.wanted(self._settings, present)
            same, texts = present == wanted, (_json(wanted), _json(present))
            checks.append(_echo(setting.rule, same, expected=texts[0], observed=texts[1]))
        rules = handle.lifecycle_rules
        return (*checks, judge_sooner(self._settings, rules, how="storage buckets.get"))


def _echo(rule: Rule, holds: bool, *, expected: str, observed: str) -> Check:  # noqa: FBT001
    how = "storage buckets.get"
    return rule.judge(holds, expected=expected, observed=observed, how=how, basis="echo")


_NEW: dict[str, Any] = {"soft delete": 0, "encryption": MANAGED, "lifecycle": [], "labels": {}}
"""What a new bucket has before it is patched, where a setting's ``wanted`` builds on it."""


def _json(value: Any) -> str:
    """Return a value in one line, in a fixed order."""
    return value if isinstance(value, str) and value else json.dumps(value, sort_keys=True)
