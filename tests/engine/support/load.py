"""Many clients at once, who notice every request that fails."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

CLIENTS = 50
PACE = 0.5
PATIENCE = 5.0
LONGEST = 900.0
OK = 200
_REQUEST = "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Failed:
    """A request that was not answered with 200: when it failed, in seconds since the epoch, and how."""

    at: float
    client: int
    how: str


@dataclass
class Load:
    """Clients that each ask every `pace` seconds, for the time of a `with` block (at most 15 minutes).

    `keeping` of them keep their connection, the others take a new one for each request. Nobody tries again: also a kept
    connection that is gone is a failure. All of them share one thread, which needs a tenth of a core.
    """

    port: int
    path: str = "/version"
    clients: int = CLIENTS
    keeping: int = CLIENTS // 2
    pace: float = PACE
    patience: float = PATIENCE
    answers: Counter[str] = field(default_factory=Counter)
    failed: list[Failed] = field(default_factory=list)
    slowest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    @property
    def asked(self) -> int:
        """How many requests have ended by now."""
        return self.answers.total() + len(self.failed)

    def story(self) -> str:
        """Return the failures in a few words: how many of which kind, and when."""
        kinds = ", ".join(f"{count} x {how}" for how, count in Counter(one.how for one in self.failed).items())
        when = f", from {_clock(self.failed[0].at)} to {_clock(self.failed[-1].at)}" if self.failed else ""
        return f"{len(self.failed)} of {self.asked} requests failed: {kinds or 'none'}{when}"

    async def _all(self) -> None:
        await asyncio.gather(*(self._client(number) for number in range(self.clients)))

    async def _client(self, number: int) -> None:
        kept: Streams | None = None
        deadline = time.monotonic() + LONGEST
        await asyncio.sleep(self.pace * number / self.clients)
        while not self._stop.is_set() and time.monotonic() < deadline:
            began = time.monotonic()
            kept = await self._noted(number, kept)
            self.slowest = max(self.slowest, time.monotonic() - began)
            await asyncio.sleep(began + self.pace - time.monotonic())
        _close(kept)

    async def _noted(self, number: int, kept: Streams | None) -> Streams | None:
        """Ask once and note what came; return the connection when it is still good."""
        used = kept
        try:
            async with asyncio.timeout(self.patience):
                used = used or await asyncio.open_connection("127.0.0.1", self.port)
                status, body, open_still = await self._ask(used, keep=number < self.keeping)
        except (OSError, EOFError, ValueError) as error:
            self.failed.append(Failed(time.time(), number, _how(error)))
            _close(used)
            return None
        if status == OK:
            self.answers[body] += 1
        else:
            self.failed.append(Failed(time.time(), number, f"status {status}"))
        if not open_still:
            _close(used)
        return used if open_still else None

    async def _ask(self, streams: Streams, *, keep: bool) -> tuple[int, str, bool]:
        """Return status, body, and whether the connection can be used again."""
        reader, writer = streams
        writer.write(_REQUEST.format(path=self.path, connection="keep-alive" if keep else "close").encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        length = headers.get("content-length")
        body = await reader.readexactly(int(length)) if length else await reader.read()
        open_still = keep and length is not None and headers.get("connection", "").lower() != "close"
        return int(head[0].split()[1]), body.decode(errors="replace").strip(), open_still


def _how(error: Exception) -> str:
    match error:
        case TimeoutError():
            return "timeout"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionError() | EOFError():
            return "reset"
        case _:
            return type(error).__name__


def _close(streams: Streams | None) -> None:
    if streams:
        streams[1].close()


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.gmtime(at)) + f"{at % 1:.2f}"[1:]
