"""Whether the agents' image holds the durable class: by its label here, by the import in a pod."""

import json
import sys

import pytest

from xcomkit.values.image import LABEL, digest, judge_labels, judge_pod

IMAGE = "registry.example.com/agents:1"


@pytest.fixture
def labels(tmp_path, monkeypatch):
    """Put a docker on PATH that has these images, each with its labels."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def have(images):
        script = tmp_path / "docker"
        script.write_text(
            f"#!{sys.executable}\nimport json, sys\nimages = {images!r}\n"
            "assert sys.argv[1:3] == ['image', 'inspect'] and sys.argv[-2] == '--'\n"
            "sys.exit(1) if sys.argv[-1] not in images else print(images[sys.argv[-1]])\n"
        )
        script.chmod(0o755)

    return have


@pytest.mark.parametrize(
    ("images", "status"),
    [
        ({IMAGE: json.dumps({LABEL: digest()})}, "pass"),
        ({IMAGE: json.dumps({LABEL: "0" * 64})}, "fail"),
        ({IMAGE: json.dumps({"other": "x"})}, "skip"),
        ({IMAGE: "null"}, "skip"),
        ({IMAGE: "no JSON"}, "skip"),
        ({}, "skip"),
    ],
    ids=["ours", "another version", "no label of ours", "no label", "no answer", "not here"],
)
def test_label_of_an_image_that_is_here_decides_and_its_absence_proves_nothing(
    labels, images, status
):
    labels(images)

    found = judge_labels([IMAGE, IMAGE])

    assert found.status == status
    assert IMAGE in found.observed
    assert "run_in: kubectl" in found.remedy or status == "pass"


def test_one_image_of_two_that_nobody_knows_leaves_it_open(labels):
    labels({IMAGE: json.dumps({LABEL: digest()})})

    found = judge_labels([IMAGE, "other"])

    assert (found.status, "other" in found.observed, IMAGE in found.observed) == (
        "skip", True, False
    )  # fmt: skip


def test_without_docker_and_without_an_image_it_is_not_proved(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert [judge_labels(names).status for names in ([], [IMAGE])] == ["skip", "skip"]


@pytest.mark.parametrize(
    ("imported", "status", "said"),
    [
        (digest(), "pass", "the same file as here"),
        ("0" * 64, "pass", "another version"),
        ("", "fail", "cannot import"),
    ],
)
def test_pod_that_imports_the_class_proves_it_and_one_that_does_not_is_red(imported, status, said):
    found = judge_pod(imported, pod="deployment/agent")

    assert (found.status, said in found.observed) == (status, True)
