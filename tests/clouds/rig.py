"""A target of one cloud for the contract: on the stand-in, or on a live cloud where asked for.

``XCOMKIT_LIVE=aws,gcp`` runs the contract on real accounts, each described by the parameter file
that ``XCOMKIT_LIVE_AWS`` (and so on) names. Every name made there is unique, and only what was made
is deleted; the rights needed stand in docs/aws.md, docs/azure.md and docs/gcp.md.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

from xcomkit.clouds import Cloud, Platform, open_cloud
from xcomkit.findings.model import Check, CloudName
from xcomkit.settings.settings import Settings
from xcomkit.stand_ins.common.stand_in import StandIn

SUBJECTS = ("system:serviceaccount:astro:agent-worker", "system:serviceaccount:astro:agent-trig")
LIVE = frozenset(filter(None, os.environ.get("XCOMKIT_LIVE", "").split(",")))


class Rig:
    """One target with names of its own, and a hand in the account behind it.

    ``stand_in`` is ``None`` on a live cloud. Capabilities are declared, not found out:
    ``cli`` begins every equivalent command, ``has_versions`` tells whether deleted and replaced
    versions can be listed, ``drifts`` are the rules whose setting ``drift`` can undo,
    ``weakenings`` the rules that must turn red when ``weaken`` takes rights away.
    ``foreign``, ``stronger`` and ``weaker`` are parts to ``set``: what is not ours, what may not be
    weakened, and what is raised, each with the name of the setting and what becomes of it.

    A rig of a cloud has beside this, all of it as the administrator and without the code under
    test: ``practice_names`` and ``unique_names``, the parameters that the practice account needs
    and those that are made for one test; ``put_object``; ``list_two_at_a_time``, as if a page held
    no more; ``drift``, ``weaken`` and ``trust_another``, as somebody else in the account might;
    ``set`` and ``state``; ``lifecycle``, ``put_lifecycle``, ``lifecycle_prefixes`` and a foreign
    ``lifecycle_rule``; ``unmark_identity``, so that it is not of xcomkit; ``at_somebody_elses``, a
    rig whose bucket is another account's; ``become_nobody``, who is known and has no right;
    ``sign_out``.
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

    def add_lifecycle_rule(self, *, days: int, prefix: str) -> None:
        self.put_lifecycle([*self.lifecycle(), self.lifecycle_rule(days=days, prefix=prefix)])

    def tidy(self) -> None:
        """Delete what was made on a live cloud; a stand-in is thrown away."""
        if self.stand_in is None:
            keys = list(self.cloud.list_keys_ever(""))
            self.cloud.delete_keys(keys)
            self.cloud.apply_tear_down(self.cloud.plan_tear_down())


def red(checks: Mapping[str, Check]) -> set[str]:
    return {check.id for check in checks.values() if check.closes_gate}
