"""What differs between the clouds in words and limits: data, looked up by the settings.

Everything a cloud *does* is in ``xcomkit.clouds``; here is only how it is called.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from xcomkit.model import CloudName
from xcomkit.refusals import azure_container_problem, gcs_bucket_problem, s3_bucket_problem


@dataclass(frozen=True, slots=True)
class Terms:
    """The vocabulary of one cloud.

    ``encryptions`` begins with the default; the last one needs ``kms_key``. ``needed`` are the
    parameters without which nothing can be addressed. ``noncurrent_days`` is the range the store
    accepts, and ``place`` how a person would write down where the objects are.
    """

    store: str
    scheme: str
    place: str
    connection_id: str
    region: str
    encryptions: tuple[str, str]
    needed: tuple[str, ...]
    noncurrent_days: tuple[int, int]
    name_problem: Callable[[str], str]


TERMS: Mapping[CloudName, Terms] = MappingProxyType(
    {
        "aws": Terms(
            store="Amazon S3",
            scheme="s3",
            place="s3://{bucket}/{prefix}",
            connection_id="aws_default",
            region="us-east-1",
            encryptions=("sse-s3", "sse-kms"),
            needed=(),
            noncurrent_days=(1, 36_500),
            name_problem=s3_bucket_problem,
        ),
        "azure": Terms(
            store="Azure Blob Storage",
            scheme="abfs",
            place="https://{storage_account}.blob.core.windows.net/{bucket}/{prefix}",
            connection_id="azure_data_lake_default",
            region="westeurope",
            encryptions=("microsoft-managed", "key-vault"),
            needed=("subscription_id", "resource_group", "storage_account"),
            noncurrent_days=(1, 365),
            name_problem=azure_container_problem,
        ),
        "gcp": Terms(
            store="Google Cloud Storage",
            scheme="gs",
            place="gs://{bucket}/{prefix}",
            connection_id="google_cloud_default",
            region="europe-west1",
            encryptions=("google-managed", "customer-managed"),
            needed=("project",),
            noncurrent_days=(7, 90),
            name_problem=gcs_bucket_problem,
        ),
    }
)
