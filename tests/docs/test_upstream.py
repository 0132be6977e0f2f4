"""The reproductions for upstream's bug reports still reproduce, each on its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "docs/upstream"


def run(name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script where nothing of this project is at hand but the interpreter."""
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    return subprocess.run([sys.executable, SCRIPTS / name], cwd=folder, env=environment,
                          capture_output=True, text=True, timeout=120, check=False)  # fmt: skip


def test_zip_is_larger_than_the_json_it_is_meant_to_compress(tmp_path):
    done = run("zip_is_stored.py", tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    fact = done.stdout.splitlines()[-1]
    sizes = re.match(r"zip: (\S+) bytes of JSON stored as (\S+) bytes \(gzip (\S+)\);", fact)
    json, zipped, gzipped = (int(size.replace(",", "")) for size in sizes.groups())
    assert gzipped < json / 2 < json < zipped < json + 200
    assert "ZIP_STORED: True; apache-airflow 3." in fact


def test_refused_upload_raises_without_compression_and_is_silent_with_gzip(tmp_path):
    done = run("failed_upload_is_silent.py", tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    fact = done.stdout.splitlines()[-1]
    assert re.match(
        r"push returned s3://aws_default@b/x/\S+\.gz; answers to PUT: \[403, 403\];", fact
    )
    assert "pull returned the reference string: True;" in fact
    assert "without compression: raised PermissionError; apache-airflow 3." in fact
    assert done.stderr.count("Exception ignored in: <function AbstractBufferedFile.__del__") == 1


def test_reproductions_need_and_name_nothing_of_this_project():
    scripts = sorted(SCRIPTS.glob("*.py"))

    assert [path.name for path in scripts] == ["failed_upload_is_silent.py", "zip_is_stored.py"]
    assert not [path.name for path in scripts if "xcomkit" in path.read_text().lower()]
    assert all(len(path.read_text().splitlines()) <= 60 for path in scripts)
