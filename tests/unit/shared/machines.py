"""Two machines that deploy one app: a shelf in memory, a runtime, and what each has of its own."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.app import App
from deploykit.backends.engine.shelves import check_size
from deploykit.errors import ConfigError, EngineUnreachable
from deploykit.events import Event
from deploykit.health import HealthPolicy
from deploykit.interrupt import Interruption
from deploykit.protocols import Entry, Shelf
from deploykit.record import Record
from deploykit.release import ImageRef
from deploykit.shared import SharedState
from deploykit.shared.lease import HeldLease
from deploykit.store import StateFolder
from deploykit.testing import FakeBackend, FakeProbe, ManualClock, Moments

REPOSITORY = "example.com/team/web"
LEASE = 30.0


class StageClock(ManualClock):
    """Does something whenever somebody sleeps; and can go on while the machines that look at it are suspended."""

    on_sleep: Callable[[], object] = staticmethod(lambda: None)

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.on_sleep()

    def suspend(self, seconds: float) -> None:
        self._epoch += seconds


@dataclass
class MemoryShelf(Shelf):
    """A shelf in memory. `away` and `refuses` are what it says in place of an answer; `full`: to what it is given.

    `older` are the seconds that its clock makes of everything. `asked` counts.
    """

    clock: ManualClock
    moments: Moments = field(default_factory=Moments)
    away: bool = False
    refuses: bool = False
    full: bool = False
    older: float = 0.0
    asked: Counter[str] = field(default_factory=Counter)
    put_but_not_told: bool = False
    _at: dict[str, tuple[Entry, float]] = field(default_factory=dict)
    _count: int = 0

    def read(self, kind: str) -> Mapping[str, Entry]:
        self._answer(f"read {kind}")
        found = [key for key in self._at if key.startswith(f"{kind}.")]
        return {key.partition(".")[2]: self._look(key) for key in found}

    def get(self, key: str) -> Entry | None:
        self._answer(f"get {key}")
        return self._look(key) if key in self._at else None

    def put(self, key: str, content: bytes, before: Entry | None) -> Entry | None:
        with self.moments.around("shelf.put"):
            self._answer(f"put {key}")
            self._refuse(self.full)
            check_size(key, content)
            there = self._at[key][0] if key in self._at else None
            if (there and there.version) == (before and before.version):
                self._count += 1
                self._at[key] = Entry(key, content, str(self._count)), self.clock.time()
                if self.put_but_not_told:
                    self.put_but_not_told = False
                    raise EngineUnreachable("the connection broke")
            elif there is None or there.content != content:
                return None
            return self._look(key)

    def remove(self, entry: Entry) -> None:
        self._answer(f"remove {entry.key}")
        self._at.pop(entry.key, None)

    def gone(self, entry: Entry) -> None:
        raise EngineUnreachable(f"{entry.key} is not reached")

    @property
    def keys(self) -> list[str]:
        return sorted(self._at)

    def _look(self, key: str) -> Entry:
        entry, at = self._at[key]
        return Entry(key, entry.content, entry.version, max(0.0, self.clock.time() - at + self.older))

    def _answer(self, asked: str) -> None:
        self.asked[asked] += 1
        if self.away:
            raise EngineUnreachable("the shelf does not answer")
        self._refuse(self.refuses)

    @staticmethod
    def _refuse(refuses: bool) -> None:
        if refuses:
            raise ConfigError("the shelf takes nothing more", hint="Make room.")


class Machines:
    """One runtime and its shelf, and machines with a folder each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lease = LEASE
        self.clock = StageClock()
        self.moments = Moments()
        self.shelf = MemoryShelf(self.clock, self.moments)
        self.backend = FakeBackend(self.clock, self.state("any").files, repository=REPOSITORY, moments=self.moments)
        self.events: dict[str, list[Event]] = {}
        self.states: dict[str, SharedState] = {}

    def state(self, machine: str) -> SharedState:
        """What a process on a machine remembers; its lease is renewed by nobody but the tests."""
        here = StateFolder(self.folder / machine / "state", self.folder / machine / "tag", self.clock)
        return SharedState(here, self.shelf, self.clock, self.lease, _by_nobody)

    def app(self, machine: str) -> App:
        """The app, as a new process on a machine makes it."""
        events = self.events.setdefault(machine, [])
        self.states[machine] = self.state(machine)
        return App(
            "web",
            REPOSITORY,
            self.backend,
            [FakeProbe(self.backend)],
            HealthPolicy(attempts=5, interval=2.0),
            state=self.states[machine],
            observers=[events.append],
            clock=self.clock,
        )

    def history(self, machine: str) -> list[Record]:
        return self.app(machine).history()

    @property
    def serves(self) -> list[str]:
        return [str(one.image.tag) for one in self.backend.living()]

    @contextlib.contextmanager
    def held(self, machine: str, doing: str = "deploy", wait: float = 0) -> Iterator[HeldLease]:
        """Have a process of that machine hold the lock."""
        state = self.state(machine)
        state.prepare()
        with state.lock.acquire(doing, wait, Interruption()) as held:
            yield held

    def dies_holding(self, machine: str) -> HeldLease:
        """Have a process of that machine take the lock and be killed; what the kernel frees is free."""
        state = self.state(machine)
        state.prepare()
        with contextlib.ExitStack() as stack:
            held = stack.enter_context(state.lock.acquire("deploy", 0, Interruption()))
            held.let_go = lambda: None  # type: ignore[method-assign]  # it is dead
        return held


def named(tag: str) -> ImageRef:
    return ImageRef(REPOSITORY, tag)


@contextlib.contextmanager
def _by_nobody(work: Callable[[], None], every: float) -> Iterator[None]:
    yield
