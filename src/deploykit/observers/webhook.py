"""Notices: the end of a deployment, posted as JSON to a URL, beside the deployment and after its end is written."""

import atexit
import json
import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Literal
from urllib.parse import urlsplit

from deploykit.errors import Outcome
from deploykit.events import Event, Finished, Sight, WatchEnded
from deploykit.observers.ending import named
from deploykit.protocols import Clock
from deploykit.record import Kind
from deploykit.text import one_line

TOTAL = 15.0
"""Seconds after which a notice is given up, whatever it waits for."""
_GAPS = (0.5, 2.0)
_NOT_NOW = 429
_TAKEN = 200
_ELSEWHERE = 300
_THEIR_FAULT = 500
_SIGNS = {Outcome.deployed: "✅", Outcome.unchanged: "✅", Outcome.rolled_back: "⚠️", Outcome.untouched: "⚠️"}


class _Refused(Exception):
    """It was not taken, and will not be when it is sent again."""


@dataclass(kw_only=True)
class Webhook:
    """Posts how deployments end: all of them, or failures and rollbacks. Blocks nobody until `close`.

    What turns unhealthy while it is watched is one notice, with what came of it: the rollback has none of its own.

    `url` is a secret: it is in no message. `timeout` is in seconds, for each try. `warn` is told when a notice is lost.
    """

    url: str = field(repr=False)
    app: str
    by: str
    clock: Clock
    target: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    events: Literal["failures", "all"] = "failures"
    timeout: float = 5.0
    total: float = TOTAL
    gaps: tuple[float, ...] = _GAPS
    warn: Callable[[str], object] = logging.getLogger("deploykit").warning
    _fallen: str | None = field(default=None, init=False)
    _back: Finished | None = field(default=None, init=False)
    _sending: "list[tuple[float, Future[None]]]" = field(default_factory=list, init=False, repr=False)

    def __call__(self, event: Event) -> None:
        match event:
            case WatchEnded(sight=Sight.unhealthy):
                self._fallen = event.id
            case Finished() if self._fallen is not None and event.id != self._fallen:
                self._back = event
            case Finished():
                self._fallen = self._back = None
                self._tell(event)
            case _:
                return

    def _tell(self, event: Finished) -> None:
        if self.events == "all" or _matters(event):
            body = json.dumps(document(event, self.app, self.by, self.target)).encode()
            if not self._sending:
                atexit.register(self.close)
            self._sending.append((self.clock.now(), self.clock.aside(lambda: self._send(body))))

    def close(self) -> None:
        """Wait until all is sent or given up, and tell of what was given up."""
        back, self._fallen, self._back = self._back, None, None
        if back:  # what should have told of it never came
            self._tell(back)
        sending, self._sending = self._sending, []
        atexit.unregister(self.close)
        for began, future in sending:
            try:
                future.result(max(0.0, began + self.total - self.clock.now()))
            except Exception as error:  # noqa: BLE001 - whatever it is, the deployment is over
                self.warn(f"WARNING: the notice to [notify] url was not sent: {self._reason(error)}")

    def _send(self, body: bytes) -> None:
        end = self.clock.now() + self.total
        for gap in (*self.gaps, None):
            try:
                self._post(body, min(self.timeout, end - self.clock.now()))
            except (OSError, HTTPException):
                if gap is None or self.clock.now() + gap >= end:
                    raise
                self.clock.sleep(gap)
            else:
                return

    def _post(self, body: bytes, timeout: float) -> None:
        parts = urlsplit(self.url)
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection: HTTPConnection = HTTPSConnection(
                str(parts.hostname), parts.port, timeout=timeout, context=context
            )
        else:
            connection = HTTPConnection(str(parts.hostname), parts.port, timeout=timeout)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            connection.request("POST", target, body, {"Content-Type": "application/json", **self.headers})
            _judge(connection.getresponse().status)
        finally:
            connection.close()

    def _reason(self, error: Exception) -> str:
        """Return what went wrong. Only words that are known: those of the HTTP library may hold the URL or a header."""
        match error:
            case TimeoutError():
                return f"no answer within {self.timeout:g}s"
            case _Refused():
                return str(error)
            case OSError():
                return error.strerror or str(error)
            case _:
                return f"{type(error).__name__}: is the URL, or a header, right?"


def document(event: Finished, app: str, by: str, target: str | None = None) -> dict[str, Any]:
    """Return what is posted: Slack and its like show `text`."""
    return {
        "text": _text(event, app),
        "event": event.name,
        "app": app,
        "target": target,
        "id": event.id,
        "kind": event.kind.name,
        "outcome": event.outcome.name,
        "exit_code": event.exit_code,
        "image": event.image.name,
        "tag": event.image.tag,
        "serving": event.serving.image.name if event.serving else None,
        "previous": event.previous.image.name if event.previous else None,
        "failure": event.failure.summary if event.failure else None,
        "by": by,
        "host": socket.gethostname(),
        "duration": round(event.duration, 3),
    }


def _text(event: Finished, app: str) -> str:
    sign = _SIGNS.get(event.outcome, "🚨")
    outcome = event.outcome.name.replace("_", " ")
    why = f": {event.failure.summary}" if event.failure else ""
    text = (
        f"{sign} {app}: {event.kind.name} of {event.image.name} ({event.id}): {outcome}, exit {event.exit_code}{why}."
    )
    escaped = f"{text} Now serves: {named(event.serving)}.".replace("&", "&amp;").replace("<", "&lt;")
    return one_line(escaped.replace(">", "&gt;"))


def _matters(event: Finished) -> bool:
    return bool(event.exit_code) or (event.kind is Kind.rollback and event.outcome is Outcome.deployed)


def _judge(status: int) -> None:
    if not _TAKEN <= status < _ELSEWHERE:  # a redirect is not followed: who knows where to
        msg = f"it answered {status}"
        raise OSError(msg) if status >= _THEIR_FAULT or status == _NOT_NOW else _Refused(msg)
