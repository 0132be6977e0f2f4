"""Why a store would reject the name of a bucket or container."""

import re
from collections.abc import Mapping, Sequence

from xcomkit.findings.model import CloudName

_LENGTH = (r".{3,63}", "must be 3 to 63 characters")
_ENDS = (r"[a-z0-9].*[a-z0-9]", "must begin and end with a letter or digit")
# Amazon S3 User Guide, "General purpose bucket naming rules". moto accepts bad names.
_S3 = (
    (r"(?!arn:|\w+://).*", "must be the name alone, without arn:aws:s3::: or s3://"),
    _LENGTH,
    (r"[a-z0-9.-]+", "must be of a-z, 0-9, . and -"),
    _ENDS,
    (r"(?!.*\.\.).*", "must not contain two dots in a row"),
    (r"(?!\d+\.\d+\.\d+\.\d+$).*", "must not look like an IP address"),
    (
        r"(?!xn--|sthree-|amzn-s3-demo-).*",
        "must not begin with xn--, sthree- or amzn-s3-demo-, which are reserved",
    ),
    (
        r".*(?<!-s3alias)(?<!--ol-s3)(?<!\.mrap)(?<!--x-s3)(?<!--table-s3)",
        "must not end with -s3alias, --ol-s3, .mrap, --x-s3 or --table-s3, which are reserved",
    ),
    (
        r".*(?<!-an)|.*-\d{12}-[a-z]+(?:-[a-z0-9]+)+-an",
        "must end in -<account>-<region>-an if it ends in -an",
    ),
)
# Azure Storage, "Naming and referencing containers, blobs, and metadata".
_AZURE = (
    _LENGTH,
    (r"[a-z0-9-]+", "must be of a-z, 0-9 and -"),
    _ENDS,
    (r"(?!.*--).*", "must not contain two dashes in a row"),
)
# Cloud Storage, "About Cloud Storage buckets", bucket names.
_GCS = (
    _LENGTH,
    (r"[^.]*", "must not contain a dot, which needs a domain that is proved to be yours"),
    (r"[a-z0-9_-]+", "must be of a-z, 0-9, _ and -"),
    _ENDS,
    (r"(?!goog)(?!.*google).*", "must not begin with goog or contain google, which are reserved"),
)

_RULES: Mapping[CloudName, Sequence[tuple[str, str]]] = {"aws": _S3, "azure": _AZURE, "gcp": _GCS}


# S3 user guide: what stands where a bucket's name does, and what s3fs takes for one
_OTHER_NAMES = re.compile(
    r"(.*)-s3alias|(.+-[a-z0-9]{30,40})--ol-s3|(.*)--[a-z0-9]+-az\d+--x-s3", re.DOTALL
)
_ACCESS_POINT = re.compile(r"arn:aws[\w-]*:s3:[a-z0-9-]+:\d{12}:accesspoint(?::[a-z0-9-]{3,50})?")


def bucket_problem(name: str, *, cloud: CloudName) -> str:
    """Return why the cloud's store would reject the name of a new bucket, or ``""``."""
    rules = _RULES[cloud]
    broken = (words for pattern, words in rules if not re.fullmatch(pattern, name, re.DOTALL))
    return next(broken, "")


def path_problem(name: str, *, cloud: CloudName) -> str:
    """Return why nothing answers in a path to a name, or ``""``.

    Names answer that no new bucket may have: access points and their aliases, directory buckets,
    and on Cloud Storage domains, which may well be theirs.
    """
    if cloud == "aws" and _ACCESS_POINT.fullmatch(name):
        return ""
    other = _OTHER_NAMES.fullmatch(name) if cloud == "aws" else None
    if other and not re.fullmatch(*_LENGTH[:1], name):
        return _LENGTH[1]
    if other:
        name = next(filter(None, other.groups()), "-")
    if cloud == "aws" and name.endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return "must be the name alone, not the address"
    return bucket_problem(name.replace(".", "-") if cloud == "gcp" else name, cloud=cloud)
