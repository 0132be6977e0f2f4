"""The contract's target on Google Cloud, and a hand in the project behind it, over plain REST."""

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import uuid4

import google.auth
import requests
import yaml
from google.auth.transport.requests import AuthorizedSession
from rig import Rig

from xcomkit.cloud_documents.access.gcp import BECOME
from xcomkit.clouds.gcp.access import email
from xcomkit.clouds.gcp.session import SCOPES
from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.gcp import FOREIGN_BUCKET, GcpStandIn

IAM = "https://iam.googleapis.com/v1"


KEY = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k"


def access(*, prevention: str = "enforced", uniform: bool = True) -> tuple[str, dict[str, Any]]:
    uniform_access = {"uniformBucketLevelAccess": {"enabled": uniform}}
    return "iamConfiguration", {"publicAccessPrevention": prevention, **uniform_access}


def soft_delete(days: int) -> tuple[str, dict[str, Any]]:
    return "softDeletePolicy", {"retentionDurationSeconds": str(days * 86_400)}


class GcpRig(Rig):
    cloud_name: ClassVar[CloudName] = "gcp"
    cli: ClassVar[tuple[str, ...]] = ("gcloud ",)
    has_versions: ClassVar[bool] = False  # the emulator keeps none
    drifts: ClassVar[tuple[str, ...]] = (
        "XC203", "XC204", "XC205", "XC207", "XC211", "XC212",
    )  # fmt: skip
    weakenings: ClassVar[Mapping[str, frozenset[str]]] = {
        "roles/storage.objectUser": frozenset({"XC303", "XC306", "XC307", "XC308"}),
        "roles/storage.legacyBucketReader": frozenset({"XC303", "XC305"}),
    }
    foreign: ClassVar[Mapping[str, Any]] = {
        "cors": [{"maxAgeSeconds": 5}],
        "storageClass": "NEARLINE",
        "retentionPolicy": {"retentionPeriod": "864000"},
    }
    foreign_rules: ClassVar[list[dict[str, Any]]] = [
        {"action": {"type": "SetStorageClass", "storageClass": "COLDLINE"},
         "condition": {"age": 40, "matchesPrefix": ["logs/"], "matchesStorageClass": ["STANDARD"]}},
        {"action": {"type": "Delete"},
         "condition": {"customTimeBefore": "2026-01-01", "daysSinceCustomTime": 9,
                       "matchesPrefix": ["tmp/"]}},
    ]  # fmt: skip
    stronger: ClassVar[Mapping[str, tuple[str, Any]]] = {
        "longer soft delete": soft_delete(90),
        "customer's key alone allowed": ("encryption", {
            "defaultKmsKeyName": KEY,
            "googleManagedEncryptionEnforcementConfig": {"restrictionMode": "x"}}),
        "customer's key": ("encryption", {"defaultKmsKeyName": KEY}),
        "locked retention": ("retentionPolicy", {"retentionPeriod": "864000", "isLocked": True}),
        "event based hold": ("defaultEventBasedHold", True),
        "labels of others": ("labels", {"team": "data", "owner": "somebody", "cost-centre": "7"}),
    }  # fmt: skip
    weaker: ClassVar[tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...]] = (
        ("public access prevention", *access(prevention="inherited"), access()[1]),
        ("uniform access", *access(uniform=False), access()[1]),
        ("versioning", "versioning", {"enabled": False}, {"enabled": True}),
        ("soft delete", *soft_delete(0), soft_delete(7)[1]),
        ("labels", "labels", {"team": "other", "owner": "somebody"}, {"team": "data"}),
    )
    customers_key: ClassVar[tuple[str, Any, str]] = ("encryption", {"defaultKmsKeyName": KEY}, KEY)
    other_encryptions: ClassVar[tuple[dict[str, object], ...]] = (
        {"encryption": "google-managed"},
        {"encryption": "customer-managed", "kms_key": f"{KEY}2"},
    )
    bad_names: ClassVar[tuple[str, ...]] = (*Rig.bad_names, "my.domain", "goog-a", "a-google-b")
    stand_in: GcpStandIn | None

    def practice_names(self, unique: str) -> dict[str, object]:
        return {"project": f"p-{unique}", "region": "europe-west1"}

    def unique_names(self, unique: str) -> dict[str, object]:
        return {"service_account": f"a-{unique}"}

    @cached_property
    def session(self) -> AuthorizedSession:
        credentials, _ = google.auth.default(scopes=SCOPES)
        return AuthorizedSession(credentials)

    @property
    def storage_url(self) -> str:
        return self.stand_in.url if self.stand_in else "https://storage.googleapis.com"

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.session.request(method, f"{self.storage_url}{path}", **arguments)
        answer.raise_for_status()
        return answer.json() if answer.content else {}

    @property
    def path(self) -> str:
        return f"/storage/v1/b/{self.settings.bucket}"

    def put_object(self, key: str, body: bytes) -> None:
        where = f"/upload{self.path}/o?uploadType=media&name={quote(key, safe='')}"
        self.call("POST", where, data=body, headers={"Content-Type": "text/plain"})

    def list_two_at_a_time(self) -> None:
        storage = self.cloud.clients.storage
        storage.list_blobs = partial(storage.list_blobs, page_size=2)

    def drift(self, rule_id: str) -> None:
        off: dict[str, tuple[str, Any]] = {
            "XC203": access(prevention="inherited"),
            "XC204": access(uniform=False),
            "XC205": ("versioning", {"enabled": False}),
            "XC207": ("lifecycle", {"rule": []}),
            "XC211": ("labels", {"team": "other"}),
            "XC212": soft_delete(0),
        }
        self.set(*off[rule_id])

    def set(self, part: str, value: Any) -> None:
        self.call("PATCH", self.path, json={part: value})

    def state(self) -> dict[str, Any]:
        found = self.call("GET", self.path)
        # The emulator answers what it was sent, and since when it holds.
        seconds = found.get("softDeletePolicy", {}).get("retentionDurationSeconds")
        found["softDeletePolicy"] = {"retentionDurationSeconds": str(seconds)}
        return {k: v for k, v in found.items() if k not in ("metageneration", "updated", "etag")}

    def weaken(self, name: str) -> None:
        policy = self.call("GET", f"{self.path}/iam?optionsRequestedPolicyVersion=3")
        policy["bindings"] = [b for b in policy["bindings"] if b["role"] != name]
        self.call("PUT", f"{self.path}/iam", json=policy)

    def account(self, verb: str, **body: Any) -> Any:
        name = f"projects/{self.settings.project}/serviceAccounts/{email(self.settings)}"
        answer = self.session.post(f"{IAM}/{name}:{verb}", json=body)
        answer.raise_for_status()
        return answer.json()

    def trust_another(self, subject: str) -> None:
        *_, namespace, name = subject.split(":")
        policy = self.account("getIamPolicy")
        (binding,) = (b for b in policy["bindings"] if b["role"] == BECOME)
        pool = f"{self.settings.project}.svc.id.goog"
        binding["members"].append(f"serviceAccount:{pool}[{namespace}/{name}]")
        self.account("setIamPolicy", policy=policy)

    def lifecycle_rule(self, *, days: int, prefix: str) -> dict[str, Any]:
        return {"action": {"type": "Delete"}, "condition": {"age": days, "matchesPrefix": [prefix]}}

    def lifecycle(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.state().get("lifecycle", {}).get("rule", [])
        return found

    def put_lifecycle(self, rules: list[dict[str, Any]]) -> None:
        self.set("lifecycle", {"rule": rules})

    def lifecycle_prefixes(self) -> list[str]:
        return [p for rule in self.lifecycle() for p in rule["condition"].get("matchesPrefix", [])]

    def unmark_identity(self) -> None:
        name = f"projects/{self.settings.project}/serviceAccounts/{email(self.settings)}"
        self.session.delete(f"{IAM}/{name}").raise_for_status()
        body = {"accountId": self.settings.service_account, "serviceAccount": {"description": "x"}}
        where = f"{IAM}/projects/{self.settings.project}/serviceAccounts"
        self.session.post(where, json=body).raise_for_status()

    def at_somebody_elses(self) -> "GcpRig":
        return GcpRig(self.stand_in, bucket=FOREIGN_BUCKET)

    def become_nobody(self, set_variable: Callable[[str, str], None], *roles: str) -> None:
        assert self.stand_in is not None
        permissions = [one for role in roles for one in yaml.safe_load(role)["includedPermissions"]]
        made = self.stand_in.add_user(f"nobody-{uuid4().hex[:8]}@example.com", *permissions)
        file = Path(tempfile.mkdtemp()) / "nobody.json"
        file.write_text(json.dumps(made))
        set_variable("GOOGLE_APPLICATION_CREDENTIALS", str(file))

    def sign_out(self, delete_variable: Callable[[str], None]) -> None:
        delete_variable("GOOGLE_APPLICATION_CREDENTIALS")

    def status(self, method: str, path: str, **arguments: Any) -> int:
        """Return the status without credentials of this process."""
        bundle = self.stand_in.ca_bundle if self.stand_in else True
        return requests.request(
            method, f"{self.storage_url}{path}", verify=bundle, timeout=60, **arguments
        ).status_code
