"""The Azure stand-in as Azure's own clients see it."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import requests
from door_client import DoorClient

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.azure import AzureStandIn
from xcomkit.stand_ins.azure.state import READER, AzureState
from xcomkit.stand_ins.common.stand_in import StandIn

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
ENTRA = "https://login.microsoftonline.com"
STORAGE = "https://storage.azure.com/.default"
SUBJECT = "system:serviceaccount:astro:agent"
AUDIENCE = "api://AzureADTokenExchange"


class Web(DoorClient):
    def __init__(self, stand_in: AzureStandIn) -> None:
        super().__init__(stand_in)
        self.stand_in = stand_in
        self.admin = self.token(secret=stand_in.facts["client_secret"])

    def sign_in(self, *, client_id: str = "", scope: str = "https://management.azure.com/.default",
                **form: str) -> requests.Response:  # fmt: skip
        body = {"grant_type": "client_credentials", "scope": scope,
                "client_id": client_id or self.stand_in.facts["client_id"], **form}  # fmt: skip
        tenant = self.stand_in.facts["tenant"]
        return self.session.post(f"{ENTRA}/{tenant}/oauth2/v2.0/token", data=body, timeout=60)

    def token(self, *, secret: str, client_id: str = "", **more: str) -> str:
        answer = self.sign_in(client_id=client_id, client_secret=secret, **more)
        return str(answer.json()["access_token"])

    def arm(self, method: str, path: str, body: Any = None, *, token: str = "") -> Any:
        url = f"https://management.azure.com{path}?api-version=2024-01-01"
        return self.call(method, url, body, token=token)

    def blob(self, method: str, account: str, path: str, **headers: str) -> requests.Response:
        url = f"https://{account}.blob.core.windows.net/{path}"
        given = {"x-ms-version": "2024-11-04", **headers}
        return self.session.request(method, url, headers=given, timeout=60)


@pytest.fixture(scope="module")
def azure(stand_ins: Callable[[CloudName], StandIn]) -> AzureStandIn:
    running = stand_ins("azure")
    assert isinstance(running, AzureStandIn)
    return running


@pytest.fixture
def web(azure: AzureStandIn) -> Iterator[Web]:
    made = Web(azure)
    yield made
    made.session.close()


@pytest.fixture
def new_account(web: Web) -> Callable[[], str]:
    def make() -> str:
        name = f"a{uuid4().hex[:12]}"
        body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_ZRS"}}
        answer = web.arm("PUT", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{name}", body)
        assert answer.status_code == 200
        return name

    return make


@pytest.fixture
def account(new_account: Callable[[], str]) -> str:
    return new_account()


def identity_of(web: Web, *, subject: str = SUBJECT, issuer: str = "") -> dict[str, str]:
    path = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i{uuid4().hex[:8]}"
    made = web.arm("PUT", path, {"location": "westeurope"}).json()["properties"]
    properties = {"issuer": issuer or web.stand_in.issuer, "subject": subject,
                  "audiences": [AUDIENCE]}  # fmt: skip
    web.arm("PUT", f"{path}/federatedIdentityCredentials/one", {"properties": properties})
    return {"path": path, **made}


def exchange(web: Web, identity: dict[str, str], token: str) -> requests.Response:
    return web.sign_in(client_id=identity["clientId"], client_assertion=token,
                       client_assertion_type="jwt-bearer")  # fmt: skip


class TestEntra:
    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"subject": "system:serviceaccount:astro:other"}, 700213),
            ({"audience": "sts.amazonaws.com"}, 700212),
            ({"issuer": "https://oidc.elsewhere.internal"}, 700211),
            ({"expires_in": -60}, 700024),
        ],
    )
    def test_token_that_differs_in_anything_is_refused_with_the_code_of_entra(
        self, web, azure, wrong, code
    ):
        identity = identity_of(web)
        token = azure.mint_token(**{"subject": SUBJECT, **wrong})

        assert exchange(web, identity, azure.mint_token(SUBJECT)).json()["access_token"]
        answer = exchange(web, identity, token)

        assert (answer.status_code, answer.json()["error_codes"]) == (401, [code])

    def test_forged_token_and_credential_for_another_issuer_are_refused(self, web, azure):
        head, body, _ = azure.mint_token(SUBJECT).split(".")
        other = identity_of(web, issuer="https://oidc.elsewhere.internal/")

        assert exchange(web, identity_of(web), f"{head}.{body}.AAAA").status_code == 401
        answer = exchange(web, other, azure.mint_token(SUBJECT))
        assert answer.json()["error_codes"] == [700213]

    def test_wrong_secret_and_unknown_client_are_refused(self, web):
        assert web.sign_in(client_secret="wrong").json()["error_codes"] == [7000215]
        unknown = web.sign_in(client_id=str(uuid4()), client_secret="x")
        assert unknown.json()["error_codes"] == [700016]


class TestResourceManager:
    def test_missing_token_and_missing_role_are_different_errors(self, web, azure):
        path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/whatever"
        made = azure.add_principal("outsider")
        outsider = web.token(client_id=made["client_id"], secret=made["client_secret"])

        assert web.arm("GET", path, token="ey.no.token").status_code == 401
        assert web.arm("GET", path, token=outsider).status_code == 403
        assert web.arm("GET", path).status_code == 404

    def test_token_for_storage_is_none_for_resource_manager(self, web):
        other = web.token(secret=web.stand_in.facts["client_secret"], scope=STORAGE)

        assert web.arm("GET", f"{GROUP}/x", token=other).status_code == 401

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("Microsoft.Storage/storageAccounts/Upper", {"location": "w", "kind": "S", "sku": {}}),
            ("Microsoft.Storage/storageAccounts/nolocation", {"kind": "StorageV2"}),
            ("Microsoft.Storage/storageAccounts/{}",
             {"properties": {"allowSharedKeyAccess": "false"}}),
            ("Microsoft.Storage/storageAccounts/{}", {"properties": {"minimumTlsVersion": "1.2"}}),
            ("Microsoft.Storage/storageAccounts/{}/managementPolicies/default",
             {"properties": {"policy": {"rules": []}}}),
            ("Microsoft.Storage/storageAccounts/{}/blobServices/default",
             {"properties": {"deleteRetentionPolicy": {"enabled": True, "days": 400}}}),
            ("Microsoft.Storage/storageAccounts/{}/blobServices/default/containers/two--dashes",
             {"properties": {}}),
            ("Microsoft.ManagedIdentity/userAssignedIdentities/no-location", {"tags": {}}),
        ],
    )  # fmt: skip
    def test_malformed_body_is_refused_and_nothing_is_stored(self, web, account, path, body):
        answer = web.arm("PUT", f"{GROUP}/providers/{path.format(account)}", body)

        assert answer.status_code == 400
        assert answer.json()["error"]["message"]

    def test_federated_credential_needs_issuer_subject_and_one_audience_and_twenty_fit(self, web):
        where = f"{identity_of(web)['path']}/federatedIdentityCredentials"

        def put(name: str, **given: Any) -> int:
            properties = {"issuer": "https://x", "subject": "s", "audiences": ["a"], **given}
            return int(web.arm("PUT", f"{where}/{name}", {"properties": properties}).status_code)

        for wrong in ({"issuer": "http://x"}, {"subject": ""}, {"audiences": ["a", "b"]}):
            assert put("two", **wrong) == 400
        codes = [put(f"c{number:03}", subject=f"s{number}") for number in range(20)]
        assert codes == [201] * 19 + [400]

    def test_role_for_nobody_is_refused(self, web):
        path = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{uuid4()}"
        role = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{uuid4()}"
        properties = {"principalId": str(uuid4()), "roleDefinitionId": role}

        answer = web.arm("PUT", path, {"properties": properties})

        assert answer.json()["error"]["code"] == "PrincipalNotFound"


class TestBlobs:
    def test_shared_key_and_anonymous_access_follow_the_account(self, web, account):
        key = {"Authorization": f"SharedKey {account}:AAAA"}
        path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{account}"
        web.arm("PATCH", path, {"properties": {"allowSharedKeyAccess": False}})

        refused = web.blob("GET", account, "c/b", **key)
        anonymous = web.blob("GET", account, "c/b")

        assert refused.headers["x-ms-error-code"] == "KeyBasedAuthenticationNotPermitted"
        assert anonymous.headers["x-ms-error-code"] == "PublicAccessNotPermitted"

    def test_containers_of_two_accounts_are_two_containers(self, web, new_account):
        token = web.token(secret=web.stand_in.facts["client_secret"], scope=STORAGE)
        one, other = new_account(), new_account()
        path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{one}"
        where = f"{path}/blobServices/default/containers/shared-name"
        web.arm("PUT", where, {"properties": {}})
        bearer = {"Authorization": f"Bearer {token}", "x-ms-blob-type": "BlockBlob"}
        assert web.blob("PUT", one, "shared-name/b", **bearer).status_code == 201

        assert web.blob("GET", one, "shared-name/b", **bearer).status_code == 200
        assert web.blob("GET", other, "shared-name/b", **bearer).status_code == 404

    def test_principal_without_a_role_is_refused(self, web, azure, account):
        made = azure.add_principal("no-role")
        token = web.token(client_id=made["client_id"], secret=made["client_secret"], scope=STORAGE)

        answer = web.blob("GET", account, "c/b", Authorization=f"Bearer {token}")

        assert answer.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"


@pytest.mark.parametrize(("more", "grants"), [({}, True), ({"condition": "@Resource"}, False)])
def test_role_with_a_condition_that_cannot_be_decided_grants_nothing(more, grants):
    state = AzureState()
    principal = state.add_principal("agent", with_secret=False)
    held = {"principalId": principal.object_id, "roleDefinitionId": READER, "scope": "/s", **more}
    state.resources["/s/roleassignments/1"] = {"properties": held}

    assert state.may(principal, "blobs/read", scope="/s/containers/c") is grants
    assert not state.may(principal, "blobs/read", scope="/sx")
