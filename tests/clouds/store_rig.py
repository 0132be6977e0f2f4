"""The contract's target on a store that speaks S3 and is not AWS: the stand-in by its URL."""

from collections.abc import Mapping
from typing import ClassVar

from aws_rig import AwsRig
from rig import Rig

from xcomkit.stand_ins.aws import AwsStandIn

QUIRKS: Mapping[str, str] = {
    "publicAccessBlock": "as-bucket",
    "ownershipControls": "as-bucket",
    "encryption": "as-bucket",
    "lifecycle": "as-bucket",
    "policy": "refuse",
    "tagging": "refuse",
    "delete": "deny",
}
"""What OpenStack Swift does: most settings are taken for the bucket itself."""


class StoreRig(AwsRig):
    drifts: ClassVar[tuple[str, ...]] = ("XC203", "XC204", "XC205", "XC207", "XC211")

    def __init__(self, stand_in: AwsStandIn | None, **changes: object) -> None:
        endpoint = {"endpoint_url": stand_in.url} if stand_in else {}
        super().__init__(stand_in, **{**endpoint, **changes})  # type: ignore[arg-type]

    def at_somebody_elses(self) -> Rig:
        foreign = super().at_somebody_elses().settings.bucket
        return type(self)(self.stand_in, bucket=foreign)
