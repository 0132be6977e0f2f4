"""Regions as the consoles print them, and those that the public cloud's endpoints do not serve."""

import re

from xcomkit.findings.model import CloudName

_NAME = r"[a-z0-9]+(?:-[a-z0-9]+)*"
_ACCEPTED: dict[CloudName, tuple[str, str]] = {
    "aws": (_NAME, "a name such as eu-central-1"),
    "azure": (r"[a-z][a-z0-9]*", "a name such as westeurope, also written West Europe"),
    "gcp": (_NAME, "a name such as europe-west1, and eu, us, asia, nam4, also in upper case"),
}
# what S3 prints as the location of buckets of its first years
_OLD_LOCATIONS = {"EU": "eu-west-1", "US": "us-east-1"}
_ZONE = re.compile(r"([a-z]+(?:-[a-z]+)+-?[0-9]+)-?[a-z]")
_SOVEREIGN = re.compile("usgov|usdod|usnat|ussec|china|germany(?:central|northeast)$")


def read_region(text: str, *, cloud: CloudName) -> str:
    """Return the region that a console prints, as the cloud's API spells it.

    Sources: az account list-locations (name, displayName, regionalDisplayName); Cloud Storage,
    bucket locations, whose case does not matter; S3 console, "Europe (Frankfurt) eu-central-1".

    Raises:
        ValueError: it is no name of a region, or of a cloud with other endpoints.
    """
    pattern, accepted = _ACCEPTED[cloud]
    match cloud:
        case "azure":
            name = re.sub(r"^\([^)]*\)|[ _-]", "", text).lower()
        case "gcp":
            name = re.sub(r" \(.*\)$", "", text).lower()
        case _:
            found = re.search(r"(?:^| )([a-z]+(?:-[a-z]+)+-[0-9])$", text.lower())
            name = found[1] if found else _OLD_LOCATIONS.get(text.upper(), text)
    if cloud == "azure" and _SOVEREIGN.match(name):
        raise ValueError(
            "it is a region of a sovereign cloud, whose storage, sign-in and management have other"
            f" addresses; supported is Azure's public cloud, with {accepted}"
        )
    if cloud != "azure" and (zone := _ZONE.fullmatch(name)):
        raise ValueError(f"it is a zone; write {zone[1]}")
    if not re.fullmatch(pattern, name, re.ASCII):
        raise ValueError(f"must be {accepted}")
    return name
