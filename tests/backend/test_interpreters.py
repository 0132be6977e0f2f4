import pytest

from xcomkit.backend import interpreters
from xcomkit.backend.interpreters import NotInstallableError, install, last_words, requirements
from xcomkit.findings.errors import ProcessError

AGENT = ("apache-airflow-providers-amazon", "s3fs")


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """Put a uv in place that makes an interpreter of no use, notes its words and may fail."""
    script = tmp_path / "uv"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/words\n'
        "for last; do :; done\n"
        '[ "$1" != venv ] || { mkdir -p "$last/bin" && touch "$last/bin/python"; }\n'
        f"[ ! -e {tmp_path}/fails ] || {{ echo 'error: disk full' >&2; exit 1; }}\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(interpreters, "find_uv", lambda: str(script))
    return tmp_path


def test_requirements_keep_the_filesystem_off_the_release_that_pins_nothing():
    wanted = requirements("3.1.8", agent_packages=AGENT, more=("pandas<3",))

    assert wanted[0] == "apache-airflow==3.1.8"
    assert "s3fs>=2023.10.0" in wanted
    assert {"pandas", "pyarrow", "pandas<3", "apache-airflow-providers-amazon"} <= set(wanted)


def test_environment_is_made_once_and_found_again(uv):
    first = install("3.1.8", agent_packages=AGENT, cache=uv / "cache")
    words = (uv / "words").read_text()
    again = install("3.1.8", agent_packages=AGENT, cache=uv / "cache")

    assert first == again
    assert first.is_file()
    assert (uv / "words").read_text() == words
    assert "apache-airflow==3.1.8" in words


@pytest.mark.parametrize("other", [{"more": ("pandas<3",)}, {"agent_packages": ("adlfs",)}])
def test_other_requirements_are_another_environment(uv, other):
    first = install("3.1.8", agent_packages=AGENT, cache=uv / "cache")

    assert install("3.1.8", **{"agent_packages": AGENT, "cache": uv / "cache", **other}) != first


def test_install_that_fails_leaves_nothing_that_could_be_taken_for_an_environment(uv):
    (uv / "fails").touch()
    with pytest.raises(NotInstallableError, match="disk full"):
        install("3.1.8", agent_packages=AGENT, cache=uv / "cache")
    assert list((uv / "cache").iterdir()) == []

    (uv / "fails").unlink()
    assert install("3.1.8", agent_packages=AGENT, cache=uv / "cache").is_file()


def test_version_that_does_not_exist_cannot_be_installed(tmp_path):
    with pytest.raises(NotInstallableError) as caught:
        install("9.9.9", agent_packages=AGENT, cache=tmp_path)

    assert caught.value.args[0].startswith("Because ")
    assert "apache-airflow==9.9.9" in caught.value.args[0]
    assert list(tmp_path.iterdir()) == []


def test_cache_that_cannot_be_written_is_said(uv):
    (uv / "file").touch()

    with pytest.raises(ProcessError, match="no environment can be made") as caught:
        install("3.1.8", agent_packages=AGENT, cache=uv / "file" / "cache")
    assert "XDG_CACHE_HOME" in caught.value.hint


@pytest.mark.parametrize(
    ("given", "ends"), [("/somewhere", "/somewhere/xcomkit"), ("here", "/.cache/xcomkit")]
)
def test_cache_is_where_the_desktop_specification_says(monkeypatch, given, ends):
    monkeypatch.setenv("XDG_CACHE_HOME", given)

    assert str(interpreters.default_cache()).endswith(ends)


def test_without_uv_the_next_step_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ProcessError, match="There is no uv") as caught:
        interpreters.find_uv()
    assert "pip install uv" in caught.value.hint


def test_last_words_are_the_resolver_s_reason_without_frame_and_address():
    text = (
        "  \x1b[31m│\x1b[0m No solution found when resolving dependencies:\n"
        "  ╰─▶ Because there is no version of a==9 and you require\n"
        "      a==9, we can conclude that your requirements are unsatisfiable.\n"
        "hint: look elsewhere\n"
    )

    assert last_words(text) == (
        "Because there is no version of a==9 and you require a==9, we can conclude that your"
        " requirements are unsatisfiable."
    )
    assert last_words("error: Failed to fetch: `https://index.example/simple/a/`\n") == (
        "error: Failed to fetch: an address"
    )
    assert last_words("") == "uv failed without a word"
