"""Images of a tiny web app, where an image is a behaviour, in a real registry."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from scripts import tools
from scripts.commands import CommandFailed, run
from scripts.sweep import LABEL
from tests.engine.support import names
from tests.engine.support.docker import docker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.registry import Registry

SOURCE = Path(__file__).parent.parent / "images" / "web"
HEALTHY = {"ok": True, "status": "healthy", "checks": {"django": True, "database": True, "frontend_assets": True}}
SECOND = 1_000_000_000  # nanoseconds, as an image's config counts
HEALTHCHECK = {
    "Test": ["CMD", "/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8000/api/health/"],
    "Interval": SECOND,
    "Timeout": 2 * SECOND,
    "Retries": 2,
}
IRREVERSIBLE = {"org.deploykit.irreversible": "true"}
NO_VARIABLES = ("healthcheck", "irreversible", "weight", "foreign")
FOREIGN = {"architecture": "s390x", "os": "linux"}
FOREIGN_PROGRAM = b"\x7fELF\x02\x02\x01" + b"\0" * 9 + b"\0\x02\0\x16\0\0\0\x01" + b"\0" * 40
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
OF_THE_BUILD = ("container", "container_config")


class Behaviour(TypedDict, total=False):
    """What an image of the web app can be told; every key but the last four is an environment variable."""

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
    weight: int  # megabytes that it has more than the base image
    foreign: bool  # it is for another kind of processor, and its program too


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
    _created: dict[str, str] = field(default_factory=dict)
    """When each behaviour was first pushed."""

    @property
    def repository(self) -> str:
        return self.repository_of("web")

    def repository_of(self, name: str) -> str:
        return f"{self.registry.address}/{self.scope}/{name}"

    def push(self, tag: str, *, name: str = "web", local: bool = False, **behaviour: Unpack[Behaviour]) -> Image:
        """Put an image into the registry.

        It comes from elsewhere: the engine does not know it, unless it is asked to be `local`. The same behaviour
        pushed under another tag is the same image.

        Nothing is built for it: it has the layers of the base image, and a config of its own.
        """
        repository, base = self.repository_of(name), self._base()
        manifest = self.registry.manifest(base, names.OWNER)
        for layer in manifest["layers"]:
            self.registry.mount(repository, layer["digest"], base)
        config = self._config(json.loads(self.registry.blob(base, manifest["config"]["digest"])), tag, behaviour)
        for layer in layers(behaviour):
            self._add(repository, layer, manifest, config)
        identity = self.registry.upload(repository, json.dumps(config).encode())
        manifest["config"] |= {"digest": identity, "size": len(json.dumps(config))}
        image = Image(repository, tag, identity, self.registry.put(repository, tag, manifest))
        if local:
            docker("pull", "-q", image.reference)
        return image

    def _base(self) -> str:
        """Return where the registry has the base image, which it gets when it has it not."""
        repository = f"{self.registry.address}/base"
        reference = f"{repository}:{names.OWNER}"
        if self.registry.digest(repository, names.OWNER) is None:
            docker("tag", self.base, reference)
            docker("push", "-q", reference)
            docker("rmi", reference)
        return repository

    def _add(self, repository: str, layer: bytes, manifest: dict[str, Any], config: dict[str, Any]) -> None:
        """Add a layer, which is not compressed, to an image."""
        digest = self.registry.upload(repository, layer)
        manifest["layers"].append({"mediaType": LAYER, "size": len(layer), "digest": digest})
        config["rootfs"]["diff_ids"].append(digest)
        config["history"].append({"created": config["created"]})

    def _config(self, config: dict[str, Any], tag: str, behaviour: Behaviour) -> dict[str, Any]:
        made_of = {key: value for key, value in config.items() if key not in OF_THE_BUILD}
        inner = dict(config["config"])
        behaviour = {"version": tag, **behaviour}
        inner["Env"] = [*(inner["Env"] or []), *environment(behaviour)]
        inner["Labels"] |= {f"{LABEL}.scope": self.scope} | (IRREVERSIBLE if behaviour.get("irreversible") else {})
        inner |= {"Healthcheck": HEALTHCHECK} if behaviour.get("healthcheck") else {}
        if behaviour.get("foreign"):
            made_of |= FOREIGN
            inner["Entrypoint"] = ["/foreign"]
        created = self._created.setdefault(str(behaviour), datetime.now(UTC).isoformat())
        return {**made_of, "created": created, "config": inner}


def layers(behaviour: Behaviour) -> Iterator[bytes]:
    """Yield the layers that an image has beside those of the base image."""
    if behaviour.get("foreign"):
        yield layer("foreign", FOREIGN_PROGRAM)
    if megabytes := behaviour.get("weight"):
        yield layer("weight", os.urandom(megabytes * 1_000_000))


def layer(name: str, content: bytes) -> bytes:
    """Return a layer in which there is one file, that can be run."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size, member.mode = len(content), 0o755
        tar.addfile(member, io.BytesIO(content))
    return archive.getvalue()


def environment(behaviour: Behaviour) -> list[str]:
    """Return a behaviour as an image's variables."""
    return [f"{name.upper()}={_value(value)}" for name, value in behaviour.items() if name not in NO_VARIABLES]


def _value(value: Any) -> str:
    return json.dumps(dict(value)) if isinstance(value, Mapping) else "" if value is False else str(value)


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
