import shutil
import subprocess

import pytest

from xcomkit.errors import InputError
from xcomkit.record.manifest import find_differences, write_manifest


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence/a.json").write_text("{}")
    (tmp_path / "record.html").write_text("<p>")
    write_manifest(tmp_path)
    return tmp_path


def test_untouched_record_has_no_differences(directory):
    assert find_differences(directory) == ()


def test_changed_removed_and_added_files_are_named(directory):
    (directory / "record.html").write_text("<p>forged")
    (directory / "evidence/a.json").unlink()
    (directory / "evidence/b.json").write_text("{}")

    assert find_differences(directory) == (
        "evidence/a.json was removed",
        "evidence/b.json was added",
        "record.html was changed",
    )


def test_manifest_is_that_of_sha256sum(directory):
    assert shutil.which("sha256sum")
    done = subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=directory, check=False,
                          capture_output=True)  # fmt: skip

    assert done.returncode == 0


@pytest.mark.parametrize("text", ["nonsense\n", "abc  record.html\n", "\x00\n"])
def test_file_that_is_no_manifest_is_refused_in_one_line(directory, text):
    (directory / "manifest.sha256").write_text(text)

    with pytest.raises(InputError, match="not a line of sha256sum"):
        find_differences(directory)


def test_directory_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no readable manifest\.sha256"):
        find_differences(tmp_path)
