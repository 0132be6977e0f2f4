"""How the proof is run: what is timed and tried, and the plane on which the test Dag runs."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, field_validator

from xcomkit.settings.deployment import LOCAL, deployment_address
from xcomkit.settings.target import TargetSettings, WholeNumber
from xcomkit.settings.validators import hidden, parameter, split

# What begins with ey is the first part of a signed token.
_VARIABLE = re.compile(r"(?!ey)[A-Za-z_][A-Za-z0-9_]{0,127}")


class ProofSettings(TargetSettings):
    """What steps 04 and 06 do on the target, and where."""

    payload_sizes: Annotated[tuple[WholeNumber, ...], BeforeValidator(split)] = parameter(
        (100_000, 2_000_000), "04", "bytes of the two record payloads that are timed"
    )
    repetitions: WholeNumber = parameter(3, "04", "repetitions behind each median", ge=1, le=50)
    run_in: Literal["local", "kubectl"] = parameter(
        "local", "04", "where step 04 runs: local, or kubectl for the agent's own pod"
    )
    pod: str = parameter("", "04", "pod or deployment/NAME; empty: the first worker group's")
    container: str = parameter("", "04", "container of that pod; empty: its default one")
    fault_depth: Literal["quick", "full"] = parameter(
        "quick", "04", "faults tried in step 04; full waits for retries, some minutes"
    )
    payload_file: str = parameter("", "04", "JSON file with a value of your own to round-trip")
    payload_callable: str = parameter(
        "", "04", "module:function that returns such a value; only the worker imports it"
    )
    dags_folder: str = parameter("", "06", "folder of your Dag files, which are read, never run")
    deployment: str = parameter(
        LOCAL, "06", "local: plane and agents on this machine; or the URL of a Deployment"
    )
    token_variable: str = parameter(
        "AIRFLOW_API_TOKEN", "06", "name of the variable with its API token; never a token"
    )
    load_tasks: WholeNumber = parameter(
        0, "06", "mapped tasks of the load run of step 06, at most 1024; 0: no load run",
        ge=0, le=1024,
    )  # fmt: skip
    step_timeout: WholeNumber = parameter(
        600, "04 06", "seconds after which a cell of a step counts as hung", ge=5
    )

    @field_validator("payload_sizes")
    @classmethod
    def _sizes(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or any(not 100 <= size <= 200_000_000 for size in value):
            raise ValueError("must be sizes from 100 to 200000000 bytes")
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
                "must be the name of an environment variable, never what it holds: at most 128"
                " letters, digits and _"
            )
        return value
