import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from xcomkit.findings.model import Check
from xcomkit.settings.settings import Settings
from xcomkit.values.helm import commands, next_steps, template
from xcomkit.values.values import Values, read_values


@pytest.fixture
def values() -> Values:
    return read_values("namespace: astro\nagentToken: hush" + "hush\n", name="my values.yaml")


@pytest.fixture
def check(values: Values, settings: Settings, monkeypatch, tmp_path: Path) -> Callable[..., Check]:
    """Return a function that asks a program called helm, which behaves as the script does."""

    def ask(script: str | None, *, timeout: float = 60) -> Check:
        path = str(tmp_path)
        if script is not None:
            program = tmp_path / "helm"
            program.write_text("#!/bin/sh\n" + script, encoding="utf-8")
            program.chmod(0o755)
            path += os.pathsep + os.environ["PATH"]
        monkeypatch.setenv("PATH", path)
        found, rendered = template(values, settings=settings, timeout=timeout)
        assert bool(rendered) <= (found.status == "pass")
        assert found.id == "XC402"
        return found

    return ask


def test_without_helm_the_check_says_what_stays_unproved(check) -> None:
    found = check(None)
    assert found.status == "skip"
    assert "helm is not on PATH" in found.observed
    assert "stays unproved" in found.observed


def test_rendered_chart_passes_and_gets_this_very_file(check) -> None:
    script = 'for last; do :; done; test -f "$last" || exit 9\n'
    found = check(script + 'printf -- "---\\nkind: A\\nhelm.sh/chart: c-2.3.0\\n---\\nkind: B\\n"')
    assert (found.status, found.observed) == ("pass", "rendered 2 resources of c-2.3.0")


def test_helm_that_renders_nothing_is_no_pass(check) -> None:
    found = check("exit 0")
    assert (found.status, found.observed) == (
        "unknown",
        "rendered 0 resources of a chart without a version",
    )


def test_refused_values_fail_with_helms_words_and_without_secrets(check) -> None:
    said = "Error: values don't meet the specifications of the schema: timeoutSeconds hush"
    found = check(f'echo "{said}"hush >&2; exit 1')
    assert found.status == "fail"
    assert "don't meet the specifications" in found.observed
    assert "hush" + "hush" not in found.observed


@pytest.mark.parametrize(
    "said",
    [
        "Error: looks like x is not a valid chart repository or cannot be reached",
        "dial tcp: lookup helm.astronomer.io: no such host",
        "context deadline exceeded",
    ],
)
def test_chart_that_cannot_be_had_is_no_verdict(check, said) -> None:
    assert check(f"echo {shlex.quote(said)} >&2; exit 1").status == "skip"


def test_helm_that_hangs_is_given_up(check) -> None:
    found = check("exec sleep 30", timeout=0.5)
    assert found.status == "skip"
    assert "no answer in 0.5 s" in found.observed


def test_commands_can_be_pasted_into_a_shell(settings: Settings) -> None:
    lines = commands(settings, values_path="my values.yaml")
    assert shlex.split(lines["Install"]) == [
        *("helm", "upgrade", "--install", "astro-agent"),
        *("astronomer/astro-remote-execution-agent", "-n", "astro", "-f", "my values.yaml"),
    ]
    assert lines["See what would change"].endswith("--dry-run=client --hide-secret")
    assert lines["Wait for default-worker"].endswith("deployment/astro-agent-worker-default-worker")
    assert all("-n other" in line for line in commands(settings, values_path="v", namespace="other")
               .values() if "repo" not in line)  # fmt: skip


def test_chart_of_the_settings_is_installed_at_its_version_and_no_repository_is_asked_for() -> None:
    named = {"bucket": "b-1", "chart": "oci://registry.example/agent", "chart_version": "2.3.0"}
    lines = commands(Settings.from_mapping(named), values_path="v.yaml")
    assert "oci://registry.example/agent --version 2.3.0 -n astro" in lines["Install"]
    assert not any("repo" in line.split() for line in lines.values())


def test_next_steps_name_the_class_in_the_image_secrets_dags_and_logging() -> None:
    rest = ["Secrets backend", "Dag sources", "Logging"]
    for store in ("values", "secrets-manager"):
        settings = Settings.from_mapping({"bucket": "xcom-bucket", "connection_store": store})
        steps = next_steps(settings)
        assert [title for title, _ in steps] == ["Backend class", *rest]
        assert "build the agents' image" in steps[0][1]
        assert ("Secrets Manager" in steps[1][1]) == (store == "secrets-manager")
    stock = Settings.from_mapping({"bucket": "xcom-bucket", "backend": "stock"})
    assert [title for title, _ in next_steps(stock)] == rest
