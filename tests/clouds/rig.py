"""A target of one cloud for the contract: on the stand-in, or on a live cloud where asked for.

``XCOMKIT_LIVE=aws,gcp`` runs the contract on real accounts, each described by the parameter file
that ``XCOMKIT_LIVE_AWS`` (and so on) names. Every name made there is unique, and only what was made
is deleted; the rights needed stand in docs/aws.md, docs/azure.md and docs/gcp.md.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from xcomkit.clouds import Cloud, Platform, open_cloud
from xcomkit.findings.model import Check, CloudName
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.common.stand_in import StandIn

SUBJECTS = ("system:serviceaccount:astro:agent-worker", "system:serviceaccount:astro:agent-trig")
LIVE = frozenset(filter(None, os.environ.get("XCOMKIT_LIVE", "").split(",")))


class Rig(ABC):
    """One target with names of its own, and a hand in the account behind it.

    ``stand_in`` is ``None`` on a live cloud. Capabilities are declared, not found out:
    ``cli`` begins every equivalent command, ``has_versions`` tells whether deleted and replaced
    versions can be listed, ``drifts`` are the rules whose setting ``drift`` can undo,
    ``weakenings`` the rules that must turn red when ``weaken`` takes rights away.
    """

    cloud_name: ClassVar[CloudName]
    cli: ClassVar[tuple[str, ...]]
    has_versions: ClassVar[bool] = True
    drifts: ClassVar[tuple[str, ...]]
    weakenings: ClassVar[Mapping[str, frozenset[str]]]
    bad_names: ClassVar[tuple[str, ...]] = ("ab", "a" * 64, "Upper", "-a-b", "a-b-", "schräg")

    def __init__(self, stand_in: StandIn | None, **changes: object) -> None:
        self.stand_in = stand_in
        unique = f"xcomkit-{uuid4().hex[:12]}"
        values: dict[str, object] = {
            "cloud": self.cloud_name,
            "bucket": unique,
            "prefix": "astro/xcom",
            "tags": {"team": "data"},
            "apply": True,
        }
        if stand_in is None:
            given = os.environ[f"XCOMKIT_LIVE_{self.cloud_name.upper()}"]
            target = Settings.from_yaml(Path(given)).to_parameters()
        else:
            target = {"endpoint_url": "embedded", **self.practice_names(unique)}
        names = self.unique_names(unique)
        self.settings = Settings.from_mapping({**target, **values, **names, **changes})
        self.cloud = self.open()

    def open(self, *, can_mint: bool = True) -> Cloud:
        """Return the cloud of the settings; without ``can_mint`` as from outside the cluster."""
        running = self.stand_in
        if running is None:
            return open_cloud(self.settings, platform=Platform("live", self.settings.oidc_issuer))
        platform = Platform(
            label="stand-in",
            issuer=running.issuer,
            environment=running.platform_environment,
            mint_token=running.mint_token if can_mint else None,
            plain_http_url=running.http_url if self.settings.is_embedded else "",
            open_metadata=running.open_metadata if can_mint else None,
        )
        return open_cloud(self.settings, platform=platform)

    def make_bucket(self) -> None:
        self.cloud.apply_bucket(self.cloud.plan_bucket())

    def make_access(self) -> None:
        self.cloud.apply_access(self.cloud.plan_access(SUBJECTS), SUBJECTS)

    def bucket_checks(self) -> dict[str, Check]:
        return {check.id: check for check in self.cloud.verify_bucket()}

    def access_checks(self) -> dict[str, Check]:
        return {check.id: check for check in self.cloud.verify_access(SUBJECTS)}

    @abstractmethod
    def practice_names(self, unique: str, /) -> dict[str, object]:
        """Return the parameters of the practice account that this cloud needs."""

    @abstractmethod
    def unique_names(self, unique: str, /) -> dict[str, object]:
        """Return the names, beside the bucket's, that are made for one test only."""

    @abstractmethod
    def put_object(self, key: str, body: bytes) -> None:
        """Put an object as the administrator, without the code under test."""

    @abstractmethod
    def list_two_at_a_time(self) -> None:
        """Have every page of a listing hold two keys, as if the cloud gave no more."""

    @abstractmethod
    def drift(self, rule_id: str) -> None:
        """Undo the setting behind a rule, as somebody else in the account might."""

    @abstractmethod
    def weaken(self, name: str) -> None:
        """Take rights from the agents' identity; the names are those of ``weakenings``."""

    @abstractmethod
    def trust_stranger(self, subject: str) -> None:
        """Let one more service account in, as somebody else in the account might."""

    @abstractmethod
    def add_lifecycle_rule(self, *, days: int, prefix: str) -> None:
        """Add a lifecycle rule of somebody else's that deletes objects after so many days."""

    @abstractmethod
    def put_lifecycle(self, rules: list[dict[str, Any]]) -> None:
        """Replace all lifecycle rules by others, as somebody else in the account might."""

    @abstractmethod
    def lifecycle_prefixes(self) -> list[str]:
        """Return the prefixes of all lifecycle rules, as the cloud has them now."""

    @abstractmethod
    def unmark_identity(self) -> None:
        """Remove the sign that the identity was made by xcomkit."""

    @abstractmethod
    def at_somebody_elses(self) -> "Rig":
        """Return a rig whose bucket exists and belongs to somebody else."""

    @abstractmethod
    def become_nobody(self, set_variable: Callable[[str, str], None]) -> None:
        """Sign in as a caller who is known and has no right at all."""

    @abstractmethod
    def sign_out(self, delete_variable: Callable[[str], None]) -> None:
        """Leave no credentials anywhere in the environment."""

    def tidy(self) -> None:
        """Delete what was made on a live cloud; a stand-in is thrown away."""
        if self.stand_in is None:
            keys = list(self.cloud.list_keys_ever(""))
            self.cloud.delete_keys(keys)
            self.cloud.apply_tear_down(self.cloud.plan_tear_down())


def red(checks: Mapping[str, Check]) -> set[str]:
    return {check.id for check in checks.values() if check.closes_gate}
