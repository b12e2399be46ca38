"""Machines that deploy to an engine which is none of theirs: network namespaces with a name and a folder each."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING

from tests.engine.support.project import clean, kill_group

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.support.cluster import Cluster

_CHUNK = 65536


class Door:
    """Lets an engine be reached by TCP, as one on another machine is."""

    def __init__(self, address: str, path: str) -> None:
        self._path = path
        self._listener = socket.create_server((address, 0))
        self.host = f"tcp://{address}:{self._listener.getsockname()[1]}"
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                Thread(target=self._lead, args=self._listener.accept()[:1], daemon=True).start()

    def _lead(self, theirs: socket.socket) -> None:
        with theirs, socket.socket(socket.AF_UNIX) as ours, suppress(OSError):
            ours.connect(self._path)
            back = Thread(target=_pump, args=(ours, theirs), daemon=True)
            back.start()
            _pump(theirs, ours)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@dataclass
class Machine:
    """A machine in a cluster's network, with a folder that has a copy of an app's files."""

    cluster: Cluster
    name: str
    folder: Path
    docker_host: str
    inside: list[str] = field(init=False)
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.inside = self.cluster.join(self.name, self.folder.with_name(f"{self.name}.uts"))

    def checks_out(self, folder: Path) -> None:
        """Take over what stands in a folder, as a checkout does."""
        for path in folder.iterdir():
            if path.is_file():
                shutil.copy2(path, self.folder)

    def deploykit(self, *argv: str, timeout: float = 90) -> subprocess.CompletedProcess[str]:
        """Run deploykit there until it ends."""
        process = self.start_deploykit(*argv)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def start_deploykit(self, *argv: str) -> subprocess.Popen[str]:
        """Start deploykit there."""
        process = subprocess.Popen(
            [*self.inside, sys.executable, "-m", "deploykit", *argv],
            cwd=self.folder,
            env=clean({"DOCKER_HOST": self.docker_host}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def remove(self) -> None:
        """End what runs there; the network goes with the cluster."""
        for process in self._started:
            kill_group(process)
            process.communicate()
        self.cluster.leave(self.name, self.folder.with_name(f"{self.name}.uts"))
