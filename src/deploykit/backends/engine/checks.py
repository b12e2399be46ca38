"""The engine's own lines of the checklist: its versions, the image in its registry, the room on its disk."""

import os
from collections.abc import Callable, Iterator

from deploykit.backends.engine.client import Engine
from deploykit.errors import EngineUnreachable, RegistryFailed
from deploykit.protocols import Finding, Offer, Standing
from deploykit.release import ImageRef

OLDEST_ENGINE = (20, 10)
"""The oldest engine that the tests run on."""
OLDEST_COMPOSE = (2, 0)
"""Compose v2: v1 knows neither `--wait` nor the flags that files are resolved with."""
UNPACKED = 3.0
"""How many times its size in the registry an image takes on the disk while it is pulled and unpacked, for gzip."""
_MAKE_ROOM = "`deploykit prune` lets go of old releases."


def engine_version(engine: Engine) -> Iterator[Finding]:
    """Tell whether the engine is new enough."""
    yield _version("engine", engine.ask("version", "--format", "{{.Server.Version}}"), OLDEST_ENGINE)


def compose_version(engine: Engine) -> Iterator[Finding]:
    """Tell whether Compose is there, and new enough."""
    try:
        yield _version("compose", engine.ask("compose", "version", "--short"), OLDEST_COMPOSE)
    except EngineUnreachable as error:
        yield Finding("compose", Standing.failed, str(error), error.hint)


def image_in_registry(engine: Engine, image: ImageRef, ask: Callable[[ImageRef], Offer]) -> Iterator[Finding]:
    """Tell whether the registry has the image for the engine's platform, and whether there is room for it."""
    try:
        offer = ask(image)
    except RegistryFailed as error:
        yield _not_given(engine, image, error)
        return
    yield _platform(image, offer)
    yield from _room(engine, offer.size)


def _not_given(engine: Engine, image: ImageRef, error: RegistryFailed) -> Finding:
    text = f"the registry does not give {image.name}: {error}"
    if engine.image(image.name):
        return Finding("image", Standing.warning, f"{text}; it is at hand here", "`--pull missing` takes what is here.")
    return Finding("image", Standing.failed, text, error.hint)


def patience(engine: Engine, image: ImageRef, budget: float) -> Iterator[Finding]:
    """Tell when the image's own health check grants itself more time than the probes have."""
    found = engine.image(image.name) or {}
    healthcheck = (found.get("Config") or {}).get("Healthcheck") or {}
    grace = float(healthcheck.get("StartPeriod") or 0) / 1e9
    if grace > budget:
        text = f"the image's health check waits {grace:g}s for the start, the probes only {budget:g}s"
        yield Finding("probes", Standing.warning, text, "Raise [health] attempts or interval.")


def _version(about: str, said: str, oldest: tuple[int, int]) -> Finding:
    version = said.strip().removeprefix("v")
    wanted = ".".join(map(str, oldest))
    numbers = version.split(".")[:2]
    if all(number.isdigit() for number in numbers) and tuple(map(int, numbers)) < oldest:
        return Finding(
            about, Standing.warning, f"{version} is older than {wanted}, which is the oldest tried", "Upgrade it."
        )
    return Finding(about, Standing.ok, version)


def _platform(image: ImageRef, offer: Offer) -> Finding:
    """An image for one platform alone comes also where it is another, and may run there."""
    if not offer.fits and offer.size is not None:
        text = f"{image.name} is for {offer.platforms[0]}, and this engine is {offer.wanted}: can it emulate that?"
        return Finding("image", Standing.warning, text, f"Build it with --platform {offer.wanted}.")
    if not offer.fits:
        text = f"{image.name} is there for {', '.join(offer.platforms)}, and not for {offer.wanted}"
        return Finding("image", Standing.failed, text, f"Build it with --platform {offer.wanted}.")
    pulled = "" if offer.size is None else f"; {_mib(offer.size)} at most to pull, compressed"
    return Finding("image", Standing.ok, f"the registry has {image.name}{pulled}")


def _room(engine: Engine, size: int | None) -> Iterator[Finding]:
    """Compare the image's size with the room, where the engine's disk is one of this machine.

    A registry tells the compressed size alone: how much the image takes here is guessed from it.
    """
    root = engine.ask("info", "--format", "{{.DockerRootDir}}").strip()
    if not engine.is_local or not os.path.isdir(root):  # noqa: PTH112 - the engine's path, maybe not ours
        return
    disk = os.statvfs(root)
    free, needed = disk.f_bavail * disk.f_frsize, (size or 0) * UNPACKED
    takes = f" for an image of {_mib(size)}, which takes some {_mib(needed)} with what it unpacks to" if size else ""
    if needed > free:
        yield Finding("disk", Standing.failed, f"{_mib(free)} are free{takes}", _MAKE_ROOM)
    else:
        yield Finding("disk", Standing.ok, f"{_mib(free)} are free{takes}")


def _mib(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"
