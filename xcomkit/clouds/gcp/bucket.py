"""The bucket and its settings on Cloud Storage.

Created with all its settings in one request, so it is never open and meets organization policies;
a bucket that is there is patched and read back, setting by setting.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

from xcomkit.clouds.bucket import Bucket, Found, Reading
from xcomkit.clouds.errors import find
from xcomkit.clouds.gcp.bucket_settings import SETTINGS, GcpSetting
from xcomkit.clouds.gcp.session import Clients, gcp_errors, patience
from xcomkit.clouds.rows import ABSENT, row, shell
from xcomkit.findings.errors import AccessDeniedError, ConflictError, SettingsError
from xcomkit.findings.model import Change, Plan

if TYPE_CHECKING:
    from google.cloud.storage import Bucket as Handle

_CREATE = (
    "gcloud storage buckets create gs://{bucket} --project={project} --location={region}"
    " --uniform-bucket-level-access --public-access-prevention"
)
_LABEL = re.compile(r"[a-z0-9_-]{0,63}")
_FOREIGN = "belongs to another project"


def check_labels(tags: Mapping[str, str]) -> None:
    """Do nothing for tags that may be labels of a bucket.

    Raises:
        SettingsError: one of them is none.
    """
    for name, value in tags.items():
        if not (_LABEL.fullmatch(name) and _LABEL.fullmatch(value) and name[:1].isalpha()):
            raise SettingsError(
                f"tags: {name}={value} is invalid: labels are lower case letters, digits,"
                " _ and -, up to 63, beginning with a letter.",
                hint="correct tags.",
            )


class GcpBucket(Bucket):
    """The bucket of the settings."""

    table: ClassVar[tuple[GcpSetting, ...]] = SETTINGS
    requests = "storage buckets.get and buckets.list"
    removal = "gcloud storage buckets delete gs://{bucket}"
    _clients: Clients

    def plan(self) -> Plan:
        """Return the rows of the bucket and its settings, before and after."""
        check_labels(self._settings.tags)
        return super().plan()

    @property
    def _title(self) -> str:
        return f"Bucket {self._settings.bucket} of project {self._settings.project}"

    def find(self) -> Found | None:
        """Return the bucket with its properties, or ``None`` when there is none."""
        handle, name = self._clients.bucket, self._settings.bucket
        try:
            there = find(gcp_errors, f"looking for bucket {name}", lambda: self._load(handle))
        except AccessDeniedError as error:
            raise AccessDeniedError(
                f"Bucket {name} is not to be seen (403): it {_FOREIGN}, or"
                " storage.buckets.get is missing.",
                hint="choose another bucket name, or ask for storage.buckets.get on this one.",
            ) from error
        if there is None:
            return None
        project = self._settings.project
        with gcp_errors(f"listing the buckets of {project}"):
            own = self._clients.storage.list_buckets(prefix=name, project=project, **patience())
            names = [bucket.name for bucket in own]
        if name not in names:
            raise ConflictError(
                f"Bucket {name} {_FOREIGN} than {project}.",
                hint="choose another bucket name, or set project to the bucket's; service_account"
                " takes the e-mail of an account of another project.",
            )
        return Found(str(handle.location).lower(), handle)

    def _load(self, handle: "Handle") -> "Handle":
        handle.reload(**patience())
        return handle

    def read(self, setting: GcpSetting, found: Found) -> Reading:
        """Return a setting's present value."""
        return Reading(setting.read(found.content))

    def _how(self, _setting: GcpSetting) -> str:
        return "storage buckets.get"

    def _plan_creation(self, found: Found | None) -> list[Change]:
        region, key = f"in {self._settings.region}", self._settings.kms_key
        command = shell(_CREATE + (" --default-encryption-key={kms_key}" if key else ""),
                        self._settings)  # fmt: skip
        name, before = self._settings.bucket, region if found else ABSENT
        return [row(name, "bucket", before, region, command)]

    def _command(self, setting: GcpSetting, wanted: Any) -> str:
        update = shell("gcloud storage buckets update gs://{bucket}", self._settings)
        return f"{update} {setting.flag(wanted)}"

    def _put(self, setting: GcpSetting) -> None:
        handle = self._clients.bucket
        with gcp_errors(f"setting {setting.name}"):
            present = setting.read(self._load(handle))
            if (wanted := setting.wanted(self._settings, present)) != present:
                setting.write(handle, wanted)
                handle.patch(if_metageneration_match=handle.metageneration, **patience())

    def _create(self, _change: Change) -> None:
        handle, name = self._clients.bucket, self._settings.bucket
        for setting in self._settings_of_run():
            if (wanted := setting.wanted(self._settings, setting.new)) != setting.new:
                setting.write(handle, wanted)
        where = {"project": self._settings.project, "location": self._settings.region}
        try:
            with gcp_errors(f"creating bucket {name}"):
                self._clients.storage.create_bucket(handle, **where, **patience())
        except ConflictError as error:
            with suppress(AccessDeniedError, ConflictError):
                if self.find() is not None:
                    return  # ours: an answer was lost on the way, or somebody was faster
            raise ConflictError(
                f"The bucket name {name} is taken by another project.",
                hint="bucket names are shared by all projects: choose another one.",
            ) from error

    def delete(self) -> None:
        """Delete the bucket; Cloud Storage refuses one in use."""
        with gcp_errors("deleting the bucket"):
            self._clients.bucket.delete(**patience())
