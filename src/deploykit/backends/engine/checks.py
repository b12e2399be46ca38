"""The engine's own lines of the checklist: its versions, the image in its registry, the room on its disk."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

from deploykit.backends.engine.advice import advice
from deploykit.backends.engine.client import Engine, last_line
from deploykit.backends.engine.runner import TimedOut
from deploykit.errors import EngineUnreachable
from deploykit.protocols import Finding, Standing
from deploykit.release import ImageRef

OLDEST_ENGINE = (20, 10)
"""The oldest engine that the tests run on."""
OLDEST_COMPOSE = (2, 0)
"""Compose v2: v1 knows neither `--wait` nor the flags that files are resolved with."""
REGISTRY_TIMEOUT = 20.0
"""Seconds for a registry to say whether it has an image: two answers, and a login before them."""
UNPACKED = 3.0
"""How many times its size in the registry an image takes on the disk while it is pulled and unpacked, for gzip."""
_LOOPBACK = re.compile(r"127(\.\d{1,3}){3}")


def engine_version(engine: Engine) -> Iterator[Finding]:
    """Tell whether the engine is new enough."""
    yield _version("engine", engine.ask("version", "--format", "{{.Server.Version}}"), OLDEST_ENGINE)


def compose_version(engine: Engine) -> Iterator[Finding]:
    """Tell whether Compose is there, and new enough."""
    try:
        yield _version("compose", engine.ask("compose", "version", "--short"), OLDEST_COMPOSE)
    except EngineUnreachable as error:
        yield Finding("compose", Standing.failed, str(error), error.hint)


def image_in_registry(engine: Engine, image: ImageRef) -> Iterator[Finding]:
    """Tell whether the registry has the image for the engine's platform, and whether there is room for it."""
    try:
        done = engine.docker_within(REGISTRY_TIMEOUT, "manifest", "inspect", *_insecure(image), image.name)
    except TimedOut:
        yield _not_given(engine, image, f"no answer within {REGISTRY_TIMEOUT:g}s")
        return
    if done.code:
        said = last_line(engine.redact.redact_bytes(done.errors)) or "no answer"
        yield _not_given(engine, image, said)
        return
    manifest = json.loads(done.output)
    yield _platform(image, manifest, engine.ask("version", "--format", "{{.Server.Os}}/{{.Server.Arch}}").strip())
    yield from _room(engine, manifest)


def _not_given(engine: Engine, image: ImageRef, said: str) -> Finding:
    text = f"the registry does not give {image.name}: {said}"
    if engine.image(image.name):
        return Finding("image", Standing.warning, f"{text}; it is at hand here", "`--pull missing` takes what is here.")
    return Finding("image", Standing.failed, text, advice(said) or "Was it pushed, by that name?")


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


def _platform(image: ImageRef, manifest: dict[str, Any], platform: str) -> Finding:
    """Of an image for one platform alone the manifest does not say which: that is seen when it is pulled."""
    listed = [one.get("platform") or {} for one in manifest.get("manifests") or ()]
    offered = sorted({f"{one.get('os')}/{one.get('architecture')}" for one in listed} - {"unknown/unknown"})
    if offered and platform not in offered:
        text = f"{image.name} is there for {', '.join(offered)}, and not for {platform}"
        return Finding("image", Standing.failed, text, f"Build it with --platform {platform}.")
    return Finding("image", Standing.ok, f"the registry has {image.name}")


def _room(engine: Engine, manifest: dict[str, Any]) -> Iterator[Finding]:
    """Compare the image's size with the room, where the engine's disk is one of this machine."""
    size = sum(int(layer.get("size") or 0) for layer in manifest.get("layers") or ())
    root = engine.ask("info", "--format", "{{.DockerRootDir}}").strip()
    if not engine.is_local or not os.path.isdir(root):  # noqa: PTH112 - the engine's path, maybe not ours
        return
    disk = os.statvfs(root)
    free = disk.f_bavail * disk.f_frsize
    if size * UNPACKED > free:
        text = f"{_mib(free)} are free for an image of {_mib(size)}, which takes some {_mib(size * UNPACKED)}"
        yield Finding("disk", Standing.failed, text, "`deploykit prune` lets go of old releases.")
    else:
        yield Finding(
            "disk", Standing.ok, f"{_mib(free)} are free" + (f" for an image of {_mib(size)}" if size else "")
        )


def _insecure(image: ImageRef) -> list[str]:
    """A registry on the machine itself speaks plain HTTP to the engine, and so to this command; no other may."""
    host = image.repository.partition("/")[0].rpartition(":")[0]
    return ["--insecure"] if host == "localhost" or _LOOPBACK.fullmatch(host) else []


def _mib(size: float) -> str:
    return f"{size / 2**20:,.0f} MiB"
