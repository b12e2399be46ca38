"""What a test says to the fake, and asks of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from deploykit.events import Event
from deploykit.protocols import Hold, Holder
from deploykit.states import State
from deploykit.testing.backend import FakeBackend
from deploykit.testing.clock import ManualClock
from deploykit.testing.script import NEVER, FakeRelease
from deploykit.testing.state import MemoryState
from deploykit.testing.story import Story
from deploykit.testing.world import World


class Verbs(ABC):
    """The script of one app, and assertions about it."""

    @property
    @abstractmethod
    def world(self) -> World:
        """What is under the app."""

    # What is so before the script runs, and what will happen to it.

    def serving(self, tag: str) -> FakeRelease:
        """Let that release serve, started by hand long ago, and return its script."""
        world = self.world
        world.first(lambda: world.backend.serving(tag))
        return world.backend.release(tag)

    def deployed(self, *tags: str) -> None:
        """Let deploykit have deployed these, in that order: `rollback` can go back to them."""
        world = self.world
        for tag in tags:
            world.first(partial(world.deploy, tag))

    def release(self, tag: str) -> FakeRelease:
        """Return the script of what the registry has under that tag: good, until it is told otherwise.

        Of another repository than the app's it has what is named here, in full: `release("ghcr.io/fork/web:main-1")`.
        """
        self.world.scripted[tag] = None
        return self.world.backend.release(tag)

    def push(self, tag: str) -> FakeRelease:
        """Move that tag to new content in the registry, and return its script."""
        return self.world.backend.push(tag)

    def registry_down(self, *, down: bool = True) -> None:
        """Let the registry answer nobody, or again."""
        self.world.backend.store.down = down

    def goes_away(self, seconds: float = NEVER) -> None:
        """Let the engine answer nobody, for that long from now on."""
        self.world.backend.goes_away(seconds)

    def comes_back(self) -> None:
        """Let the engine answer again."""
        self.world.backend.comes_back()

    def held(self, why: str, by: str = "somebody") -> None:
        """Let an operator hold deploys."""
        world = self.world
        world.first(lambda: world.state.hold.put(Hold(why, by, world.clock.time())))

    def locked(self, by: str = "somebody@elsewhere") -> None:
        """Let another deployment run, for as long as the test lasts."""
        world, holder = self.world, Holder(1, by, self.clock.time(), "deploy")
        world.first(lambda: setattr(world.state.lock, "held_by", holder))

    def when(self, state: str | State, do: Callable[[], object]) -> None:
        """Do something as soon as a deployment is in that state: `fake.when("checking", cancel.set)`.

        What it raises fails the test in the end: the deployment goes on.
        """
        self.world.when(state, do)

    # What came of it.

    @property
    def backend(self) -> FakeBackend:
        """The runtime."""
        return self.world.backend

    @property
    def state(self) -> MemoryState:
        """What deploykit remembers."""
        return self.world.state

    @property
    def clock(self) -> ManualClock:
        """Its time."""
        return self.world.clock

    @property
    def elapsed(self) -> float:
        """Seconds that a real run would have waited so far."""
        return self.world.elapsed

    @property
    def events(self) -> Sequence[Event]:
        """Every event, in order."""
        return self.world.events

    @property
    def hooks(self) -> Sequence[str]:
        """The hooks that would have been run: `on_failure` and its like."""
        return self.world.hooks.ran

    @property
    def serves(self) -> str | None:
        """The tag of what serves now; None: nothing."""
        return next(iter(self.world.serves), None)

    @property
    def deployments(self) -> Sequence[Story]:
        """The deployments that the script made, oldest first."""
        return self.world.stories()

    @property
    def last(self) -> Story:
        """The last of them.

        Raises:
            AssertionError: nothing was deployed.
        """
        __tracebackhide__ = True
        stories = self.deployments
        if not stories:
            raise AssertionError("\n".join(["nothing was deployed", *self.world.idle]))
        return stories[-1]

    def assert_serving(self, tag: str) -> None:
        """Check that the release of that tag serves, and nothing else."""
        __tracebackhide__ = True
        serves = self.world.serves
        store = self.world.backend.store
        if serves != [store.key(store.named(tag))]:
            what = " and ".join(serves)
            said = f"{what} {'do' if len(serves) > 1 else 'does'}" if serves else "nothing does"
            raise AssertionError(f"{tag} was to serve, but {said}\n\n{self.world.told()}")

    def assert_nothing_serves(self) -> None:
        """Check that no instance is alive."""
        __tracebackhide__ = True
        if serves := self.world.serves:
            raise AssertionError(f"nothing was to serve, but {' and '.join(serves)} does\n\n{self.world.told()}")

    def assert_nothing_deployed(self) -> None:
        """Check that no deployment began."""
        __tracebackhide__ = True
        if self.deployments:
            raise AssertionError(f"nothing was to be deployed\n\n{self.world.told()}")
