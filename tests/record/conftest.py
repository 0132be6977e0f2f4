"""A run over small notebooks that needs no cloud."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from record_samples import notebook

from xcomkit.record.runner import Run, run_steps
from xcomkit.settings.settings import Settings


@pytest.fixture
def run_notebooks(tmp_path: Path) -> Callable[..., Run]:
    def run(books: dict[str, list[str]], *, out: str = "runs", **settings: object) -> Run:
        folder = tmp_path / "notebooks"
        folder.mkdir(exist_ok=True)
        for name, sources in books.items():
            nbformat.write(notebook("run_dir = ''", *sources), folder / f"{name}.ipynb")
        return run_steps(
            Settings.from_mapping({"bucket": "some-bucket", **settings}),
            name="test",
            steps=list(books),
            notebooks=folder,
            out=tmp_path / out,
            progress=lambda _: None,
        )

    return run
