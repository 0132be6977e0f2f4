"""A fragment as step 03 makes it, and the values files of the chart's three eras."""

from pathlib import Path
from typing import Any

import pytest

from xcomkit.settings.settings import Settings
from xcomkit.values.fragment import generate

ROLE = "eks.amazonaws.com/role-arn"
ANNOTATIONS = {ROLE: "arn:aws:iam::123456789012:role/xcom-agents"}


@pytest.fixture
def settings() -> Settings:
    return Settings.from_mapping({"bucket": "xcom-bucket", "prefix": "astro/xcom"})


@pytest.fixture
def annotations() -> dict[str, str]:
    return dict(ANNOTATIONS)


@pytest.fixture
def fragment(settings: Settings) -> dict[str, Any]:
    return generate(
        settings,
        connection={"conn_type": "aws", "extra": {"region_name": "eu-central-1"}},
        annotations=ANNOTATIONS,
        labels={},
        environment={},
        secrets_backend={},
    )


@pytest.fixture(params=["1.0.2", "2.3.0"])
def era(request: pytest.FixtureRequest) -> str:
    path = Path(__file__).parent / "examples" / f"era-{request.param}.yaml"
    return path.read_text(encoding="utf-8")
