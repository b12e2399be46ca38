"""What is deployed: frozen values that validate themselves."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from deploykit.errors import ConfigError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
_DOMAIN = rf"(?:{_HOST}|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
# The grammar of github.com/distribution/reference; a repository has at most 255 characters.
_REPOSITORY = re.compile(rf"(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
LABEL_IRREVERSIBLE = "org.deploykit.irreversible"
"""The image's label that says `true` where a release must not be gone back across."""
RELEASE_ID = re.compile(r"r[1-9][0-9]{0,17}a?", re.ASCII)


def check_tag(tag: str) -> str:
    """Return the tag, or raise ConfigError when it is not one."""
    if not _TAG.fullmatch(tag):
        msg = f"not an image tag: {tag[:140]!r}"
        raise ConfigError(
            msg, hint="A tag has 1 to 128 letters, digits, '_', '.' and '-', and starts with none of '.-'."
        )
    return tag


@dataclass(frozen=True, slots=True)
class ImageRef:
    """An image: by name (`repository`, `tag`), by the registry's `digest`, and by the engine's own `id`.

    `digest` and `id` are `sha256:` and 64 hexadecimal digits. An image is *pinned* when it has one of them.
    """

    repository: str
    tag: str | None = None
    digest: str | None = None
    id: str | None = None

    def __post_init__(self) -> None:
        if len(self.repository) > 255 or not _REPOSITORY.fullmatch(self.repository):
            msg = f"not an image repository: {self.repository[:260]!r}"
            raise ConfigError(msg, hint="It looks like ghcr.io/team/app, in lower case and without a tag.")
        if self.tag is not None:
            check_tag(self.tag)
        for value in (self.digest, self.id):
            if value is not None and not _DIGEST.fullmatch(value):
                msg = f"not an image digest: {value[:80]!r}"
                raise ConfigError(msg, hint="It looks like sha256: and 64 hexadecimal digits.")

    @classmethod
    def parse(cls, text: str) -> "ImageRef":
        """Read `repository[:tag][@digest]`.

        Raises:
            ConfigError: it is not an image reference.
        """
        name, at, digest = text.partition("@")
        head, colon, last = name.rpartition(":")
        repository, tag = (head, last) if colon and "/" not in last else (name, None)
        return cls(repository, tag, digest if at else None)

    @property
    def name(self) -> str:
        """The name that people know it by: `repository:tag`."""
        return f"{self.repository}:{self.tag}" if self.tag else self.repository

    @property
    def pinned(self) -> str:
        """The reference that names its content whatever happens to its tag: by digest, else the bare id.

        Raises:
            ValueError: it has neither.
        """
        if self.digest:
            return f"{self.name}@{self.digest}"
        if self.id:
            return self.id
        msg = f"{self.name} is not pinned"
        raise ValueError(msg)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a release needs beside its image, as it is today: the content of each file by its name in the release."""

    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def parts(self) -> dict[str, str]:
        """The SHA-256 of each file, in hexadecimal."""
        return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(self.files.items())}


@dataclass(frozen=True, slots=True)
class Release:
    """Content that runs or ran: a pinned image, and the hashes of what it ran with.

    Its `id` is that of the deployment that first tried it (`r12`), or, adopted, of the one that found it (`r12a`).
    """

    id: str
    image: ImageRef
    parts: Mapping[str, str] = field(default_factory=dict)
    irreversible: bool = False

    @property
    def adopted(self) -> bool:
        """Whether it was found, not deployed: its instances need not carry our labels."""
        return self.id.endswith("a")

    @property
    def fingerprint(self) -> str:
        """Equal for two releases exactly when they are the same: image id, and the hash of every part."""
        lines = [f"image {self.image.id}", *(f"{name} {digest}" for name, digest in sorted(self.parts.items()))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def same_as(self, other: "Release | None") -> bool:
        """Whether both are the same content; their names may differ."""
        return other is not None and self.fingerprint == other.fingerprint

    def differing_parts(self, parts: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names of its files that are others there, or only on one side."""
        return tuple(sorted({name for name, _ in self.parts.items() ^ parts.items()}))


Status = Literal["created", "running", "restarting", "paused", "exited"]
Health = Literal["starting", "healthy", "unhealthy"]


@dataclass(frozen=True, slots=True)
class Instance:
    """One container, process or task, as it was when it was looked at.

    Times are seconds since the epoch by the runtime's clock. `exit_code` is that of its last exit, if it ever exited;
    `health` is the runtime's own verdict, None when it has none; `address` is where it listens, seen from here. `node`
    is the machine that it is on, where a runtime has several; `error` is what the runtime says is wrong with it.
    """

    id: str
    service: str
    status: Status
    release: str | None = None
    name: str = ""
    health: Health | None = None
    exit_code: int | None = None
    oom_killed: bool = False
    restarts: int = 0
    created_at: float | None = None
    started_at: float | None = None
    finished_at: float | None = None
    address: str | None = None
    node: str = ""
    error: str = ""

    @property
    def alive(self) -> bool:
        """Whether it runs, or will again by itself."""
        return self.status in {"running", "restarting", "paused"}


@dataclass(frozen=True, slots=True)
class Running:
    """What runs, told by the runtime alone. `release` and `fingerprint` are what deploykit wrote on it, if it did."""

    image: ImageRef
    instances: tuple[Instance, ...]
    release: str | None = None
    fingerprint: str | None = None
