"""What values of a release are laid together from, beside values themselves."""

from dataclasses import dataclass

from xcomkit.lint.configuration import Place


@dataclass(frozen=True, slots=True)
class File:
    """A layer in a file: its path, relative to the manifest or to the top of the repository.

    ``is_optional`` is a file that the tool itself does without, ``is_patch`` one that may hold a
    JSON patch.
    """

    path: str
    place: Place
    from_top: bool = False
    is_optional: bool = False
    is_patch: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """A layer that is not read: what it is, and the command that prints it."""

    what: str
    place: Place
    command: str = ""


@dataclass(frozen=True, slots=True)
class OfPods:
    """What is changed in the containers of a Deployment or the like, and how: it is not read."""

    pointer: str
    place: Place
    how: str = "JSON patch"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One ``--set``: the path as helm takes it, and its value."""

    name: str
    value: str
    place: Place
    is_text: bool = False
