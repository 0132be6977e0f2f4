"""Writes what its step reads into the parameters cell of every notebook, for papermill to read."""

from pathlib import Path

import nbformat

from xcomkit.settings.settings import Settings, parameters_of

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def parameters_source(notebook: str) -> str:
    """Return the parameters cell: one ``name: type = default  # help`` line per setting."""
    lines = []
    for name in parameters_of(notebook):
        field = Settings.model_fields[name]
        default = field.default
        kind = type(default) if isinstance(default, bool | int) else str
        if isinstance(default, tuple):
            default = ",".join(str(part) for part in default)
        literal = repr(default) if kind is not str else f'"{default or ""}"'
        lines.append(f"{name}: {kind.__name__} = {literal}  # {field.description}")
    return "\n".join(lines)


def main() -> None:
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = parameters_source(path.stem)
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
