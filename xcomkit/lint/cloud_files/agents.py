"""What a configuration tells of its agents, for comparing it with what the cloud says."""

from dataclasses import dataclass

from xcomkit.findings.errors import InputError
from xcomkit.findings.model import CloudName
from xcomkit.lint.configuration import Configuration
from xcomkit.lint.rules.annotations import FORMS
from xcomkit.lint.rules.connections import connections_of_paths, signers
from xcomkit.lint.rules.stores import cloud_of
from xcomkit.settings.terms import TERMS
from xcomkit.values.accounts import read_accounts, read_namespace
from xcomkit.values.names import PATH, STATE_PATH, BasePath, parse_base_path


@dataclass(frozen=True, slots=True)
class Agents:
    """The service accounts the chart will create, their paths, and who signs.

    ``subjects`` are ``system:serviceaccount:<namespace>:<name>``, ``paths`` those of XComs and
    ``state_paths`` those of the state store. ``identities`` are what the
    annotations name: ARNs of roles, client ids, e-mails of service accounts. ``assumed`` is whom
    the path's connection becomes from there (``role_arn``, ``impersonation_chain``): the last one
    signs. ``storage_account`` is the connection's, on Azure. What is empty is not known.
    """

    subjects: tuple[str, ...] = ()
    paths: tuple[BasePath, ...] = ()
    identities: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    storage_account: str = ""
    state_paths: tuple[BasePath, ...] = ()

    @property
    def signers(self) -> tuple[str, ...]:
        """Return who reads and writes the objects, as far as the files tell."""
        return self.assumed[-1:] or self.identities

    def has_subject(self, subject: str) -> bool:
        """Tell whether a subject is of the agents; Sentinel's is made by the chart as well."""
        spaces = {known.rpartition(":")[0] for known in self.subjects}
        space, _, name = subject.rpartition(":")
        return subject in self.subjects or (space in spaces and name.endswith("-sentinel"))

    def prefixes(self, bucket: str) -> tuple[str, ...]:
        """Return below which prefixes of a bucket the agents work."""
        return tuple(p.prefix for p in (*self.paths, *self.state_paths) if p.bucket == bucket)


def account_of(arn: str) -> str:
    """Return the account of an ARN, ``""`` where it names none."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 else ""


def read_agents(config: Configuration, *, namespace: str, needs_subjects: bool) -> Agents:
    """Return what the files tell of their agents; ``namespace`` stands in where they name none.

    Raises:
        InputError: the subjects are needed and the files do not tell them.
    """
    paths = _paths(config, PATH)
    clouds = {cloud for path in paths if (cloud := cloud_of(path.scheme))}
    cloud = clouds.pop() if len(clouds) == 1 else None
    identities = _annotated(config, cloud) if cloud else ()
    connections = [one for _, _, one, _ in connections_of_paths(config)]
    becomes = {signers(one, cloud=cloud) for one in connections} if cloud else set()
    if len(becomes) == 1:
        (assumed,) = becomes
        methods = {str(one.extra.get("assume_role_method")) for one in connections}
        if "assume_role_with_web_identity" in methods:  # the pod's own token opens that role
            identities, assumed = assumed, ()
    else:  # several, of which nobody can tell which is meant
        assumed = ()
        identities = identities if not becomes else ()
    accounts = {str(one.extra.get("account_name") or "") for one in connections}
    return Agents(
        subjects=_subjects(config, namespace=namespace, needed=needs_subjects),
        paths=paths,
        identities=identities,
        assumed=() if assumed[-1:] == identities else assumed,
        state_paths=_paths(config, STATE_PATH),
        storage_account=accounts.pop() if cloud == "azure" and len(accounts) == 1 else "",
    )


def _paths(config: Configuration, name: str) -> tuple[BasePath, ...]:
    found = (parse_base_path(env.get(name, "")) for env in config.environment.values())
    return tuple(dict.fromkeys(path for path in found if path and path.bucket))


def _annotated(config: Configuration, cloud: CloudName) -> tuple[str, ...]:
    """Return the identities service accounts are annotated with, in the form they must have."""
    key = TERMS[cloud].annotation
    accounts = read_accounts(config.values, prefix="") if config.kind == "values" else ()
    found = dict.fromkeys(one.annotations.get(key, "") for one in accounts if one.created)
    return tuple(filter(FORMS[key][0].fullmatch, found))


def _subjects(config: Configuration, *, namespace: str, needed: bool) -> tuple[str, ...]:
    """Return the subjects the chart will create, when the values tell them."""
    accounts = read_accounts(config.values, prefix="")
    space = read_namespace(config.values, default=namespace)
    problem, hint = "", "set it in the values, or give --namespace."
    if config.kind != "values":
        problem, hint = "only a values file tells its service accounts", "leave out --trust."
    elif any(account.name.startswith("-") for account in accounts):
        problem = "no resourceNamePrefix, so the service accounts have no names"
    elif not space:
        problem = "no namespace, which is half of every subject"
    if problem and needed:
        raise InputError(f"{config.name}: {problem}.", hint=hint)
    names = dict.fromkeys(account.name for account in accounts)
    return () if problem else tuple(f"system:serviceaccount:{space}:{name}" for name in names)
