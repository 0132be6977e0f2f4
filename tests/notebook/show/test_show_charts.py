from xml.etree import ElementTree as ET

from xcomkit.findings.model import Measurement, Spread
from xcomkit.notebook import show

HOSTILE = "<script>alert(1)</script>\"'&"


def measured(codec, payload="records", size=1000):
    spread = Spread(1.0, 0.5, 2.0)
    return Measurement(payload, codec, 3, size, size // 2, spread, spread, spread, 4, None)


def drawn(picture):
    """Return the texts in a picture and the width of its bars."""
    root = ET.fromstring(picture.svg)
    texts = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text")]
    return texts, [
        float(one.attrib["width"]) for one in root.iter("{http://www.w3.org/2000/svg}rect")
    ]


def test_codec_chart_is_a_picture_with_the_numbers_in_words():
    picture = show.codec_chart([measured("none"), measured("zip")], backend="durable")

    texts, bars = drawn(picture)
    assert {"durable, none", "durable, zip", "stored, % of 1,000 B JSON", "50"} <= set(texts)
    assert len(bars) == 2 * 3
    assert "class durable. Stored share: none 50.0 %, zip 50.0 %" in picture.alt


def test_same_numbers_give_the_same_picture():
    first, second = (show.codec_chart([measured("none")], backend="stock") for _ in range(2))

    assert first.svg == second.svg


def test_bars_are_as_long_as_their_numbers_and_hostile_names_stay_texts():
    picture = show.bar_chart({"$x_{": 1, HOSTILE: 2, "\x00\x1b\ud800": 4, "": 0}, label="bytes")

    texts, (one, two, four, none) = drawn(picture)
    assert (two, four, none) == (2 * one, 4 * one, 0)
    assert {"$x_{", HOSTILE, r"\x00\x1b\ud800"} <= set(texts)
    assert "<script" not in picture._repr_html_()


def test_heat_map_has_a_field_per_word_and_leaves_the_others_white():
    words = {("push", "zip"): "raised"}

    picture = show.heat_map(["push", "pull"], ["zip"], words, colours={"raised": "#123"}, title="t")

    texts, fields = drawn(picture)
    assert texts == ["t", "zip", "push", "raised", "pull"]
    assert len(fields) == 1
    assert picture.alt == "t: raised 1 times"


def test_chart_is_opaque_white_around_its_lines_so_that_a_dark_page_hides_none():
    picture = show.bar_chart({"a": 1}, label="bytes")

    background = ET.fromstring(picture.svg)[0]

    assert background.attrib == {"fill": "#fff", "d": "M0 0h9999v9999H0z"}
