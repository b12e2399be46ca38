"""A client that asks an app over and over, and tells for how long it got no answer."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

INTERVAL = 0.02
PATIENCE = 1.0
LONGEST = 300.0


@dataclass(frozen=True)
class Answer:
    """What an HTTP request brought."""

    status: int
    body: str
    content_type: str


def get(port: int, path: str, timeout: float = 5, host: str = "127.0.0.1") -> Answer:
    """Ask once, without proxies and redirects; raises OSError when there is no answer."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return Answer(
            answer.status, answer.read().decode(errors="replace").strip(), answer.headers.get("Content-Type", "")
        )
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


@dataclass(frozen=True)
class Sample:
    """One request: when it began and ended, and what came; nothing when no good answer did."""

    began: float
    ended: float
    answer: str | None


@dataclass(frozen=True)
class Outage:
    """Seconds without an answer, from the first failed request to the end of the next good one."""

    longest: float
    total: float
    times: int


@dataclass
class Client:
    """Asks every 20 ms in a thread of its own, for the time of a `with` block (at most 300 s)."""

    port: int
    path: str = "/version"
    patience: float = PATIENCE
    host: str = "127.0.0.1"
    interval: float = INTERVAL
    samples: list[Sample] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join()

    def outage(self) -> Outage:
        return _outage(_gaps(list(self.samples)))

    def answers(self) -> list[str]:
        """Return the different answers in the order in which they came."""
        answers = [sample.answer for sample in list(self.samples) if sample.answer is not None]
        return [answer for at, answer in enumerate(answers) if at == 0 or answers[at - 1] != answer]

    def _ask(self) -> None:
        deadline = time.monotonic() + LONGEST
        while not self._stop.is_set() and time.monotonic() < deadline:
            began = time.monotonic()
            answer = self._answer()
            self.samples.append(Sample(began, time.monotonic(), answer))
            self._stop.wait(began + self.interval - time.monotonic())

    def _answer(self) -> str | None:
        try:
            answer = get(self.port, self.path, self.patience, self.host)
        except OSError:
            return None
        return answer.body if answer.status == http.client.OK else None


@dataclass
class Clients(Client):
    """One for each of several addresses: it is an outage while fewer than `least` of them are answered."""

    hosts: Sequence[str] = ()
    least: int = 1
    patience: float = 5.0
    interval: float = 0.05
    each: list[Client] = field(default_factory=list)

    def __enter__(self) -> Self:
        for host in self.hosts:
            client = Client(self.port, self.path, self.patience, host, self.interval)
            self.each.append(client.__enter__())
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.each:
            client.__exit__()

    def outage(self) -> Outage:
        down = [gap for client in self.each for gap in _gaps(list(client.samples))]
        return _outage(_at_once(down, len(self.each) - self.least + 1))


def _at_once(down: Sequence[tuple[float, float]], number: int) -> Iterator[tuple[float, float]]:
    """Yield from when to when so many are down at once."""
    edges = [*((began, 1) for began, _ in down), *((ended, -1) for _, ended in down)]
    count = 0
    since: float | None = None
    for at, step in sorted(edges):
        count += step
        if count >= number and since is None:
            since = at
        elif count < number and since is not None:
            yield since, at
            since = None


def _outage(gaps: Iterable[tuple[float, float]]) -> Outage:
    lengths = [ended - began for began, ended in gaps]
    return Outage(max(lengths, default=0.0), sum(lengths), len(lengths))


def _gaps(samples: list[Sample]) -> Iterator[tuple[float, float]]:
    """Yield from when to when no good answer came."""
    since: float | None = None
    for sample in samples:
        if sample.answer is None and since is None:
            since = sample.began
        elif sample.answer is not None and since is not None:
            yield since, sample.ended
            since = None
    if since is not None:
        yield since, samples[-1].ended
