"""The record as whoever was handed it sees it: opened from disk, without this project."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from hostile_object import HOSTILE
from looking import find_cut_off, find_violations
from playwright.sync_api import Browser, Page

from xcomkit.record import page
from xcomkit.record.runner import Run
from xcomkit.record.write import make_record, write_record

_READ = """(height) => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ALL);
    const found = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const range = document.createRange();
        range.selectNode(node);
        const box = range.getBoundingClientRect();
        if (!box.height || box.bottom > height) continue;
        if (node.nodeType === Node.TEXT_NODE) found.push(node.data);
        else if (node.alt) found.push(' ' + node.alt + ' ');
        else if (/^(td|th|tr|h1|h2|p|caption)$/i.test(node.nodeName)) found.push(' ');
    }
    return found.join('').replace(/\\s+/g, ' ');
}"""


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


def test_record_is_printed_on_fifteen_sheets_at_most_with_every_check_open(see):
    page = see()
    headings = page.locator("header h1, .cover h2, main > h2, nav h2").all_inner_texts()
    folded = page.locator(".checks details > :not(summary), table details > :not(summary)")
    is_visible = "all => all.map((e) => e.checkVisibility())"
    assert not any(folded.evaluate_all(is_visible))

    printed = page.pdf(prefer_css_page_size=True, outline=True, tagged=True)
    page.emulate_media(media="print")

    assert 2 < len(re.findall(rb"/Type /Page\b", printed)) <= 15
    outline = re.findall(rb"/Title \((.*?)\)\n", printed)
    assert set(headings) <= {title.decode() for title in outline}
    assert all(page.locator(".checks details > :not(summary)").evaluate_all(is_visible))


def read_screens(browser: Browser, path: Path) -> str:
    """Return what can be read on the first two screens, pictures by their words."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    opened.goto(path.as_uri())
    text: str = opened.evaluate(_READ, 2 * 900)
    opened.close()
    return text


@pytest.fixture(scope="module")
def first_screens(browser: Browser, record: Path) -> str:
    return read_screens(browser, record)


@pytest.fixture(scope="module")
def red_screens(browser: Browser, run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the first screens of the same run where it ended after step 04 with 14 red checks."""
    red = Run(run.directory, run.settings, run.where, run.results[:5])
    proof = red.results[-1]
    failed = [replace(check, status="fail", remedy="Set backend to durable.")
              for check in [c for c in proof.checks if c.status == "pass"][:14]]  # fmt: skip
    red.results[-1] = replace(proof, status="fail", checks=(*failed, *proof.checks[14:]))
    path = tmp_path_factory.mktemp("red") / "record.html"
    path.write_text(page.render(make_record(red), notebooks=run.directory / "notebooks"))
    return read_screens(browser, path)


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("usable?", ["14 failed checks (", "✖ fail", "and 9 more among all checks"]),
        ("practice?", ["Practice run on a stand-in, 5 of 8 steps"]),
        ("what was changed?", ["bucket xcom-runbook-local bucket, public", "role xcom-agents"]),
        ("what was not proved?", ["What Amazon S3 itself answers", "What 05_inspect_objects, "]),
        ("which risk was accepted, why?", ["XC003: small values may stay in the database"]),
        ("what would have been lost with the vendor's values?", ["the vendor's: stock, zip"]),
        ("which file to install?", ["nothing yet: what failed has to be fixed first"]),
        ("what next?", ["Set backend to durable"]),
        ("who ran it?", ["arn:aws:iam::123456789012:user/administrator"]),
    ],
)
def test_first_two_screens_answer_for_a_red_run(red_screens, question, answers):
    for answer in answers:
        assert answer in red_screens, question


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("usable?", ["1 accepted risk (XC003)", "no check failed",
                     "It proves nothing of your own account yet"]),
        ("practice?", ["Practice run on a stand-in, 7 of 8 steps"]),
        ("what was changed?", ["bucket xcom-runbook-local bucket, public", "role xcom-agents"]),
        ("what was not proved?", ["What Amazon S3 itself answers", "What 06_verify_dag looks at",
                                  "XC413 The agents' image holds the durable class"]),
        ("which risk was accepted, why?", ["accepted: small values may stay in the database"]),
        ("which versions?", [f"Airflow {version('apache-airflow')}", f"s3fs {version('s3fs')}",
                             "chart not known"]),
        ("what would have been lost with the vendor's values?",
         ["lose something without an error with the vendor's values",
          "push: the store answers 403 ✔ raised ✖ silent loss"]),
        ("which file to install?", ["values.yaml of the run directory"]),
        ("what next?", ["xcomkit run -f parameters/aws.yaml"]),
        ("who ran it?", ["arn:aws:iam::123456789012:user/administrator"]),
    ],
)  # fmt: skip
def test_first_two_screens_answer(first_screens, question, answers):
    for answer in answers:
        assert answer in first_screens, question


def test_picture_says_in_words_where_values_go(first_screens):
    assert "Agents write values to the bucket" in first_screens
    assert "Does anything leave the execution plane?" in first_screens
