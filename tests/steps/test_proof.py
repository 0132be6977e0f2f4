"""What step 04 found, set beside the values the vendor recommends."""

import pytest

from xcomkit.backend.fault_matrix import Case, Cell
from xcomkit.backend.lost_writes import Writes
from xcomkit.backend.timing import CONTRAST
from xcomkit.findings.model import FaultPair
from xcomkit.stand_ins.fault_proxy.faults import Fault
from xcomkit.steps.proof import Proof

REFUSED = Case("push", "403", Fault("403", ("upload",)))


@pytest.mark.parametrize(
    ("codecs", "pairs"),
    [
        (("none", "gzip", CONTRAST), [("raised", "silent loss"), ("stored", "silent loss")]),
        (("zip",), [("silent loss", "silent loss"), ("stored", "stored")]),
    ],
    ids=["durable", "the vendor's own"],
)
def test_each_fault_is_paired_with_the_vendors_values(codecs, pairs):
    verdicts = {
        "none": "raised",
        "gzip": "not proved",
        "zip": "silent loss",
        CONTRAST: "silent loss",
    }
    proof = Proof(
        codecs=codecs,
        cells=tuple(Cell(REFUSED, codec, verdicts[codec], "seen") for codec in codecs),
        writes=tuple(Writes(codec, 9, 9, 3, 3 - (codec == CONTRAST)) for codec in codecs),
    )

    assert proof.compared == (
        FaultPair("push", "403", *pairs[0]), FaultPair("push", "no fault", *pairs[1])
    )  # fmt: skip
