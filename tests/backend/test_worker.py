import ast
import sys

from xcomkit.backend.process import WORKER


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def test_worker_is_one_file_of_standard_library_that_knows_nothing_of_xcomkit():
    text = WORKER.read_text(encoding="utf-8")
    assert {name.partition(".")[0] for name in imported(ast.parse(text))} <= set(
        sys.stdlib_module_names
    )
    assert "xcomkit" not in text
    assert "__file__" not in text
