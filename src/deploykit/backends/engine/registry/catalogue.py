"""What a registry offers of an app's image, for the platform of one engine."""

import re
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.containers import seconds_of
from deploykit.backends.engine.line import cli_settings
from deploykit.backends.engine.registry.client import Client
from deploykit.backends.engine.registry.credentials import Credentials
from deploykit.backends.engine.registry.exchange import Exchange
from deploykit.backends.engine.registry.place import Place
from deploykit.errors import ConfigError, RegistryFailed
from deploykit.protocols import Offer, Offers
from deploykit.release import ImageRef, check_tag

AT_ONCE = 6
TIME = 45.0
"""Seconds for all that one call asks."""
_ATTACHED = re.compile(r"sha256-[0-9a-f]{64}(\..*)?")
"""Tags that tools give to signatures and the like of an image."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Asks registries for one platform, `linux/amd64`, with the logins that docker has."""

    platform: str
    credentials: Credentials = field(repr=False)

    @classmethod
    def of(cls, engine: Engine) -> "Catalogue":
        """Return that of an engine. What helpers of docker get to see is what they get by a pull."""
        platform = engine.ask("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}").strip()
        return cls(platform, Credentials(cli_settings(engine.environment), engine.base_environment))

    def offers(self, repository: str, limit: int, first: Collection[str]) -> Offers:
        """Look at `limit` tags of a repository: those of `first`, then those that the registry names last.

        Raises:
            RegistryFailed: it does not tell its tags.
        """
        client = self._client(repository)
        with _understood(client, repository):
            tags = [tag for tag in reversed(client.tags()) if _is_tag(tag)]
        chosen = sorted(tags, key=lambda tag: tag not in first)[:limit]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda tag: self._tried(client, ImageRef(repository, tag)), chosen))
        return Offers(sorted(found, key=lambda one: -(one.created or 0)), len(tags) - len(chosen))

    def offer(self, image: ImageRef) -> Offer:
        """Look at one image, by its digest or its tag.

        Raises:
            RegistryFailed: the registry does not tell of it.
        """
        return self._read(self._client(image.repository), image)

    def _client(self, repository: str) -> Client:
        place = Place.of(repository)
        return Client(place, self.credentials, Exchange(place, time.monotonic() + TIME))

    def _tried(self, client: Client, image: ImageRef) -> Offer:
        try:
            return self._read(client, image)
        except RegistryFailed as error:
            return Offer(image, problem=str(error))

    def _read(self, client: Client, image: ImageRef) -> Offer:
        with _understood(client, image.name):
            return self._told(client, image)

    def _told(self, client: Client, image: ImageRef) -> Offer:
        digest, manifest = client.manifest(image.digest or image.tag or "latest")
        pinned = ImageRef(image.repository, image.tag, digest)
        if platforms := dict(_platforms(manifest)):
            if self.platform not in platforms:
                return Offer(pinned, platforms=tuple(sorted(platforms)), wanted=self.platform)
            _, manifest = client.manifest(platforms[self.platform])
        told = client.blob(manifest["config"]["digest"])
        return Offer(
            replace(pinned, id=manifest["config"]["digest"]),
            size=sum(int(part["size"]) for part in (manifest["config"], *manifest["layers"])),
            created=_seconds(told.get("created")),
            platforms=tuple(sorted(platforms or _own_platform(told))),
            wanted=self.platform,
        )


@contextmanager
def _understood(client: Client, name: str) -> Iterator[None]:
    """Tell of an answer that is JSON, and makes no sense, as of one that did not come."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, ConfigError):
        msg = f"{client.place.host} tells of {name} what cannot be read"
        raise RegistryFailed(msg, hint="Is it an image? Other things are kept in registries too.") from None


def _platforms(index: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the platforms of an index, each with its manifest's digest; none of what is a manifest itself."""
    for one in index.get("manifests") or ():
        platform = one.get("platform") or {}
        if platform.get("os") != "unknown":  # an attestation
            yield f"{platform.get('os')}/{platform.get('architecture')}", str(one["digest"])


def _own_platform(told: dict[str, Any]) -> Iterator[str]:
    if told.get("os") and told.get("architecture"):
        yield f"{told['os']}/{told['architecture']}"


def _seconds(created: object) -> float | None:
    try:
        return seconds_of(str(created))
    except (ValueError, OverflowError):
        return None


def _is_tag(tag: str) -> bool:
    try:
        return not _ATTACHED.fullmatch(check_tag(tag))
    except ConfigError:
        return False
