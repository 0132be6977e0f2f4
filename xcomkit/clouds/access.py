"""The agents' identity on every cloud: who may become it, and what it may do."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from xcomkit.clouds.permission_tests import TESTED, PermissionTests, untested
from xcomkit.clouds.rows import ABSENT, keep, row, shell
from xcomkit.findings.errors import AccessDeniedError, ServiceError, SettingsError
from xcomkit.findings.model import Change, Check, Plan, Rule

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud

Document = dict[str, Any]


class Access(ABC):
    """The identity of the settings and what belongs to it, as the caller's clients see it."""

    kind: ClassVar[str]
    """What the cloud calls the identity; also the setting of its row."""
    creation: ClassVar[str]
    removal: ClassVar[str]
    """The commands that make and delete the identity."""
    name: str
    find_issuer: ClassVar[str] = ""
    """The command that finds the cluster's token issuer, where the identity needs it."""
    tests: ClassVar[type[PermissionTests]]
    """What tries the rights of the identity."""

    def __init__(self, cloud: "Cloud") -> None:
        self.cloud = cloud
        self._settings = cloud.settings
        self._clients: Any = cloud.clients

    @property
    def issuer(self) -> str:
        """Return the token issuer of the cluster.

        Raises:
            SettingsError: nobody named it.
        """
        if issuer := self._settings.oidc_issuer or self.cloud.platform.issuer:
            return issuer
        raise SettingsError(
            "oidc_issuer: '' is invalid: the identity trusts tokens of the cluster's issuer.",
            hint=self.find_issuer,
        )

    @abstractmethod
    def read_identity(self) -> Document | None:
        """Return the identity, or ``None`` when there is none."""

    @abstractmethod
    def _is_marked(self, identity: Document) -> bool:
        """Tell whether xcomkit made the identity."""

    @abstractmethod
    def _plan_rows(self, subjects: tuple[str, ...]) -> list[Change]: ...

    @abstractmethod
    def apply(self, plan: Plan, subjects: tuple[str, ...]) -> None:
        """Make the pending changes of the plan, in its order; what is of others is kept.

        Raises:
            ServiceError: the cloud refused a change; rows after it were not tried.
        """

    @abstractmethod
    def verify_documents(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks that compare what the cloud returns with what is needed."""

    @abstractmethod
    def delete(self) -> None:
        """Delete the identity and what it was given."""

    def plan(self, subjects: tuple[str, ...]) -> Plan:
        """Return what would be done so that exactly these subjects may use the prefix."""
        try:
            rows = self._plan_rows(subjects)
        except AccessDeniedError as error:
            rows = [keep(self.name, "access", "unknown", str(error))]
        return Plan(f"Access through {self.kind} {self.name}", tuple(rows))

    def verify(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return the checks of the access, by behaviour wherever a token can be had."""
        documents = self.verify_documents(subjects)
        if self.cloud.platform.mint_token is None:
            return (*documents, *self._verify_without_token())
        try:
            identity = self.read_identity()
        except ServiceError as error:
            return (*documents, *untested(TESTED, error))
        return (*documents, *self.tests(self, identity).run(subjects))

    def _verify_without_token(self) -> tuple[Check, ...]:
        return not_proved(TESTED, "only the cluster can mint a service-account token")

    def plan_removal(self) -> list[Change]:
        """Return what deleting the identity would do; one that somebody else made stays."""
        identity, command = (
            self.read_identity(),
            shell(self.removal, self._settings, name=self.name),
        )
        if identity is None:
            return [row(self.name, self.kind, ABSENT, ABSENT, command)]
        if not self._is_marked(identity):
            return [keep(self.name, self.kind, "present", "was not made by xcomkit")]
        return [row(self.name, self.kind, "present", ABSENT, command)]


def look(rule: Rule, seen: Callable[[], tuple[bool, str]], *, expected: str, how: str) -> Check:
    """Return the check of what is seen and whether it is right; a 403 says nothing."""
    holds: bool | None
    try:
        holds, observed = seen()
    except AccessDeniedError as error:
        holds, observed = None, str(error)
    return rule.judge(holds, expected=expected, observed=observed, how=how, basis="echo")


def not_proved(rules: tuple[Rule, ...], why: str) -> tuple[Check, ...]:
    """Return each right as not tried, because nobody here can be the agents' identity."""
    how = "needs the exchange of a token of the cluster"
    return tuple(
        rule.skip(expected=rule.title, observed=f"not proved: {why}", how=how) for rule in rules
    )
