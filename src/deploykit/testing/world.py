"""What is under one app on the fake: a runtime, a memory, a clock, and what became of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from deploykit.app import App
from deploykit.events import Event, Moved, Started
from deploykit.hooks import Hook, Hooks, NoHooks
from deploykit.protocols import Control
from deploykit.release import ImageRef
from deploykit.session import Parts
from deploykit.states import INITIAL, State
from deploykit.testing.backend import FakeBackend
from deploykit.testing.clock import ManualClock
from deploykit.testing.probe import FakeProbe
from deploykit.testing.state import MemoryState
from deploykit.testing.story import Story, state_name, told

_SERVICE = "app"
_AGE = 3600.0


class World:
    """A world begins when its app first needs it: what was said before is done then, on the services that it has."""

    def __init__(self, name: str | None = None) -> None:
        self.name = name
        self.clock: ManualClock = ManualClock()
        self.state: MemoryState = MemoryState(self.clock)
        self.backend: FakeBackend = FakeBackend(self.clock, self.state.files, services=(_SERVICE,))
        self.hooks: RecordedHooks = RecordedHooks()
        self.events: list[Event] = []
        self.errors: list[Exception] = []
        self.scripted: dict[str, None] = {}
        self.begun: bool = False
        self._shaped = False
        self._before: list[Callable[[], object]] = []
        self._began_at = 0.0
        self._first = 1
        self._reactions: dict[str, list[Callable[[], object]]] = {}
        self._awaited: set[str] = set()

    # Before.

    def first(self, do: Callable[[], object]) -> None:
        """Do something as soon as it begins; now, when it has."""
        self._before.append(do)
        if self.begun:
            do()

    def deploy(self, tag: str) -> None:
        """Deploy that release, and pass some time."""
        repository = self.backend.store.repository
        app = App(self.name or _SERVICE, repository, self.backend, state=self.state, clock=self.clock)
        app.deploy(tag).raise_for_outcome()
        self.clock.advance(_AGE)

    def when(self, state: str | State, do: Callable[[], object]) -> None:
        """Do something when a deployment is in that state."""
        self._reactions.setdefault(state_name(state), []).append(do)
        self._awaited.add(state_name(state))

    # Meanwhile.

    def begin(self, name: str, image: ImageRef, own: Parts) -> None:
        """Be the world of that app, if it is not yet; what was made before for a look is made anew."""
        if self._shaped:
            return
        self.name, self._shaped = name, True
        self._forget()
        self.backend.store.move(image.repository)
        self.backend.services = _services(own)
        self.backend.strategy = "rolling" if own.backend.beside else "recreate"
        self.backend.replicas = _setting(own, "settings", "replicas", 1)
        if own.backend.beside:
            self.backend.parallelism = _setting(own, "rollout", "parallelism", 0)
            self.backend.drain = _setting(own, "rollout", "drain", 0)
        self.backend.release_command = own.backend.has_release_command()
        self._begin()

    def parts(self, own: Parts, *, told: bool) -> Parts:
        """Return what that app is made of meanwhile; its health policy is its own."""
        probes = [FakeProbe(self.backend, probe.service, name=probe.name) for probe in own.probes]
        self.hooks.of = own.hooks
        observers = (self._hear, *(own.observers if told else ()))
        return replace(
            own,
            backend=self.backend,
            probes=tuple(probes),
            state=self.state,
            clock=self.clock,
            observers=observers,
            hooks=self.hooks,
        )

    # After.

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return self.clock.elapsed - self._began_at

    @property
    def serves(self) -> list[str]:
        """The tags of what lives, each once; the whole name of what is of another repository."""
        self._begin()
        return list(dict.fromkeys(self.backend.store.key(one.image) for one in self.backend.living()))

    def stories(self) -> Sequence[Story]:
        """Return the deployments since it began, oldest first."""
        self._begin()
        journal = self.state.journal_to_read(None)
        rows = [record for record in journal.records() if record.number >= self._first]
        return [Story(record, journal.moves(record)) for record in reversed(rows)]

    def told(self) -> str:
        """Return what happened, and what was to happen and did not."""
        return "\n".join([told(self.stories()), *self.idle])

    @property
    def idle(self) -> Sequence[str]:
        """What was said of this app, and never came to matter."""
        store = self.backend.store
        unasked = [name for name in self.scripted if str(store.script(name).image.id) not in store.asked]
        nobody = [f"the script has made no app {self.name!r}"] if self.name and not self._shaped else []
        never = [f"no deployment was in {state}, where something was to be done" for state in sorted(self._awaited)]
        return [*nobody, *(f"{name} was scripted, and never asked for" for name in unasked), *never]

    # What it is made of.

    def _forget(self) -> None:
        self.state = MemoryState(self.clock)
        self.backend.forget(self.state.files)
        self.begun = False

    def _begin(self) -> None:
        if self.begun:
            return
        self.begun = True
        for do in self._before:
            do()
        last = self.state.journal_to_read(None).last()
        self._first = last.number + 1 if last else 1
        self._began_at = self.clock.elapsed

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Moved | Started):
            state = event.target.name if isinstance(event, Moved) else INITIAL.name
            self._awaited.discard(state)
            for do in self._reactions.get(state, []):
                self._do(do)

    def _do(self, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:
            self.errors.append(error)  # what an observer raises is dropped, but this is the test's
            raise


@dataclass(slots=True)
class RecordedHooks:
    """Runs nothing, and remembers what would have been run."""

    of: Hooks = field(default_factory=NoHooks)
    ran: list[str] = field(default_factory=list)

    def has(self, hook: Hook) -> bool:
        return self.of.has(hook)

    def run(self, hook: Hook, variables: Mapping[str, str], control: Control) -> None:  # noqa: ARG002 - the contract's
        self.ran.append(hook.value)


def _setting(own: Parts, group: str, name: str, default: int) -> Any:
    """Return a setting of an app's own backend, where it has such a thing."""
    return getattr(getattr(own.backend, group, None), name, None) or default


def _services(own: Parts) -> tuple[str, ...]:
    """Return the services of an app, as far as its own parts tell."""
    told = tuple(getattr(own.backend, "services", ())) or tuple(one.service for one in own.probes if one.service)
    return tuple(dict.fromkeys(told)) or (_SERVICE,)
