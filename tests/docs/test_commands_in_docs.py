"""What the documents tell a reader to type and to open exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from xcomkit import __main__ as command_line

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DOCS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = {"docs/tour.md": 90, "docs/notebooks-elsewhere.md": 60}


@pytest.fixture(params=DOCS, ids=lambda path: path.stem)
def document(request: pytest.FixtureRequest) -> Path:
    return request.param


def typed(path: Path) -> list[str]:
    """What stands there as code: the lines of blocks, and what is quoted in a sentence."""
    text = path.read_text()
    lines = [line for block in FENCED.findall(text) for line in block.splitlines()]
    return lines + re.findall(r"`([^`]+)`", FENCED.sub("", text))


def commands(path: Path) -> list[list[str]]:
    """The arguments of every xcomkit, without what is optional, a comment or the next command."""
    found = [
        match[1] for code in typed(path) if (match := re.search(r"(?:^|[ /])xcomkit (.+)", code))
    ]
    return [shlex.split(re.sub(r"\[[^]]*\]| [#|>].*", "", text)) for text in found]


def is_understood(arguments: list[str]) -> bool:
    """Ask the real parser; the name of a command alone is a mention of it."""
    if len(arguments) == 1:
        arguments = [*arguments, "--help"]
    try:
        command_line._parser("").parse_args(arguments)
    except SystemExit as stop:
        return stop.code == 0
    return True


def test_every_xcomkit_command_is_understood(document, capsys):
    wrong = [words for words in commands(document) if not is_understood(words)]

    assert not wrong, capsys.readouterr().err


def named(path: Path, pattern: str) -> set[str]:
    return {name for code in typed(path) for name in re.findall(pattern, code)}


def test_every_make_target_program_file_and_link_exists(document):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    files = r"\b((?:notebooks|parameters)/[a-z0-9_-]+\.(?:ipynb|yaml))\b"
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())

    assert named(document, r"\bmake ([a-z]+)") <= targets
    assert [n for n in named(document, r"\.venv/bin/([\w-]+)") if not (BIN / n).exists()] == []
    assert [name for name in named(document, files) if not (ROOT / name).exists()] == []
    assert [link for link in links if not (document.parent / link).exists()] == []


def anchors(path: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"(?m)^#+ (.+)$", FENCED.sub("", path.read_text()))
    return {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def test_every_link_of_every_page_leads_to_a_file_and_a_heading_that_are_there():
    listed = subprocess.run(["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True,
                            text=True, check=True).stdout  # fmt: skip
    pages = [ROOT / name for name in listed.split("\0") if name]
    links = {
        (page, *target.partition("#")[::2])
        for page in pages
        for target in re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", page.read_text())
    }

    assert len(links) > 30
    for page, file, anchor in links:
        there = (page.parent / file).resolve() if file else page
        assert there.exists(), (page, file)
        assert not anchor or anchor in anchors(there), (page, file, anchor)


def test_commands_are_found_where_they_stand():
    assert ["verify-record", "DIR"] in commands(ROOT / "README.md")
    assert ["run", "-f", "FILE"] in commands(ROOT / "README.md")
    assert ["lint", "-"] in commands(ROOT / "docs/lint.md")
    assert not is_understood(["run", "--no-such-option"])
    assert not is_understood(["no-such-command"])


@pytest.mark.parametrize("name", LONGEST)
def test_page_for_newcomers_stays_short(name):
    assert len((ROOT / name).read_text().splitlines()) <= LONGEST[name]
