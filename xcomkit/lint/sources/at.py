"""A place in a document: what is there, what is below it, and its line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from xcomkit.lint.configuration import Place
from xcomkit.values.values import Key, Values


@dataclass(frozen=True, slots=True)
class At:
    """A path in a document, whether anything is there or not."""

    doc: Values
    path: Key = ()

    def at(self, *path: str | int) -> "At":
        """Return a place below this one."""
        return At(self.doc, (*self.path, *path))

    def get(self, *path: str | int) -> Any:
        """Return what is below this place, ``None`` for nothing."""
        return self.doc.get(*self.path, *path)

    def text(self, *path: str | int) -> str:
        """Return what is below this place as a text, ``""`` for nothing."""
        return str(self.get(*path) or "")

    def place(self, *path: str | int) -> Place:
        """Return file and line of what is below this place."""
        return self.doc.place(*self.path, *path)

    def rows(self, *path: str | int) -> "list[At]":
        """Return the entries of a list below this place."""
        found = self.get(*path)
        return [self.at(*path, n) for n in range(len(found))] if isinstance(found, list) else []

    def entries(self, *path: str | int) -> "list[At]":
        """Return what is below each key of a mapping below this place."""
        found = self.get(*path)
        return [self.at(*path, key) for key in found] if isinstance(found, dict) else []


def objects(documents: Sequence[Values]) -> Iterator[At]:
    """Yield each Kubernetes object of documents, those of a List one by one."""
    for document in documents:
        whole = At(document)
        yield from whole.rows("items") or [whole]
