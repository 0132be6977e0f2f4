"""The contract's target on Azure, and a hand in the subscription behind it, over plain REST."""

import json
import os
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, ClassVar
from urllib.parse import quote

import requests
from azure.identity import DefaultAzureCredential
from rig import Rig

from xcomkit.cloud_documents.access.azure import AUDIENCE
from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.azure import FOREIGN_ACCOUNT, AzureStandIn
from xcomkit.stand_ins.azure.state import READER

ARM = "https://management.azure.com"
STORAGE_API, MSI_API, ROLE_API = "2024-01-01", "2023-01-31", "2022-04-01"


VAULT = {"keyvaulturi": "https://their-vault.vault.azure.net", "keyname": "k", "keyversion": ""}
KEY = {"encryption": {"keySource": "Microsoft.Keyvault", "keyvaultproperties": VAULT}}
CLOSED = {
    "networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "203.0.113.7"}]},
    "publicNetworkAccess": "Disabled",
    "accessTier": "Cool",
}
FEATURES = {
    "changeFeed": {"enabled": True, "retentionInDays": 400},
    "cors": {"corsRules": [{"allowedOrigins": ["https://a.example.com"], "maxAgeInSeconds": 5}]},
    "lastAccessTimeTrackingPolicy": {"enable": True, "name": "AccessTimeTracking"},
    "restorePolicy": {"enabled": True, "days": 5},
    "automaticSnapshotPolicyEnabled": False,
}


def soft_delete(days: int, **more: Any) -> dict[str, Any]:
    one = {"enabled": bool(days), **({"days": days} if days else {}), **more}
    return {"deleteRetentionPolicy": one, "containerDeleteRetentionPolicy": {**one}}


class AzureRig(Rig):
    cloud_name: ClassVar[CloudName] = "azure"
    cli: ClassVar[tuple[str, ...]] = ("az ",)
    has_versions: ClassVar[bool] = False  # Azurite keeps none
    drifts: ClassVar[tuple[str, ...]] = (
        "XC203", "XC205", "XC207", "XC209", "XC211", "XC212", "XC213",
    )  # fmt: skip
    weakenings: ClassVar[Mapping[str, frozenset[str]]] = {
        "reader": frozenset({"XC303", "XC306", "XC308"}),
        "nothing": frozenset({"XC303", "XC305", "XC306", "XC307", "XC308"}),
    }
    foreign: ClassVar[Mapping[str, Any]] = {"account": {**CLOSED, **KEY}, "blobs": FEATURES}
    foreign_rules: ClassVar[list[dict[str, Any]]] = [
        {"enabled": False, "name": "theirs-1", "type": "Lifecycle",
         "definition": {"actions": {"baseBlob": {"tierToCool": {
             "daysAfterLastAccessTimeGreaterThan": 9.0}, "enableAutoTierToHotFromCool": True},
             "snapshot": {"delete": {"daysAfterCreationGreaterThan": 3}}},
             "filters": {"blobTypes": ["blockBlob", "appendBlob"], "prefixMatch": ["logs/"],
                         "blobIndexMatch": [{"name": "a", "op": "==", "value": "b"}]}}},
        {"enabled": True, "name": "theirs-2", "type": "Lifecycle", "newer": {"than": "the library"},
         "definition": {"actions": {"baseBlob": {"tierToCold": {
             "daysAfterModificationGreaterThan": 40}}}, "filters": {"blobTypes": ["blockBlob"]}}},
    ]  # fmt: skip
    stronger: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "tags of others": ("tags", {"team": "data", "owner": "somebody"}),
        "newer TLS": ("account", {"minimumTlsVersion": "TLS1_3"}),
        "customer's key": ("account", KEY),
        "closed network": ("account", CLOSED),
        "other features": ("blobs", FEATURES),
        "longer soft delete": ("blobs", soft_delete(365)),
        "soft delete with more in it": ("blobs", soft_delete(30, allowPermanentDelete=True)),
    }
    weaker: ClassVar[tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...]] = (
        ("public access", "account", {"allowBlobPublicAccess": True},
         {"allowBlobPublicAccess": False}),
        ("shared key access", "account", {"allowSharedKeyAccess": True},
         {"allowSharedKeyAccess": False}),
        ("TLS", "account", {"minimumTlsVersion": "TLS1_0"}, {"minimumTlsVersion": "TLS1_2"}),
        ("TLS", "account", {"minimumTlsVersion": "TLS1_3", "supportsHttpsTrafficOnly": False},
         {"minimumTlsVersion": "TLS1_3", "supportsHttpsTrafficOnly": True}),
        ("versioning", "blobs", {"isVersioningEnabled": False}, {"isVersioningEnabled": True}),
        ("soft delete", "blobs", soft_delete(0), soft_delete(7)),
        ("soft delete", "blobs", soft_delete(2, allowPermanentDelete=True),
         soft_delete(7, allowPermanentDelete=True)),
        ("tags", "tags", {"team": "other", "owner": "somebody"}, {"team": "data"}),
    )  # fmt: skip
    customers_key: ClassVar[tuple[str, Any, str]] = (
        "account", KEY, "https://their-vault.vault.azure.net/keys/k",
    )  # fmt: skip
    other_encryptions: ClassVar[tuple[dict[str, object], ...]] = (
        {"encryption": "microsoft-managed"},
        {"encryption": "key-vault", "kms_key": "https://other-vault.vault.azure.net/keys/xcom"},
    )
    bad_names: ClassVar[tuple[str, ...]] = (*Rig.bad_names, "two--dashes", "under_score", "a.b.c")
    stand_in: AzureStandIn | None

    def practice_names(self, unique: str) -> dict[str, object]:
        return {
            "subscription_id": "00000000-0000-4000-8000-000000000001",
            "resource_group": "xcom-tests",
            "storage_account": unique.replace("-", "")[:24],
            "region": "westeurope",
        }

    def unique_names(self, unique: str) -> dict[str, object]:
        return {"managed_identity": unique}

    @cached_property
    def tokens(self) -> dict[str, str]:
        credential = DefaultAzureCredential()
        scopes = ("https://management.azure.com/.default", "https://storage.azure.com/.default")
        return {scope: credential.get_token(scope).token for scope in scopes}

    @property
    def group(self) -> str:
        settings = self.settings
        return f"/subscriptions/{settings.subscription_id}/resourceGroups/{settings.resource_group}"

    @property
    def account(self) -> str:
        name = self.settings.storage_account
        return f"{self.group}/providers/Microsoft.Storage/storageAccounts/{name}"

    @property
    def identity(self) -> str:
        name = self.settings.managed_identity
        return f"{self.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"

    @property
    def scope(self) -> str:
        return f"{self.account}/blobServices/default/containers/{self.settings.bucket}"

    def arm(self, method: str, path: str, *, version: str, **arguments: Any) -> Any:
        token = self.tokens["https://management.azure.com/.default"]
        mark = "&" if "?" in path else "?"
        answer = requests.request(
            method, f"{ARM}{path}{mark}api-version={version}", timeout=60,
            headers={"Authorization": f"Bearer {token}"}, **arguments,
        )  # fmt: skip
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    @cached_property
    def session(self) -> requests.Session:
        return requests.Session()

    def put_object(self, key: str, body: bytes) -> None:
        host = f"https://{self.settings.storage_account}.blob.core.windows.net"
        token = self.tokens["https://storage.azure.com/.default"]
        headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2024-11-04",
                   "x-ms-blob-type": "BlockBlob"}  # fmt: skip
        url = f"{host}/{self.settings.bucket}/{quote(key)}"
        self.session.put(url, data=body, headers=headers, timeout=60).raise_for_status()

    def list_two_at_a_time(self) -> None:
        clients = self.cloud.clients
        container = clients.container
        container.list_blobs = partial(container.list_blobs, results_per_page=2)
        clients.blobs.get_container_client = lambda _: container  # asked anew for every listing

    def drift(self, rule_id: str) -> None:
        off: dict[str, tuple[str, Any]] = {
            "XC203": ("account", {"allowBlobPublicAccess": True}),
            "XC205": ("blobs", {"isVersioningEnabled": False}),
            "XC209": ("account", {"minimumTlsVersion": "TLS1_0"}),
            "XC211": ("tags", {"team": "other"}),
            "XC212": ("blobs", {"deleteRetentionPolicy": {"enabled": False}}),
            "XC213": ("account", {"allowSharedKeyAccess": True}),
        }
        if rule_id in off:
            self.set(*off[rule_id])
        else:
            self.arm("DELETE", f"{self.account}/managementPolicies/default", version=STORAGE_API)

    def set(self, part: str, value: dict[str, Any]) -> None:
        blobs = f"{self.account}/blobServices/default"
        if part == "blobs":
            value = {**self.arm("GET", blobs, version=STORAGE_API)["properties"], **value}
            self.arm("PUT", blobs, version=STORAGE_API, json={"properties": value})
        else:
            body = {"properties" if part == "account" else part: value}
            self.arm("PATCH", self.account, version=STORAGE_API, json=body)

    def state(self) -> dict[str, Any]:
        account = self.arm("GET", self.account, version=STORAGE_API)
        blobs = self.arm("GET", f"{self.account}/blobServices/default", version=STORAGE_API)
        container = self.arm("GET", self.scope, version=STORAGE_API)
        return {
            "account": account["properties"],
            "tags": account.get("tags", {}),
            "blobs": blobs["properties"],
            "container": container["properties"],
            "rules": self.lifecycle(),
        }

    def weaken(self, name: str) -> None:
        where = f"{self.scope}/providers/Microsoft.Authorization/roleAssignments"
        principal = self.arm("GET", self.identity, version=MSI_API)["properties"]["principalId"]
        held = self.arm("GET", f"{where}?$filter=principalId eq '{principal}'", version=ROLE_API)
        for one in held["value"]:
            self.arm("DELETE", f"{where}/{one['name']}", version=ROLE_API)
        if name == "reader":
            subscription = self.group.partition("/resourceGroups")[0]
            role = f"{subscription}/providers/Microsoft.Authorization/roleDefinitions/{READER}"
            body = {"properties": {"principalId": principal, "roleDefinitionId": role}}
            new = "11111111-2222-4333-8444-555555555555"
            self.arm("PUT", f"{where}/{new}", version=ROLE_API, json=body)

    def trust_another(self, subject: str) -> None:
        issuer = self.settings.oidc_issuer or (self.stand_in.issuer if self.stand_in else "")
        body = {"properties": {"issuer": issuer, "subject": subject, "audiences": [AUDIENCE]}}
        where = f"{self.identity}/federatedIdentityCredentials/theirs"
        self.arm("PUT", where, version=MSI_API, json=body)

    def lifecycle(self) -> list[dict[str, Any]]:
        where = f"{self.account}/managementPolicies/default"
        try:
            found = self.arm("GET", where, version=STORAGE_API)
        except requests.HTTPError:
            return []
        rules: list[dict[str, Any]] = found["properties"]["policy"]["rules"]
        return rules

    def lifecycle_rule(self, *, days: int, prefix: str) -> dict[str, Any]:
        filters = {"blobTypes": ["blockBlob"], "prefixMatch": [f"{self.settings.bucket}/{prefix}"]}
        actions = {"baseBlob": {"delete": {"daysAfterModificationGreaterThan": days}}}
        return {"enabled": True, "name": f"theirs-{days}", "type": "Lifecycle",
                "definition": {"filters": filters, "actions": actions}}  # fmt: skip

    def put_lifecycle(self, rules: list[dict[str, Any]]) -> None:
        body = {"properties": {"policy": {"rules": rules}}}
        where = f"{self.account}/managementPolicies/default"
        self.arm("PUT", where, version=STORAGE_API, json=body)

    def lifecycle_prefixes(self) -> list[str]:
        rules = self.lifecycle()
        return [p for rule in rules for p in rule["definition"]["filters"]["prefixMatch"]]

    def unmark_identity(self) -> None:
        body = {"location": self.settings.region, "tags": {}}
        self.arm("PUT", self.identity, version=MSI_API, json=body)

    def at_somebody_elses(self) -> "AzureRig":
        return AzureRig(self.stand_in, storage_account=FOREIGN_ACCOUNT)

    def become_nobody(self, set_variable: Callable[[str, str], None], *roles: str) -> None:
        assert self.stand_in is not None
        made = self.stand_in.add_principal("nobody", *map(json.loads, roles))
        set_variable("AZURE_CLIENT_ID", made["client_id"])
        set_variable("AZURE_CLIENT_SECRET", made["client_secret"])

    def sign_out(self, delete_variable: Callable[[str], None]) -> None:
        for name in [name for name in os.environ if name.startswith("AZURE_")]:
            delete_variable(name)
