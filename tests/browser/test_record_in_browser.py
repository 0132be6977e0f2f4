"""The record as whoever was handed it sees it: opened from disk, without this project."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hostile_object import HOSTILE
from looking import find_cut_off, find_violations
from playwright.sync_api import Browser, Page

from xcomkit.record.runner import Run
from xcomkit.record.write import write_record


@pytest.fixture(scope="module")
def record(run: Run) -> Path:
    return write_record(run)


@pytest.fixture
def see(browser: Browser, record: Path) -> Iterator[Callable[..., Page]]:
    """Open the record in a fresh profile; what it asks for and says is in the page's ``told``."""
    contexts = []

    def open_(*, width: int = 1280, scheme: str = "light") -> Page:
        size = {"width": width, "height": 900}
        contexts.append(browser.new_context(viewport=size, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.told = []
        page.on("request", lambda request: page.told.append(request.url))
        page.on("console", lambda message: page.told.append(message.text))
        page.on("pageerror", lambda error: page.told.append(str(error)))
        page.on("dialog", lambda dialog: page.told.append(dialog.message))
        page.goto(record.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()


def test_hostile_object_of_a_whole_run_is_read_and_not_run_and_the_page_asks_for_nothing(
    see, run, record
):
    assert [result.outcome for result in run.results] == ["done"] * 7  # all without a plane
    page = see()
    page.wait_for_load_state("networkidle")

    assert page.told == [record.as_uri()]
    assert page.evaluate("window.hit") is None
    assert page.locator("script, iframe, object, embed, link, svg").count() == 0
    names = page.evaluate(
        "[...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames())"
    )
    assert not [one for one in names if one.startswith("on")]
    assert HOSTILE in page.locator("main").text_content()


@pytest.mark.parametrize("width", [1280, 800])
def test_page_fits_into_the_window(see, width):
    assert find_cut_off(see(width=width), "body") == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(see, scheme):
    assert find_violations(see(scheme=scheme)) == []


def test_links_lead_somewhere(see, record):
    page = see()
    targets = {link.get_attribute("href") for link in page.locator("a[href]").all()}

    assert targets
    for target in targets:
        if target.startswith("#"):
            assert page.locator(f"[id='{target[1:]}']").count() == 1
        else:
            assert (record.parent / target).is_file()


def test_record_is_printed_whole(see, run):
    page = see()
    headings = page.locator("h1, h2").all_inner_texts()

    printed = page.pdf(prefer_css_page_size=True, outline=True, tagged=True)

    sheets = len(re.findall(rb"/Type /Page\b", printed))
    assert len(run.results) < sheets < 80
    outline = re.findall(rb"/Title \((.*?)\)\n", printed)
    assert set(headings) <= {title.decode() for title in outline}


def test_folded_texts_are_open_on_paper(see):
    page = see()
    folded = page.locator("details > :not(summary)")
    is_visible = "all => all.map((e) => e.checkVisibility())"
    assert not any(folded.evaluate_all(is_visible))

    page.emulate_media(media="print")

    assert folded.count() > 0
    assert all(folded.evaluate_all(is_visible))
