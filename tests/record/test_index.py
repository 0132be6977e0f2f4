import os
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from records import check, write

from xcomkit.errors import InputError
from xcomkit.record.index import render, write_index

HOSTILE = '"><script>hit()</script><img src=x onerror=hit()>\x1b\u202e\ud800'


def at(day: int) -> str:
    return f"2026-01-{day:02}T00:00:00+00:00"


def texts(html):
    """Return the texts of the cells, row by row."""
    rows = re.findall(r"<tr>(.*?)</tr>", html)[1:]
    return [
        [re.sub(r"<.*?>", " ", cell).strip() for cell in re.split(r"</t[dh]>", row)[:-1]]
        for row in rows
    ]


def tags(html):
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append((tag, dict(attributes)))
    parser.feed(html)
    return found


def test_records_stand_newest_first_with_verdict_in_word_and_shape(tmp_path):
    write(tmp_path / "20260103T000000Z-x", written=at(1), verdict="warn")
    write(tmp_path / "20260101T000000Z-x", written=at(3), verdict="fail")
    write(tmp_path / "20260102T000000Z-x", written=at(2))

    found = texts(write_index(tmp_path).read_text())

    assert [row[0][:8] for row in found] == ["20260101", "20260102", "20260103"]
    assert [row[1] for row in found] == ["✖ fail", "✔ pass", "▲ warn"]
    assert next(row[3] for row in found) == "2026-01-03 00:00:00"


def test_each_is_compared_with_the_one_before_of_the_same_target(tmp_path):
    write(tmp_path / "a", written=at(1))
    write(tmp_path / "b", written=at(2), target="s3://other/x")
    other = {
        "checks": {"04_round_trip": [check(status="fail")]},
        "verdict": "fail",
        "settings": {"threshold": 1},
        "versions": {"python": "3.12.1", "s3fs": "2026.10.0"},
    }
    write(tmp_path / "c", written=at(3), **other)
    write(tmp_path / "d", written=at(4), settings={"endpoint_url": "embedded"})
    write(tmp_path / "e", written=at(5), **other)

    found = {row[0]: row[4] for row in texts(render(tmp_path))}

    first = "the first of this target"
    assert [found[name] for name in "abd"] == [first] * 3
    assert found["c"] == (
        "verdict pass → fail; checks XC201 pass → fail; settings threshold;"
        " versions s3fs 2026.9.0 → 2026.10.0"
    )
    assert found["e"] == "nothing but words and times"


def test_links_lead_to_the_records_also_a_level_below(tmp_path):
    write(tmp_path / "findings/20260101T000000Z-x y")
    write(tmp_path / "javascript:hit()")
    (write(tmp_path / "bare") / "record.html").unlink()

    links = {a["href"] for tag, a in tags(render(tmp_path)) if tag == "a"}

    assert links == {
        "findings/20260101T000000Z-x%20y/record.html",
        "javascript%3Ahit%28%29/record.html",
        "bare/record.json",
    }


def test_broken_and_foreign_folders_are_named_and_do_no_harm(tmp_path):
    write(tmp_path / "good")
    (write(tmp_path / "broken") / "record.json").write_text("[" * 100_000)
    (tmp_path / "interrupted/evidence").mkdir(parents=True)
    (tmp_path / "foreign/deep/deeper").mkdir(parents=True)
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "pipe/evidence").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe/record.json")
    os.mkdir(os.fsencode(tmp_path) + b"/odd\xff")  # noqa: PTH102
    write(tmp_path / os.fsdecode(b"odd\xff"), written="soon")
    write(tmp_path / "future", written="9999-12-31T23:59:59-23:00")

    html = write_index(tmp_path).read_text()

    assert "Records: 3" in html
    assert "Records that cannot be read: 1" in html
    assert "broken/record.json: nested too deeply" in html
    assert "No record: walked through in notebooks, broken off, or still running: 2" in html
    assert "foreign" not in html
    assert 'href="odd%FF/record.html"' in html


def test_folder_that_is_closed_to_us_is_passed_over(tmp_path, monkeypatch):
    write(tmp_path / "good")
    (tmp_path / "closed").mkdir()
    really = Path.is_file

    def is_file(path):
        if path.parent.name == "closed":
            raise PermissionError
        return really(path)

    monkeypatch.setattr(Path, "is_file", is_file)

    assert "Records: 1" in render(tmp_path)


def test_hostile_records_are_inert(tmp_path):
    odd = check(HOSTILE[:30], "fail", title=HOSTILE, observed=HOSTILE)
    texts_ = {"run": HOSTILE, "target": HOSTILE, "where": HOSTILE}
    write(tmp_path / "a", written=at(1), **texts_)
    write(tmp_path / '"><script>hit()<', {HOSTILE: [odd]}, written=at(2), **texts_,
          settings={HOSTILE: HOSTILE}, versions={HOSTILE: HOSTILE})  # fmt: skip
    write(tmp_path / "c", written=HOSTILE)

    html = write_index(tmp_path).read_text()

    assert {tag for tag, _ in tags(html)} <= {
        "html", "head", "meta", "title", "style", "body", "header", "main", "h1", "p", "code",
        "table", "caption", "thead", "tbody", "tr", "th", "td", "a", "br", "strong", "wbr",
    }  # fmt: skip
    assert not [a for _, a in tags(html) if any(name.startswith("on") for name in a)]
    assert "\u202e" not in html
    assert "\x1b" not in html


def test_page_makes_no_request_and_is_the_same_for_the_same_records(tmp_path):
    write(tmp_path / "a")

    html = write_index(tmp_path).read_text()

    assert "default-src 'none'" in html
    assert "<script" not in html
    assert "url(" not in html
    assert not re.search(r"""(?:src|href)=["'](?:https?:|//|data:)""", html)
    assert write_index(tmp_path).read_text() == html


def test_2000_records_give_less_than_1_mb_and_what_is_left_out_is_said(tmp_path):
    long = "s3://" + "&" * 200
    for number in range(2000):
        write(
            tmp_path / f"20260101T{number:06}Z-x",
            {"04_round_trip": [check("XC501", ("pass", "fail")[number % 2])]},
            written=f"2026-01-01T00:00:00.{number:06}+00:00",
            target=long,
        )
    begun = time.monotonic()

    html = write_index(tmp_path).read_text()

    assert time.monotonic() - begun < 30
    assert len(html.encode()) < 1_000_000
    shown = len(texts(html))
    assert 500 < shown < 2000
    assert f"{2000 - shown} older records are not shown" in html
    assert "20260101T001999Z-x" in html


def test_index_of_somebody_else_is_left_alone(tmp_path):
    (tmp_path / "index.html").write_text("<h1>my site</h1>")

    with pytest.raises(InputError, match="somebody else's"):
        write_index(tmp_path)
    assert (tmp_path / "index.html").read_text() == "<h1>my site</h1>"


def test_folder_without_records_gives_an_empty_page(tmp_path):
    assert "Records: 0" in write_index(tmp_path).read_text()
    assert "Records: 0" in render(tmp_path / "none")
