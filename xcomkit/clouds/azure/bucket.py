"""Account, container and their settings: read, planned, applied and read again, row by row.

Each setting of an existing account that would change is a row: other containers live under it.
"""

import json
import shlex
from functools import partial
from typing import Any

from xcomkit.clouds.azure.bucket_settings import (
    FROM_THE_START,
    KIND,
    SETTINGS,
    SKU,
    BucketSetting,
    Document,
    Kind,
    keep_identities,
    new_account,
    rule_name,
)
from xcomkit.clouds.azure.session import Clients, azure_errors
from xcomkit.clouds.lifecycle import judge_sooner
from xcomkit.clouds.rules import EXISTS, REGION
from xcomkit.findings.errors import AccessDeniedError, ConflictError, MissingError, XcomkitError
from xcomkit.findings.model import Change, Check, Plan
from xcomkit.settings.settings import Settings

_LIFECYCLE = next(setting for setting in SETTINGS if setting.kind == "policy")


class Bucket:
    """The container of the settings and its account, as the caller's clients see them."""

    def __init__(self, settings: Settings, *, clients: Clients) -> None:
        self._settings = settings
        self._clients = clients
        self._account = (settings.resource_group, settings.storage_account)

    def find_account(self) -> Document | None:
        """Return the storage account, or ``None`` when its name is free.

        Raises:
            AccessDeniedError: the caller may not look.
            ConflictError: the name is taken by an account that is not in the resource group.
        """
        accounts, name = self._clients.storage.storage_accounts, self._settings.storage_account
        try:
            with azure_errors(f"looking for storage account {name}"):
                return _plain(accounts.get_properties(*self._account))
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
        try:
            with azure_errors(f"looking for container {self._settings.bucket}"):
                self._clients.storage.blob_containers.get(*self._account, self._settings.bucket)
        except MissingError:
            return False
        return True

    def _read(self) -> dict[Kind, Document | AccessDeniedError]:
        """Return blob service and lifecycle, each as it is or why it cannot be seen."""
        storage = self._clients.storage
        calls: dict[Kind, Any] = {
            "blobs": lambda: storage.blob_services.get_service_properties(*self._account),
            "policy": lambda: storage.management_policies.get(*self._account, "default"),
        }
        found: dict[Kind, Document | AccessDeniedError] = {}
        for kind, call in calls.items():
            try:
                with azure_errors(f"reading {kind} of {self._settings.storage_account}"):
                    found[kind] = _plain(call())
            except MissingError:
                found[kind] = {}
            except AccessDeniedError as error:
                found[kind] = error
        return found

    def plan(self) -> Plan:
        """Return the rows of account, container and settings, before and after."""
        title = f"Container {self._settings.bucket} in {self._settings.storage_account}"
        try:
            account = self.find_account()
            there = account is not None and self.has_container()
        except (AccessDeniedError, ConflictError) as error:
            note = str(error)
            row = Change(
                self._settings.storage_account, "account", "unknown", "unknown", "keep", note=note
            )
            return Plan(title, (row,))
        region = self._settings.region
        if account is not None and (location := _location(account)) != region:
            note = f"it is in {location}, not in {region}: so it is not touched"
            row = Change(
                self._settings.storage_account, "account", location, location, "keep", note=note
            )
            return Plan(title, (row,))
        names = f"--name {self._account[1]} --resource-group {self._account[0]}"
        create = f"az storage account create {names} --location {region} --sku {SKU}"
        flags = " ".join(s.flags(s.wanted(self._settings, None)) for s in FROM_THE_START)
        rows = [
            Change(
                resource=self._settings.storage_account,
                setting="account",
                before=f"in {region}" if account else "absent",
                after=f"in {region}",
                action="unchanged" if account else "create",
                command=f"{create} --kind {KIND} {flags}",
            )
        ]
        held: dict[Kind, Document | AccessDeniedError] = {"account": account or {}}
        held |= self._read() if account else {"blobs": {}, "policy": {}}
        rows += [
            self._plan_row(setting, held[setting.kind], is_new=account is None)
            for setting in SETTINGS
            if self._is_wanted(setting)
        ]
        words = ["az", "storage", "container-rm", "create", "--name", self._settings.bucket]
        words += ["--storage-account", self._account[1], "--resource-group", self._account[0]]
        rows.append(
            Change(
                resource=self._settings.bucket,
                setting="bucket",
                before="present" if there else "absent",
                after="present",
                action="unchanged" if there else "create",
                command=shlex.join(words),
            )
        )
        return Plan(title, tuple(rows))

    def _is_wanted(self, setting: BucketSetting) -> bool:
        """Tell whether a setting concerns this run: no tags asked for, no row about tags."""
        return setting.name != "tags" or bool(self._settings.tags)

    def _plan_row(
        self, setting: BucketSetting, held: Document | AccessDeniedError, *, is_new: bool
    ) -> Change:
        row = {"resource": self._settings.storage_account, "setting": setting.name}
        if isinstance(held, AccessDeniedError):
            note = f"{held}: cannot be seen, so it is not touched"
            return Change(**row, before="unknown", after="unknown", action="keep", note=note)
        present = setting.read(held)
        wanted = setting.wanted(self._settings, present)
        if present == wanted:
            return Change(
                **row, before=_json(present), after=_json(wanted), action="unchanged",
                command=self._command(setting, wanted),
            )  # fmt: skip
        return Change(
            **row,
            before="absent" if is_new else _json(present),
            after=_json(wanted),
            action="create" if is_new else "update",
            command=self._command(setting, wanted),
            note=setting.note(self._settings, present, wanted),
        )

    def _command(self, setting: BucketSetting, wanted: Any) -> str:
        group, account = self._account
        if setting.kind == "policy":
            policy = json.dumps({"rules": wanted}, sort_keys=True)
            words = ["az", "storage", "account", "management-policy", "create", "--account-name",
                     account, "--resource-group", group, "--policy", policy]  # fmt: skip
            return shlex.join(words)
        if setting.kind == "blobs":
            verb, name = "blob-service-properties update", "--account-name"
        else:
            verb, name = "update", "--name"
        where = f"{name} {account} --resource-group {group}"
        return f"az storage account {verb} {where} {setting.flags(wanted)}"

    def apply(self, plan: Plan) -> tuple[str, ...]:
        """Make the pending changes; lifecycle and tags are merged once more just before.

        Raises:
            ServiceError: Azure refused a change; rows after it were not tried.
        """
        by_name = {setting.name: setting for setting in SETTINGS}
        storage = self._clients.storage
        for change in plan.pending:
            with azure_errors(f"changing {change.setting} of {change.resource}"):
                match change.setting:
                    case "account":
                        storage.storage_accounts.begin_create(
                            *self._account, new_account(self._settings)
                        ).result(120)
                    case "bucket":
                        storage.blob_containers.create(
                            *self._account,
                            self._settings.bucket,
                            {"properties": {"publicAccess": "None"}},
                        )
                    case name:
                        self._put(by_name[name])
        return ()

    def _put(self, setting: BucketSetting) -> None:
        storage, held = self._clients.storage, self._read()
        match setting.kind:
            case "account":
                account = _plain(storage.storage_accounts.get_properties(*self._account))
                wanted = setting.wanted(self._settings, setting.read(account))
                body = keep_identities(setting.body(wanted), account)
                storage.storage_accounts.update(*self._account, body)
            case "blobs":
                present = held["blobs"]
                if isinstance(present, AccessDeniedError):
                    raise present
                wanted = setting.wanted(self._settings, setting.read(present))
                kept = present.get("properties", {})  # this call replaces what it does not name
                body = {"properties": {**kept, **setting.body(wanted)["properties"]}}
                storage.blob_services.set_service_properties(*self._account, body)
            case "policy":
                present = held["policy"]
                if isinstance(present, AccessDeniedError):
                    raise present
                wanted = setting.wanted(self._settings, setting.read(present))
                storage.management_policies.create_or_update(
                    *self._account, "default", setting.body(wanted)
                )

    def delete(self) -> None:
        """Delete the container, and our lifecycle rule with it; the account stays."""
        storage = self._clients.storage
        held = self._read()["policy"]
        rules = [] if isinstance(held, AccessDeniedError) else _LIFECYCLE.read(held)
        others = [rule for rule in rules if rule.get("name") != rule_name(self._settings)]
        with azure_errors("deleting the container"):
            storage.blob_containers.delete(*self._account, self._settings.bucket)
        with azure_errors("removing the lifecycle rule"):
            if others != rules and others:
                body = _LIFECYCLE.body(others)
                storage.management_policies.create_or_update(*self._account, "default", body)
            elif others != rules:
                storage.management_policies.delete(*self._account, "default")

    def verify(self) -> tuple[Check, ...]:
        """Return every check of account and container, read back from Azure."""
        how = "storageAccounts and containers by Azure Resource Manager"
        expected = f"container {self._settings.bucket} in account {self._settings.storage_account}"
        exists = partial(EXISTS.judge, expected=expected, how=how, basis="echo")
        try:
            account = self.find_account()
            there = account is not None and self.has_container()
        except ConflictError as error:
            return (exists(False, observed=str(error)),)
        except XcomkitError as error:
            return (exists(None, observed=str(error)),)
        if account is None or not there:
            return (exists(False, observed=f"no such {'container' if account else 'account'}"),)
        location, region = _location(account), self._settings.region
        same = location == region
        checks = [
            exists(True, observed="found"),
            REGION.judge(same, expected=region, observed=location, how=how, basis="echo"),
        ]
        held: dict[Kind, Document | AccessDeniedError] = {"account": account, **self._read()}
        checks += [
            self._verify_setting(setting, held[setting.kind])
            for setting in filter(self._is_wanted, SETTINGS)
        ]
        return (*checks, self._verify_sooner(held["policy"]))

    def _verify_setting(self, setting: BucketSetting, held: Document | AccessDeniedError) -> Check:
        how = {"account": "storageAccounts get", "blobs": "blobServices get",
               "policy": "managementPolicies get"}[setting.kind]  # fmt: skip
        judge = partial(setting.rule.judge, how=how, basis="echo")
        if isinstance(held, AccessDeniedError):
            expected = _json(setting.wanted(self._settings, None))
            return judge(None, expected=expected, observed=str(held))
        present = setting.read(held)
        wanted = setting.wanted(self._settings, present)
        return judge(present == wanted, expected=_json(wanted), observed=_json(present))

    def _verify_sooner(self, policy: Document | AccessDeniedError) -> Check:
        how = "managementPolicies get"
        if isinstance(policy, AccessDeniedError):
            return judge_sooner(self._settings, None, how=how, unread=str(policy))
        rules = policy.get("properties", {}).get("policy", {}).get("rules", [])
        return judge_sooner(self._settings, rules, how=how)


def _plain(model: Any) -> Document:
    """Return a model as the JSON of the wire."""
    found: Document = model.as_dict()
    return found


def _location(account: Document) -> str:
    return str(account.get("location", "")).lower().replace(" ", "")


def _json(value: Any) -> str:
    """Return a value in one line, in a fixed order."""
    return json.dumps(value, sort_keys=True)
