from typing import Any

import pytest

from xcomkit.values.accounts import ServiceAccount, read_accounts, read_namespace
from xcomkit.values.merge import merge
from xcomkit.values.values import read_values


def accounts(text: str) -> tuple[ServiceAccount, ...]:
    return read_accounts(read_values(text, name="v"), prefix="astro-agent")


def names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(account.name for account in accounts(text)))


def test_merged_era_runs_as_exactly_the_accounts_of_the_settings(
    era: str, fragment: dict[str, Any]
) -> None:
    text = merge(era, fragment, name="v").text
    assert names(text) == (
        "astro-agent-worker-default-worker",
        "astro-agent-dag-processor",
        "astro-agent-triggerer",
    )
    assert all(account.named for account in accounts(text))


def test_prefix_and_namespace_of_the_file_win_over_the_settings() -> None:
    text = "resourceNamePrefix: theirs\nnamespace: other\nworkers: [{name: a}, {name: b}]\n"
    found = ("theirs-worker-a", "theirs-worker-b", "theirs-dag-processor", "theirs-triggerer")
    assert names(text) == found
    assert read_namespace(read_values(text, name="v"), default="astro") == "other"
    assert [account.named for account in accounts(text)] == [True, True, False, False]


@pytest.mark.parametrize("prefix", ["~", "''", "<your-prefix>", "5"])
def test_unfilled_prefix_falls_back_to_the_settings(prefix: str) -> None:
    assert names(f"resourceNamePrefix: {prefix}\n")[-1] == "astro-agent-triggerer"


def test_one_account_named_for_all_is_listed_once() -> None:
    text = "serviceAccount:\n" + "".join(
        f"  {component}: {{create: false, name: shared}}\n"
        for component in ("workers", "dagProcessor", "triggerer", "sentinel")
    )
    assert names(text) == ("shared",)
    assert not any(account.created for account in accounts(text))


def test_name_of_a_group_wins_over_that_of_all_groups() -> None:
    text = (
        "workers:\n  - name: a\n    serviceAccount: {name: own}\n  - name: b\n"
        "serviceAccount:\n  workers: {name: all}\n  sentinel: {name: not-ours}\n"
    )
    assert names(text)[:2] == ("own", "all")
    assert "not-ours" not in names(text)


def test_annotations_come_from_the_objects_all_accounts_and_the_account() -> None:
    text = (
        "annotations: {a: top, b: top, c: top}\n"
        "serviceAccount:\n  annotations: {b: all, c: all}\n  triggerer: {annotations: {c: own}}\n"
    )
    first, *_, last = accounts(text)
    assert last.annotations == {"a": "top", "b": "all", "c": "own"}
    assert first.annotations == {"a": "top", "b": "all", "c": "all"}


@pytest.mark.parametrize(
    "text",
    [
        "serviceAccount: nonsense\n",
        "serviceAccount: [1]\n",
        "workers: {name: x}\n",
        "workers: [1, {name: 2}]\n",
        "annotations: [x]\n",
    ],
)
def test_nonsense_is_survived(text: str) -> None:
    assert len(accounts(text)) >= 3


@pytest.mark.parametrize(
    ("text", "created"),
    [
        ("", True),
        ("workers: {}", True),
        ("workers: {create: ~}", False),  # null takes the chart's default away
        ("workers: ~", False),
        ("workers: {create: no}", False),
        ("workers: {create: 'false'}", True),  # a text is true in a template
    ],
)
def test_account_is_created_unless_create_is_false_or_taken_away(text, created) -> None:
    assert accounts(f"serviceAccount: {{{text}}}\n")[0].created is created
