"""How the proof is run: what is timed and tried, and the plane on which the test Dag runs."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from xcomkit.settings.deployment import LOCAL, deployment_address
from xcomkit.settings.refusals import hidden, split
from xcomkit.settings.target import TargetSettings, WholeNumber

# What begins with ey is the first part of a signed token.
_VARIABLE = re.compile(r"(?!ey)[A-Za-z_][A-Za-z0-9_]{0,127}")


class ProofSettings(TargetSettings):
    """What steps 04 and 06 do on the target, and where."""

    payload_sizes: Annotated[tuple[WholeNumber, ...], BeforeValidator(split)] = Field(
        (100_000, 2_000_000), description="bytes of the two record payloads that are timed"
    )
    repetitions: WholeNumber = Field(
        3, ge=1, le=50, description="repetitions behind each median of step 04"
    )
    run_in: Literal["local", "kubectl"] = Field(
        "local", description="where step 04 runs: local, or kubectl for the agent's own pod"
    )
    pod: str = Field(
        "", description="pod, or deployment/NAME, for run_in; empty: the first worker group's"
    )
    container: str = Field("", description="container of that pod; empty: its default one")
    fault_depth: Literal["quick", "full"] = Field(
        "quick", description="faults tried in step 04; full waits for retries, some minutes"
    )
    payload_file: str = Field("", description="JSON file with a value of your own to round-trip")
    payload_callable: str = Field(
        "", description="module:function that returns such a value; only the worker imports it"
    )
    dags_folder: str = Field(
        "", description="folder of your Dag files; step 06 reads, never runs them"
    )
    deployment: str = Field(
        LOCAL, description="local: plane and agents on this machine; or the URL of a Deployment"
    )
    token_variable: str = Field(
        "AIRFLOW_API_TOKEN",
        description="name of the variable with its API token; never a token",
    )
    load_tasks: WholeNumber = Field(
        0,
        ge=0,
        le=1024,
        description="mapped tasks of the load run of step 06, at most 1024; 0: no load run",
    )
    step_timeout: WholeNumber = Field(
        600, ge=5, description="seconds after which a cell of a step counts as hung"
    )

    @field_validator("payload_sizes")
    @classmethod
    def _sizes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(not 100 <= size <= 200_000_000 for size in value):
            raise ValueError("accepted are sizes from 100 to 200000000 bytes")
        return value

    @field_validator("deployment")
    @classmethod
    def _deployment(cls, value: str) -> str:
        return deployment_address(value)

    @field_validator("token_variable", mode="before")
    @classmethod
    def _variable(cls, value: object) -> object:
        if not isinstance(value, str) or not _VARIABLE.fullmatch(value):
            raise hidden(
                "accepted is the name of an environment variable, never what it holds: at most"
                " 128 letters, digits and _"
            )
        return value
