"""A socket before an engine's own, which counts what goes through."""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHUNK = 256 * 1024
REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) /\S* HTTP/1\.[01]\r\n")
COMMAND = re.compile(rb"HEAD /_ping HTTP/1\.[01]\r\n")
"""What the docker command begins with, and deploykit does not."""


@dataclass
class Count:
    """What has gone through: questions to the engine, those commands of docker that asked some, and bytes answered."""

    questions: int = 0
    commands: int = 0
    answered: int = 0


class _Handler(socketserver.BaseRequestHandler):
    server: Meter
    request: socket.socket

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as engine:
            engine.connect(self.server.engine)
            back = threading.Thread(target=self._back, args=(engine,), daemon=True)
            back.start()
            self._forth(engine)
            back.join()

    def _forth(self, engine: socket.socket) -> None:
        with suppress(OSError):
            while chunk := self.request.recv(CHUNK):
                with self.server.lock:
                    self.server.count.questions += len(REQUEST.findall(chunk))
                    self.server.count.commands += len(COMMAND.findall(chunk))
                engine.sendall(chunk)
        with suppress(OSError):
            engine.shutdown(socket.SHUT_WR)

    def _back(self, engine: socket.socket) -> None:
        with suppress(OSError):
            while chunk := engine.recv(CHUNK):
                with self.server.lock:
                    self.server.count.answered += len(chunk)
                self.request.sendall(chunk)
        with suppress(OSError):
            self.request.shutdown(socket.SHUT_RDWR)


class Meter(socketserver.ThreadingUnixStreamServer):
    """Counts; `count` may be taken away, and another put in its place, while nobody asks."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: Path, engine: Path) -> None:
        self.engine = str(engine)
        self.count = Count()
        self.lock = threading.Lock()
        super().__init__(str(path), _Handler)


@contextmanager
def metered(path: Path, engine: Path) -> Iterator[Meter]:
    """Count what goes through a socket at `path`, for the time of a `with` block."""
    with Meter(path, engine) as meter:
        thread = threading.Thread(target=meter.serve_forever, daemon=True)
        thread.start()
        try:
            yield meter
        finally:
            meter.shutdown()
            thread.join()
