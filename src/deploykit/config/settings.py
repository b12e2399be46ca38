"""A config file's values, validated."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploykit.config.document import LAZY, Document, fill_in_text
from deploykit.config.model import (
    AppTable,
    Backend,
    CheckTable,
    HealthTable,
    HooksTable,
    NotifyTable,
    ObserverTable,
    RollbackTable,
    StateTable,
)
from deploykit.config.probes import ProbeTable
from deploykit.errors import ConfigError
from deploykit.release import check_tag


@dataclass(frozen=True, slots=True)
class Config:
    """What a file says. Relative paths in it start at its folder."""

    document: Document
    app: AppTable
    backend: Backend
    health: HealthTable
    probes: tuple[ProbeTable, ...]
    rollback: RollbackTable
    state: StateTable
    hooks: HooksTable
    notify: NotifyTable
    check: CheckTable
    observers: tuple[ObserverTable, ...] = ()

    @property
    def target(self) -> str | None:
        return self.document.target

    @property
    def environment(self) -> Mapping[str, str]:
        return self.document.environment

    @property
    def folder(self) -> Path:
        return self.document.path.absolute().parent

    def path(self, text: str) -> Path:
        """Return a path of the file as an absolute one."""
        return self.folder / text

    def tag(self) -> str:
        """Return the tag to deploy when none was named, its variables filled in now.

        Raises:
            ConfigError: a variable that it needs is missing, or it is no tag.
        """
        hint = "Pass --tag TAG."
        try:
            tag = fill_in_text(self.document, LAZY, self.app.tag or "")
        except ConfigError as error:
            raise ConfigError(str(error), hint=f"{hint[:-1]}. {error.hint}") from error
        if not tag:
            raise self.document.error(LAZY, "is empty", hint)
        try:
            return check_tag(tag)
        except ConfigError as error:
            raise self.document.error(LAZY, str(error), error.hint) from error
