"""What the cloud says of an agent configuration, read from files that its own tools exported."""

from xcomkit.lint.cloud_files.agents import Agents, read_agents
from xcomkit.lint.cloud_files.judging import judge_lifecycle, judge_policy, judge_trust
from xcomkit.lint.cloud_files.rules import LIFECYCLE_RULES, POLICY_RULES, RULES, TRUST_RULES

__all__ = [
    "LIFECYCLE_RULES",
    "POLICY_RULES",
    "RULES",
    "TRUST_RULES",
    "Agents",
    "judge_lifecycle",
    "judge_policy",
    "judge_trust",
    "read_agents",
]
