"""Rules about the chart's own keys: token, pull secret, names, images, accounts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xcomkit.findings.model import Rule
from xcomkit.lint.configuration import WHOLE_KEYS, Configuration, Place
from xcomkit.lint.registry import Objection, lint_rule
from xcomkit.lint.rules.storage import is_durable
from xcomkit.values.accounts import read_accounts
from xcomkit.values.environment import TRIGGERER, list_images
from xcomkit.values.names import BACKEND

_TOKENS = ("agentToken", "agentTokenSecretName", "agentTokenFile")
_BASE_IMAGE = "images.astronomer.cloud/baseimages/"
_AGENT = re.compile(r"(?::(\d+)\.(\d+)-[\w.-]*)?astro-agent-(\d+)\.(\d+)\.(\d+)")
_TRIGGERS_SINCE = (1, 5, 0)

XC058 = Rule(
    id="XC058",
    title="The agents are new enough for XCom in triggers",
    severity="warn",
    why="A trigger that pushes or pulls an XCom fails with agents before 1.5.0.",
    remedy="Use an image whose tag ends in astro-agent-1.5.0 or later, or keep XComs out of"
    " triggers.",
    source="configure XCom backend, limits; the agents' image tags",
)
XC041 = Rule(
    id="XC041",
    title="All components run the same image",
    severity="warn",
    why="The provider of the store must be in each of them; what is installed in the workers'"
    " image only fails in the Dag processor or the triggerer.",
    remedy="Build one image with the providers and name it in image at the top.",
    source="configure XCom backend, packages of the agent image",
)
XC042 = Rule(
    id="XC042",
    title="The agent token is given in exactly one way",
    severity="fail",
    why="Without a token agents do not register; of two the chart takes one without a word.",
    remedy="Set one of agentTokenSecretName, agentTokenFile and agentToken.",
    source="remote agents Helm reference, agentToken",
)
XC051 = Rule(
    id="XC051",
    title="No service account is created twice",
    severity="fail",
    why="Helm 3 refuses to create the same object twice; Helm 4 applies one over the other, and the"
    " annotations of the first are lost.",
    remedy="With several worker groups leave serviceAccount.workers.name empty, or name one account"
    " per group.",
    source="comments of the downloaded values.yaml; Helm 4, server-side apply",
)
XC057 = Rule(
    id="XC057",
    title="The image holds the backend class",
    severity="fail",
    why="The durable class is not in the base image; without it no task starts.",
    remedy="Name an image of your own that holds it: step 03 of the runbook writes the lines of its"
    " Dockerfile, pip install xcomkit or one copied file.",
    source="own class, xcomkit.durable; the agents' base image",
)


_TOKEN = "agentTokenSecretName: <secret with the key token>\n"  # noqa: S105 - the name of a secret


def _tells_token(config: Configuration) -> bool:
    return bool(set(_TOKENS) & set(config.values.data))


@lint_rule(XC042, "exactly one", fix=_TOKEN, kinds=("values",), applies=_tells_token)
def _wrong_tokens(config: Configuration) -> Iterator[Objection]:
    values = config.values
    found = [key for key in _TOKENS if values.get(key) not in (None, "", {}, [])]
    if len(found) > 1:
        yield Objection(f"{' and '.join(found)} are set", values.place(found[-1]))
    elif not found and WHOLE_KEYS & set(values.data):
        written = next((key for key in _TOKENS if key in values.data), _TOKENS[0])
        yield Objection(f"none of {', '.join(_TOKENS)} is set", values.place(written))


def _images(config: Configuration) -> Iterator[tuple[str, str, Place]]:
    """Yield the image of every component: its own, or the one at the top; of pods their own."""
    yield from ((pod.component, pod.image, pod.place) for pod in config.pods)
    values = config.values
    for component, image, path in list_images(values):
        yield component, image, values.place(*path)


@dataclass(frozen=True, slots=True)
class Agent:
    """What the tag of a component's image tells: agent, and runtime where it begins with one."""

    component: str
    version: tuple[int, ...]
    runtime: tuple[int, ...]
    place: Place

    @property
    def text(self) -> str:
        """Return the end of the tag."""
        return f"astro-agent-{'.'.join(map(str, self.version))}"


def list_agents(config: Configuration) -> Iterator[Agent]:
    """Yield the agent of every component whose image tells it."""
    for component, image, place in _images(config):
        if match := _AGENT.search(image):
            runtime, version = match.groups()[:2], match.groups()[2:]
            known = tuple(int(number) for number in runtime if number)
            yield Agent(component, tuple(map(int, version)), known, place)


def _tells_images(config: Configuration) -> bool:
    return any(_images(config))


def _triggerers(config: Configuration) -> list[Agent]:
    return [one for one in list_agents(config) if TRIGGERER in one.component.lower()]


@lint_rule(XC058, "1.5.0 or later", kinds=("values", "pod"), applies=lambda c: any(_triggerers(c)))
def _old_agents(config: Configuration) -> Iterator[Objection]:
    for agent in _triggerers(config):
        if agent.version < _TRIGGERS_SINCE:
            yield Objection(f"{agent.component[:80]}: {agent.text}", agent.place)


@lint_rule(XC041, "one image", kinds=("values",), applies=_tells_images)
def _different_images(config: Configuration) -> Iterator[Objection]:
    images: dict[str, list[tuple[str, Place]]] = {}
    for component, image, place in _images(config):
        images.setdefault(image, []).append((component, place))
    if len(images) > 1:
        rare = min(images.values(), key=len)
        spread = [
            f"{', '.join(name for name, _ in found)[:80]}: {image[:120]!r}"
            for image, found in images.items()
        ]
        yield Objection("; ".join(spread)[:600], rare[0][1])


@lint_rule(XC051, "one component per account", kinds=("values", "pod"))
def _accounts_twice(config: Configuration) -> Iterator[Objection]:
    owners: dict[str, list[str]] = {}
    places: dict[str, Place] = {}
    for account in read_accounts(config.values, prefix="<resourceNamePrefix>"):
        if account.created:
            owners.setdefault(account.name, []).append(account.component)
    for document in config.documents:  # what helm rendered
        if document.get("kind") == "ServiceAccount":
            space, name = (document.get("metadata", key) for key in ("namespace", "name"))
            name = f"{space}/{name}" if space else str(name)
            places[name] = document.place("metadata", "name")
            owners.setdefault(name, []).append(f"line {places[name][1]}")
    for name, components in owners.items():
        if len(components) > 1:
            text = f"{name[:127]!r} for {', '.join(components)[:200]}"
            yield Objection(text, places.get(name) or config.values.place("serviceAccount"))


def _tells_class(config: Configuration) -> bool:
    """Tell whether the base image is named, or only what every image holds is asked of it."""
    images = [*_images(config)]
    own = [one for one in images if is_durable(config.environment.get(one[0], {}).get(BACKEND, ""))]
    return bool(images) and (not own or any(image.startswith(_BASE_IMAGE) for _, image, _ in own))


@lint_rule(XC057, "an image of your own", kinds=("values", "pod"), applies=_tells_class)
def _missing_class(config: Configuration) -> Iterator[Objection]:
    for component, image, place in _images(config):
        environment = config.environment.get(component, {})
        if is_durable(environment.get(BACKEND, "")) and image.startswith(_BASE_IMAGE):
            # A folder that is mounted may hold the class all the same.
            holds = None if "PYTHONPATH" in environment else False
            yield Objection(f"{component[:80]}: {image[:120]!r}", place, holds)
            return
