"""What those promise who are told of a deployment."""

from typing import Protocol, runtime_checkable

from deploykit.events import Event


class Observer(Protocol):
    """Gets every event, in order, in the thread of the deployment. What it raises is dropped."""

    def __call__(self, event: Event, /) -> None: ...


@runtime_checkable
class ClosingObserver(Observer, Protocol):
    """One that tells some of it beside the deployment: `close` waits until it has, not for long, and never raises."""

    def close(self) -> None: ...


@runtime_checkable
class LiveObserver(Observer, Protocol):
    """One at which somebody looks on. While `live`, the runtime's commands tell how far they are as often as may be."""

    live: bool
