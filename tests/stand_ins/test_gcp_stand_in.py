"""The Google Cloud stand-in as Google's own clients see it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests
from door_client import DoorClient

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.common.stand_in import StandIn
from xcomkit.stand_ins.gcp import GcpStandIn
from xcomkit.stand_ins.gcp.state import GcpState

PROJECT = "my-project"
POOL = f"{PROJECT}.svc.id.goog"
SUBJECT = "system:serviceaccount:astro:agent"
MEMBER = f"serviceAccount:{POOL}[astro/agent]"
BECOME = "roles/iam.workloadIdentityUser"
JWT = "urn:ietf:params:oauth:token-type:jwt"


class Web(DoorClient):
    def __init__(self, stand_in: GcpStandIn) -> None:
        super().__init__(stand_in)
        self.stand_in = stand_in
        self.admin = self.token("administrator@xcom-runbook.example")

    def token(self, email: str) -> str:
        body = self.stand_in.add_user(email)
        form = {"grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        answer = self.session.post("https://oauth2.googleapis.com/token", data=form, timeout=60)
        return str(answer.json()["access_token"])

    def storage(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        return self.call(method, f"https://storage.googleapis.com{path}", body, token=token)

    def exchange(self, token: str, *, pool: str = POOL) -> requests.Response:
        form = {"audience": f"identitynamespace:{pool}:{self.stand_in.issuer}",
                "subject_token": token, "subject_token_type": JWT}  # fmt: skip
        return self.session.post("https://sts.googleapis.com/v1/token", data=form, timeout=60)


@pytest.fixture(scope="module")
def gcp(stand_ins: Callable[[CloudName], StandIn]) -> GcpStandIn:
    running = stand_ins("gcp")
    assert isinstance(running, GcpStandIn)
    return running


@pytest.fixture
def web(gcp: GcpStandIn) -> Iterator[Web]:
    made = Web(gcp)
    yield made
    made.session.close()


@pytest.fixture
def bucket(web: Web) -> str:
    name = f"bucket-{uuid4().hex[:10]}"
    answer = web.storage("POST", f"/storage/v1/b?project={PROJECT}", {"name": name})
    assert answer.status_code == 200
    return name


def account_of(web: Web, *members: str) -> str:
    name, where = f"a-{uuid4().hex[:8]}", "https://iam.googleapis.com/v1/projects"
    web.call("POST", f"{where}/{PROJECT}/serviceAccounts", {"accountId": name})
    email = f"{name}@{PROJECT}.iam.gserviceaccount.com"
    policy = {"bindings": [{"role": BECOME, "members": list(members or (MEMBER,))}]}
    path = f"{where}/{PROJECT}/serviceAccounts/{email}:setIamPolicy"
    assert web.call("POST", path, {"policy": policy}).status_code == 200
    return email


def metadata_token(gcp: GcpStandIn, subject: str, email: str) -> requests.Response:
    host = gcp.open_metadata(subject, email, POOL)
    return requests.get(
        f"http://{host}/computeMetadata/v1/instance/service-accounts/default/token",
        headers={"Metadata-Flavor": "Google"},
        timeout=60,
    )


class TestIdentity:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"audience": "another.svc.id.goog"},
            {"issuer": "https://oidc.elsewhere.internal"},
            {"expires_in": -60},
        ],
    )
    def test_token_that_differs_in_anything_is_not_exchanged(self, web, gcp, wrong):
        good = gcp.mint_token(SUBJECT, audience=POOL)
        bad = gcp.mint_token(**{"subject": SUBJECT, "audience": POOL, **wrong})

        assert web.exchange(good).status_code == 200
        assert web.exchange(bad).status_code == 400

    def test_only_who_is_bound_becomes_the_account(self, web, gcp):
        email = account_of(web)
        where = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
        codes = {}
        for subject in (SUBJECT, "system:serviceaccount:astro:other"):
            pod = web.exchange(gcp.mint_token(subject, audience=POOL)).json()["access_token"]
            answer = web.call("POST", f"{where}/{email}:generateAccessToken", {}, token=pod)
            codes[subject.rpartition(":")[2]] = answer.status_code

        assert codes == {"agent": 200, "other": 403}

    def test_metadata_server_gives_a_token_to_the_bound_account_only(self, web, gcp):
        email = account_of(web)

        assert metadata_token(gcp, SUBJECT, email).json()["access_token"]
        refused = metadata_token(gcp, "system:serviceaccount:astro:other", email)
        assert (refused.status_code, "getAccessToken" in refused.text) == (403, True)
        host = gcp.open_metadata(SUBJECT, email, POOL)
        url = f"http://{host}/computeMetadata/v1/project/project-id"
        assert requests.get(url, timeout=60).status_code == 403  # without the header it asks for

    @pytest.mark.parametrize(
        "binding",
        [
            {"role": "storage.admin", "members": ["user:a@example.com"]},
            {"role": "roles/storage.admin", "members": []},
            {"role": "roles/storage.admin", "members": ["somebody"]},
        ],
    )
    def test_malformed_policy_is_refused(self, web, bucket, binding):
        answer = web.storage("PUT", f"/storage/v1/b/{bucket}/iam", {"bindings": [binding]})

        assert answer.status_code == 400

    def test_policy_that_was_changed_meanwhile_is_not_overwritten(self, web, bucket):
        path = f"/storage/v1/b/{bucket}/iam"
        old = web.storage("GET", path).json()
        body = {"bindings": [], "etag": old["etag"]}

        assert web.storage("PUT", path, body).status_code == 200
        assert web.storage("PUT", path, body).status_code == 412


class TestStorage:
    def test_missing_token_missing_role_and_missing_bucket_are_different_errors(self, web, bucket):
        outsider = web.token("outsider@example.com")

        assert web.storage("GET", f"/storage/v1/b/{bucket}", token="no").status_code == 401
        assert web.storage("GET", f"/storage/v1/b/{bucket}", token=outsider).status_code == 403
        missing = web.storage("GET", f"/storage/v1/b/no-{bucket}")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, 404)

    @pytest.mark.parametrize(
        "body",
        [
            {"softDeletePolicy": {"retentionDurationSeconds": "86400"}},
            {"encryption": {"defaultKmsKeyName": "key"}},
            {"lifecycle": {"rule": [{"action": {"type": "Delete"}}]}},
            {"labels": {"Upper": "x"}},
        ],
    )
    def test_property_that_cloud_storage_would_refuse_is_refused(self, web, bucket, body):
        assert web.storage("PATCH", f"/storage/v1/b/{bucket}", body).status_code == 400

    def test_bucket_with_objects_is_not_deleted(self, web, bucket):
        web.storage("POST", f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name=a", {"a": 1})

        assert web.storage("DELETE", f"/storage/v1/b/{bucket}").status_code == 409

    def test_resumable_upload_is_judged_by_the_object_it_began_with(self, web, gcp, bucket):
        email = account_of(web)
        start = f"projects/_/buckets/{bucket}/objects/in/"
        condition = {"title": "t", "expression": f'resource.name.startsWith("{start}")'}
        binding = {"role": "roles/storage.objectUser", "members": [f"serviceAccount:{email}"],
                   "condition": condition}  # fmt: skip
        body = {"version": 3, "bindings": [binding]}
        assert web.storage("PUT", f"/storage/v1/b/{bucket}/iam", body).status_code == 200
        token = metadata_token(gcp, SUBJECT, email).json()["access_token"]
        where = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable"

        begun = web.storage("POST", where, {"name": "in/a"}, token=token)
        outside = web.storage("POST", where, {"name": "out/a"}, token=token)
        ended = web.call("PUT", begun.headers["Location"], {"v": 1}, token=token)

        assert (begun.status_code, outside.status_code, ended.status_code) == (200, 403, 200)


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ('resource.name.startsWith("projects/_/buckets/b/objects/in/")', True),
        ('resource.name.startsWith("projects/_/buckets/b/objects/out/")', False),
        ('resource.name.endsWith("a")', False),
        ('resource.name.startsWith("projects/") || true', False),
        ("true", False),
        ("", False),
    ],
)
def test_condition_that_cannot_be_decided_grants_nothing(expression, met):
    state = GcpState()
    binding = {"role": "roles/storage.objectViewer", "members": ["user:a"],
               "condition": {"expression": expression}}  # fmt: skip
    state.bucket_policies["b"] = {"bindings": [binding]}

    assert state.may("user:a", "storage.objects.get", bucket="b", key="in/a") is met
