"""What a plug-in is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from deploykit.protocols import ReleaseFiles
from deploykit.store import ReleaseFolders

if TYPE_CHECKING:
    from deploykit.config.document import Document, Key

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where a plug-in is used: whoever an entry point names is called with it, and returns the plug-in.

    `keys` are the plug-in's own of its table, their variables filled in. Relative paths start at `folder`, that of the
    config file. A backend keeps what it must below `state`; its `strategy` is "recreate" or "rolling". `services` are
    those of a backend, or the one of a probe.
    """

    app: str
    keys: Mapping[str, object] = field(default_factory=dict)
    folder: Path = Path()
    state: Path = Path(".deploykit")
    services: tuple[str, ...] = ("app",)
    strategy: str = "recreate"
    document: "Document | None" = field(default=None, repr=False)
    key: "Key" = ()

    @property
    def files(self) -> ReleaseFiles:
        """Where the files of releases are."""
        return ReleaseFolders.of(self.state)

    def read(self, kind: type[T]) -> T:
        """Return the keys as a dataclass of the plug-in's: its fields are the keys, with their types and defaults.

        Raises:
            ConfigError: a key is unknown, missing, or of another type; names file and key.
        """
        from deploykit.config.keys import read_keys

        return read_keys(kind, self.keys, self.key, self.document)
