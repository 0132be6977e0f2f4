"""What Airflow calls the store of each cloud: in paths, and in connections."""

from collections.abc import Mapping
from dataclasses import dataclass

from xcomkit.findings.model import CloudName


@dataclass(frozen=True, slots=True)
class Store:
    """The words for one store.

    ``schemes`` lead to it through the connection, ``other_schemes`` do not; ``types`` is what the
    type of a connection begins with, ``sample`` a connection to fill in.
    """

    schemes: tuple[str, ...]
    other_schemes: tuple[str, ...]
    types: tuple[str, ...]
    sample: str


STORES: Mapping[CloudName, Store] = {
    "aws": Store(
        ("s3", "s3a", "s3n"),
        (),
        ("aws", "s3"),
        '{"conn_type": "aws", "extra": {"region_name": "<region>"}}',
    ),
    "azure": Store(
        ("abfs", "abfss", "adl"),
        ("az", "wasb", "wasbs"),
        ("azure", "adls", "wasb"),
        '{"conn_type": "azure_data_lake", "extra": {"account_name": "<account>", "anon": false}}',
    ),
    "gcp": Store(
        ("gs", "gcs"),
        (),
        ("google", "gcp"),
        '{"conn_type": "google_cloud_platform", "extra": {"project": "<project>"}}',
    ),
}


def cloud_of(scheme: str) -> CloudName | None:
    """Return the cloud a scheme leads to, or ``None``."""
    found = (c for c, s in STORES.items() if scheme in (*s.schemes, *s.other_schemes))
    return next(found, None)
