from collections.abc import Callable, Sequence

import pytest
from backend_target import CLASS, PATH, THRESHOLD, Target

from xcomkit.backend.lost_writes import DAG_ID, Writes, check, probe
from xcomkit.backend.timing import CONTRAST
from xcomkit.findings.errors import AccessDeniedError, MissingError, ServiceError
from xcomkit.findings.model import DURABLE_BACKEND

RUN_ID = "manual__2026-01-02T03:04:05+00:00"
DURABLE = {CLASS: DURABLE_BACKEND}


class Reader:
    """Looks into the bucket, remembers for which keys it was asked, and may be led astray."""

    def __init__(self, target: Target, answer: Callable[[bytes], bytes] | Exception) -> None:
        self.target = target
        self.answer = answer
        self.keys: list[str] = []

    def read_object(self, key: str) -> bytes:
        self.keys.append(key)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(self.target.read_object(key))

    def object_exists(self, key: str) -> bool:
        return bool(self.read_object(key))


def probed(
    target: Target, codecs: Sequence[str] = ("none",), *, reader: Reader | None = None,
    without: tuple[str, ...] = (), **changes: str,
) -> tuple[Writes, ...]:  # fmt: skip
    with target.worker(without=without, **changes) as worker:
        return probe(worker, reader=reader or target, bucket=target.bucket, codecs=codecs,
                     repetitions=2, run_id=RUN_ID, progress=str)  # fmt: skip


def test_store_that_holds_what_it_is_given_loses_nothing_with_any_codec(shared_target) -> None:
    reader = Reader(shared_target, bytes)

    none, gzip = probed(shared_target, ("none", "gzip"), reader=reader)

    assert (none.at_once, none.seen_at_once, none.at_exit, none.seen_after_exit) == (4, 4, 2, 2)
    assert gzip.lost == 0
    assert check((none, gzip), configured="gzip").status == "pass"
    # where it is swept, and where tear-down looks for it
    assert len(reader.keys) == 4
    assert {key.partition(RUN_ID)[0] for key in sorted(shared_target.keys())} == {
        f"astro/xcom/{DAG_ID}/"
    }


@pytest.mark.parametrize("codec", ["none", "gzip"])
@pytest.mark.parametrize("answer", [MissingError("gone"), lambda body: body[:-8]], ids=type)
def test_object_that_is_gone_or_cut_off_after_exit_is_red(shared_target, codec, answer) -> None:
    writes = probed(shared_target, (codec,), reader=Reader(shared_target, answer))

    found = check(writes, configured=codec)

    assert (found.status, found.basis) == ("fail", "behaviour")
    assert "4 of 4 there at once, 0 of 2 after the process had ended" in found.observed
    assert check(writes, configured="zip").status == "skip"


@pytest.mark.parametrize("error", [AccessDeniedError("403"), ServiceError("500")], ids=str)
def test_reader_that_is_refused_makes_it_unknown_and_not_lost(shared_target, error) -> None:
    writes = probed(shared_target, reader=Reader(shared_target, error))

    assert (writes[0].lost, check(writes, configured="none").status) == (0, "unknown")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({THRESHOLD: "-1"}, "the value stayed in the metadata database"),
     ({PATH: "s3://aws_default@no-such-bucket/x"}, "the push raised")],
)  # fmt: skip
def test_what_was_not_pushed_is_a_problem_in_words_and_not_a_loss(shared_target, changes, problem):
    writes = probed(shared_target, **changes)

    assert writes[0].problem.startswith(problem)
    assert (writes[0].lost, check(writes, configured="none").status) == (0, "unknown")


def test_contrast_is_pushed_by_the_stock_class_and_never_judged(shared_target) -> None:
    zipped, contrast = probed(shared_target, ("zip", CONTRAST), **DURABLE)

    assert [zipped.codec, contrast.codec] == ["zip", CONTRAST]
    assert zipped.lost == contrast.lost == 0
    assert check((contrast,), configured="zip").status == "skip"


def test_contrast_loses_what_the_store_refuses_where_the_configured_class_says_so(shared_target):
    zipped, contrast = probed(
        shared_target, ("zip", CONTRAST), without=("s3:PutObject",), **DURABLE
    )

    assert zipped.problem.startswith("the push raised")
    assert (contrast.problem, contrast.lost) == ("", contrast.at_once + contrast.at_exit)
    assert contrast.lost > 0
