import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile

import pytest

from xcomkit.backend.comparison import difference
from xcomkit.backend.configuration import connection_id, is_threshold
from xcomkit.backend.round_trip import object_key
from xcomkit.objects.reading import UNPACK_ERRORS, unpack

BOMB = b"0" * 50_000_000


def zipped(body: bytes, *, members: int = 1) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"member-{number}", body)
    return stream.getvalue()


PACKERS = [
    (".gz", gzip.compress),
    (".bz2", bz2.compress),
    (".xz", lzma.compress),
    (".lzma", lzma.compress),
    (".zip", zipped),
]


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
def test_every_codec_is_unpacked_to_what_was_packed(suffix, pack):
    assert unpack(pack(b'{"a": 1}'), key=f"dag/run/task/uuid{suffix}", limit=100) == b'{"a": 1}'


@pytest.mark.parametrize(("suffix", "pack"), PACKERS)
def test_a_bomb_stops_one_byte_after_the_limit_with_little_memory(suffix, pack):
    body = pack(BOMB)
    tracemalloc.start()
    text = unpack(body, key=f"uuid{suffix}", limit=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert text == b"0" * 1001
    assert peak < 10_000_000  # xz keeps a dictionary of 8 MB


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip"])
@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"\x1f\x8b", b"PK\x03\x04", b"BZh9", b"\xfd7zXZ"]
)
def test_garbage_is_an_unpack_error_or_less_than_a_value(suffix, body):
    try:
        assert unpack(body, key=f"uuid{suffix}", limit=10) == b""
    except UNPACK_ERRORS as error:
        assert str(error) or isinstance(error, EOFError)


def test_an_archive_with_two_members_is_refused():
    with pytest.raises(ValueError, match="2 members"):
        unpack(zipped(b"x", members=2), key="uuid.zip", limit=10)


def test_a_dot_in_a_run_id_is_no_suffix():
    assert unpack(b"[1]", key="dag/run.gz/task/uuid", limit=10) == b"[1]"


@pytest.mark.parametrize(
    ("reference", "key"),
    [
        ("s3://aws_default@b/astro/xcom/d/manual__2026-01-01T00:00:00+00:00/t/u", None),
        ("s3://b/p/k#x?y=z", "p/k#x?y=z"),
        ("s3://aws_default@other/p/k", ""),
        ("", ""),
        ("just text", ""),
    ],
)
def test_a_reference_gives_the_key_only_inside_the_bucket(reference, key):
    expected = reference.partition("@b/")[2] if key is None else key
    assert object_key(reference, bucket="b") == expected


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("s3://aws_default@bucket/p", "aws_default"),
        ("s3://bucket/p", ""),
        ("s3://bucket/p@q", ""),
        ("", ""),
    ],
)
def test_the_connection_id_stands_before_the_bucket(path, found):
    assert connection_id(path) == found


@pytest.mark.parametrize("text", ["0", " 0 ", "1048576", "1e6"])
def test_thresholds_airflow_reads_are_accepted(text):
    assert is_threshold(text)


@pytest.mark.parametrize("text", ["-1", "1MB", "0.5", "", "0  # all", "inf", "nan", "1e400"])
def test_thresholds_airflow_refuses_or_that_keep_values_in_the_database_are_not(text):
    assert not is_threshold(text)


def test_the_first_difference_is_told_with_its_place_and_both_types():
    pushed = ["builtins.list", [["builtins.int", "1"], ["builtins.tuple", []]]]
    pulled = ["builtins.list", [["builtins.int", "1"], ["builtins.list", []]]]
    told = difference(pushed, pulled)
    assert told == "value[1] was builtins.tuple and came back as builtins.list"
    assert difference(pushed, pushed) == ""
    longer = ["builtins.list", [*pushed[1], ["builtins.int", "2"]]]
    assert difference(pushed, longer) == "value had 2 entries and came back with 3"


def test_a_changed_value_inside_a_dict_is_a_difference_without_its_body():
    pushed = ["builtins.dict", [[["builtins.str", "k"], ["builtins.str", "secret"]]]]
    pulled = ["builtins.dict", [[["builtins.str", "k"], ["builtins.str", "other"]]]]
    assert difference(pushed, pulled) == "value[0] came back as another builtins.str"
