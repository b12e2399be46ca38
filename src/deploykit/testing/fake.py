"""The fake under an unchanged script: every app of this process runs on it, in whatever thread."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from types import TracebackType

from deploykit import seam
from deploykit.release import ImageRef
from deploykit.session import Parts
from deploykit.testing.backend import FakeBackend
from deploykit.testing.config import stand_in, variables
from deploykit.testing.doors import Doors
from deploykit.testing.verbs import Verbs
from deploykit.testing.world import World


class FakeApp(Verbs):
    """One of several apps on a fake."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def world(self) -> World:
        """What is under the app."""
        return self._world


class Fake(Verbs):
    """Puts a fake under every app, while it is entered: backend, probes, journal, lock, clock and hooks.

        with Fake() as fake:
            fake.serving("main-xyz789")
            fake.release("main-abc123").crashes(after=3, exit_code=1, log="ImportError: courts")
            assert ship.ship("main-abc123") == 1
            fake.assert_serving("main-xyz789")

    Config files are read for real. One that is not there, files that it names, and variables are not needed. Whatever
    touches a real engine, a process or the network by way of deploykit is an error, also when the script swallows it.
    With several apps each has a world of its own: `app`.
    """

    def __init__(self) -> None:
        self._worlds: list[World] = []
        self._lock = Lock()
        self._doors = Doors()
        self._stack = ExitStack()
        self._entered = False

    def __enter__(self) -> "Fake":
        seam.put(self)
        self._entered = True
        self._stack.callback(seam.take_away, self)
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="deploykit-fake-")))
        self._stack.enter_context(self._doors)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        if error is not None:
            self.explain(error)
            return
        if self._doors.touched:
            raise AssertionError(f"the script touched the real world: {', '.join(self._doors.touched)}")
        for raised in (one for world in self._worlds for one in world.errors):
            raise raised

    def explain(self, error: BaseException) -> None:
        """Add what happened to an error, unless it says so itself. The fixture does it to what fails a test."""
        begun = [world for world in self._worlds if world.begun]
        for world in begun:
            story = world.told()
            if story not in str(error):
                error.add_note(f"\napp {world.name}:\n{story}" if len(begun) > 1 else f"\n{story}")

    def app(self, name: str) -> FakeApp:
        """Return one of several apps by its name; what is said to it is meant for that one alone."""
        self._demand_entered()
        return FakeApp(self._world_of(name))

    @property
    def world(self) -> World:
        """What is under the one app that there is."""
        __tracebackhide__ = True
        self._demand_entered()
        with self._lock:
            if not self._worlds:
                self._worlds.append(World())
            if len(self._worlds) == 1:
                return self._worlds[0]
        names = ", ".join(f"app({world.name!r})" for world in self._worlds)
        msg = f"there are several apps on the fake: say which is meant, {names}"
        raise AssertionError(msg)

    # What the seam asks.

    def config(self, path: Path, target: str | None, environment: Mapping[str, str]) -> tuple[Path, Mapping[str, str]]:
        """Return a config file that is there, and variables for all that it names."""
        if not path.exists():
            return stand_in(self._folder, path, target), environment
        return path, variables(path, environment)

    def parts(self, app: str, image: ImageRef, own: Parts, *, told: bool) -> Parts:
        """Return what that app is made of meanwhile; one that was made of fakes by hand stays what it is."""
        if isinstance(own.backend, FakeBackend):
            return own
        world = self._world_of(app)
        with self._lock:
            world.begin(app, image, own)
        return world.parts(own, told=told)

    def _demand_entered(self) -> None:
        if not self._entered:
            raise RuntimeError(
                "this fake is not in place yet, and a script would touch the real world: `with Fake() as fake:`"
            )

    def _world_of(self, name: str) -> World:
        with self._lock:
            found = next((one for one in self._worlds if one.name == name), None)
            nameless = next((one for one in self._worlds if one.name is None), None)
            world = found or nameless or World()
            world.name = name
            if world not in self._worlds:
                self._worlds.append(world)
            return world
