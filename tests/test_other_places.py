"""The dev container and Binder build what ``make setup`` builds, and say no version twice."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
BINDER = ROOT / ".binder"
CONTAINER = ROOT / ".devcontainer/devcontainer.json"
READ_BY_BINDER = {
    "apt.txt", "environment.yml", "postBuild", "requirements.txt", "runtime.txt", "start",
}  # fmt: skip
FILES = [CONTAINER, *sorted(BINDER.iterdir())]


@pytest.fixture
def container() -> dict:
    return json.loads(CONTAINER.read_text())


def pythons(container: dict) -> dict[str, str]:
    """The version of Python that each place asks for."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    return {
        "container": re.search(r":(3\.\d+)-", container["image"])[1],
        "binder": re.fullmatch(r"python-(3\.\d+)\n", (BINDER / "runtime.txt").read_text())[1],
        "conda": next(n for n in environment["dependencies"] if "python=" in n)[len("python=") :],
    }


def test_every_place_has_the_same_python_and_the_project_accepts_it(container):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    (version,) = set(pythons(container).values())
    assert version in SpecifierSet(project["requires-python"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_target_exists_and_no_version_is_said_again(path):
    text = path.read_text()
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert set(re.findall(r"\bmake ([a-z]+)", text)) <= set(targets)
    assert not re.search(r"[=~<>]=|\d+\.\d+\.\d+", text)


def test_container_is_set_up_by_make_and_chooses_that_interpreter(container):
    vscode = container["customizations"]["vscode"]
    chosen = vscode["settings"]["python.defaultInterpreterPath"]

    assert container["postCreateCommand"] == "make setup"
    assert chosen.removeprefix("${containerWorkspaceFolder}/") == ".venv/bin/python"
    assert vscode["extensions"] == ["ms-python.python", "ms-toolsai.jupyter"]
    assert set(container["portsAttributes"]) == {str(port) for port in container["forwardPorts"]}


def test_binder_reads_every_file_and_all_that_is_pinned_comes_from_the_lock_file():
    """A requirements file would be resolved anew; the lock file leaves out what nobody imports."""
    names = {path.name for path in BINDER.iterdir()}

    assert names <= READ_BY_BINDER
    assert names.isdisjoint({"requirements.txt", "environment.yml"})
    assert "requirements.lock" in (ROOT / "Makefile").read_text()


def test_binder_gives_the_notebooks_the_kernel_of_the_pinned_environment(tmp_path):
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / "Makefile").write_text("setup:\n\t@echo the environment is there\n")
    # Nor is Binder's make the child of another one, as that of these tests may be.
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MAKE")}
    environment["NB_PYTHON_PREFIX"] = str(tmp_path / "server")

    done = subprocess.run([BINDER / "postBuild"], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, check=True)  # fmt: skip

    named = {
        json.loads(path.read_text())["metadata"]["kernelspec"]["name"]
        for path in (ROOT / "notebooks").glob("*.ipynb")
    }
    (name,) = named
    kernel = json.loads((tmp_path / f"server/share/jupyter/kernels/{name}/kernel.json").read_text())
    assert kernel["argv"][0] == str(tmp_path / ".venv/bin/python")
    assert done.stdout.startswith("the environment is there")


def test_binder_stops_where_the_environment_cannot_be_made(tmp_path):
    (tmp_path / "Makefile").write_text("setup:\n\tfalse\n")

    done = subprocess.run([BINDER / "postBuild"], cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode != 0
    assert not (tmp_path / "server").exists()
