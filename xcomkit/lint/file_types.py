"""The types of files a configuration of agents is kept in."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Kind = Literal["values", "env", "cfg", "compose", "pod"]
KINDS: tuple[Kind, ...] = get_args(Kind)
DESCRIPTIONS: Mapping[Kind, str] = MappingProxyType(
    {
        "values": "a values file of the agent chart",
        "env": "an env file",
        "cfg": "an airflow.cfg",
        "compose": "a docker-compose file",
        "pod": "a pod spec",
    }
)
