import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from xcomkit.findings.errors import InputError
from xcomkit.record.manifest import find_differences, write_manifest


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence/a.json").write_text("{}")
    (tmp_path / "record.html").write_text("<p>")
    (tmp_path / "record.json").write_text("{}")
    write_manifest(tmp_path)
    return tmp_path


def test_changed_removed_and_added_files_are_named(directory):
    assert find_differences(directory) == ()

    (directory / "record.html").write_text("<p>forged")
    (directory / "evidence/a.json").unlink()
    (directory / "evidence/b.json").write_text("{}")

    assert find_differences(directory) == (
        "evidence/a.json was removed",
        "evidence/b.json was added",
        "record.html was changed",
    )


def test_what_is_no_file_of_its_own_is_named_and_never_followed(directory, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.move(directory / "record.html", elsewhere / "record.html")
    (directory / "record.html").symlink_to(elsewhere / "record.html")
    (directory / "attachments").symlink_to(elsewhere)
    (directory / "nowhere").symlink_to("gone")
    os.mkfifo(directory / "pipe")

    names = ("attachments", "nowhere", "pipe", "record.html")
    assert find_differences(directory) == tuple(f"{name} is a link, or no file" for name in names)


def test_file_that_is_closed_to_this_user_is_named(directory):
    with tempfile.TemporaryDirectory() as folder:  # tmp_path lies where root alone comes
        record = Path(folder)
        shutil.copytree(directory, record, dirs_exist_ok=True)
        record.chmod(0o755)
        (record / "record.html").chmod(0)
        if is_root := os.geteuid() == 0:
            os.seteuid(65534)
        try:
            found = find_differences(record)
        finally:
            if is_root:
                os.seteuid(0)

    assert found == ("record.html cannot be read: Permission denied",)


def test_manifest_is_that_of_sha256sum(directory):
    assert shutil.which("sha256sum")
    done = subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=directory, check=False,
                          capture_output=True)  # fmt: skip

    assert done.returncode == 0


def test_signature_of_the_manifest_is_no_added_file_and_the_same_name_elsewhere_is(directory):
    (directory / "manifest.sha256.sig").write_text("")
    assert find_differences(directory) == ()

    (directory / "evidence/manifest.sha256.sig").write_text("")
    assert find_differences(directory) == ("evidence/manifest.sha256.sig was added",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no readable manifest.sha256"),
        ("", "names no record.html"),
        ("nonsense\n", "not a line of sha256sum"),
        ("abc  record.html\n", "not a line of sha256sum"),
        ("\x00\n", "not a line of sha256sum"),
    ],
    ids=["none", "empty", "word", "short hash", "NUL"],
)
def test_file_that_is_no_manifest_is_refused(directory, text, problem):
    manifest = directory / "manifest.sha256"
    manifest.unlink() if text is None else manifest.write_text(text)

    with pytest.raises(InputError, match=problem):
        find_differences(directory)
