"""Account and container with their settings on Azure, row by row.

Each setting of an existing account that would change is a row: other containers live under it.
"""

from typing import TYPE_CHECKING, Any, ClassVar

from xcomkit.clouds.azure.bucket_settings import (
    FROM_THE_START,
    KIND,
    LIFECYCLE_SETTING,
    SETTINGS,
    SKU,
    AzureSetting,
    Document,
    Part,
    keep_identities,
    new_account,
    rule_name,
)
from xcomkit.clouds.azure.session import Clients, azure_errors
from xcomkit.clouds.bucket import Bucket, Found, Reading
from xcomkit.clouds.errors import find
from xcomkit.clouds.rows import ABSENT, as_text, row, shell
from xcomkit.findings.errors import AccessDeniedError, ConflictError, MissingError
from xcomkit.findings.model import Change

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud

_REQUESTS: dict[Part, str] = {
    "account": "storageAccounts get",
    "blobs": "blobServices get",
    "policy": "managementPolicies get",
}


_WHERE = "{storage_account} --resource-group {resource_group}"
_UPDATES: dict[Part, str] = {
    "account": f"az storage account update --name {_WHERE}",
    "blobs": f"az storage account blob-service-properties update --account-name {_WHERE}",
    "policy": f"az storage account management-policy create --account-name {_WHERE}"
    " --policy {rules}",
}
_CREATE_ACCOUNT = (
    f"az storage account create --name {_WHERE} --location {{region}} --sku {{sku}} --kind {{kind}}"
)
_CREATE_CONTAINER = f"az storage container-rm create --name {{bucket}} --storage-account {_WHERE}"


class AzureBucket(Bucket):
    """The container of the settings and its account."""

    table: ClassVar[tuple[AzureSetting, ...]] = SETTINGS
    requests = "storageAccounts and containers by Azure Resource Manager"
    removal = "az storage container-rm delete --name {bucket} --storage-account {storage_account}"
    _clients: Clients

    def __init__(self, cloud: "Cloud") -> None:
        super().__init__(cloud)
        self._account = (self._settings.resource_group, self._settings.storage_account)

    @property
    def _title(self) -> str:
        return f"Container {self._settings.bucket} in {self._resource}"

    @property
    def _resource(self) -> str:
        return self._settings.storage_account

    def find(self) -> Found | None:
        """Return the account with what is read of it, or ``None`` when its name is free."""
        account = self.find_account()
        if account is None:
            return None
        location = str(account.get("location", "")).lower().replace(" ", "")
        content = {"account": account, **self._read_parts()}
        return Found(location, content, is_complete=self.has_container())

    def find_account(self) -> Document | None:
        """Return the storage account, or ``None`` when its name is free.

        Raises:
            AccessDeniedError: the caller may not look.
            ConflictError: the name is taken by an account that is not in the resource group.
        """
        accounts, name = self._clients.storage.storage_accounts, self._resource
        try:
            with azure_errors(f"looking for storage account {name}"):
                return _as_dict(accounts.get_properties(*self._account))
        except MissingError as error:
            if "ResourceGroupNotFound" in str(error):
                raise
            with azure_errors(f"asking whether the name {name} is free"):
                free = accounts.check_name_availability(
                    {"name": name, "type": "Microsoft.Storage/storageAccounts"}
                )
        if not free.name_available:
            raise ConflictError(
                f"Storage account {name} belongs to somebody else, or to another resource group.",
                hint="choose another storage_account, or name its resource_group.",
            )
        return None

    def has_container(self) -> bool:
        """Tell whether the container is there."""
        containers, name = self._clients.storage.blob_containers, self._settings.bucket
        doing = f"looking for container {name}"
        return find(azure_errors, doing, lambda: containers.get(*self._account, name)) is not None

    def _read_parts(self) -> dict[Part, Document | AccessDeniedError]:
        """Return blob service and lifecycle, each as it is or why it cannot be seen."""
        storage = self._clients.storage
        calls: dict[Part, Any] = {
            "blobs": lambda: storage.blob_services.get_service_properties(*self._account),
            "policy": lambda: storage.management_policies.get(*self._account, "default"),
        }
        found: dict[Part, Document | AccessDeniedError] = {}
        for part, call in calls.items():
            try:
                model = find(azure_errors, f"reading {part} of {self._resource}", call)
                found[part] = {} if model is None else _as_dict(model)
            except AccessDeniedError as error:
                found[part] = error
        return found

    def read(self, setting: AzureSetting, found: Found) -> Reading:
        """Return a setting's present value, or why the caller does not see it."""
        part = found.content[setting.part]
        if isinstance(part, AccessDeniedError):
            return Reading(setting.new, "denied", str(part))
        return Reading(setting.read(part))

    def _how(self, setting: AzureSetting) -> str:
        return _REQUESTS[setting.part]

    def _plan_creation(self, found: Found | None) -> list[Change]:
        region, bucket = f"in {self._settings.region}", self._settings.bucket
        create = shell(_CREATE_ACCOUNT, self._settings, sku=SKU, kind=KIND)
        flags = " ".join(s.flags(s.wanted(self._settings, None)) for s in FROM_THE_START)
        account = row(self._resource, "account", region if found else ABSENT, region,
                      f"{create} {flags}")  # fmt: skip
        before = "present" if found is not None and found.is_complete else ABSENT
        create = shell(_CREATE_CONTAINER, self._settings)
        return [account, row(bucket, "bucket", before, "present", create)]

    def _command(self, setting: AzureSetting, wanted: Any) -> str:
        command = shell(_UPDATES[setting.part], self._settings, rules=as_text({"rules": wanted}))
        return f"{command} {setting.flags(wanted)}".rstrip()

    def _create(self, change: Change) -> None:
        storage = self._clients.storage
        with azure_errors(f"creating {change.resource}"):
            if change.setting == "account":
                body = new_account(self._settings)
                storage.storage_accounts.begin_create(*self._account, body).result(120)
            else:
                closed = {"properties": {"publicAccess": "None"}}
                storage.blob_containers.create(*self._account, self._settings.bucket, closed)

    def _put(self, setting: AzureSetting) -> None:
        storage = self._clients.storage
        with azure_errors(f"changing {setting.name} of {self._resource}"):
            if setting.part == "account":
                present = _as_dict(storage.storage_accounts.get_properties(*self._account))
            else:
                part = self._read_parts()[setting.part]
                if isinstance(part, AccessDeniedError):
                    raise part
                present = part
            body = setting.body(setting.wanted(self._settings, setting.read(present)))
            if setting.part == "account":
                storage.storage_accounts.update(*self._account, keep_identities(body, present))
            elif setting.part == "blobs":
                kept = present.get("properties", {})  # this call replaces what it does not name
                body = {"properties": {**kept, **body["properties"]}}
                storage.blob_services.set_service_properties(*self._account, body)
            else:
                storage.management_policies.create_or_update(*self._account, "default", body)

    def delete(self) -> None:
        """Delete the container, and our lifecycle rule with it; the account stays."""
        storage = self._clients.storage
        held = self._read_parts()["policy"]
        rules = [] if isinstance(held, AccessDeniedError) else LIFECYCLE_SETTING.read(held)
        others = [rule for rule in rules if rule.get("name") != rule_name(self._settings)]
        with azure_errors("deleting the container"):
            storage.blob_containers.delete(*self._account, self._settings.bucket)
        with azure_errors("removing the lifecycle rule"):
            if others != rules and others:
                body = LIFECYCLE_SETTING.body(others)
                storage.management_policies.create_or_update(*self._account, "default", body)
            elif others != rules:
                storage.management_policies.delete(*self._account, "default")


def _as_dict(model: Any) -> Document:
    """Return a model as the JSON of Azure Resource Manager."""
    found: Document = model.as_dict()
    return found
