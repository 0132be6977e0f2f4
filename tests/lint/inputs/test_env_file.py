"""Env files, as Compose and the Astro CLI read them."""

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.lint.sources.env_file import read_env


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("A=b", "b"),
        ("export A=b", "b"),
        ("  A = b  ", "b"),
        ("A=", ""),
        ("A='b c # d'", "b c # d"),
        ('A="b \\"c\\" # d"', 'b "c" # d'),
        ('A="two\\nlines"', "two\nlines"),
        ("A='no\\nescape'", "no\\nescape"),
        ("A=s3://aws_default@bucket/x#y", "s3://aws_default@bucket/x#y"),
        ("A=b # why", "b"),
        ("A='b' # why", "b"),
        ("A=$$HOME", "$HOME"),
        ("A=${NOBODY:-x}", None),
        ("A=${NOBODY:?why}", None),
        ("B=b\nA=${A:-${B}}", None),
        ("B=b\nA=s3://c@${B}/x", "s3://c@b/x"),
        ("E=\nA=${E:-x}", "x"),
        ('A="x\\$B"', "x$B"),
        ("A='Let\\'s go'", "Let's go"),
        ("A=#hash", "#hash"),
        ("A=$NOBODY", None),
        ("A='$NOBODY'", "$NOBODY"),
        ("A", None),
        ("\ufeffA=b", "b"),
        ("A=b\r", "b"),
        ('A="first\nsecond"', "first\nsecond"),
    ],
)
def test_line_has_the_value_compose_would_give_it(line, expected):
    assert read_env(line, name=".env")[-1].value == expected


def test_variables_keep_their_lines_across_blank_lines_comments_and_long_values():
    text = '# one\n\nA="1\n2"\nB=3\n'

    assert [(v.name, v.line) for v in read_env(text, name=".env")] == [("A", 3), ("B", 5)]


def test_comment_behind_a_value_is_noted_because_docker_run_keeps_it():
    (variable,) = read_env("A=0  # everything", name=".env")

    assert (variable.value, variable.is_commented) == ("0", True)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("A=1\n=2\n", ".env:2:1"),
        ("A B=2\n", ".env:1:"),
        ("A='open\n", ".env:1:1"),
        ('A="x"y\n', ".env:1:1"),
        ("A\x00=1\n", ".env:1:1"),
        ("A: 1\n", ".env:1:"),
    ],
)
def test_line_that_is_no_variable_is_refused_with_its_place(text, place):
    with pytest.raises(InputError) as caught:
        read_env(text, name=".env")
    assert str(caught.value).startswith(place)
    assert "\n" not in str(caught.value)
