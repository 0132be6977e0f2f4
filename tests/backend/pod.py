"""A kubectl that is one as far as the runbook can see."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class Pod:
    """A kubectl that checks its words and runs the rest in an environment and folder of its own."""

    def __init__(self, directory: Path, *, words: Sequence[str]) -> None:
        self.words = list(words)
        self.caller = directory / "caller.json"
        self.home, self.bin = directory / "pod", directory / "bin"
        self.home.mkdir()
        self.bin.mkdir()

    def run(self, environment: Mapping[str, str], *, path: str = "") -> None:
        """Make the pod run with this environment; ``path`` holds its interpreters."""
        path = path or os.pathsep.join((str(Path(sys.executable).parent), os.defpath))
        own = {**environment, "PATH": path, "HOME": str(self.home)}
        end = len(self.words) + 1
        self.kubectl(
            f"assert sys.argv[1:{end}] == {self.words!r}, sys.argv\n"
            f"with open({str(self.caller)!r}, 'w') as file:\n"
            "    json.dump(dict(os.environ), file)\n"
            f"os.chdir({str(self.home)!r})\n"
            f"os.execvpe(sys.argv[{end}], sys.argv[{end}:], {own!r})\n"
        )

    def say(self, words: str) -> None:
        """Make kubectl fail with these words."""
        self.kubectl(f"sys.exit({words!r})\n")

    def kubectl(self, body: str) -> None:
        script = self.bin / "kubectl"
        script.write_text(f"#!{sys.executable}\nimport json, os, sys\n{body}")
        script.chmod(0o755)
