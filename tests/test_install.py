"""The wheel alone, in an empty environment and an empty folder, is all that other people have."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
IMPORT_ALL = """
import importlib, pkgutil, sys
import xcomkit
for found in pkgutil.walk_packages(xcomkit.__path__, "xcomkit."):
    if not found.name.startswith(("xcomkit.__main__", "xcomkit.plane.dags.", *sys.argv[1:])):
        importlib.import_module(found.name)
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """Return a folder with the tracked files alone."""
    folder = tmp_path_factory.mktemp("clone")
    for name in filter(None, run("git", "ls-files", "-z", cwd=ROOT).stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory) -> str:
    """Return the address of the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "-q", "--wheel", "--python", sys.executable, "--no-build-isolation",
        "--out-dir", folder, clone)  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built.as_uri()


@pytest.fixture
def install(tmp_path):
    """Return what makes an environment as pip would, and gives the folder of its commands."""
    pins = tmp_path / "pins.txt"
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins.write_text("\n".join(x.removesuffix(" \\") for x in lines if not x.startswith(" ")))

    def make(what: str) -> Path:
        environment = tmp_path / "venv"
        run(UV, "venv", "-q", "--python", sys.executable, environment)
        run(UV, "pip", "install", "-q", "--python", environment / "bin/python", "-c", pins,
            what, cwd=ROOT)  # fmt: skip
        return environment / "bin"

    return make


def run(*words: object, cwd: Path | None = None, code: int = 0) -> subprocess.CompletedProcess:
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, check=False, cwd=cwd, env=environment
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


@pytest.mark.parametrize(("extra", "left_out"), [
    ("[runbook]", ("xcomkit.stand_ins.aws", "xcomkit.stand_ins.azure", "xcomkit.stand_ins.gcp",
                   "xcomkit.stand_ins.common")),
    ("[local]", ()),
])  # fmt: skip
def test_each_extra_alone_imports_what_it_is_for(install, wheel, tmp_path, extra, left_out):
    run(install(f"xcomkit{extra} @ {wheel}") / "python", "-c", IMPORT_ALL, *left_out, cwd=tmp_path)


def test_two_commands_lead_from_an_empty_folder_to_a_record(install, clone, tmp_path):
    (named,) = re.findall(r"pip install '(PATH/OF/CLONE\S*)'", (ROOT / "README.md").read_text())
    xcomkit = install(named.replace("PATH/OF/CLONE", str(clone))) / "xcomkit"
    folder = tmp_path / "empty"
    folder.mkdir()

    laid_out = run(xcomkit, "init", ".", cwd=folder)
    command = laid_out.stdout.rpartition("Next: ")[2].split()  # no shell finds it by its name here
    assert command[1:] == ["run", "-f", "parameters/local-aws.yaml"]
    ran = run(folder / command[0], "run", "01", *command[2:], cwd=folder)

    record = folder / ran.stdout.rsplit("record: ", 1)[1].strip()
    assert "XC201" in record.read_text()
    assert (folder / ".gitignore").read_text().splitlines()[-1] == "runs/"
    for name in ("notebooks/start.ipynb", "requirements.lock", "recipes/github-actions.yml"):
        assert (folder / name).is_file()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    run(xcomkit, "run", "00", "-f", folder / "parameters/local-aws.yaml", cwd=elsewhere)
    assert [path.name for path in elsewhere.iterdir()] == ["runs"]


def test_init_keeps_files_that_are_there_and_names_those_that_differ(install, wheel, tmp_path):
    xcomkit = install(f"xcomkit @ {wheel}") / "xcomkit"
    mine = tmp_path / "folder/parameters/aws.yaml"
    mine.parent.mkdir(parents=True)
    mine.write_text("bucket: mine\n")

    first = run(xcomkit, "init", "folder", cwd=tmp_path)
    again = run(xcomkit, "init", "folder", cwd=tmp_path)

    assert mine.read_text() == "bucket: mine\n"
    for done in (first, again):
        assert "folder/parameters/aws.yaml: is there and differs" in done.stdout
        assert "Next: cd folder && ../" in done.stdout
    assert again.stdout.startswith("0 files written.\n")


def test_init_into_a_place_that_is_no_folder_is_one_line(install, wheel, tmp_path):
    (tmp_path / "file").touch()

    done = run(install(f"xcomkit @ {wheel}") / "xcomkit", "init", "file", cwd=tmp_path, code=2)

    assert done.stderr.count("\n") == 1
    assert "Next: choose another folder" in done.stderr
