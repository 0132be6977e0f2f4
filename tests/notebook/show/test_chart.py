"""Bar charts: as long as their numbers, said in words, and harmless whatever their names are."""

import re
from base64 import b64decode
from xml.etree.ElementTree import fromstring

from xcomkit.notebook import show

HOSTILE = '<script>alert(1)</script>"\x1b[31m\ud800'
TABLE = show.table(["name", "bytes"], [[HOSTILE, "1"]], caption=f"Bytes {HOSTILE}")


def chart(*lengths: float, **more) -> show.Chart:
    bars = (show.Bar(f"n{place}", one, f"{one} B") for place, one in enumerate(lengths))
    return show.Chart(TABLE, tuple(bars), "bytes", **more)


def image(drawn: show.Chart):
    (address,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', drawn._repr_html_())
    return fromstring(b64decode(address))


def lengths(drawn: show.Chart) -> list[float]:
    side = "height" if drawn.is_standing else "width"
    return [float(one.get(side)) for one in image(drawn).iter() if one.get("fill") == "#0969da"]


def test_bars_are_as_long_as_their_numbers():
    for is_standing in (False, True):
        none, half, whole = lengths(chart(0, 50, 100, is_standing=is_standing))

        assert none == 0
        assert abs(whole / half - 2) < 0.01
        assert lengths(chart(0, 0, is_standing=is_standing)) == [0, 0]
        assert lengths(chart(is_standing=is_standing)) == []


def test_whoever_does_not_see_the_image_has_words_and_everybody_the_table():
    drawn = chart(*range(20), is_standing=True, mark=(2.5, "the threshold"))

    html = drawn._repr_html_()

    assert "n19: 19 B, and 7 smaller. Marked: the threshold." in drawn.words
    assert "n1: " not in drawn.words
    assert 'alt="Bar chart. Bytes ' in html
    assert TABLE._repr_html_() in html
    assert repr(drawn) == repr(TABLE)


def test_names_are_inert_in_image_words_and_page():
    bar = show.Bar(HOSTILE * 9, 1, HOSTILE)
    for is_standing in (False, True):
        drawn = show.Chart(TABLE, (bar,), HOSTILE, is_standing=is_standing, mark=(0, HOSTILE))

        html = drawn._repr_html_()

        assert {one.tag.rpartition("}")[2] for one in image(drawn).iter()} == {
            "svg", "rect", "text", *(["path"] if is_standing else []),
        }  # fmt: skip
        assert "<script" not in html
        assert "\x1b" not in html + drawn.words
        html.encode()


def test_mark_stands_behind_as_many_bars_as_it_says():
    def place(number: float) -> float:
        lines = [one for one in image(chart(*[1] * 8, is_standing=True, mark=(number, "m"))).iter()
                 if one.get("stroke-dasharray")]  # fmt: skip
        return float(re.match(r"M([\d.]+) ", lines[0].get("d"))[1])

    bars = [one for one in image(chart(*[1] * 8, is_standing=True)).iter() if one.get("x")]
    assert place(3) == float([one for one in bars if one.get("fill") == "#0969da"][3].get("x"))
    assert place(3) < place(3.5) < place(4)
