"""The contract's target on Google Cloud, and a hand in the project behind it, over plain REST."""

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import google.auth
import requests
from google.auth.transport.requests import AuthorizedSession
from rig import Rig

from xcomkit.cloud_documents.access.gcp import BECOME
from xcomkit.clouds.gcp.access import email
from xcomkit.clouds.gcp.session import SCOPES
from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.gcp import FOREIGN_BUCKET, GcpStandIn

IAM = "https://iam.googleapis.com/v1"


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
        storage = self.cloud._clients.storage
        storage.list_blobs = partial(storage.list_blobs, page_size=2)

    def drift(self, rule_id: str) -> None:
        undo: dict[str, dict[str, Any]] = {
            "XC203": {"iamConfiguration": {"publicAccessPrevention": "inherited",
                                           "uniformBucketLevelAccess": {"enabled": True}}},
            "XC204": {"iamConfiguration": {"publicAccessPrevention": "enforced",
                                           "uniformBucketLevelAccess": {"enabled": False}}},
            "XC205": {"versioning": {"enabled": False}},
            "XC207": {"lifecycle": {"rule": []}},
            "XC211": {"labels": {"team": "other"}},
            "XC212": {"softDeletePolicy": {"retentionDurationSeconds": "0"}},
        }  # fmt: skip
        self.call("PATCH", self.path, json=undo[rule_id])

    def weaken(self, name: str) -> None:
        policy = self.call("GET", f"{self.path}/iam?optionsRequestedPolicyVersion=3")
        policy["bindings"] = [b for b in policy["bindings"] if b["role"] != name]
        self.call("PUT", f"{self.path}/iam", json=policy)

    def account(self, verb: str, **body: Any) -> Any:
        name = f"projects/{self.settings.project}/serviceAccounts/{email(self.settings)}"
        answer = self.session.post(f"{IAM}/{name}:{verb}", json=body)
        answer.raise_for_status()
        return answer.json()

    def trust_stranger(self, subject: str) -> None:
        *_, namespace, name = subject.split(":")
        policy = self.account("getIamPolicy")
        (binding,) = (b for b in policy["bindings"] if b["role"] == BECOME)
        pool = f"{self.settings.project}.svc.id.goog"
        binding["members"].append(f"serviceAccount:{pool}[{namespace}/{name}]")
        self.account("setIamPolicy", policy=policy)

    def add_lifecycle_rule(self, *, days: int, prefix: str) -> None:
        rule = {"action": {"type": "Delete"}, "condition": {"age": days, "matchesPrefix": [prefix]}}
        rules = self.call("GET", self.path).get("lifecycle", {}).get("rule", [])
        self.put_lifecycle([*rules, rule])

    def put_lifecycle(self, rules: list[dict[str, Any]]) -> None:
        self.call("PATCH", self.path, json={"lifecycle": {"rule": rules}})

    def lifecycle_prefixes(self) -> list[str]:
        rules = self.call("GET", self.path).get("lifecycle", {}).get("rule", [])
        return [p for rule in rules for p in rule["condition"].get("matchesPrefix", [])]

    def unmark_identity(self) -> None:
        name = f"projects/{self.settings.project}/serviceAccounts/{email(self.settings)}"
        self.session.delete(f"{IAM}/{name}").raise_for_status()
        body = {"accountId": self.settings.service_account, "serviceAccount": {"description": "x"}}
        where = f"{IAM}/projects/{self.settings.project}/serviceAccounts"
        self.session.post(where, json=body).raise_for_status()

    def at_somebody_elses(self) -> "GcpRig":
        return GcpRig(self.stand_in, bucket=FOREIGN_BUCKET)

    def become_nobody(self, set_variable: Callable[[str, str], None]) -> None:
        assert self.stand_in is not None
        file = Path(tempfile.mkdtemp()) / "nobody.json"
        file.write_text(json.dumps(self.stand_in.add_user("nobody@example.com")))
        set_variable("GOOGLE_APPLICATION_CREDENTIALS", str(file))

    def sign_out(self, delete_variable: Callable[[str], None]) -> None:
        delete_variable("GOOGLE_APPLICATION_CREDENTIALS")

    def status(self, method: str, path: str, **arguments: Any) -> int:
        """Return the status without credentials of this process."""
        bundle = self.stand_in.ca_bundle if self.stand_in else True
        return requests.request(
            method, f"{self.storage_url}{path}", verify=bundle, timeout=60, **arguments
        ).status_code
