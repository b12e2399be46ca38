"""An engine that a test may kill, hang and start again: its own data, its own network namespace."""

from __future__ import annotations

import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from scripts import tools
from scripts.commands import run, until
from scripts.leftovers import remove
from scripts.memory import folder_of_engine
from tests.engine.support.docker import docker

UP = 60


@dataclass
class OwnEngine:
    """Containers have no network to speak of: what runs in them is asked by a command.

    With a `disk`, in megabytes, all that it keeps has to fit on that.
    """

    disk: int = 0
    folder: Path = field(default_factory=lambda: folder_of_engine("deploykit-engine-"))
    process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        return f"unix://{self.folder}/docker.sock"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def inside(self) -> list[str]:
        """The beginning of a command that runs where the engine's network is."""
        assert self.process
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net"]

    @property
    def environment(self) -> dict[str, str]:
        return {"DOCKER_HOST": self.host}

    def start(self) -> None:
        """Start it, and wait until it answers."""
        if self.disk and not self.data.exists():
            self.data.mkdir()
            run(["mount", "-t", "tmpfs", "-o", f"size={self.disk}m", "tmpfs", str(self.data)])
        places = {"data-root": "data", "exec-root": "exec", "pidfile": "pid"}
        options = [f"--host={self.host}", *(f"--{key}={self.folder}/{to}" for key, to in places.items())]
        (self.folder / "pid").unlink(missing_ok=True)
        words = [
            "unshare",
            "--net",
            "sh",
            "-c",
            'ip link set lo up; exec "$0" "$@"',
            tools.find("dockerd") or "dockerd",
        ]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*words, *options, "--shutdown-timeout=3"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        log_text = self.folder / "log"
        assert until(self.answers, within=UP, every=0.1), log_text.read_text(errors="replace")[-2000:]

    def answers(self) -> bool:
        done = subprocess.run(["docker", "--host", self.host, "version"], capture_output=True, timeout=20, check=False)
        return done.returncode == 0

    def kill(self) -> None:
        """End it as the OOM killer does; its containers go on."""
        assert self.process
        self.process.kill()
        self.process.wait()
        self._wait_for_containerd()

    def _wait_for_containerd(self) -> None:
        """Its child goes with it, but a little later; an engine that is started meanwhile would wait for that one."""
        path = self.folder / "exec" / "containerd" / "containerd.pid"
        if path.exists():
            number = path.read_text().strip()
            assert until(lambda: not Path("/proc", number).exists(), within=20), "containerd does not end"
            path.unlink(missing_ok=True)

    def reboot(self) -> None:
        """What a reboot does to containers: all stop, and those come back whose restart policy says so."""
        self.stop()
        self.start()

    def stop(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(30)
        self._wait_for_containerd()

    def give(self, *images: str) -> None:
        """Let it have images of the engine that all tests share."""
        with tempfile.TemporaryFile() as archive:
            subprocess.run(["docker", "save", *images], stdout=archive, check=True)
            archive.seek(0)
            subprocess.run(
                ["docker", "--host", self.host, "load", "-q"], stdin=archive, check=True, capture_output=True
            )

    def docker(self, *argv: str) -> str:
        return docker("--host", self.host, *argv)

    def remove(self) -> None:
        """End it, and what it runs, and remove what it kept."""
        with suppress(Exception):
            if self.answers() and (ids := run(["docker", "--host", self.host, "ps", "-aq"]).split()):
                run(["docker", "--host", self.host, "rm", "-f", *ids])
        if self.process:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
            self.process.kill()
            self.process.wait()
        remove(self.folder)
