import pytest

from xcomkit.backend import interpreters
from xcomkit.backend.interpreters import NotInstallableError, install, last_words, requirements
from xcomkit.findings.errors import ProcessError

AGENT = ("apache-airflow-providers-amazon", "s3fs")


def test_requirements_keep_the_filesystem_off_the_release_that_pins_nothing():
    wanted = requirements("3.1.8", agent_packages=AGENT, more=("pandas<3",))

    assert wanted[0] == "apache-airflow==3.1.8"
    assert "s3fs>=2023.10.0" in wanted
    assert {"pandas", "pyarrow", "pandas<3", "apache-airflow-providers-amazon"} <= set(wanted)
    assert "apache-airflow-core==3.4.0b2" in requirements("3.4.0b2", agent_packages=AGENT)


def test_version_that_does_not_exist_cannot_be_installed():
    with pytest.raises(NotInstallableError) as caught:
        install("9.9.9", agent_packages=AGENT)

    assert caught.value.args[0].startswith("Because ")
    assert "apache-airflow==9.9.9" in caught.value.args[0]


def test_install_that_takes_too_long_is_given_up(monkeypatch, tmp_path):
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\nexec sleep 60\n")
    uv.chmod(0o755)
    monkeypatch.setattr(interpreters, "find_uv", lambda: str(uv))
    monkeypatch.setattr(interpreters, "INSTALL_SECONDS", 0.2)

    with pytest.raises(NotInstallableError, match=r"not done after 0\.2 s"):
        install("3.1.8", agent_packages=AGENT)


def test_without_uv_the_next_step_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ProcessError, match="There is no uv") as caught:
        interpreters.find_uv()
    assert "pip install uv" in caught.value.hint


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        ("  \x1b[31m│\x1b[0m No solution:\n  ╰─▶ Because there is no\n  a==9, no.\nhint: x\n",
         "Because there is no a==9, no."),
        ("error: Failed to fetch: `https://user:key@index.example/simple/a/`\n",
         "error: Failed to fetch: an address"),
        ("", "uv failed and gave no reason"),
    ],
    ids=["resolver", "address", "nothing"],
)  # fmt: skip
def test_last_words_are_the_resolver_s_reason_without_frame_and_address(stderr, words):
    assert last_words(stderr) == words
