"""An app of a test's own: a folder, a name, a port, and the deploykit command run on it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import textwrap
from abc import ABC, abstractmethod
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Unpack
from unittest.mock import patch

from deploykit.cli import main
from scripts.commands import run, until
from scripts.sweep import sweep
from tests.engine.support import client, forked, killable, names, toml
from tests.engine.support.client import Answer, Client
from tests.engine.support.docker import Container, Serves, docker, inspect, labelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.engine.support.images import Behaviour, Image, Images

PROJECT = "com.docker.compose.project"
WEB = {
    "image": "${{WEB_IMAGE}}:${{WEB_IMAGE_TAG}}",
    "ports": '["127.0.0.1:{port}:8000"]',
    "restart": "unless-stopped",
}
APP = "org.deploykit.app"
OURS = ("DEPLOYKIT_", "GITHUB_", "WEB_IMAGE", "COMPOSE_")


@dataclass
class App(ABC):
    """An app that nobody else has; `remove` leaves nothing of it."""

    kind: ClassVar[str]
    service: ClassVar[str]
    """What its instances are called."""
    outage: ClassVar[float] = 15
    """Seconds for which a bad release may keep it from serving. The figure itself is measured apart, in quiet."""

    folder: Path
    images: Images
    name: str
    port: int = field(default_factory=names.free_port)
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.is_made_with()
        self.write_config()

    # What differs.

    @abstractmethod
    def is_made_with(self, **keys: object) -> None:
        """Write what its containers are made with: these keys, as a compose file calls them, beside the usual ones."""

    @abstractmethod
    def up_by_hand(self, tag: str) -> None:
        """Start the app as people do without deploykit."""

    @abstractmethod
    def containers(self) -> list[Container]:
        """All containers of the app, running or not, with one-offs and leftovers."""

    @abstractmethod
    def container(self) -> Serves:
        """The one container that serves; there must be exactly one, and nothing may be left of others."""

    @abstractmethod
    def shown_image(self) -> str:
        """The image that serves, as the runtime's own tools show it to people."""

    @abstractmethod
    def _backend(self) -> dict[str, Any]:
        """The table `[backend]` when nothing else is said."""

    # What all have.

    @property
    def config(self) -> Path:
        return self.folder / "sandmatch.toml"

    @property
    def tag_file(self) -> Path:
        return self.folder / ".previous_image_tag"

    def write_config(self, *, probes: list[dict[str, object]] | None = None, **changes: Mapping[str, object]) -> None:
        """Write the config file: `health={"stable_for": 3}` changes keys of a table, None takes one away.

        `probe={...}` changes the one probe, `probes=[...]` takes their place.
        """
        tables = self._defaults()
        probe = _changed(self._probe(), changes.pop("probe", {}))
        for table, keys in changes.items():
            tables[table] = _changed(tables.get(table, {}), keys)
        tables["health"]["probe"] = [probe] if probes is None else probes
        self.config.write_text(toml.dumps(tables))

    def push(self, tag: str, *, name: str = "web", local: bool = False, **behaviour: Unpack[Behaviour]) -> Image:
        """Build and push an image of this app; see Images.push."""
        return self.images.push(tag, name=name, local=local, **behaviour)

    def get(self, path: str, timeout: float = 5) -> Answer:
        """Ask the app; raises OSError when there is no answer."""
        return client.get(self.port, path, timeout)

    def version(self) -> str | None:
        """What serves now, or nothing."""
        with suppress(OSError):
            return self.get("/version", timeout=2).body
        return None

    def versions(self) -> list[str | None]:
        """What each of its instances serves."""
        return [self.version()]

    def death(self, code: int, after: str) -> str:
        """How deploykit's line begins that tells of an instance that exited with a code, so many seconds on."""
        return f"[deploy] ERROR: Container exited with code {code} after {after}."

    def serves(self, version: str, *, within: float = 30) -> bool:
        """Wait, for a bounded time, until this version answers."""
        return until(lambda: self.version() == version, within=within, every=0.02)

    def client(self, path: str = "/version") -> Client:
        """A client that asks every 20 ms: `with app.client() as client: ...`, then `client.outage()`."""
        return Client(self.port, path)

    def deploykit(
        self, *argv: str, env: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run deploykit in the app's folder until it ends; one that takes too long is killed with its children."""
        return self._run(main, argv, {} if env is None else env, timeout)

    def look(self, *argv: str) -> tuple[int, Any]:
        """Run a looking verb here with --json; return its exit code, and what it wrote.

        That it is not a process of its own saves two thirds of its time. The tests of the command start one.
        """
        written = io.StringIO()
        with patch.dict(os.environ, clean(self.environment), clear=True), redirect_stdout(written):
            code = main([*argv, "--json", "-c", str(self.config)])
        return code, json.loads(written.getvalue())

    @property
    def environment(self) -> dict[str, str]:
        """The variables that its commands get beside those of everybody."""
        return {}

    def killed(self, point: str, *argv: str) -> bool:
        """Run deploykit, which is killed at a point (killable.py); return whether it came so far."""
        done = self._run(killable.main, [point, *argv], {}, timeout=120)
        assert "Traceback" not in done.stdout + done.stderr, done
        return done.returncode == -signal.SIGKILL

    def _run(
        self, program: Callable[[Sequence[str]], int], argv: Sequence[str], env: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        return forked.run(program, argv, folder=self.folder, env=clean({**self.environment, **env}), timeout=timeout)

    def start_deploykit(self, *argv: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start deploykit in a session of its own, as its process group's leader."""
        process = subprocess.Popen(
            [sys.executable, "-m", "deploykit", *argv],
            cwd=self.folder,
            env=clean({**self.environment, **(env or {})}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def remove(self) -> None:
        """End what still runs and remove all that the engine has of this app."""
        self.end()
        sweep(self.name)

    def end(self) -> None:
        """End every deploykit that still runs."""
        while self._started:
            process = self._started.pop()
            kill_group(process)
            process.communicate()

    def _defaults(self) -> dict[str, dict[str, Any]]:
        return {
            "app": {"name": self.name, "image": self.images.repository, "tag": "${WEB_IMAGE_TAG:?pass --tag}"},
            "backend": self._backend(),
            "health": {"attempts": 8, "interval": 0.5},
            "rollback": {"auto": True, "previous_tag_file": self.tag_file.name},
        }

    def _probe(self) -> dict[str, Any]:
        return {
            "type": "http",
            "url": f"http://127.0.0.1:{self.port}/api/health/",
            "timeout": 2,
            "require": {"ok": True, "checks.database": True},
            "warn": {"checks.frontend_assets": True},
        }


@dataclass
class ComposeApp(App):
    """A Compose project of its own."""

    kind = "compose"
    service = "web"

    @property
    def compose_file(self) -> Path:
        return self.folder / "docker-compose.prod.yml"

    def is_made_with(self, **keys: object) -> None:
        replicas = {"deploy": {"replicas": keys.pop("replicas")}} if "replicas" in keys else {}
        self.write_compose(web="\n".join(f"{key}: {json.dumps(value)}" for key, value in {**keys, **replicas}.items()))

    def write_compose(self, web: str = "", rest: str = "", services: str = "") -> None:
        """Write the compose file: with more lines for `web` (or others), more services, and what stands beside them."""
        said = {line.partition(":")[0] for line in _lines(web).splitlines()}
        lines = [f"{key}: {value.format(port=self.port)}\n" for key, value in WEB.items() if key not in said]
        service = textwrap.indent("".join(lines) + _lines(web), "    ")
        others = textwrap.indent(_lines(services), "  ")
        self.compose_file.write_text(f"services:\n  web:\n{service}{others}{_lines(rest)}")

    def up_by_hand(self, tag: str, *services: str) -> None:
        """Start the app, or some of its services, as people do without deploykit: docker compose up -d."""
        self.compose("up", "-d", *services, tag=tag)

    def compose(self, *argv: str, tag: str = "") -> str:
        """Run docker compose as people do, with the file, the image and the tag."""
        told = {"WEB_IMAGE": self.images.repository, "WEB_IMAGE_TAG": tag}
        words = ["docker", "compose", "-f", self.compose_file.name, *argv]
        return run(words, timeout=120, env=clean(told), cwd=self.folder)

    def containers(self) -> list[Container]:
        return labelled(PROJECT, self.name)

    def container(self, service: str = "web") -> Container:
        """The one container of a service, under Compose's own name; there must be exactly one."""
        (only,) = (each for each in self.containers() if each.service == service)
        assert only.name == f"{self.name}-{service}-1"
        return only

    def shown_image(self) -> str:
        return ":".join(self.compose("images", tag="any").splitlines()[-1].split()[1:3])

    def _backend(self) -> dict[str, Any]:
        return {
            "type": "compose",
            "file": self.compose_file.name,
            "services": ["web"],
            "image_env": "WEB_IMAGE",
            "tag_env": "WEB_IMAGE_TAG",
        }


@dataclass
class DockerApp(App):
    """Containers of its own on plain Docker."""

    kind = "docker"
    service = "app"

    _made_with: dict[str, object] = field(default_factory=dict)
    _changes: dict[str, Any] = field(default_factory=dict)

    @property
    def by_hand(self) -> str:
        """The name of the container that was there before deploykit."""
        return f"{self.name}-by-hand"

    def is_made_with(self, **keys: object) -> None:
        self._made_with = {"ports": [f"127.0.0.1:{self.port}:8000"], **keys}
        self.write_config(**self._changes)

    def write_config(self, *, probes: list[dict[str, object]] | None = None, **changes: Any) -> None:
        self._changes = {"probes": probes, **changes}
        super().write_config(probes=probes, **changes)

    def up_by_hand(self, tag: str, *options: str) -> None:
        """Start a container with docker run -d, and let the config name it as the one to adopt."""
        ports = f"127.0.0.1:{self.port}:8000"
        docker("run", "-d", "--name", self.by_hand, "-p", ports, *options, f"{self.images.repository}:{tag}")
        self.is_made_with(**{**self._made_with, "adopt": self.by_hand})

    def containers(self) -> list[Container]:
        found = [*labelled(APP, self.name), *inspect(self.by_hand)]
        return sorted({one.id: one for one in found}.values(), key=lambda one: one.name)

    def container(self) -> Container:
        """The one container that serves; beside it there may be one that is stopped, for the way back."""
        (only,) = (one for one in self.containers() if one.state != "exited")
        assert len(self.stopped()) < 2, self.containers()
        return only

    def stopped(self) -> list[Container]:
        """Those that are kept for the way back; nothing but a rollback may start them again."""
        found = [one for one in self.containers() if one.state == "exited"]
        assert {one.restart_policy for one in found} <= {"no"}, found
        return found

    def shown_image(self) -> str:
        return docker("ps", "--filter", f"id={self.container().id}", "--format", "{{.Image}}")

    def _backend(self) -> dict[str, Any]:
        return {"type": "docker", **self._made_with}


def kill_group(process: subprocess.Popen[str], number: int = signal.SIGKILL) -> None:
    """Send a signal to all that a process started in its group, also when it has ended itself."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _changed(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**table, **changes}.items() if value is not None}


def _lines(text: str) -> str:
    """Return text as lines that begin at the margin."""
    return textwrap.dedent(text).strip("\n") + "\n" if text else ""


def clean(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing of the user's own can sway the app."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
    return kept | {"COMPOSE_MENU": "false"} | dict(more)
