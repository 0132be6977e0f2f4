import pytest

from xcomkit.findings.errors import SettingsError
from xcomkit.settings.settings import Settings

TARGETS = {
    "aws": {"role_name": "agents"},
    "azure": {
        "subscription_id": "00000000-0000-4000-8000-000000000001",
        "resource_group": "group",
        "storage_account": "account",
    },
    "gcp": {"project": "my-project"},
}


def region(cloud: str, text: str) -> str:
    target = {"cloud": cloud, "bucket": "some-bucket", **TARGETS[cloud]}
    return Settings.from_mapping({**target, "region": text}).region


@pytest.mark.parametrize(
    ("cloud", "printed", "spelt"),
    [
        ("gcp", "EU", "eu"), ("gcp", "US", "us"), ("gcp", "ASIA", "asia"), ("gcp", "NAM4", "nam4"),
        ("gcp", "EUR4", "eur4"), ("gcp", "EUROPE-WEST1", "europe-west1"),
        ("gcp", "europe-west1 (Belgium)", "europe-west1"),
        ("gcp", "eu (multiple regions in European Union)", "eu"),
        ("azure", "West Europe", "westeurope"), ("azure", "(Europe) West Europe", "westeurope"),
        ("azure", "West US 2", "westus2"), ("azure", "EastUS", "eastus"),
        ("azure", "germanywestcentral", "germanywestcentral"),
        ("aws", "Europe (Frankfurt) eu-central-1", "eu-central-1"),
        ("aws", "EU-CENTRAL-1", "eu-central-1"), ("aws", "EU", "eu-west-1"),
        ("aws", "US", "us-east-1"), ("aws", "us-gov-west-1", "us-gov-west-1"),
        ("aws", "auto", "auto"),
    ],
)  # fmt: skip
def test_region_is_accepted_as_the_console_prints_it(cloud, printed, spelt):
    assert region(cloud, printed) == spelt


@pytest.mark.parametrize(
    ("cloud", "text", "example"),
    [
        ("aws", "US Standard", "eu-central-1"), ("aws", "Frankfurt", "eu-central-1"),
        ("azure", "eu.west", "westeurope"), ("gcp", "Belgium, or so", "europe-west1"),
    ],
)  # fmt: skip
def test_what_is_no_region_is_invalid_with_an_example_of_the_same_cloud(cloud, text, example):
    with pytest.raises(SettingsError, match=f"region: {text!r} .*a name such as {example}"):
        region(cloud, text)


@pytest.mark.parametrize(
    ("cloud", "text", "meant"),
    [("aws", "eu-central-1a", "eu-central-1"), ("gcp", "europe-west1-b", "europe-west1")],
)
def test_zone_is_invalid_and_its_region_is_named(cloud, text, meant):
    with pytest.raises(SettingsError, match=f"it is a zone; write {meant}"):
        region(cloud, text)


@pytest.mark.parametrize(
    "text",
    ["usgovvirginia", "US Gov Arizona", "usdodeast", "usnateast", "ussecwest", "chinanorth3",
     "China East 2", "germanycentral", "germanynortheast"],
)  # fmt: skip
def test_region_of_a_sovereign_azure_cloud_is_invalid_with_the_reason(text):
    with pytest.raises(SettingsError) as refused:
        region("azure", text)

    assert repr(text) in str(refused.value)
    assert "sovereign cloud" in str(refused.value)
    assert "supported is Azure's public cloud" in str(refused.value)
