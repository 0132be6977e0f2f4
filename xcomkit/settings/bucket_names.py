"""Why a store would refuse the name of a bucket or container."""

import re

_ENDS = "its ends must be letters or digits"


def s3_bucket_problem(name: str) -> str:
    """Return why S3 would refuse a bucket name, or ``""``.

    Source: Amazon S3 User Guide, "General purpose bucket naming rules". moto accepts bad names.
    """
    return _first(
        (not 3 <= len(name) <= 63, "accepted are 3 to 63 characters"),
        (not re.fullmatch(r"[a-z0-9.-]+", name), "accepted are a-z, 0-9, . and -"),
        (not re.fullmatch(r"[a-z0-9].*[a-z0-9]", name), _ENDS),
        (".." in name, "it must not hold two dots in a row"),
        (re.fullmatch(r"\d+\.\d+\.\d+\.\d+", name), "it must not look like an IP address"),
        (
            name.startswith(("xn--", "sthree-", "amzn-s3-demo-")),
            "the prefixes xn--, sthree- and amzn-s3-demo- are reserved",
        ),
        (
            name.endswith(("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")),
            "the suffixes -s3alias, --ol-s3, .mrap, --x-s3 and --table-s3 are reserved",
        ),
        (
            name.endswith("-an") and not re.search(r"-\d{12}-[a-z]+(?:-[a-z0-9]+)+-an$", name),
            "the suffix -an is for names that end in -<account>-<region>-an",
        ),
    )


def azure_container_problem(name: str) -> str:
    """Return why Blob Storage would refuse a container name, or ``""``.

    Source: Azure Storage, "Naming and referencing containers, blobs, and metadata".
    """
    return _first(
        (not 3 <= len(name) <= 63, "accepted are 3 to 63 characters"),
        (not re.fullmatch(r"[a-z0-9-]+", name), "accepted are a-z, 0-9 and -"),
        (not re.fullmatch(r"[a-z0-9].*[a-z0-9]", name), _ENDS),
        ("--" in name, "it must not hold two dashes in a row"),
    )


def gcs_bucket_problem(name: str) -> str:
    """Return why Cloud Storage would refuse a bucket name, or ``""``.

    Source: Cloud Storage, "About Cloud Storage buckets", bucket names. Names with a dot need a
    proved domain, so they are refused here.
    """
    return _first(
        (not 3 <= len(name) <= 63, "accepted are 3 to 63 characters"),
        ("." in name, "a name with a dot needs a domain that is proved to be yours"),
        (not re.fullmatch(r"[a-z0-9_-]+", name), "accepted are a-z, 0-9, _ and -"),
        (not re.fullmatch(r"[a-z0-9].*[a-z0-9]", name), _ENDS),
        (name.startswith("goog") or "google" in name, "goog and google are reserved"),
    )


def _first(*rules: tuple[object, str]) -> str:
    return next((reason for broken, reason in rules if broken), "")
