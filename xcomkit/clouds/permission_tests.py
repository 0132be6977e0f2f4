"""Rights by behaviour: what must be allowed is done once, what must be refused is tried.

Everything is put as probe objects of our own and deleted again, by their recorded keys.
"""

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from xcomkit.clouds.errors import Errors
from xcomkit.clouds.rules import (
    ASSUME,
    DELETE,
    DROP,
    EXISTS,
    GET,
    LIST,
    OTHER,
    OUTSIDE,
    PUT,
    UNTRUSTED,
)
from xcomkit.findings.errors import (
    AccessDeniedError,
    ConflictError,
    CredentialsError,
    MissingError,
    ServiceError,
)
from xcomkit.findings.model import Check, Rule, all_hold

if TYPE_CHECKING:
    from xcomkit.clouds import Cloud

Call = Callable[..., object]
TESTED: tuple[Rule, ...] = (ASSUME, UNTRUSTED, LIST, PUT, GET, DROP, DELETE, OUTSIDE, OTHER)
HOW = "tried with the credentials of the agents' identity"
_IN_THE_BUCKET = (LIST, PUT, GET, DELETE)
_FORBIDDEN = (DROP, OUTSIDE)


class PermissionTests(ABC):
    """Tries the rights of the agents' identity, once each."""

    errors: Errors
    exchange: ClassVar[str]
    """The requests by which a service account becomes the identity."""
    refusals: ClassVar[tuple[type[ServiceError], ...]] = (AccessDeniedError,)
    """How the cloud refuses a subject that the identity does not trust."""
    unlimited: ClassVar[Mapping[Rule, str]] = {}
    """What the cloud cannot forbid, and why that is so."""

    def __init__(self, access: Any, identity: dict[str, Any] | None) -> None:
        self._access = access
        self._identity = identity
        self._cloud: Cloud = access.cloud
        self._settings = self._cloud.settings
        self._clients: Any = self._cloud.clients

    def _mint_token(self, subject: str, **audience: str) -> str:
        mint: Any = self._cloud.platform.mint_token
        return str(mint(subject, **audience))

    @abstractmethod
    def become(self, subject: str) -> Any:
        """Return credentials of the identity for a pod of the subject.

        Raises:
            CredentialsError: the pod's token is refused.
            AccessDeniedError: the identity does not trust the subject.
        """

    @abstractmethod
    def requests(self, credentials: Any, *, inside: str, outside: str) -> dict[Rule, Call]:
        """Return one request per right, on the keys inside and outside the prefix.

        That of ``OTHER`` takes the name of another bucket.
        """

    @property
    def further(self) -> tuple[Rule, ...]:
        """Return the rights that are tried beside those of every cloud."""
        return ()

    @abstractmethod
    def list_buckets(self) -> Iterable[str]:
        """Yield the names of the buckets that the caller sees."""

    def run(self, subjects: tuple[str, ...]) -> tuple[Check, ...]:
        """Return one check per right and per refusal, by behaviour wherever it can be."""
        how = "a role holds for the whole bucket"
        skipped = [rule.skip(expected=rule.title, observed=f"not limited: {why}", how=how)
                   for rule, why in self.unlimited.items()]  # fmt: skip
        assumed, credentials = self._become_each(subjects)
        if credentials is None:  # that others are refused would prove nothing
            rest = [one for one in (*TESTED[1:], *self.further) if one not in self.unlimited]
            unknown = untested(rest, "nobody could become the identity")
            return (assumed, *unknown, *skipped)
        return (assumed, self._test_untrusted(), *self._test_rights(credentials), *skipped)

    def _become_each(self, subjects: tuple[str, ...]) -> tuple[Check, Any]:
        refused, first, verdicts = [], None, list[bool | None]()
        for subject in subjects:
            try:
                credentials = self.become(subject)
            except ServiceError as error:
                refused.append(f"{subject}: {error}")
                is_refusal = isinstance(error, AccessDeniedError | CredentialsError | MissingError)
                verdicts.append(False if is_refusal else None)
            else:
                verdicts.append(True)
                first = first or credentials
        everybody = f"{len(subjects)} of {len(subjects)} subjects"
        check = ASSUME.judge(
            bool(subjects) and all_hold(verdicts),
            expected=everybody,
            observed="; ".join(refused) or everybody,
            how=f"{self.exchange} with a token per service account",
            basis="behaviour",
        )
        return check, first

    def _test_untrusted(self) -> Check:
        subject = f"system:serviceaccount:{self._settings.namespace}:xcomkit-untrusted"
        how = f"{self.exchange} as {subject}"
        return forbidden(UNTRUSTED, lambda: self.become(subject), errors=self.errors,
                         how=how, refusals=self.refusals)  # fmt: skip

    def _test_rights(self, credentials: Any) -> list[Check]:
        probe = f"xcomkit-probe-{uuid.uuid4()}"
        inside = f"{self._settings.prefix}/{probe}"
        requests = self.requests(credentials, inside=inside, outside=probe)
        checks = [self._test(rule, requests.pop(rule)) for rule in (LIST, PUT)]
        # The probe stays in the bucket while its deletion is tried: who may delete it is answered
        # that it is not empty, and nothing is lost.
        try:
            self._cloud.write_object(inside, b"{}")
        except ServiceError as error:
            return [*checks, *untested(requests, error)]
        try:
            checks += [self._test(rule, request) for rule, request in requests.items()]
        finally:
            self._cloud.delete_keys((inside, probe))
        return checks

    def _test(self, rule: Rule, request: Call) -> Check:
        if rule is OTHER:
            return self._test_other_bucket(request)
        test = forbidden if rule in _FORBIDDEN else allowed
        return test(rule, request, errors=self.errors)

    def _test_other_bucket(self, list_objects: Call) -> Check:
        expected, how = "403", "a list of another bucket of the account"
        try:
            with self.errors("listing the buckets of the account"):
                names = [n for n in self.list_buckets() if n != self._settings.bucket]
        except ServiceError as error:
            return OTHER.judge(
                None, expected=expected, observed=str(error), how=how, basis="behaviour"
            )
        if not names:
            observed = "not tried: the account has no other bucket"
            return OTHER.skip(expected=expected, observed=observed, how=how)
        return forbidden(OTHER, lambda: list_objects(names[0]), errors=self.errors, how=how)


def allowed(rule: Rule, call: Call, *, errors: Errors) -> Check:
    """Return the check of a right that must be there."""
    try:
        with errors("using the right"):
            call()
    except ServiceError as error:
        # A refusal is the finding; anything else means that nobody knows.
        denied = isinstance(error, AccessDeniedError | CredentialsError)
        return rule.judge(
            False if denied else None,
            expected="allowed",
            observed=str(error),
            how=HOW,
            basis="behaviour",
            **_remedy(error if rule in _IN_THE_BUCKET and not denied else ""),
        )
    return rule.judge(True, expected="allowed", observed="allowed", how=HOW, basis="behaviour")


def forbidden(
    rule: Rule,
    call: Call,
    *,
    errors: Errors,
    how: str = HOW,
    refusals: tuple[type[ServiceError], ...] = (AccessDeniedError,),
) -> Check:
    """Return the check of a right that must not be there; only a refusal proves that it is not."""
    holds: bool | None = False
    observed = "allowed"
    try:
        with errors("trying what must be denied"):
            call()
    except refusals as error:
        code = re.search(r"\b40[0-9]\b", str(error.args[0]))
        holds, observed = True, f"refused{f' with {code[0]}' if code else ''}, as it must be"
    except (ConflictError, MissingError) as error:
        observed = f"allowed, and stopped only by the state of the bucket: {error}"
    except ServiceError as error:
        holds, observed = None, str(error)
    return rule.judge(holds, expected="denied", observed=observed, how=how, basis="behaviour")


def untested(rules: Iterable[Rule], reason: str | ServiceError) -> tuple[Check, ...]:
    """Return each right as unknown, because it could not be tried; an error says what is next."""
    return tuple(
        rule.judge(
            None,
            expected=rule.title,
            observed=f"not tried: {reason}",
            how=HOW,
            basis="behaviour",
            **_remedy(reason),
        )
        for rule in rules
    )


def _remedy(reason: str | ServiceError) -> dict[str, str]:
    """Return what to do about the cause where it is known, the rule's own where it is not."""
    if isinstance(reason, MissingError):
        return {"remedy": EXISTS.remedy, "fix_in": "01"}
    return {} if isinstance(reason, str) else {"remedy": reason.hint, "fix_in": reason.fix_in}
