"""A registry at the end of a thin line: what it sends comes a little at a time."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from typing import Self

STEP = 0.05


class SlowRegistry:
    """Passes on what a registry sends, so many bytes a second; use it in a `with`."""

    def __init__(self, address: str, rate: int) -> None:
        host, _, port = address.partition(":")
        self.sent = 0
        self._origin = (host, int(port))
        self._piece = int(rate * STEP)
        self._line = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                asker = self._listening.accept()[0]
                threading.Thread(target=self._serve, args=(asker,), daemon=True).start()

    def _serve(self, asker: socket.socket) -> None:
        with asker, suppress(OSError), socket.create_connection(self._origin) as origin:
            threading.Thread(target=_pass_on, args=(asker, origin), daemon=True).start()
            while data := origin.recv(self._piece):
                with self._line:
                    time.sleep(STEP * len(data) / self._piece)
                    self.sent += len(data)
                asker.sendall(data)


def _pass_on(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
