import pytest

from xcomkit.backend.comparison import difference
from xcomkit.backend.configuration import connection_id
from xcomkit.backend.round_trip import object_key


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


def test_the_first_difference_is_told_with_its_place_and_types_and_without_values():
    pushed = ["builtins.list", [["builtins.int", "1"], ["builtins.tuple", []]]]
    pulled = ["builtins.list", [["builtins.int", "1"], ["builtins.list", []]]]
    told = difference(pushed, pulled)
    assert told == "value[1] was builtins.tuple and came back as builtins.list"
    assert difference(pushed, pushed) == ""
    longer = ["builtins.list", [*pushed[1], ["builtins.int", "2"]]]
    assert difference(pushed, longer) == "value had 2 entries and came back with 3"
    # within a dict
    pushed = ["builtins.dict", [[["builtins.str", "k"], ["builtins.str", "secret"]]]]
    pulled = ["builtins.dict", [[["builtins.str", "k"], ["builtins.str", "other"]]]]
    assert difference(pushed, pulled) == "value[0] came back as another builtins.str"
