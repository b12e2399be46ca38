"""An app on the process backend, and the deploykit command run on it as a process of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from deploykit.cli import main
from deploykit.config import read_config
from deploykit.protocols import Control
from deploykit.release import ImageRef, Release
from deploykit.wiring import wire
from scripts.commands import until
from tests.engine.support import forked
from tests.engine.support.names import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = """\
import http.server, json, os, sys, time

SELF = json.loads(open("behaviour.json").read())
print("version", SELF["tag"], "starts", flush=True)
time.sleep(SELF["delay"])
if SELF["exits"] is not None:
    print("ImportError: no module named courts", file=sys.stderr, flush=True)
    sys.exit(SELF["exits"])

class App(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answer = {"tag": SELF["tag"], "ok": SELF["ok"], "checks": {"database": SELF["ok"], "assets": SELF["assets"]}}
        self.send_response(SELF["status"])
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
"""
CONFIG = """\
[app]
name = "shop"
image = "example.org/shop/web"
{app}
[backend]
type = "process"
command = [{python}, "app.py"]
environment = {{ PORT = "{port}", DB_PASSWORD = "hunter2-hunter2" }}
stop_grace = 2

[health]
attempts = {attempts}
interval = 0.5
{health}
[[health.probe]]
type = "http"
url = "http://127.0.0.1:{port}/health"
require = {{ "ok" = true, "checks.database" = true }}
warn = {{ "checks.assets" = true }}

[rollback]
auto = {auto}
{targets}"""
TARGET = """\
[target.{name}]
backend.environment.PORT = "{port}"
health.probe = [{{ type = "http", url = "http://127.0.0.1:{port}/health", require = {{ ok = true }} }}]
"""


@dataclass
class ProcessApp:
    """An app of a test's own; `remove` leaves nothing of it running. `targets` are those of its config, with ports."""

    folder: Path
    port: int = field(default_factory=free_port)
    targets: dict[str, int] = field(default_factory=dict)
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.configure()

    @property
    def config(self) -> Path:
        return self.folder / "shop.toml"

    @property
    def tag_file(self) -> Path:
        return self.folder / ".previous_image_tag"

    def configure(self, *, app: str = "", health: str = "", attempts: int = 4, auto: bool = True) -> None:
        """Write the config: 4 looks, half a second apart, are a budget of 2 s."""
        values = {"python": json.dumps(sys.executable), "port": self.port, "app": app, "health": health}
        values["targets"] = "".join(TARGET.format(name=name, port=port) for name, port in self.targets.items())
        self.config.write_text(CONFIG.format(**values, attempts=attempts, auto=str(auto).lower()))

    def release(self, *tags: str, **behaviour: object) -> None:
        """Make releases: good ones, unless they are told to behave otherwise."""
        for tag in tags:
            folder = self.folder / "releases" / tag
            folder.mkdir(parents=True, exist_ok=True)
            usual = {"tag": tag, "delay": 0, "exits": None, "ok": True, "assets": True, "status": 200}
            (folder / "app.py").write_text(APP)
            (folder / "behaviour.json").write_text(json.dumps(usual | behaviour))

    def deploy(self, *tags: str) -> None:
        """Make good releases and deploy one after the other."""
        for tag in tags:
            self.release(tag)
            done = self._run("run", "--tag", tag)
            assert done.returncode == 0, done.stdout + done.stderr

    def deploykit(self, *argv: str, timeout: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run deploykit in the app's folder until it ends."""
        process = self.start(*argv, env=environment)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *argv: str) -> Any:
        """Run a verb that prints one document, and return it."""
        return json.loads(self._run(*argv, "--json").stdout)

    def _run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run what only leads to what is tried, or looks at what came of it: that needs no Python of its own."""
        return forked.run(main, argv, folder=self.folder, env=clean(), timeout=60)

    def start(
        self,
        *argv: str,
        stdout: int = subprocess.PIPE,
        env: Mapping[str, str] | None = None,
        terminal: int | None = None,
    ) -> subprocess.Popen[str]:
        """Start deploykit in a session of its own; with a terminal, that is its controlling one."""
        process = subprocess.Popen(
            [sys.executable, "-m", "deploykit", *argv],
            cwd=self.folder,
            env={**clean(), **(env or {})},
            stdin=subprocess.DEVNULL if terminal is None else terminal,
            stdout=stdout,
            stderr=subprocess.PIPE if terminal is None else terminal,
            text=True,
            start_new_session=True,
            preexec_fn=None if terminal is None else lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._started.append(process)
        return process

    def wait_for(self, process: subprocess.Popen[str], line: str) -> list[str]:
        """Read what it prints until a line has these words; return what was read."""
        assert process.stdout is not None
        read = []
        for text in process.stdout:
            read.append(text.rstrip("\n"))
            if line in text:
                return read
        raise AssertionError(f"{line!r} never came:\n" + "\n".join(read))

    def version(self, target: str | None = None) -> str | None:
        """What answers now."""
        port = self.targets[target] if target else self.port
        with suppress(OSError, HTTPException):
            connection = HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/health")
            return str(json.loads(connection.getresponse().read())["tag"])
        return None

    def serves(self, tag: str) -> bool:
        """Wait, for a bounded time, until that version answers."""
        return until(lambda: self.version() == tag, within=10)

    def remove(self) -> None:
        """End every command that still runs, and the app."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        self.configure()
        for target in self.targets or [None]:
            backend = wire(read_config(self.config, {}, target)).backend
            backend.promote(Release("r0", ImageRef("none")), Control())


def clean() -> dict[str, str]:
    """The environment, without what could sway deploykit."""
    others = {name: value for name, value in os.environ.items() if not name.startswith(("DEPLOYKIT_", "GITHUB_"))}
    return {**others, "TERM": "xterm", "CI": ""}


def deploy_lines(text: str) -> list[str]:
    """The lines of `[deploy]`, without that; there must be no others."""
    found = text.splitlines()
    assert all(line.startswith("[deploy] ") for line in found), text
    return [line.removeprefix("[deploy] ") for line in found]


def in_order(wanted: list[str], found: list[str]) -> bool:
    """Whether all that is wanted is there, word for word, in that order."""
    rest = iter(found)
    return all(line in rest for line in wanted)


def events(text: str) -> list[dict[str, Any]]:
    """The JSON objects, one a line."""
    return [json.loads(line) for line in text.splitlines()]


class Terminal:
    """A deploykit whose stdin and stderr are a terminal of 80 columns, and whose stdout is a pipe."""

    def __init__(self, app: ProcessApp, *argv: str, **environment: str) -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = app.start(*argv, terminal=self._slave, env=environment)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._master)
        os.close(self._slave)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def end(self) -> tuple[str, str]:
        """Wait for its end; return what it wrote to the terminal, and what to the pipe."""
        shown = ""
        while self.process.poll() is None:
            shown += self.shown()
            time.sleep(0.02)
        assert self.process.stdout is not None
        return shown + self.shown(), self.process.stdout.read()

    def shown(self) -> str:
        """What it has written to the terminal."""
        os.set_blocking(self._master, False)
        with suppress(BlockingIOError):
            return os.read(self._master, 1 << 16).decode(errors="replace")
        return ""
