"""What a backend may offer beside what each must, and what those calls give."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable

from deploykit.release import ImageRef, Release


@runtime_checkable
class Measured(Protocol):
    """What a backend may offer beside: how large its images are, and how old."""

    def measure(self, image: ImageRef) -> tuple[int | None, float | None]:
        """Return bytes on the disk, and when it was made in seconds since the epoch; None for what is not known."""
        ...


@runtime_checkable
class Gradual(Protocol):
    """What a backend may tell beside: whether it replaces some instances at a time, while the others serve on."""

    @property
    def gradual(self) -> bool:
        """Whether it does."""
        ...


@dataclass(frozen=True, slots=True)
class Offer:
    """An image in its registry, pinned by the registry's digest.

    `size` is what a pull of all of it takes for the runtime's own platform, in bytes, compressed; `created` is in
    seconds since the epoch; None for what is not known. `platforms` are those that it is there for, as `linux/amd64`,
    and `wanted` is the runtime's own. `problem` says why there is no more to tell.
    """

    image: ImageRef
    size: int | None = None
    created: float | None = None
    platforms: tuple[str, ...] = ()
    wanted: str = ""
    problem: str = ""

    @property
    def fits(self) -> bool:
        """Whether it is there for the runtime's platform, as far as that can be told."""
        return not self.platforms or self.wanted in self.platforms


@dataclass(frozen=True, slots=True)
class Offers:
    """What a registry has of a repository, newest first, and how many further tags were not looked at."""

    found: Sequence[Offer]
    left_out: int = 0


@runtime_checkable
class Stocked(Protocol):
    """What a backend may offer beside: looks into the registry of its images, with the runtime's own logins.

    Both calls change nothing, end within a minute, and raise RegistryFailed beside what every call raises.
    """

    def offers(self, repository: str, limit: int, first: Collection[str]) -> Offers:
        """Return `limit` of the tags of a repository: those of `first` before others."""
        ...

    def offer(self, image: ImageRef) -> Offer:
        """Return what the registry has under a name, or by a digest."""
        ...


@dataclass(frozen=True, slots=True)
class Program:
    """A program to be run in place of deploykit; `environment` is all that it gets. `folder`: where, if not here."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path | None = None


@runtime_checkable
class Inside(Protocol):
    """What a backend may offer beside: ways to get at what runs, by hand. Nothing is run.

    Every call raises EngineUnreachable when the runtime does not answer, and ConfigError when there is no such service,
    or no such thing in this runtime. `terminal`: the program has one.
    """

    def exec_program(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:
        """Return what runs a command in a living instance of a service."""
        ...

    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:
        """Return what runs a command in a one-off of the release, which serves nobody and goes when it ends."""
        ...

    def compose_program(self, release: Release, argv: Sequence[str]) -> Program:
        """Return `docker compose ARGV` with the project, the files, the pin and the variables of the release."""
        ...

    def logs_program(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        """Return what shows the log of what runs, as the runtime has it; None: of all services, or the main one."""
        ...


class Standing(Enum):
    """How a line of the checklist stands, from good to bad."""

    ok = "ok"
    warning = "warning"
    failed = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the checklist: what it is about, how it stands, and how to mend it."""

    about: str
    standing: Standing
    text: str
    hint: str | None = None


class Check(Protocol):
    """A further line of the checklist, for the image that is to be deployed, when that is known. Never raises."""

    def __call__(self, image: ImageRef | None, /) -> Finding: ...


@runtime_checkable
class Inspected(Protocol):
    """What a backend may offer beside: its own lines of the checklist."""

    def findings(self, image: ImageRef, budget: float) -> Iterator[Finding]:
        """Look at the runtime, and for the image in its registry. Changes nothing; may take a minute.

        `budget`: the seconds that a release has to turn healthy. Raises as every call of a backend.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands on a shelf under a key. `version` is the shelf's own; `age` in seconds, by the runtime's clock."""

    key: str
    content: bytes = field(repr=False)
    version: str
    age: float = 0.0


class Shelf(Protocol):
    """What a runtime keeps for deploykit, the same for every machine that asks it. A key is `KIND.NAME`.

    Each call raises EngineUnreachable when the runtime does not answer: whether it did what was asked is not known
    then, and asking again is safe. It raises ConfigError when the runtime refuses.
    """

    def read(self, kind: str) -> Mapping[str, Entry]:
        """Return what there is of a kind, by name."""
        ...

    def get(self, key: str) -> Entry | None:
        """Return what stands under a key, None for nothing."""

    def put(self, key: str, content: bytes, before: Entry | None) -> Entry | None:
        """Put content under a key in place of `before`, None for nothing there, and return it.

        None: another has put something else there since. What is there with that very content counts as put.
        """

    def remove(self, entry: Entry) -> None:
        """Take it away, whatever it is by now. Idempotent."""


@runtime_checkable
class Shelved(Protocol):
    """A backend whose runtime keeps things for deploykit: needed for `[state] store = "engine"`."""

    def shelf(self, name: str) -> Shelf:
        """Return the shelf of that name, which need not be there yet. Asks nothing. Names are `[a-z0-9._-]`."""
        ...
