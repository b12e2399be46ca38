"""Images of a tiny web app, where an image is a behaviour, in a real registry."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from scripts import tools
from scripts.commands import CommandFailed, run
from scripts.sweep import LABEL
from tests.engine.support import names
from tests.engine.support.docker import docker

if TYPE_CHECKING:
    from scripts.registry import Registry

SOURCE = Path(__file__).parent.parent / "images" / "web"
HEALTHY = {"ok": True, "status": "healthy", "checks": {"django": True, "database": True, "frontend_assets": True}}
HEALTHCHECK = (
    "HEALTHCHECK --interval=1s --timeout=2s --retries=2 "
    'CMD ["/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/api/health/"]'
)

IRREVERSIBLE = "LABEL org.deploykit.irreversible=true"
NO_VARIABLES = ("healthcheck", "irreversible")


class Behaviour(TypedDict, total=False):
    """What a build of the web app can be told; every key but the last two is an environment variable."""

    version: str  # what /version answers; the tag when not said
    status: int  # of /api/health/
    body: str | Mapping[str, object]  # of /api/health/
    content_type: str
    latency: float  # seconds before /api/health/ answers
    start_delay: float  # seconds before it listens
    exit_after: float  # seconds until it exits by itself, 0: at once
    exit_code: int  # of that exit
    eat_memory: int  # megabytes to fill in place of that exit
    ignore_term: bool
    broken: bool  # it answers 500 on every path
    log_requests: bool  # each request for /api/health/, and who sent it
    healthcheck: bool  # the image has a HEALTHCHECK
    irreversible: bool  # the image's label says so


@dataclass(frozen=True)
class Image:
    """An image in the registry."""

    repository: str
    tag: str
    image_id: str
    digest: str

    @property
    def reference(self) -> str:
        return f"{self.repository}:{self.tag}"

    @property
    def pinned(self) -> str:
        return f"{self.reference}@{self.digest}"


@dataclass
class Images:
    """One test's own repository in a registry."""

    registry: Registry
    base: str
    scope: str = field(default_factory=names.scope)
    _pushed: dict[tuple[str, str], Image] = field(default_factory=dict)

    @property
    def repository(self) -> str:
        return self.repository_of("web")

    def repository_of(self, name: str) -> str:
        return f"{self.registry.address}/{self.scope}/{name}"

    def push(self, tag: str, *, name: str = "web", local: bool = False, **behaviour: Unpack[Behaviour]) -> Image:
        """Build an image and push it.

        As if it came from elsewhere, the engine knows it no more than before, unless it is asked to be `local`. The
        same behaviour pushed under another tag is the same image.
        """
        described = self._dockerfile({"version": tag, **behaviour})
        known = self._pushed.get((name, described))
        image = self._again(known, tag) if known else self._build(self.repository_of(name), tag, described)
        self._pushed.setdefault((name, described), image)
        if local:
            docker("pull", "-q", image.reference)
        return image

    def _dockerfile(self, behaviour: Behaviour) -> str:
        lines = [f"FROM {self.base}", f"LABEL {LABEL}.scope={self.scope}", f"ENV {environment(behaviour)}"]
        more = {"healthcheck": HEALTHCHECK, "irreversible": IRREVERSIBLE}
        return "\n".join([*lines, *(line for key, line in more.items() if behaviour.get(key))])

    def _again(self, known: Image, tag: str) -> Image:
        self.registry.point(known.repository, tag, known.digest)
        return Image(known.repository, tag, known.image_id, known.digest)

    def _build(self, repository: str, tag: str, dockerfile: str) -> Image:
        reference = f"{repository}:{tag}"
        before = image_id(reference)
        built = legacy_build("-t", reference, "-", text=dockerfile)
        docker("push", "-q", reference)
        image = Image(repository, tag, built, self.registry.digest(repository, tag) or "")
        _give_back(reference, before, f"{repository}@{image.digest}")
        return image


def environment(behaviour: Behaviour) -> str:
    """Return a behaviour as the words of a Dockerfile's ENV."""
    return " ".join(f"{name.upper()}={_quoted(value)}" for name, value in behaviour.items() if name not in NO_VARIABLES)


def _quoted(value: Any) -> str:
    text = json.dumps(dict(value)) if isinstance(value, Mapping) else "" if value is False else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'


def build_base() -> str:
    """Build the web app that all behaviours derive from; its labels say whose it is."""
    tag = f"deploykit-test/{names.OWNER}:base"
    owner = [f"--build-arg=RUN={names.RUN}", f"--build-arg=OWNER={names.OWNER}"]
    with tempfile.TemporaryDirectory(prefix="deploykit-image-") as folder:
        context = shutil.copytree(SOURCE, Path(folder, "web"))
        shutil.copy2(tools.busybox(), context / "busybox")
        legacy_build("-t", tag, *owner, str(context))
    return tag


def image_id(reference: str) -> str | None:
    """Return what a local name points to."""
    try:
        return docker("image", "inspect", "-f", "{{.Id}}", reference)
    except CommandFailed:
        return None


def legacy_build(*argv: str, text: str | None = None) -> str:
    """Build without BuildKit, which needs a plug-in that bare machines lack; return the image's id."""
    plain = os.environ | {"DOCKER_BUILDKIT": "0"}
    return run(["docker", "build", "-q", *argv], text=text, env=plain).strip()


def _give_back(reference: str, before: str | None, pinned: str) -> None:
    """Let a local name be what it was before a build took it, and let go of what was built."""
    if before is not None:
        docker("tag", before, reference)
        docker("rmi", pinned)
    else:
        docker("rmi", reference)
