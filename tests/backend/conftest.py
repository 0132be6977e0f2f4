"""A bucket and a role of its own per test; the newest Airflow there is, pre-releases included."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from backend_target import Target
from prepared import Prepared, open_prepared

from xcomkit.backend import interpreters, process
from xcomkit.backend.version_matrix import Row
from xcomkit.stand_ins.aws import AwsStandIn


@contextmanager
def open_target(stand_in: AwsStandIn, directory: Path) -> Iterator[Target]:
    made = Target(stand_in, directory)
    yield made
    for key in sorted(made.keys()):
        made.s3.delete_object(Bucket=made.bucket, Key=key)
    made.s3.delete_bucket(Bucket=made.bucket)


@pytest.fixture
def target(stand_in: AwsStandIn, tmp_path: Path) -> Iterator[Target]:
    with open_target(stand_in, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_target(
    stand_in: AwsStandIn, prepared: Prepared, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Target]:
    """Make one target for all tests of a module, whose workers are forks."""
    directory = tmp_path_factory.mktemp("shared")
    with open_target(stand_in, directory) as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "start", prepared.start)
        yield made


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    with open_prepared(tmp_path_factory.mktemp("prepared")) as running:
        yield running


@pytest.fixture
def forked(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the workers of a test forks of one process that has imported Airflow."""
    monkeypatch.setattr(process, "start", prepared.start)


@pytest.fixture(scope="session")
def newest() -> Row:
    """Install the newest Airflow with what an agent on AWS has, so that it breaks here first."""
    done = subprocess.run(
        [interpreters.find_uv(), "pip", "compile", "-q", "--prerelease=allow", "--no-deps",
         "--no-header", "--no-annotate", "-"],
        input="apache-airflow\n", capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip
    return _with(done.stdout.strip().partition("==")[2])


@pytest.fixture(scope="session")
def oldest() -> Row:
    """Install the oldest Airflow that is supported, as far as releases can still be resolved."""
    return _with("3.1.8")


def _with(version: str) -> Row:
    agent = ("apache-airflow-providers-amazon", "apache-airflow-providers-common-io", "s3fs")
    return Row(
        version, interpreters.install(version, agent_packages=agent, more=("backports.zstd",))
    )
