"""The fake's eye on the instances of a release."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType

from deploykit.release import Instance
from deploykit.testing.clock import ManualClock
from deploykit.testing.instance import FakeInstance


@dataclass(slots=True)
class FakeWatch:
    """Tells of every change, as far back as the start of each instance."""

    clock: ManualClock
    ask: Callable[[], None]
    mine: Callable[[], list[FakeInstance]]
    told: dict[str, float] = field(default_factory=dict)

    def __enter__(self) -> "FakeWatch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.told.clear()

    def wait(self, seconds: float) -> Sequence[Instance]:
        self.ask()
        until = self.clock.now() + seconds
        due = [one.changed(self._told(one), until) for one in self.mine()]
        self.clock.advance(min([until, *due]) - self.clock.now())
        self.ask()
        return [was for one in self.mine() for was in self._news(one)]

    def _told(self, one: FakeInstance) -> float:
        return self.told.get(one.instance.id, one.history[0][0])

    def _news(self, one: FakeInstance) -> list[Instance]:
        news = one.since(self._told(one))
        self.told[one.instance.id] = news[-1][0] if news else self._told(one)
        return [was for _, was in news]
