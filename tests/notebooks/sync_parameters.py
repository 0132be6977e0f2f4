"""Writes the settings into the parameters cell of every notebook; papermill reads them there."""

from pathlib import Path

import nbformat

from xcomkit.settings.settings import Settings

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def parameters_source() -> str:
    """Return the parameters cell: one ``name: type = default  # help`` line per setting."""
    lines = []
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        kind = type(default) if isinstance(default, bool | int) else str
        if isinstance(default, tuple):
            default = ",".join(str(part) for part in default)
        literal = repr(default) if kind is not str else '"' + str(default or "") + '"'
        lines.append(f"{name}: {kind.__name__} = {literal}  # {field.description}")
    return "\n".join(lines)


def main() -> None:
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if "parameters" in cell.metadata.get("tags", []):
                cell.source = parameters_source()
        nbformat.write(notebook, path)


if __name__ == "__main__":
    main()
