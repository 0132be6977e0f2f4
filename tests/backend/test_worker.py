import ast
import sys

import pytest

from xcomkit.backend.launch import REDACTION
from xcomkit.backend.process import WORKER


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


@pytest.mark.parametrize("file", [WORKER, REDACTION], ids=lambda file: file.name)
def test_what_is_sent_into_a_pod_is_standard_library_and_knows_nothing_of_xcomkit(file):
    text = file.read_text(encoding="utf-8")
    assert {name.partition(".")[0] for name in imported(ast.parse(text))} <= set(
        sys.stdlib_module_names
    )
    assert "xcomkit" not in text
    assert "__file__" not in text
