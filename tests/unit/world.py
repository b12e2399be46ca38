"""The stage of the core's tests: an app on the fakes, whose process can be killed at any moment."""

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from deploykit.app import App
from deploykit.errors import DeploykitError, StepFailed
from deploykit.events import Event
from deploykit.health import HealthPolicy
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Identity, Probe
from deploykit.record import Record
from deploykit.release import Release
from deploykit.result import Result
from deploykit.stack import fold
from deploykit.testing import FakeBackend, FakeProbe, Killed, ManualClock, MemoryState, Moment, Moments

REPOSITORY = "example.com/team/web"
CHANGING = {
    *(f"journal.{call}" for call in ("begin", "update", "discard", "note_tag")),
    *(
        f"backend.{call}"
        for call in ("pull", "keep", "run_release_command", "rehearse", "start", "promote", "stand_down", "settle")
    ),
    *("tag_file.write", "files.keep", "files.discard"),
}
"""Calls that change something. What a kill leaves differs only between them, so the moments before each will do."""
POLICY = HealthPolicy(attempts=5, interval=2.0)


def refuses(text: str = "the runtime refuses") -> Callable[[], StepFailed]:
    return lambda: StepFailed(text)


@dataclass
class World:
    """Everything that outlives a deployment's process, and a way to start one."""

    policy: HealthPolicy = POLICY
    auto: bool = True
    rehearse: bool = False
    clock: ManualClock = field(default_factory=ManualClock)
    moments: Moments = field(default_factory=Moments)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = MemoryState(self.clock, self.moments)
        self.backend = FakeBackend(self.clock, self.state.files, repository=REPOSITORY, moments=self.moments)
        self.probes: list[Probe] = [FakeProbe(self.backend)]

    def copy(self) -> "World":
        """Return a world like this one that goes its own way; hooks stay here."""
        hooks, self.moments.hooks = self.moments.hooks, []
        try:
            return copy.deepcopy(self)
        finally:
            self.moments.hooks = hooks

    # Verbs.

    @property
    def app(self) -> App:
        """The app, as a new process makes it."""
        return App(
            "web",
            REPOSITORY,
            self.backend,
            self.probes,
            self.policy,
            state=self.state,
            auto=self.auto,
            rehearse=self.rehearse,
            observers=[self.events.append],
            clock=self.clock,
        )

    def deploy(self, tag: str, **options: object) -> Result:
        return self.app.deploy(tag, **options)  # type: ignore[arg-type]  # they are App.deploy's

    def rollback(self, to: str | None = None, **options: object) -> Result:
        return self.app.rollback(to, **options)  # type: ignore[arg-type]  # they are App.rollback's

    def recover(self) -> Result | None:
        return self.app.recover()

    def good(self, *tags: str) -> None:
        """Deploy each, and pass some time."""
        for tag in tags:
            assert self.deploy(tag).exit_code == 0
            self.clock.advance(3600)

    # Killing it, and telling it to stop.

    def killed_at(self, number: int, run: Callable[[], object]) -> Moment | None:
        """Run it, and kill it at its moment of that number; None when it has no more than that."""
        return self.at(number, run, _kill)

    def killed_when(self, call: str, when: str, run: Callable[[], object]) -> None:
        """Run it, and kill it at the first such moment."""

        def hook(moment: Moment) -> None:
            if (moment.call, moment.when) == (call, when):
                raise Killed

        with self.moments.hooked(hook):
            try:
                run()
            except Killed:
                return
        raise AssertionError(f"no moment {when} {call}")

    def killed_in(self, state: str, run: Callable[[], object]) -> None:
        """Run it, and kill it as soon as the journal has it in that state."""

        def hook(moment: Moment) -> None:
            if moment == Moment("journal.update", "after") and self.last.state.name == state:
                raise Killed

        with self.moments.hooked(hook):
            try:
                run()
            except Killed:
                return
        raise AssertionError(f"never in {state}")

    def at(self, number: int, run: Callable[[], object], do: Callable[[], object]) -> Moment | None:
        """Run it, and do something at its moment of that number."""
        reached: list[Moment] = []
        count = iter(range(1_000_000))

        def hook(moment: Moment) -> None:
            if moment.call in CHANGING and moment.when != "after" and next(count) == number:
                reached.append(moment)
                do()

        with self.moments.hooked(hook), contextlib.suppress(Killed, DeploykitError):
            run()
        return reached[0] if reached else None

    def when(self, call: str, when: str, do: Callable[[], object]) -> Callable[[Moment], None]:
        """Add a hook that does something once, at the first such moment."""

        def hook(moment: Moment) -> None:
            if (moment.call, moment.when) == (call, when):
                self.moments.hooks.remove(hook)
                do()

        self.moments.hooks.append(hook)
        return hook

    def interrupted_in(self, state: str, cause: Cause = Cause.sigint) -> Interruption:
        """Return an interruption that comes as soon as the journal has the deployment in that state."""
        interruption = Interruption()

        def hook(moment: Moment) -> None:
            if moment == Moment("journal.update", "after") and self.last.state.name == state:
                interruption.request(cause)

        self.moments.hooks.append(hook)
        return interruption

    # Looking.

    @property
    def last(self) -> Record:
        last = self.state.journal_to_read(Identity("fake-engine", "fake")).last()
        assert last is not None
        return last

    @property
    def rows(self) -> list[Record]:
        return list(self.state.journal_to_read(Identity("fake-engine", "fake")).records())

    @property
    def stack(self) -> list[str]:
        """The tags of the good releases, the newest last."""
        ended = self.state.journal_to_read(Identity("fake-engine", "fake")).ended()
        return [name(release) for release in fold(ended)]

    @property
    def serves(self) -> list[str]:
        """The tags of the living instances."""
        return [str(one.image.tag) for one in self.backend.living()]

    @property
    def tag_file(self) -> str | None:
        return self.state.tag_text.read()

    def moves(self, record: Record | None = None) -> list[str]:
        """The states that a deployment went through."""
        journal = self.state.journal_to_read(Identity("fake-engine", "fake"))
        return [move.target.name for move in journal.moves(record or self.last)]

    def heard(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    def warnings(self) -> list[str]:
        return [dataclasses.asdict(event)["text"] for event in self.events if event.name == "warning"]


def name(release: Release | None) -> str:
    return str(release.image.tag) if release else "nothing"


def _kill() -> None:
    raise Killed


def every_number() -> Iterator[int]:
    return iter(range(1_000))
