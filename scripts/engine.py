"""The Docker engine of the tests: `python -m scripts.engine up | down | status`.

An engine that answers is used as it is. Where none does, root on a Debian-like machine gets one of the tests' own:
own data, own socket, ended by its own pid. Nothing else on the machine is touched.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts import tools
from scripts.commands import CommandFailed, Process, last_line, run, until
from scripts.leftovers import remove
from scripts.memory import folder_of_engine
from scripts.packages import NotInstallable, install, is_root

RECORD = tools.CACHE / "engine.json"
LOG = tools.CACHE / "dockerd.log"
START_TIME = 60
ELSEWHERE = ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_TLS")


class NoEngine(Exception):
    """There is no engine, and none is to be had; the text says why."""


@dataclass(frozen=True)
class OwnEngine:
    """An engine that we started; all that it keeps is in one folder."""

    folder: str
    process: Process

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    def record(self) -> None:
        RECORD.parent.mkdir(parents=True, exist_ok=True)
        RECORD.write_text(json.dumps(asdict(self)))

    @classmethod
    def recorded(cls) -> OwnEngine | None:
        if not RECORD.exists():
            return None
        stored = json.loads(RECORD.read_text())
        return cls(stored["folder"], Process(**stored["process"]))


def up() -> OwnEngine | None:
    """Make an engine, Compose v2 and the tools be there; return the engine if this call started it."""
    if _use_answering():
        _complete()
        return None
    try:
        own = _start()
        _complete()
    except BaseException:
        down()
        raise
    return own


def _complete() -> None:
    try:
        tools.compose()
        tools.registry()
        tools.busybox()
    except NotInstallable as error:
        raise NoEngine(str(error)) from error


def down() -> None:
    """End the engine that `up` started, and remove what it kept."""
    own = OwnEngine.recorded()
    if own is None:
        return
    own.process.end()
    remove(Path(own.folder))
    RECORD.unlink(missing_ok=True)


def why_not() -> str:
    """Return why no engine answers, or nothing when one does."""
    try:
        run(["docker", "version", "--format", "{{.Server.Version}}"], timeout=20)
    except CommandFailed as error:
        return str(error)
    return ""


def _use_answering() -> bool:
    if not why_not():
        return True
    return _point_at_own() and not why_not()


def _point_at_own() -> bool:
    """Use the engine that an earlier `up` started; one that has died since is cleared away."""
    own = OwnEngine.recorded()
    if own is None or not own.process.alive():
        down()
        return False
    _point_at(own)
    return True


def _point_at(own: OwnEngine) -> None:
    for name in ELSEWHERE:
        os.environ.pop(name, None)
    os.environ["DOCKER_HOST"] = own.host


def _start() -> OwnEngine:
    reason = why_not()
    if not is_root():
        raise NoEngine(f"{reason}; not root, so none can be started")
    if other := _other_engine():
        raise NoEngine(f"{reason}; another one runs here as process {other}, and two would spoil each other's network")
    own = _spawn(_installed())
    own.record()
    _point_at(own)
    if until(lambda: not why_not() or not own.process.alive(), within=START_TIME, every=0.2) and own.process.alive():
        return own
    raise NoEngine(f"dockerd does not come up: {last_line(LOG.read_text(errors='replace'))[-300:]} (all in {LOG})")


def _other_engine() -> str | None:
    """Return the process of an engine in our network: the start of a second one would flush its firewall rules."""
    for name in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            if name.read_text().strip() == "dockerd" and name.with_name("ns").joinpath("net").samefile(
                "/proc/self/ns/net"
            ):
                return name.parent.name
    return None


def _installed() -> str:
    """Return the engine's program, installing what is missing."""
    try:
        for program, package in (("dockerd", "docker.io"), ("docker", "docker-cli")):
            if not tools.find(program):
                print(f"engine: installing {package}", file=sys.stderr)
                install(package)
    except NotInstallable as error:
        raise NoEngine(str(error)) from error
    return tools.find("dockerd") or "dockerd"


def _spawn(dockerd: str) -> OwnEngine:
    tools.CACHE.mkdir(exist_ok=True)
    folder = str(folder_of_engine("deploykit-engine-"))
    places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
    argv = [dockerd, f"--host=unix://{folder}/docker.sock", *(f"--{key}={folder}/{to}" for key, to in places.items())]
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [*argv, "--shutdown-timeout=5"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"PATH": tools.PATHS},
        )
    print(f"engine: started dockerd, process {process.pid}, in {folder}", file=sys.stderr)
    return OwnEngine(folder, Process.of(process.pid))


def status() -> int:
    """Say what is there."""
    own = "our own" if why_not() and _point_at_own() else "this machine's"
    missing = why_not()
    print(f"engine: none ({missing})" if missing else f"engine: {own}, {os.environ.get('DOCKER_HOST', 'default host')}")
    print(f"docker compose: {'works' if tools.has_compose() else 'missing'}")
    for name in ("docker-registry", "busybox"):
        print(f"{name}: {tools.find(name) or 'missing'}")
    return 1 if missing else 0


def main() -> int:
    match sys.argv[1:]:
        case ["up"]:
            return _up_by_hand()
        case ["down"]:
            down()
            return 0
        case ["status"]:
            return status()
        case _:
            print(__doc__)
            return 2


def _up_by_hand() -> int:
    try:
        up()
    except NoEngine as error:
        print(f"no engine: {error}", file=sys.stderr)
        return 1
    if OwnEngine.recorded():
        print(f"export DOCKER_HOST={os.environ['DOCKER_HOST']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
