"""Settings that know which of their fields were read: another value of those is another proof."""

from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from xcomkit.settings.settings import Settings

_FIELDS = frozenset(Settings.model_fields)


class ObservedSettings(Settings):
    """The settings of a step in progress; what dumps, copies or compares them reads no field."""

    _read: set[str] = PrivateAttr(default_factory=set)

    @classmethod
    def of(cls, settings: Settings) -> "ObservedSettings":
        """Return the same settings, of which nothing was read yet."""
        return cls.model_construct(**settings.__dict__)

    @property
    def reads(self) -> list[str]:
        """Return the fields that were read so far, also by properties of these settings."""
        return sorted(self._read)

    if not TYPE_CHECKING:  # a typo stays an error of the type checker

        def __getattribute__(self, name: str) -> Any:
            if name in _FIELDS:
                self._read.add(name)
            return super().__getattribute__(name)
