"""The record in the browser of the system: narrow and wide, by keyboard alone."""

from dataclasses import asdict

import nbformat
import pytest
from record_samples import make_run, render

from xcomkit.findings.model import CODECS, Change, Measurement, Plan, Rule, Spread
from xcomkit.notebook import show

LONG = "arn:aws:iam::123456789012:role/" + "very-long-role-name/" * 40
HOSTILE = ("<script>document.title='hit'</script>", "<img src=x onerror=\"document.title='hit'\">",
           "</td></details></table><b>", "[x](javascript:alert(1))", "$x$")  # fmt: skip
RULE = Rule("XC999", "A title", "fail", "because", f"Give {LONG} the right", "a page")
SPREAD = Spread(1234.5, 0.5, 2222.0)
SCROLLING = """[...document.querySelectorAll('main *')]
    .filter(e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible')
    .map(e => [e.tabIndex, e.getAttribute('role'), e.getAttribute('aria-label')])"""


CHECKS = [
    RULE.judge(holds, expected=LONG, observed=text, how="looked", basis="echo")
    for holds, text in zip((True, False, None, False, True), HOSTILE, strict=True)
]


def results():
    yield show.plan(Plan("Plan", (Change(LONG, "versioning", "off", "on", "create", LONG),)))
    yield show.measurements(
        (
            Measurement("records 5 MB", c, 3, 5_000_000, 2_500_000, SPREAD, SPREAD, SPREAD, 4, None)
            for c in CODECS
        ),
        backend="durable",
    )
    yield show.facts({**dict.fromkeys(HOSTILE, LONG), LONG: "x"}, caption=LONG)
    yield show.table([f"column {n}" for n in range(14)], [[LONG] * 14], caption="Fourteen")
    yield show.Text(LONG)
    yield show.Text(f"a: {LONG}\n  b: {HOSTILE[0]}", is_code=True)
    yield show.table(["Dag", "bytes"], [[name, 1] for name in HOSTILE], caption="bytes")


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("record")
    outputs = [
        nbformat.v4.new_output("display_data", data={"text/html": shown._repr_html_()})
        for shown in results()
    ]
    path = folder / "record.html"
    path.write_text(render(make_run(folder / "run", *map(asdict, CHECKS), outputs=outputs)))
    return path


@pytest.fixture(params=[1280, 800])
def opened(request, browser, record):
    context = browser.new_context(viewport={"width": request.param, "height": 900})
    shown = context.new_page()
    shown.goto(record.as_uri())
    shown.locator("section > details > summary").click()  # the notebook as it ran
    yield shown
    context.close()


def test_page_never_scrolls_sideways_and_what_does_can_be_reached_and_is_named(opened):
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
    scrolling = opened.evaluate(SCROLLING)
    assert all(one[:2] == [0, "region"] and one[2] for one in scrolling)
    if opened.viewport_size["width"] == 800:
        assert [one[2] for one in scrolling] == ["Fourteen"]


def test_nothing_of_a_hostile_text_runs_or_becomes_an_element(opened):
    assert "hit" not in opened.title()
    assert opened.locator("main script, main b, main img:not([alt])").count() == 0
    assert opened.locator("main a[href^=javascript]").count() == 0


def test_keyboard_alone_opens_a_folded_value(opened):
    folded = opened.locator("section td details").first

    folded.locator("summary").first.focus()
    opened.keyboard.press("Enter")

    assert folded.evaluate("e => e.open")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_reader_hears_captions_names_of_rows_and_the_status_of_each_block(opened):
    table = opened.get_by_role("table", name="Plan: 1 to change", exact=True)

    assert table.get_by_role("rowheader").count() == 1
    assert table.get_by_role("columnheader", name="before").count() == 1
    assert opened.locator("main").get_by_text("✖ fail", exact=True).count() == 2
    assert opened.get_by_text("✔ pass 2", exact=True).count() == 1
