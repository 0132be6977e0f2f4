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
    ``foreign``, ``stronger`` and ``weaker`` are parts to ``set``: what is not ours, what may not be
    weakened, and what is raised, each with the name of the setting and what becomes of it.
    """

    cloud_name: ClassVar[CloudName]
    cli: ClassVar[tuple[str, ...]]
    has_versions: ClassVar[bool] = True
    drifts: ClassVar[tuple[str, ...]]
    weakenings: ClassVar[Mapping[str, frozenset[str]]]
    foreign: ClassVar[Mapping[str, Any]] = {}
    foreign_rules: ClassVar[list[dict[str, Any]]]
    stronger: ClassVar[Mapping[str, tuple[str, Any]]]
    weaker: ClassVar[tuple[tuple[str, str, dict[str, Any], dict[str, Any]], ...]]
    customers_key: ClassVar[tuple[str, Any, str]]
    """The part, its value, and how the plan names the key."""
    other_encryptions: ClassVar[tuple[dict[str, object], ...]]
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
        self.cloud.bucket.apply(self.cloud.bucket.plan())

    def make_access(self) -> None:
        self.cloud.access.apply(self.cloud.access.plan(SUBJECTS), SUBJECTS)

    def bucket_checks(self) -> dict[str, Check]:
        return {check.id: check for check in self.cloud.bucket.verify()}

    def access_checks(self) -> dict[str, Check]:
        return {check.id: check for check in self.cloud.access.verify(SUBJECTS)}

    def reopen(self, **changes: object) -> None:
        """Ask for something else of the same bucket."""
        self.settings = self.settings.model_copy(update=changes)
        self.cloud = self.open()

    @abstractmethod
    def practice_names(self, unique: str, /) -> dict[str, object]:
        """Return the parameters of the practice account that this cloud needs."""

    @abstractmethod
    def unique_names(self, unique: str, /) -> dict[str, object]:
        """Return the names, beside the bucket's, that are made for one test only."""

    # What follows is done as the administrator, without the code under test.

    @abstractmethod
    def put_object(self, key: str, body: bytes) -> None: ...

    @abstractmethod
    def list_two_at_a_time(self) -> None:
        """Have every page of a listing hold two keys, as if the cloud gave no more."""

    @abstractmethod
    def drift(self, rule_id: str) -> None:
        """Undo the setting behind a rule."""

    @abstractmethod
    def weaken(self, name: str) -> None:
        """Take rights from the agents' identity; the names are those of ``weakenings``."""

    @abstractmethod
    def trust_stranger(self, subject: str) -> None:
        """Let one more service account in."""

    @abstractmethod
    def set(self, part: str, value: Any) -> None:
        """Set a part of what ``state`` returns."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return every setting of the bucket, and what else is set beside them."""

    @abstractmethod
    def lifecycle(self) -> list[dict[str, Any]]: ...

    @abstractmethod
    def put_lifecycle(self, rules: list[dict[str, Any]]) -> None: ...

    @abstractmethod
    def lifecycle_rule(self, *, days: int, prefix: str) -> dict[str, Any]:
        """Return a rule of somebody else's that deletes objects after so many days."""

    @abstractmethod
    def lifecycle_prefixes(self) -> list[str]: ...

    def add_lifecycle_rule(self, *, days: int, prefix: str) -> None:
        self.put_lifecycle([*self.lifecycle(), self.lifecycle_rule(days=days, prefix=prefix)])

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
