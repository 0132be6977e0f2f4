from collections.abc import Callable, Iterator

import pytest
from prepared import Prepared
from proxied_target import ProxiedTarget, open_proxied_target

from xcomkit.backend import process
from xcomkit.backend.fault_checks import check
from xcomkit.backend.fault_matrix import Case, Cell, cases
from xcomkit.backend.protocol import STATE
from xcomkit.backend.timing import CONTRAST, chosen, distinct
from xcomkit.findings.model import DURABLE_BACKEND, STOCK_BACKEND, CloudName
from xcomkit.stand_ins.common.stand_in import StandIn
from xcomkit.stand_ins.fault_proxy.faults import Fault

Cells = dict[tuple[str, str], Cell]
CODECS = distinct("none")
GOOD = {"raised", "retried and stored", "retried and read", "retried and deleted"}


@pytest.fixture(scope="module", params=["aws", "azure", "gcp"])
def target(
    request: pytest.FixtureRequest, stand_ins: Callable[[CloudName], StandIn], prepared: Prepared
) -> Iterator[ProxiedTarget]:
    with (
        open_proxied_target(request.param, stand_ins) as made,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(process, "start", prepared.start)
        yield made


@pytest.fixture(scope="module")
def stock(target: ProxiedTarget) -> Cells:
    return target.cells("stock", cases(target.cloud_name, depth="quick"), CODECS)


@pytest.fixture(scope="module")
def durable(target: ProxiedTarget) -> Cells:
    return target.cells("durable", cases(target.cloud_name, depth="quick"), (*CODECS, CONTRAST))


def verdicts(cells: Cells, name: str, *, with_codec: bool) -> set[str]:
    return {c.verdict for (of, codec), c in cells.items() if of == name and
            (codec != "none") is with_codec}  # fmt: skip


def test_durable_backend_is_never_silent_whatever_fails(durable: Cells):
    assert {
        f"{key}: {c.observed}"
        for key, c in durable.items()
        if c.verdict not in GOOD and c.codec != CONTRAST
    } == set()


def test_contrast_fails_as_the_stock_class_does_although_the_durable_one_is_configured(
    stock: Cells, durable: Cells
):
    fates = {name: c.verdict for (name, way), c in durable.items() if way == CONTRAST}

    assert fates["push 403"] == "silent loss"
    assert fates["pull 404"] == "silent wrong value"
    assert fates == {name: c.verdict for (name, way), c in stock.items() if way == "zip"}


@pytest.mark.parametrize(
    ("backend", "codec", "depth", "tried"),
    [
        (DURABLE_BACKEND, "none", "quick", ("none", CONTRAST)),
        (DURABLE_BACKEND, "zip", "quick", ("zip", CONTRAST)),
        (STOCK_BACKEND, "gzip", "quick", ("gzip", CONTRAST)),
        (STOCK_BACKEND, "zip", "quick", ("zip",)),
        (STOCK_BACKEND, "none", "full", ("none", "gzip", "zip", "bz2", "xz")),
        (DURABLE_BACKEND, "lzma", "full", ("lzma", "none", "gzip", "zip", "bz2", CONTRAST)),
    ],
)
def test_configured_codec_is_tried_first_and_every_codec_once(backend, codec, depth, tried):
    assert chosen(backend, codec, depth=depth) == tried


def test_stock_backend_hides_a_refused_upload_behind_a_codec_and_returns_paths(stock: Cells):
    for name in ("push 403", "push 404"):
        assert verdicts(stock, name, with_codec=False) == {"raised"}
        assert verdicts(stock, name, with_codec=True) == {"silent loss"}
    for with_codec in (False, True):
        assert verdicts(stock, "pull 403", with_codec=with_codec) == {"raised"}
    missing = {(c.verdict, c.observed) for (name, _), c in stock.items() if name == "pull 404"}
    assert missing == {("silent wrong value", "no error, the reader got the reference string")}


def test_state_is_lost_in_silence_by_the_stock_class_behind_a_codec_and_never_by_the_durable_one(
    target: ProxiedTarget,
):
    tried = cases(target.cloud_name, depth="quick")
    stock = target.cells("stock", tried, ("none", "gzip"), STATE)
    durable = target.cells("durable", tried, ("none", "gzip"), STATE)
    none = "as if nothing had ever been stored"
    for name in ("push 403", "push 404"):
        assert stock[name, "none"].verdict == "raised"
        assert stock[name, "gzip"].verdict == "silent loss"
        assert none in stock[name, "gzip"].observed
    for codec in ("none", "gzip"):
        assert stock["pull 404", codec].verdict == "silent wrong value"
        assert none in stock["pull 404", codec].observed
    assert {f"{key}: {c.observed}" for key, c in durable.items() if c.verdict not in GOOD} == set()
    for codec in ("none", "gzip"):
        found = [check([*cells.values()], configured=codec, subject=STATE)
                 for cells in (stock, durable)]  # fmt: skip
        assert [one.status for one in found[1]] == ["pass"] * 3
        assert [one.status for one in found[0]][:2] == [
            "pass" if codec == "none" else "fail", "fail"
        ]  # fmt: skip
        assert [one.id for one in found[0]] == ["XC538", "XC539", "XC540"]


def test_every_quick_fault_was_tried_with_every_codec(target: ProxiedTarget, stock: Cells):
    assert len(stock) == len(cases(target.cloud_name, depth="quick")) * len(CODECS)
    assert {cell.verdict for cell in stock.values()} & {"not proved"} == set()


def test_failure_of_one_key_in_a_delete_that_succeeds_leaves_the_object_behind(
    target: ProxiedTarget, stock: Cells, durable: Cells
):
    if target.cloud_name != "aws":  # only S3 deletes many keys in one request
        assert verdicts(stock, "purge 403", with_codec=False) == {"raised"}
        return
    assert verdicts(stock, "purge error inside 200", with_codec=False) == {"silent leftover"}
    # The durable class deletes one key at a time, whose status is the answer.
    assert verdicts(durable, "purge error inside 200", with_codec=False) == set()
    assert verdicts(durable, "purge 403", with_codec=False) == {"raised"}


def test_fault_that_never_strikes_proves_nothing(target: ProxiedTarget):
    idle = Case("pull", "none of these", Fault("403", ("part",)))

    (cell,) = target.cells("durable", (idle,), ("none",)).values()

    assert (cell.verdict, "no request was disturbed" in cell.observed) == ("not proved", True)


def test_full_depth_holds_the_quick_faults_and_the_ones_that_are_waited_for():
    for cloud in ("aws", "azure", "gcp"):
        quick, full = cases(cloud, depth="quick"), cases(cloud, depth="full")
        assert set(quick) < set(full)
        assert {"503", "reset", "slow"} <= {case.label for case in full if not case.is_quick}
