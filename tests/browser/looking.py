"""What a person would see wrong with a page: things cut off, and what axe-core calls serious."""

import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from xcomkit.stand_ins.common import npm

MANIFEST = Path(__file__).with_name("axe-core")
_CUT_OFF = """([roots, mayScroll]) => {
    const found = [];
    const name = (e) => [e.localName, ...e.classList].join('.') + ' "'
        + e.textContent.trim().replace(/\\s+/g, ' ').slice(0, 60) + '"';
    const tell = (e, what) => found.push(`${name(e)}: ${what}`);
    const page = document.documentElement;
    if (page.scrollWidth > page.clientWidth) {
        found.push(`the page: ${page.scrollWidth} px in ${page.clientWidth}`);
    }
    for (const root of document.querySelectorAll(roots)) {
        const right = root.getBoundingClientRect().right;
        for (const e of [root, ...root.querySelectorAll('*')]) {
            const box = e.getBoundingClientRect();
            const way = e.closest('[tabindex="0"]');
            if (mayScroll && way && root.contains(way)
                && getComputedStyle(way).overflowX === 'auto') continue;
            if (!box.width || e.closest('.jp-mod-hidden') || e.localName === 'input') continue;
            if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth
                && getComputedStyle(e).overflowX !== 'visible') {
                tell(e, `${e.scrollWidth} px in ${e.clientWidth}`);
            } else if (e.matches('table, img') && box.right > right + 1) {
                tell(e, `sticks out by ${Math.round(box.right - right)} px`);
            }
        }
    }
    return found;
}"""
_AXE = """async ([roots]) => {
    const scope = roots ? [...document.querySelectorAll(roots)] : document;
    const told = await axe.run(scope, {resultTypes: ['violations']});
    return told.violations
        .filter((one) => ['serious', 'critical'].includes(one.impact))
        .map((one) => `${one.id} (${one.impact}): ${one.help}: `
            + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(' | ')
            + ` (${one.nodes.length} places)`);
}"""


def find_cut_off(page: Page, roots: str, *, may_scroll: bool = True) -> list[str]:
    """Return what does not fit, in the page as a whole and in the elements of a selector.

    Where it may, what scrolls is fine if the keyboard reaches it, but for the page itself.
    """
    found: list[str] = page.evaluate(_CUT_OFF, [roots, may_scroll])
    return found


def find_violations(page: Page, roots: str = "") -> list[str]:
    """Return what axe-core calls serious or critical, in the page or in elements of a selector."""
    folder = npm.install(MANIFEST, say=sys.stderr.write)
    source = (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    found: list[Any] = page.evaluate(_AXE, [roots])
    return found
