"""The Azure stand-in as Azure's own clients see it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests

from xcomkit.findings.model import CloudName
from xcomkit.stand_ins.azure import AzureStandIn
from xcomkit.stand_ins.common.stand_in import StandIn

SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUBSCRIPTION}/resourceGroups/rg"
ENTRA = "https://login.microsoftonline.com"
SUBJECT = "system:serviceaccount:astro:agent"
AUDIENCE = "api://AzureADTokenExchange"


class Web:
    """Plain requests through the door, as whoever holds a token."""

    def __init__(self, stand_in: AzureStandIn) -> None:
        self.stand_in = stand_in
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"https": stand_in.facts["http_url"]}
        self.session.verify = str(stand_in.ca_bundle)
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
        headers = {"Authorization": f"Bearer {token or self.admin}"}
        return self.session.request(
            method, f"https://management.azure.com{path}?api-version=2024-01-01", json=body,
            headers=headers, timeout=60,
        )  # fmt: skip

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
def account(web: Web) -> str:
    name = f"a{uuid4().hex[:12]}"
    body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_ZRS"}}
    answer = web.arm("PUT", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{name}", body)
    assert answer.status_code == 200
    return name


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
    def test_token_of_the_named_subject_is_exchanged(self, web, azure):
        answer = exchange(web, identity_of(web), azure.mint_token(SUBJECT))

        assert answer.json()["access_token"]

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
        token = azure.mint_token(**{"subject": SUBJECT, **wrong})

        answer = exchange(web, identity_of(web), token)

        assert (answer.status_code, answer.json()["error_codes"]) == (401, [code])

    def test_token_that_somebody_forged_is_refused(self, web, azure):
        head, body, _ = azure.mint_token(SUBJECT).split(".")

        assert exchange(web, identity_of(web), f"{head}.{body}.AAAA").status_code == 401

    def test_credential_for_another_issuer_trusts_nobody_here(self, web, azure):
        identity = identity_of(web, issuer="https://oidc.elsewhere.internal/")

        answer = exchange(web, identity, azure.mint_token(SUBJECT))

        assert answer.json()["error_codes"] == [700213]

    def test_wrong_secret_and_unknown_client_are_refused(self, web):
        assert web.sign_in(client_secret="wrong").json()["error_codes"] == [7000215]
        unknown = web.sign_in(client_id=str(uuid4()), client_secret="x")
        assert unknown.json()["error_codes"] == [700016]


class TestResourceManager:
    def test_nobody_and_a_stranger_are_told_apart(self, web, azure):
        path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/whatever"
        made = azure.add_principal("stranger")
        stranger = web.token(client_id=made["client_id"], secret=made["client_secret"])

        assert web.arm("GET", path, token="ey.no.token").status_code == 401
        assert web.arm("GET", path, token=stranger).status_code == 403
        assert web.arm("GET", path).status_code == 404

    def test_token_for_storage_is_none_for_resource_manager(self, web):
        other = web.token(secret=web.stand_in.facts["client_secret"],
                          scope="https://storage.azure.com/.default")  # fmt: skip

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

    def test_federated_credential_needs_issuer_subject_and_one_audience(self, web):
        path = f"{identity_of(web)['path']}/federatedIdentityCredentials/two"

        good = {"issuer": "https://x", "subject": "s", "audiences": ["a"]}
        for wrong in ({"issuer": "http://plain"}, {"subject": ""}, {"audiences": ["a", "b"]}):
            properties = {**good, **wrong}
            assert web.arm("PUT", path, {"properties": properties}).status_code == 400

    def test_identity_takes_at_most_twenty_credentials(self, web):
        where = f"{identity_of(web)['path']}/federatedIdentityCredentials"
        codes = []
        for number in range(20):
            properties = {"issuer": "https://x", "subject": f"s{number}", "audiences": ["a"]}
            body = {"properties": properties}
            codes.append(web.arm("PUT", f"{where}/c{number:03}", body).status_code)

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

    def test_containers_of_two_accounts_are_two_containers(self, web, account):
        token = web.token(secret=web.stand_in.facts["client_secret"],
                          scope="https://storage.azure.com/.default")  # fmt: skip
        path = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{account}"
        where = f"{path}/blobServices/default/containers/shared-name"
        web.arm("PUT", where, {"properties": {}})
        bearer = {"Authorization": f"Bearer {token}", "x-ms-blob-type": "BlockBlob"}
        assert web.blob("PUT", account, "shared-name/b", **bearer).status_code == 201
        other = f"a{uuid4().hex[:12]}"
        body = {"location": "westeurope", "kind": "StorageV2", "sku": {"name": "Standard_ZRS"}}
        web.arm("PUT", f"{GROUP}/providers/Microsoft.Storage/storageAccounts/{other}", body)

        assert web.blob("GET", account, "shared-name/b", **bearer).status_code == 200
        assert web.blob("GET", other, "shared-name/b", **bearer).status_code == 404

    def test_principal_without_a_role_is_refused(self, web, azure, account):
        made = azure.add_principal("no-role")
        token = web.token(client_id=made["client_id"], secret=made["client_secret"],
                          scope="https://storage.azure.com/.default")  # fmt: skip

        answer = web.blob("GET", account, "c/b", Authorization=f"Bearer {token}")

        assert answer.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"

    def test_every_request_is_in_the_journal_with_who_made_it(self, web, azure, account):
        web.blob("GET", account, "c/b", Authorization=f"Bearer {web.admin}")

        last = azure.read_requests()[-1]

        assert (last.action, last.path, last.status) == ("blobs/read", "/c/b", 401)


class TestDoor:
    def test_other_hosts_are_not_reached_through_it(self, web):
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            web.session.get("https://example.com/", timeout=60)

    def test_control_needs_the_key(self, azure):
        answer = requests.get(f"{azure.url}/_stand_in/secrets", verify=azure.ca_bundle, timeout=60)

        assert answer.status_code == 403


def children(process: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("cloud", ["azure", "gcp"])
def test_everything_ends_with_the_process_that_started_it(cloud, how):
    code = (
        "import sys, time\n"
        "from xcomkit.stand_ins.common.stand_in import stand_in_of\n"
        f"running = stand_in_of({cloud!r}).start()\n"
        "print(running._process.pid, running.ca_bundle.parent, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL)  # fmt: skip
    assert parent.stdout is not None
    server, folder = parent.stdout.readline().split()
    family = [int(server), *children(int(server))]
    assert len(family) == (2 if cloud == "azure" else 1)

    parent.send_signal(how)
    parent.communicate(timeout=60)

    deadline = time.monotonic() + 60
    while any(is_alive(one) for one in family) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [one for one in family if is_alive(one)]
    while Path(folder).exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(folder).exists()


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
