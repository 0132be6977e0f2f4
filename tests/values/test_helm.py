import os
import shlex
from pathlib import Path

import pytest

from xcomkit.settings.settings import Settings
from xcomkit.values.helm import commands, next_steps, template_check
from xcomkit.values.values import Values, read_values


@pytest.fixture
def values() -> Values:
    return read_values("namespace: astro\nagentToken: hush" + "hush\n", name="my values.yaml")


def put_helm(directory: Path, monkeypatch: pytest.MonkeyPatch, *, script: str) -> None:
    """Put a program called helm on PATH that behaves as the real one does in that case."""
    program = directory / "helm"
    program.write_text("#!/bin/sh\n" + script, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_without_helm_the_check_says_what_stays_unproved(
    values: Values, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = template_check(values, settings=settings)
    assert (check.id, check.status) == ("XC402", "skip")
    assert "helm is not on PATH" in check.observed
    assert "stays unproved" in check.observed


def test_rendered_chart_passes_and_gets_this_very_file(
    values: Values, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = 'for last; do :; done; test -f "$last" || exit 9\n'
    script += 'printf -- "---\\nkind: A\\n---\\nkind: B\\n"'
    put_helm(tmp_path, monkeypatch, script=script)
    check = template_check(values, settings=settings)
    assert (check.status, check.observed) == ("pass", "rendered 2 resources")


def test_helm_that_renders_nothing_is_no_pass(
    values: Values, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_helm(tmp_path, monkeypatch, script="exit 0")
    check = template_check(values, settings=settings)
    assert (check.status, check.observed) == ("unknown", "rendered 0 resources")


def test_refused_values_fail_with_helms_words_and_without_secrets(
    values: Values, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = "echo 'Error: values do not meet the schema: timeoutSeconds hush'hush >&2; exit 1"
    put_helm(tmp_path, monkeypatch, script=script)
    check = template_check(values, settings=settings)
    assert check.status == "fail"
    assert "do not meet the schema" in check.observed
    assert "hush" + "hush" not in check.observed


@pytest.mark.parametrize(
    "said",
    [
        "Error: looks like x is not a valid chart repository or cannot be reached",
        "dial tcp: lookup helm.astronomer.io: no such host",
        "context deadline exceeded",
    ],
)
def test_chart_that_cannot_be_had_is_no_verdict(
    values: Values,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    said: str,
) -> None:
    put_helm(tmp_path, monkeypatch, script=f"echo {shlex.quote(said)} >&2; exit 1")
    assert template_check(values, settings=settings).status == "skip"


def test_helm_that_hangs_is_given_up(
    values: Values, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_helm(tmp_path, monkeypatch, script="exec sleep 30")
    check = template_check(values, settings=settings, timeout=0.5)
    assert check.status == "skip"
    assert "no answer in 0.5 s" in check.observed


def test_commands_can_be_pasted_into_a_shell(settings: Settings) -> None:
    lines = commands(settings, values_path="my values.yaml")
    assert shlex.split(lines["Install"]) == [
        *("helm", "upgrade", "--install", "astro-agent"),
        *("astronomer/astro-remote-execution-agent", "-n", "astro", "-f", "my values.yaml"),
    ]
    assert lines["Wait for default-worker"].endswith("deployment/astro-agent-worker-default-worker")
    assert all("-n other" in line for line in commands(settings, values_path="v", namespace="other")
               .values() if "repo" not in line)  # fmt: skip


def test_next_steps_name_the_class_in_the_image_secrets_dags_and_logging() -> None:
    rest = ["Secrets backend", "Dag sources", "Logging"]
    for store in ("values", "secrets-manager"):
        settings = Settings.from_mapping({"bucket": "xcom-bucket", "connection_store": store})
        steps = next_steps(settings)
        assert [title for title, _ in steps] == ["Backend class", *rest]
        assert "xcomkit/durable.py" in steps[0][1]
        assert ("Secrets Manager" in steps[1][1]) == (store == "secrets-manager")
    stock = Settings.from_mapping({"bucket": "xcom-bucket", "backend": "stock"})
    assert [title for title, _ in next_steps(stock)] == rest
