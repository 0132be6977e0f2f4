import io

import pytest
from matplotlib.image import imread

from xcomkit import show
from xcomkit.model import Measurement, Spread

HOSTILE = "<script>alert(1)</script>\"'&"


def measured(codec, payload="records", size=1000):
    spread = Spread(1.0, 0.5, 2.0)
    return Measurement(payload, codec, 3, size, size // 2, spread, spread, spread, 4, None)


def test_codec_chart_is_a_picture_with_the_numbers_in_words():
    picture = show.codec_chart([measured("none"), measured("zip")], backend="durable")

    assert picture.png.startswith(b"\x89PNG")
    assert "class durable. Stored share: none 50.0 %, zip 50.0 %" in picture.alt


def test_same_numbers_give_the_same_picture():
    first, second = (show.codec_chart([measured("none")], backend="stock") for _ in range(2))

    assert first.png == second.png


@pytest.mark.filterwarnings("ignore:Glyph:UserWarning")
def test_chart_survives_hostile_names():
    picture = show.bar_chart({"$x_{": 1, HOSTILE: 2, "\x00\x1b": 3, "東京": 4}, label="bytes")

    assert picture.png.startswith(b"\x89PNG")
    assert "<script" not in picture._repr_html_()


def test_chart_is_opaque_white_around_its_lines_so_that_a_dark_page_hides_none():
    picture = show.bar_chart({"a": 1}, label="bytes")

    corner = imread(io.BytesIO(picture.png))[0, 0]

    assert list(corner[:3]) == [1, 1, 1]
    assert all(alpha == 1 for alpha in corner[3:])
