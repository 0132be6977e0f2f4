"""What a worker or the reader of the bucket did not answer is unknown, and limits hold at them."""

import bz2
import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from backend_target import THRESHOLD

from xcomkit.backend import cross_read, fault_matrix, lost_writes, round_trip, silent_references
from xcomkit.backend.configuration import check_class, check_path, is_threshold
from xcomkit.backend.fault_matrix import Case
from xcomkit.backend.protocol import XCOM, Failure, Hello, Outcome, Payload, PushedValue, Where
from xcomkit.findings.errors import AccessDeniedError, MissingError, ProcessError, ServiceError
from xcomkit.findings.model import all_hold
from xcomkit.objects.decode import UnreadableError
from xcomkit.objects.reading import unpack
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.fault_proxy.faults import Fault

REFUSED = [AccessDeniedError("403"), ServiceError("500")]
ERROR = Failure("PermissionError", "403", "")
BODY = b'{"a": 1}'
SETTINGS = Settings.from_mapping(
    {"bucket": "acme", "prefix": "x", "threshold": 8, "region": "eu-central-1"}
)


def outcome(**fields: Any) -> Outcome:
    return Outcome(
        **{"ms": 0.0, "error": None, "log": (), "ignored": (), "requests": None, **fields}
    )


def value(*, body: bytes = BODY, **pushed: Any) -> PushedValue:
    encoded = outcome(bytes=len(body), sha256=hashlib.sha256(body).hexdigest(),
                      value={"digest": "d", "canonical": ["builtins.dict", []]})  # fmt: skip
    found = outcome(**{"reference": "s3://aws@acme/x/k", **pushed})
    key = round_trip.object_key(found.reference, bucket="acme")
    return PushedValue(Payload("small_dict"), encoded, found, key)


class Reader:
    """A bucket that holds one object, or refuses."""

    def __init__(self, body: bytes | Exception) -> None:
        self.body = body

    def read_object(self, _key: str) -> bytes:
        if isinstance(self.body, Exception):
            raise self.body
        return self.body

    def object_exists(self, _key: str) -> bool:
        return bool(self.read_object(""))


class Answers:
    """A worker that has its outcomes ready."""

    subject = XCOM

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = outcomes

    def run(self, _steps: object, **_: object) -> tuple[Outcome, ...]:
        return self.outcomes


@pytest.mark.parametrize(
    ("body", "status"),
    [*((error, ("unknown", "skip")) for error in REFUSED), (MissingError("404"), ("fail", "skip")),
     (BODY, ("pass", "pass")), (BODY + b" ", ("pass", "fail")), (BODY[:-1], ("pass", "fail")),
     (b"", ("pass", "fail"))],
    ids=str,
)  # fmt: skip
def test_object_is_judged_by_all_of_its_bytes_and_unknown_to_a_reader_that_is_refused(body, status):
    found = round_trip.check_objects([value()], reader=Reader(body))

    assert tuple(check.status for check in found) == status


@pytest.mark.parametrize("body", [*REFUSED, BODY, b""], ids=str)
@pytest.mark.parametrize("error", [None, ERROR])
def test_purge_is_proved_only_by_a_reader_that_sees_no_object(body, error):
    worker: Any = Answers(outcome(error=error))

    found = round_trip.check_purge(worker, [value()], reader=Reader(body))

    gone = "fail" if body or error else "pass"
    assert found.status == ("unknown" if isinstance(body, Exception) else gone)


@pytest.mark.parametrize(
    ("answer", "verdict", "status"),
    [
        (outcome(value={"digest": "d"}), "pass", "pass"),
        (outcome(value={"digest": "e"}), "fail", "fail"),
        (outcome(), "fail", "fail"),
        (outcome(error=ERROR), "fail", "pass"),  # a reference that leads nowhere shall raise
        (outcome(is_reference=True, value={"digest": "d"}), "fail", "fail"),
        (ProcessError("gone"), "unknown", "unknown"),
    ],
    ids=["same", "other", "nothing", "raised", "path", "lost"],
)
def test_only_the_same_value_is_the_same_and_no_answer_is_unknown(answer, verdict, status):
    pushed = value()
    answers = answer if isinstance(answer, ProcessError) else (answer,)

    reading = cross_read._judge(
        cross_read.Reading("a", "b", "unknown"), written=(pushed,),
        references=[pushed.pushed.reference], pulled=answers, purged=(),
    )  # fmt: skip
    gone = silent_references.judge(
        silent_references.GONE[XCOM], answers, pushed.encoded, change="deleted"
    )

    assert (reading.verdict, gone.status) == (verdict, status)
    if not isinstance(answer, ProcessError):
        worker: Any = Answers(answer)
        assert round_trip.check_pull(worker, [pushed]).status == verdict


@pytest.mark.parametrize(
    ("pushed", "size", "status"),
    [
        ({}, 8, "pass"),
        ({"reference": "s3://aws@acme/xy/k"}, 8, "fail"),
        ({"error": ERROR}, 8, "fail"),
        ({"reference": ""}, 7, "skip"),
        ({"reference": ""}, 8, "fail"),
        ({"reference": ""}, 9, "fail"),
    ],
)
def test_value_stays_in_the_database_only_below_the_threshold(pushed, size, status):
    found, _ = round_trip.check_push([value(body=b"x" * size, **pushed)], settings=SETTINGS)

    assert found.status == status


@pytest.mark.parametrize(
    ("line", "status"), [("ERROR x", "fail"), ("CRITICAL x", "fail"), ("WARNING x", "pass")]
)
def test_error_that_is_only_logged_is_swallowed(line, status):
    _, found = round_trip.check_push([value(log=(line,))], settings=SETTINGS)

    assert found.status == status


def hello(**settings: str) -> Hello:
    return Hello("", {}, "", settings, (), 0, error=None, loops=None, state={})


@pytest.mark.parametrize(
    ("path", "threshold", "status"),
    [("s3://aws@acme/x", "0", "pass"), ("s3://aws@", "0", "fail"), ("s3://aws@/", "0", "fail"),
     ("file:///tmp/x", "0", "fail"), ("", "0", "fail"), ("s3://acme", "-1", "fail"),
     ("gcs://acme", "1", "pass"), ("s3://acme", "", "fail")],
)  # fmt: skip
def test_path_names_a_bucket_and_a_threshold_from_0(path, threshold, status):
    assert check_path(hello(path=path, threshold=threshold)).status == status


def test_class_that_nobody_configured_is_not_the_configured_one():
    assert check_class(hello(), configured=" ").status == "fail"


@pytest.mark.parametrize(
    ("text", "is_one", "is_sent"),
    [("-1", False, False), ("0", True, False), ("1", True, True), ("2", True, True),
     (" 0 ", True, False), ("1048576", True, True), ("1e6", True, False),
     *((text, False, False) for text in ("", "0.5", "1MB", "0  # all", "inf", "nan", "1e400"))],
)  # fmt: skip
def test_threshold_from_0_is_one_and_from_1_on_it_keeps_a_probe_back(text, is_one, is_sent):
    assert is_threshold(text) is is_one
    assert XCOM.send_small_values(text) == ({THRESHOLD: "0"} if is_sent else {})


@pytest.mark.parametrize("limit", [8, 9, 10])
@pytest.mark.parametrize(("suffix", "pack"), [("", bytes), (".bz2", bz2.compress)])
def test_object_is_unpacked_one_byte_further_than_the_limit(suffix, pack, limit):
    text = b"123456789"

    assert unpack(pack(text), key=f"k{suffix}", limit=limit) == text[: limit + 1]
    if suffix:
        with pytest.raises(UnreadableError):
            unpack(pack(text)[:-2], key="k.bz2", limit=9)


@pytest.mark.parametrize(
    ("purged", "looked", "is_clean"),
    [(outcome(), outcome(), True), (outcome(), outcome(bytes=0), False),
     (outcome(), outcome(error=ERROR), False), (outcome(error=ERROR), outcome(), False)],
)  # fmt: skip
def test_look_after_a_purge_that_failed_proves_nothing(purged, looked, is_clean):
    assert (cross_read.not_purged(purged, looked) == "") is is_clean


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [((), None), ((True,), True), ((True, None), None), ((None, False), False)],
)
def test_one_unknown_leaves_all_unknown_and_one_that_is_wrong_is_told(verdicts, together):
    assert all_hold(verdicts) is together


def test_pair_that_could_build_no_value_is_unknown():
    made = value()
    written: Any = SimpleNamespace(problem="", pushed=made.pushed, encoded=made.encoded,
                                   payload=made.payload, is_unavailable=True)  # fmt: skip
    reading = cross_read._judge(
        cross_read.Reading("a", "b", "unknown"), written=(written,),
        references=[made.pushed.reference], pulled=(made.encoded,), purged=(),
    )  # fmt: skip
    assert (reading.verdict, reading.tried) == ("unknown", 0)


@pytest.mark.parametrize("hits", [0, 1])
@pytest.mark.parametrize("there", [True, False, None])
@pytest.mark.parametrize("operation", ["push", "pull", "purge"])
def test_fault_that_met_no_request_or_whose_object_is_not_seen_is_not_proved(
    operation, there, hits
):
    made = value()
    trial: Any = SimpleNamespace(case=Case(operation, "403", Fault("403", ())), codec="none")
    cell = fault_matrix._judge(
        trial, (made.encoded, made.pushed), (made.encoded,), hits=hits, there=there
    )
    is_silent = operation == "purge" and there
    is_seen = there is not None or operation == "pull"
    assert (cell.verdict == "not proved") is not (is_seen and (hits > 0 or is_silent))


@pytest.mark.parametrize("size", [0, 1])
def test_object_without_a_byte_is_not_one_that_is_there(size):
    stored = outcome(reference="s3://aws@acme/x/k")
    encoded = value().encoded
    answers = [(encoded, stored, outcome(bytes=size), stored)]

    found = lost_writes._judge_rounds("none", answers, reader=Reader(BODY), bucket="acme")

    assert (found.at_once, found.seen_at_once) == (1, size)


class Forgetful:
    """A bucket that shows its object, and refuses once it was deleted."""

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = None
        self.then = error

    def object_exists(self, _key: str) -> bool:
        if self.error:
            raise self.error
        return True

    def delete(self, _keys: list[str]) -> None:
        self.error = self.then


@pytest.mark.parametrize("error", REFUSED)
def test_pull_after_a_delete_that_nobody_saw_proves_nothing(error):
    pushed, reader = value(), Forgetful(error)
    same = (outcome(value=pushed.encoded.value),)
    worker = Answers(pushed.encoded, pushed.pushed)
    vars(worker).update(
        bound=SimpleNamespace(settings={"path": "s3://aws@acme/x"}), small={},
        where=Where, run_all=lambda requests: [same for _ in requests],
    )  # fmt: skip

    checks = silent_references.check(
        worker, environment={}, reader=reader, delete=reader.delete, bucket="acme", run_id="r"
    )

    assert {check.status for check in checks} == {"unknown"}
    assert "not known to be gone" in checks[-1].observed
