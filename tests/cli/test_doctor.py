"""``xcomkit doctor`` asks helm and kubectl, or reads what somebody saved, and changes nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GOOD = (Path(__file__).parents[1] / "lint/good.yaml").read_text()
PROGRAM = """#!{python}
import sys
print(" ".join(sys.argv[1:]), file=open({log!r}, "a"))
answers = {answers!r}
words = " ".join(sys.argv[1:])
found = next((text for start, text in answers.items() if words.startswith(start)), None)
print(found or "kind: Part")
sys.exit("Error: not permitted" if found is None else 0)
"""


@pytest.fixture
def cluster(tmp_path):
    """Return what makes helm and kubectl answer, and the file of what they were asked."""
    log = tmp_path / "asked"
    log.touch()

    def answer(**answers: dict[str, str]) -> Path:
        for name, texts in answers.items():
            program = tmp_path / "bin" / name
            program.parent.mkdir(exist_ok=True)
            program.write_text(PROGRAM.format(python=sys.executable, log=str(log), answers=texts))
            program.chmod(0o755)
        return log

    return answer


def doctor(tmp_path: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xcomkit", "doctor", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PATH": str(tmp_path / "bin"),
             "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def test_release_is_read_and_the_cause_is_named_with_what_to_do(tmp_path, cluster):
    asked = cluster(
        helm={"get values": GOOD.replace('"0"', '"1MB"')},
        kubectl={"get pods -n astro -o name": "pod/worker-0", "logs worker-0": "nothing"},
    )

    done = doctor(tmp_path, "--release", "astro-agent", "-n", "astro")

    assert done.returncode == 1
    assert "== Tasks fail, or agents do not start ==" in done.stdout
    assert "XC010 values.yaml:" in done.stdout
    assert (
        "not looked at: helm get manifest astro-agent -n astro: Error: not permitted" in done.stderr
    )
    assert {line.split()[0] for line in asked.read_text().splitlines()} == {"get", "logs"}


def test_saved_files_without_a_fault_end_well(tmp_path):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved/values.yaml").write_text(GOOD)

    done = doctor(tmp_path, "--from", "saved")

    assert (done.returncode, done.stdout.splitlines()[-1]) == (
        0, "Nothing that is known is wrong in what was looked at."
    )  # fmt: skip
    assert "not looked at: pods.yaml (kubectl get pods -n NAMESPACE -o yaml)" in done.stderr


@pytest.mark.parametrize(("words", "code", "next_"), [
    ((), 2, "xcomkit doctor --release NAME -n NAMESPACE"),
    (("--from", "nowhere"), 2, "name the one with the saved files"),
    (("--release", "x"), 3, "choose the cluster in kubeconfig"),
])  # fmt: skip
def test_mistake_of_the_user_is_one_line_with_the_next_step(tmp_path, words, code, next_):
    done = doctor(tmp_path, *words)

    assert done.returncode == code
    assert next_ in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
