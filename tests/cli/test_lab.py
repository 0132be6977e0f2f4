"""JupyterLab as ``xcomkit lab`` starts it: who can reach it, what its kernels know, how it ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import nbformat
import psutil
import pytest

from xcomkit.__main__ import main
from xcomkit.cli.jupyterlab import copy_notebooks, open_lab
from xcomkit.findings.errors import ProcessError
from xcomkit.plane.supervisor import MARK
from xcomkit.settings.shared_target import VARIABLE as LAB
from xcomkit.stand_ins.common.stand_in import VARIABLE as STAND_IN

ROOT = Path(__file__).parents[2]
SECONDS = 180


@pytest.fixture
def folder(tmp_path):
    for name in ("notebooks", "parameters"):
        shutil.copytree(ROOT / name, tmp_path / name)
    return tmp_path


class Started:
    """``xcomkit lab`` in a process of its own."""

    def __init__(self, folder, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "xcomkit", "lab", "--no-browser", "--port", "18888", *words],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
        )  # fmt: skip
        self.url = urlsplit(re.search(r"http://\S+", self.process.stdout.readline())[0])
        self.token = parse_qs(self.url.query)["token"][0]

    def ask(self, method, path, *, token=None, **more):
        answer = httpx.request(
            method, f"http://{self.url.netloc}{path}", timeout=SECONDS, trust_env=False,
            headers={"Authorization": f"token {token or self.token}"}, **more,
        )  # fmt: skip
        return answer.status_code, answer.json() if answer.content else None

    def start_kernel(self):
        """Start a kernel as a notebook does, and return its process."""
        self.ask("POST", "/api/kernels", json={"name": "python3"})
        below = psutil.Process(self.process.pid).children(recursive=True)
        return next(one for one in below if "ipykernel_launcher" in one.cmdline())

    def end(self, number=signal.SIGINT):
        """Send a signal; return what was said last and all that is left after a while."""
        everything = self.everything()
        self.process.send_signal(number)
        self.process.wait(SECONDS)
        return self.process.stderr.read(), left(everything)

    def everything(self):
        """Return the processes below this one, and the private folder of JupyterLab."""
        below = psutil.Process(self.process.pid).children(recursive=True)
        (home,) = {home for one in below if (home := one.environ().get(MARK))}
        return [*below, Path(home)]


def left(everything):
    deadline = time.monotonic() + SECONDS
    while (found := [one for one in everything if is_there(one)]) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def is_there(one):
    if isinstance(one, Path):
        return one.exists()
    with suppress(psutil.Error):
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.fixture
def lab(folder):
    started = Started(folder)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()
    started.process.stdout.close()
    started.process.stderr.close()


def test_who_has_the_token_opens_it_its_kernels_know_the_target_and_closing_ends_all(lab):
    assert lab.url.hostname == "127.0.0.1"
    assert re.fullmatch(r"/lab/tree/runs/\d+T\d+Z-lab/start\.ipynb", lab.url.path)
    for notebook in (lab.url.path.removeprefix("/lab/tree"), "/notebooks/start.ipynb"):
        status, found = lab.ask("GET", f"/api/contents{notebook}?content=0")
        assert (status, found["type"]) == (200, "notebook")
    assert lab.ask("GET", "/api/contents", token="guess")[0] == 403

    environment = lab.start_kernel().environ()
    chosen = Path(environment[LAB], "target").read_text()
    assert chosen.endswith("parameters/local-aws.yaml")
    assert json.loads(environment[STAND_IN])["cloud"] == "aws"
    assert environment.get("AWS_ENDPOINT_URL") == os.environ.get("AWS_ENDPOINT_URL")
    assert lab.token not in environment[STAND_IN]

    said, rest = lab.end(signal.SIGHUP)  # as SIGTERM and Ctrl-C

    assert lab.process.returncode == 0
    assert said.endswith("closed\n")
    assert rest == []


def test_real_target_opens_without_a_stand_in_and_shutting_down_from_within_ends_it(folder):
    lab = Started(folder, "-f", "parameters/aws.yaml")
    environment = lab.start_kernel().environ()
    assert STAND_IN not in environment
    assert Path(environment[LAB], "target").read_text().endswith("parameters/aws.yaml")
    everything = lab.everything()

    lab.ask("POST", "/api/shutdown", json={})

    assert lab.process.wait(SECONDS) == 0
    assert left(everything) == []
    lab.process.stdout.close()
    lab.process.stderr.close()


def test_server_that_dies_is_an_error_that_quotes_its_log(lab):
    everything = lab.everything()
    server = next(one for one in everything[:-1] if "jupyterlab" in one.cmdline())

    server.kill()

    assert lab.process.wait(SECONDS) == 3
    assert "xcomkit: jupyterlab ended with status -9; its log ends: " in lab.process.stderr.read()
    assert left(everything) == []


def test_walk_changes_no_tracked_file_and_every_copy_leads_to_its_original(folder):
    git = ("git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.com")
    shutil.copy(ROOT / ".gitignore", folder)
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "as it was"]):
        subprocess.run([*git, *words], check=True)

    start = folder / copy_notebooks(folder)
    for path in start.parent.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        (link,) = re.findall(r"\((\S+/notebooks/\S+\.ipynb)\)", notebook.cells[0].source)
        assert (path.parent / link).resolve() == folder / "notebooks" / path.name
        notebook.cells[1].source = "saved by JupyterLab"
        nbformat.write(notebook, path)
    (folder / "parameters/mine.yaml").write_text("bucket: of-somebody")

    changed = subprocess.run([*git, "status", "--porcelain"], capture_output=True, check=True)
    assert len(list(start.parent.glob("*.ipynb"))) == 9
    assert changed.stdout == b""


@pytest.fixture
def configured(folder, monkeypatch):
    """Return a function that gives the user a configuration of JupyterLab."""

    def write(*lines):
        (folder / "jupyter_server_config.py").write_text("\n".join(lines))
        monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(folder))

    return write


def test_configuration_that_lets_anybody_in_is_refused(folder, configured):
    configured("c.IdentityProvider.token = ''")

    with (
        pytest.raises(ProcessError, match="let somebody in without a token, so it was ended"),
        open_lab(folder, parameters=folder / "parameters/aws.yaml", port=18889),
    ):
        pass


def test_configuration_of_a_server_for_others_is_not_in_the_way_and_no_list_shows_the_token(
    folder, configured
):
    configured("c.ServerApp.base_url = '/theirs/'", "c.ServerApp.certfile = '/none/server.pem'")

    with open_lab(folder, parameters=folder / "parameters/aws.yaml", port=18892) as running:
        assert httpx.get(running.url, timeout=SECONDS, trust_env=False).status_code == 200
        page = Path(urlsplit(running.page).path)
        assert running.url.partition("token=")[2] in page.read_text()
        assert page.parents[1].stat().st_mode & 0o077 == 0  # nobody else gets to the file
        assert "token" not in running.page


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["-f", "parameters/none.yaml"], "parameters/none.yaml: No such file or directory."),
        (["-f", "README.md"], "pass a file of parameters/."),
        ([], "notebooks/start.ipynb: no such notebook. Next: run xcomkit in the folder"),
    ],
    ids=["no file", "no text", "no notebooks"],
)
def test_mistake_is_one_line(folder, monkeypatch, capsys, words, problem):
    monkeypatch.chdir(folder)
    (folder / "README.md").write_bytes(b"\xff")
    if not words:
        (folder / "notebooks/start.ipynb").unlink()

    assert main(["lab", *words]) == 2
    assert problem in capsys.readouterr().err
