"""The one door to the engine's HTTP API, wherever the engine is: its connections are kept, and serve many questions."""

import gc
import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from deploykit.backends.engine.exchange import Answer, request
from deploykit.backends.engine.line import Line, Opening
from deploykit.backends.engine.runner import TimedOut
from deploykit.errors import ConfigError

T = TypeVar("T")

_FRESH = 60.0
"""Seconds that a connection is good for unused: what is between may forget one, and then nobody hears what it says."""
_LARGE = 1024 * 1024


class Unusable(Exception):
    """No answer that can be used came; why, in words of whoever knows."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the engine answered, read as JSON, and the fields of its head, by names in small letters."""

    status: int
    said: Any
    fields: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def message(self) -> str:
        """Why it did not do what was asked."""
        return str(self.said.get("message", "")) if isinstance(self.said, dict) else ""

    @property
    def at(self) -> float:
        """When, by the engine's own clock, in seconds since the epoch; raises ValueError where it is not told."""
        from email.utils import parsedate_to_datetime  # late: few ask, and it costs all of them a start

        return parsedate_to_datetime(str(self.fields.get("date"))).timestamp()

    def read(self, read: Callable[[Any, float], T]) -> T:
        """Return what is made of the answer and its time; raises ConfigError when it is none of an engine."""
        try:
            return read(self.said, self.at)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            msg = f"what the Docker engine answers cannot be read: {error!r}"
            raise ConfigError(msg, hint="Is there a proxy before it? Try `docker info`.") from error


class Door:
    """Asks over connections that `opened` makes. Threads that ask at once have one each."""

    def __init__(self, opened: Opening) -> None:
        self._opened = opened
        self._kept: list[Line] = []
        self._version: str | None = None

    def ask(self, method: str, target: str, body: Mapping[str, object] | None = None, *, within: float) -> Reply:
        """Ask what may be asked twice: a connection that was open may be gone by now, and then there is a new one.

        Raises:
            TimedOut: there was no whole answer within so many seconds.
            Unusable: there was none, or none of an engine.
        """
        deadline = time.monotonic() + within
        answer = self._answer(request(method, f"{self._prefix(deadline)}{target}", body), deadline)
        try:
            said = _parsed(answer.body) if answer.body.strip() else None
        except ValueError as error:
            raise Unusable(str(error)) from error
        return Reply(answer.status, said, answer.fields)

    def _prefix(self, deadline: float) -> str:
        """Return what stands before every path: the version that the engine speaks itself, asked once."""
        if self._version is None:
            self._version = self._answer(request("GET", "/_ping"), deadline).fields.get("api-version", "")
        return f"/v{self._version}" if self._version else ""

    def _answer(self, asked: bytes, deadline: float) -> Answer:
        if (line := self._fresh()) is not None:
            with suppress(Unusable):
                return self._on(line, asked, deadline)
            self._version = None  # it may be another engine that has come back
        try:
            line = self._opened(deadline)
        except OSError as error:
            raise _failure(error) from error
        return self._on(line, asked, deadline)

    def _fresh(self) -> Line | None:
        """Take a connection out, until it has proved itself once more."""
        with suppress(IndexError):
            while True:
                line = self._kept.pop()
                if time.monotonic() < line.used_at + _FRESH:
                    return line
                line.hang_up(patiently=False)
        return None

    def _on(self, line: Line, asked: bytes, deadline: float) -> Answer:
        try:
            answer = line.exchange(asked, deadline)
        except (OSError, ValueError) as error:
            raise _failure(error, line.hang_up(patiently=not isinstance(error, TimeoutError))) from error
        if answer.last:
            line.hang_up()
        else:
            self._kept.append(line)
        return answer


def _failure(error: Exception, said: str = "") -> Exception:
    kind = TimedOut if isinstance(error, TimeoutError) else Unusable
    return kind(said.strip() or str(error) or type(error).__name__)


def _parsed(body: bytes) -> object:
    """Read JSON; a large one without the collector, which would go through all that is read so far again and again."""
    if len(body) < _LARGE or not gc.isenabled():
        return json.loads(body)
    gc.disable()
    try:
        return json.loads(body)
    finally:
        gc.enable()
