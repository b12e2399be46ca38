"""A client that asks an app over and over, and tells for how long it got no answer."""

from __future__ import annotations

import http.client
import threading
import time
from dataclasses import dataclass, field
from typing import Self

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
        gaps = list(_gaps(list(self.samples)))
        return Outage(max(gaps, default=0.0), sum(gaps), len(gaps))

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
            self._stop.wait(began + INTERVAL - time.monotonic())

    def _answer(self) -> str | None:
        try:
            answer = get(self.port, self.path, self.patience, self.host)
        except OSError:
            return None
        return answer.body if answer.status == http.client.OK else None


def _gaps(samples: list[Sample]) -> list[float]:
    gaps: list[float] = []
    since: float | None = None
    for sample in samples:
        if sample.answer is None and since is None:
            since = sample.began
        elif sample.answer is not None and since is not None:
            gaps.append(sample.ended - since)
            since = None
    if since is not None:
        gaps.append(samples[-1].ended - since)
    return gaps
