import re
from typing import Any

import pytest

from xcomkit.findings.model import Check
from xcomkit.settings.settings import Settings
from xcomkit.values.fragment import generate, render
from xcomkit.values.merge import merge
from xcomkit.values.rules import PodIdentity, judge
from xcomkit.values.values import read_values

ROLE = "eks.amazonaws.com/role-arn"
CLIENT_ID = "azure.workload.identity/client-id"
USE = "azure.workload.identity/use"
OURS = "11111111-2222-4333-8444-555555555555"
AZURE = PodIdentity(
    {CLIENT_ID: OURS}, {USE: "true"}, ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_CLIENT_ID"),
    is_needed=True,
)  # fmt: skip
NOBODY = PodIdentity({}, {}, ("AWS_PROFILE",), is_needed=False)
MIXED = """
secretBackend: my.Backend
triggerer: {env: [{name: AIRFLOW__SECRETS__BACKEND, value: ""}]}
"""
SECRET = "valueFrom: {secretKeyRef: {name: s, key: k}}"


def checks(text: str, settings: Settings, identity: PodIdentity) -> dict[str, Check]:
    values = read_values(text, name="values.yaml")
    found = judge(values, settings=settings, pods=identity)
    return {c.id: c for c in found if c.id != "XC408"}  # which is about names


def build(settings: Settings, **more: Any) -> dict[str, Any]:
    nothing = {key: {} for key in ("connection", "annotations", "labels", "environment")}
    return generate(settings, **{**nothing, "secrets_backend": {}, **more})


@pytest.fixture
def eks(annotations: dict[str, str]) -> PodIdentity:
    return PodIdentity(annotations, {}, ("AWS_PROFILE", "AWS_ROLE_ARN"), is_needed=False)


@pytest.fixture
def good(era: str, fragment: dict[str, Any]) -> str:
    return merge(era, fragment, name="values.yaml").text


@pytest.fixture
def azure(era: str, settings: Settings) -> str:
    fragment = build(settings, annotations=AZURE.annotations, labels=AZURE.labels)
    return merge(era, fragment, name="values.yaml").text


def with_variable(text: str, entry: str) -> str:
    """Return the file with one more entry at the head of commonEnv."""
    changed, count = re.subn(
        r"(?m)^commonEnv:\n((?: *#.*\n)*)( *)-", rf"commonEnv:\n\1\2- {entry}\n\2-", text
    )
    assert count == 1
    return changed


class TestRoleOnEks:
    def test_missing_annotation_only_warns_and_agrees_with_nothing(self, good, settings, eks):
        found = checks(good.replace(ROLE, "something.else"), settings, eks)
        assert (found["XC404"].status, found["XC407"].status) == ("warn", "skip")

    def test_account_the_chart_does_not_make_is_not_annotated_by_it(self, good, settings, eks):
        found = checks(good.replace("create: true", "create: false", 1), settings, eks)["XC404"]
        assert found.status == "warn"
        assert "annotate it yourself" in found.observed

    def test_another_role_on_an_account_fails(self, good, settings, eks):
        text = good.replace(
            "    name: astro-agent-triggerer\n    annotations: {}",
            f"    name: astro-agent-triggerer\n    annotations: {{{ROLE}: arn:other}}",
        )
        assert text != good
        found = checks(text, settings, eks)["XC407"]
        assert found.status == "fail"
        assert "arn:other" in found.observed

    def test_without_an_annotation_to_ask_for_nothing_is_judged(self, good, settings):
        assert {c.status for c in checks(good, settings, NOBODY).values()} == {"skip"}


class TestIdentityOnAzure:
    def test_merged_file_of_every_era_passes(self, azure, settings):
        assert {c.status for c in checks(azure, settings, AZURE).values()} == {"pass"}
        assert f'{USE}: "true"' in azure

    def test_missing_annotation_fails_because_nobody_would_sign_in(self, azure, settings):
        found = checks(azure.replace(CLIENT_ID, "something.else"), settings, AZURE)
        assert found["XC411"].status == "fail"

    def test_account_made_elsewhere_is_unknown(self, azure, settings):
        found = checks(azure.replace("create: true", "create: false", 1), settings, AZURE)
        assert (found["XC411"].status, found["XC411"].closes_gate) == ("unknown", True)

    def test_identity_that_does_not_exist_yet_is_unknown_and_names_the_step(self, azure, settings):
        absent = PodIdentity({}, AZURE.labels, AZURE.rivals, is_needed=True)
        found = checks(azure, settings, absent)["XC411"]
        assert (found.status, "step 02" in found.remedy) == ("unknown", True)

    @pytest.mark.parametrize("label", ["", f"labels: {{{USE}: true}}", f'labels: {{{USE}: "no"}}'])
    def test_label_that_is_missing_false_or_no_text_fails(self, settings, label):
        assert checks(f"workers: []\n{label}\n", settings, AZURE)["XC410"].status == "fail"

    def test_client_id_that_differs_in_any_place_is_named_with_its_line(self, azure, settings):
        text = f"{azure}\nextra:\n  podAnnotations:\n    {CLIENT_ID}: other\n"
        found = checks(text, settings, AZURE)["XC407"]
        assert found.status == "fail"
        assert f"line {text.splitlines().index(f'    {CLIENT_ID}: other') + 1}:" in found.observed

    @pytest.mark.parametrize(
        ("entry", "status"),
        [
            (f"{{name: AZURE_STORAGE_ACCOUNT_KEY, {SECRET}}}", "fail"),
            (f'{{name: AZURE_CLIENT_ID, value: "{OURS}"}}', "pass"),
            ("{name: AZURE_CLIENT_ID, value: another}", "fail"),
        ],
    )
    def test_account_key_beside_the_identity_is_red_wherever_it_comes_from(
        self, azure, settings, entry, status
    ):
        found = checks(with_variable(azure, entry), settings, AZURE)
        assert found["XC409"].status == status


class TestKeysOfAnS3CompatibleStore:
    @pytest.fixture
    def store(self) -> Settings:
        return Settings.from_mapping(
            {"bucket": "xcom-bucket", "endpoint_url": "https://store.example",
             "agent_keys_secret": "store-key"}
        )  # fmt: skip

    def status(self, text: str, settings: Settings) -> str:
        return checks(text, settings, NOBODY)["XC412"].status

    def test_keys_come_from_the_secret_by_reference(self, store, era):
        text = render(build(store))
        assert "name: store-key" in text
        assert self.status(text, store) == "pass"
        assert self.status(merge(era, build(store), name="v").text, store) == "pass"

    def test_values_without_a_key_are_red_and_say_for_whom(self, store):
        text = render(build(store.model_copy(update={"agent_keys_secret": ""})))
        check = checks(text, store, NOBODY)["XC412"]
        assert check.status == "fail"
        assert "dagProcessor" in check.observed

    @pytest.mark.parametrize(
        ("text", "status"),
        [
            (f"commonEnv: [{{name: AIRFLOW_CONN_AWS_DEFAULT, {SECRET}}}]\n", "pass"),
            ("commonEnv: [{name: AIRFLOW_CONN_AWS_DEFAULT, value: 'aws://a:b@'}]\n", "pass"),
            ("commonEnv: [{name: AIRFLOW_CONN_AWS_DEFAULT, value: 'aws://'}]\n", "fail"),
            ('secretBackend: "my.Backend"\n', "skip"),
            (MIXED, "fail"),
            (f"commonEnv: [{{name: AWS_ACCESS_KEY_ID, {SECRET}}}]\n", "fail"),
        ],
        ids=["connection elsewhere", "connection", "no key", "backend", "one without", "half"],
    )  # fmt: skip
    def test_key_may_come_with_the_connection_and_half_a_key_is_none(self, store, text, status):
        assert self.status(text, store) == status
