"""Somebody else's backends, probes and observers that break their promises: one clear error, and what served serves."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from threading import Event as Flag
from typing import Any, TypeVar, cast

import pytest

from deploykit import App, ConfigError, DeploykitError, Event, HealthPolicy, Outcome
from deploykit.clock import in_thread
from deploykit.plugins.promises import held_to_its_word
from deploykit.protocols import Backend, ClosingObserver, Gradual, Measured, Probe, ProbeVerdict, Verdict
from deploykit.release import ImageRef, Instance
from deploykit.testing import FakeBackend, FakeProbe, ManualClock, MemoryState

T = TypeVar("T")
CALLS = sorted({name for name in dir(Backend) if not name.startswith("_")} - {"beside"})


class Odd(Exception):
    """What no contract knows of."""


class Shaky:
    """A fake backend of somebody else's; one of its calls does something else once, when it is `armed`."""

    def __init__(self, inner: FakeBackend, call: str = "", nth: int = 1, do: Callable[[], object] = object) -> None:
        self.inner, self.call, self.left, self.do, self.armed = inner, call, nth, do, False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        return self._instead(found) if name == self.call and self.armed else found

    def _instead(self, found: Callable[..., object]) -> Callable[..., object]:
        self.left -= 1
        return (lambda *_, **__: self.do()) if self.left == 0 else found


def breaks() -> object:
    raise Odd("boom")


class Stage:
    """An app on a shaky backend, which `one` and then `two` were deployed to."""

    def __init__(self, call: str = "", nth: int = 1, do: Callable[[], object] = breaks) -> None:
        self.clock = ManualClock()
        self.state = MemoryState(self.clock)
        self.fake = FakeBackend(self.clock, self.state.files)
        self.backend = Shaky(self.fake, call, nth, do)
        self.app = self.made(FakeProbe(self.fake))
        assert self.app.deploy("one").ok
        assert self.app.deploy("two").ok
        self.backend.armed = True

    def made(self, *probes: Probe) -> App:
        policy = HealthPolicy(attempts=5)
        backend = cast("Backend", self.backend)
        return App("web", "example.com/team/web", backend, probes, policy, state=self.state, clock=self.clock)

    @property
    def serves(self) -> set[str | None]:
        return {one.image.tag for one in self.fake.living()}


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("do", [breaks, lambda: None, lambda: "rubbish", exit], ids=["raises", "none", "text", "exits"])
@pytest.mark.parametrize("call", CALLS)
def test_whatever_a_backend_does_what_served_serves(call: str, do: Callable[[], object], nth: int) -> None:
    """In any step of a deploy that fails: nothing but our own errors is raised, and they say whose bug it is."""
    stage = Stage(call, nth, do)
    stage.fake.release("three").crashes()
    error, code = refused(lambda: stage.app.deploy("three").exit_code)
    assert code == 1 or "the backend tests.unit.test_plugins_promises.Shaky broke" in str(error)
    assert error is None or "bug of the backend" in error.hint
    assert stage.serves == {"two"}


def refused(act: Callable[[], T]) -> tuple[DeploykitError | None, T | None]:
    try:
        return None, act()
    except DeploykitError as error:
        return error, None


LOOKS: dict[str, Callable[[App], object]] = {
    "status": lambda app: app.status(),
    "health": lambda app: app.health(),
    "plan": lambda app: app.plan("three"),
    "images": lambda app: app.images(),
    "rollback": lambda app: app.rollback(),
    "recover": lambda app: app.recover(),
    "protect": lambda app: app.protect(),
    "prune": lambda app: app.prune(1),
}


@pytest.mark.parametrize("do", [breaks, lambda: "rubbish"], ids=["raises", "text"])
@pytest.mark.parametrize("call", ["identity", "running", "find", "images", "snapshot"])
@pytest.mark.parametrize("verb", LOOKS)
def test_the_other_verbs_raise_nothing_else_either(verb: str, call: str, do: Callable[[], object]) -> None:
    """A script that catches DeploykitError has caught all that there is."""
    stage = Stage(call, do=do)
    error, _ = refused(lambda: LOOKS[verb](stage.app))
    assert error is None or "tests.unit.test_plugins_promises.Shaky broke" in str(error)


def test_what_it_says_is_redacted() -> None:
    """As in a deployment."""

    def tells() -> object:
        raise Odd("no room for hunter2")

    stage = Stage("running", do=tells)
    stage.fake.secrets = ("hunter2",)
    with pytest.raises(DeploykitError, match=r"Odd: no room for \[redacted\]$"):
        stage.app.status()


def test_the_checklist_has_it_as_a_line() -> None:
    """Which failed; the other lines are there."""
    found = {one.about: one for one in Stage("running").app.check("three")}
    assert "Shaky broke in running(): Odd: boom" in found["runtime"].text
    assert "state" in found


def test_a_forgotten_return_is_told_and_not_tried_for_ever() -> None:
    """start() that returns nothing would be called again and again."""
    stage = Stage()

    class Forgetful(Shaky):
        def start(self, *args: Any) -> None:
            self.inner.start(*args)

    stage.backend = Forgetful(stage.fake)
    result = stage.made(FakeProbe(stage.fake)).deploy("three")
    assert result.failure
    assert "Forgetful broke its word: start() is to give bool, and gave None" in result.failure.summary


def test_what_a_backend_offers_beside_is_still_seen() -> None:
    """Whether it is a method or a property; and ours are left as they are."""

    class More(Shaky):
        gradual = True

        def measure(self, image: ImageRef) -> tuple[int | None, float | None]:
            return 1, None

    stage = Stage()
    held = held_to_its_word(cast("Backend", More(stage.fake)))
    assert isinstance(held, Measured)
    assert isinstance(held, Gradual)
    assert held.measure(ImageRef("a")) == (1, None)
    assert held_to_its_word(held) is held
    assert held_to_its_word(stage.fake) is stage.fake


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"backend": object()}, "builtins.object is no backend: it lacks beside, complete, demand, "),
        ({"probes": [object()]}, "builtins.object is no probe: it lacks aimed, look, name, service"),
        ({"observers": ["print"]}, "builtins.str is no observer: it lacks __call__"),
    ],
)
def test_an_object_that_is_none_is_told_before_anything(parts: dict[str, Any], message: str) -> None:
    """With what it lacks."""
    stage = Stage()
    with pytest.raises(ConfigError) as caught:
        App("web", "example.com/team/web", **{"backend": stage.fake, **parts})
    assert str(caught.value).startswith(message)
    assert "deploykit.protocols" in caught.value.hint


class Probing:
    """A probe of somebody else's."""

    name, service = "theirs", None

    def __init__(self, look: Callable[[], object]) -> None:
        self._look = look

    def aimed(self, published: Mapping[int, int]) -> None: ...

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        return cast("Verdict", self._look())


def trips() -> Verdict:
    answer: dict[str, Verdict] = {}
    return answer["ok"]


def test_a_probe_that_breaks_on_what_an_app_says_while_it_starts_is_asked_again() -> None:
    """`answer["ok"]` is a KeyError for as long as a proxy answers in its place; that is no reason to give up."""
    stage = Stage()

    def look() -> Verdict:
        if stage.serves == {"three"} and stage.clock.now() < 4:
            return trips()
        return Verdict(ProbeVerdict.healthy)

    assert stage.made(Probing(look)).deploy("three").ok
    assert 4 <= stage.clock.now() < 5


@pytest.mark.parametrize(
    ("look", "why"),
    [(trips, "KeyError: 'ok'"), (lambda: None, "TypeError: it gave None, not a Verdict"), (exit, "SystemE")],
)
def test_a_probe_that_is_broken_is_told_before_anything_is_touched(look: Callable[[], object], why: str) -> None:
    """For what serves is looked at first; where nothing serves, it has said nothing good in all its time."""
    stage = Stage()
    result = stage.made(Probing(look)).deploy("three")
    assert (result.outcome, stage.serves) == (Outcome.untouched, {"two"})
    assert result.failure
    assert result.failure.summary.startswith(f"the probe theirs is broken: {why}")
    stage.fake.kill()
    result = stage.made(Probing(look)).deploy("three")
    assert result.failure
    assert (result.failure.summary, why in result.failure.detail) == ("Health check failed after 10s", True)


def test_a_broken_probe_is_an_answer_of_health() -> None:
    """And not an exception."""
    (answer,) = Stage().made(Probing(breaks)).health()
    assert (answer.healthy, answer.reason) == (False, "the probe broke: Odd: boom")


class Beside(ManualClock):
    """What is done aside takes real time, and the clock goes on meanwhile."""

    def now(self) -> float:
        self.advance(0.5)
        return super().now()

    def aside(self, work: Callable[[], T]) -> "Future[T]":
        return in_thread(work)


def test_a_probe_that_hangs_is_given_up() -> None:
    """Whatever time it was given: what served comes back."""
    stage, let_go = Stage(), Flag()

    def look() -> Verdict:
        if stage.serves == {"three"}:
            let_go.wait(30)
        return Verdict(ProbeVerdict.healthy)

    stage.clock = stage.fake.clock = Beside()
    try:
        result = stage.made(Probing(look)).deploy("three")
    finally:
        let_go.set()
    assert (result.outcome, stage.serves) == (Outcome.rolled_back, {"two"})
    assert result.failure
    assert result.failure.detail.startswith("no answer within")


def test_a_probe_that_hangs_on_what_serves_is_given_up_before_anything_is_touched() -> None:
    """And is an answer of health()."""
    stage, let_go = Stage(), Flag()
    hangs = Probing(lambda: let_go.wait(30) and None)
    stage.clock = stage.fake.clock = Beside()
    try:
        (answer,) = stage.made(hangs).health()
        result = stage.made(hangs).deploy("three")
    finally:
        let_go.set()
    assert (answer.healthy, answer.reason) == (False, "no answer within 10s")
    assert (result.outcome, stage.serves) == (Outcome.untouched, {"two"})
    assert result.failure
    assert result.failure.summary == "a probe is broken: no answer within 5s"


@pytest.mark.parametrize("raised", [Odd("boom"), BrokenPipeError(32, "pipe"), SystemExit(1)])
def test_an_observer_that_breaks_stops_nothing(raised: BaseException) -> None:
    """Whenever it is told, and when it is closed."""

    class Ending:
        def __call__(self, event: Event) -> None:
            raise raised

        def close(self) -> None:
            raise Odd("boom")

    stage = Stage()
    ending: ClosingObserver = Ending()
    app = App("web", "example.com/team/web", stage.fake, observers=[ending], state=stage.state, clock=stage.clock)
    assert app.deploy("three").ok
    app.close()


def test_a_property_that_breaks_is_told_when_it_is_asked_for() -> None:
    """Not before: making an app asks for nothing."""

    class Sulking(Shaky):
        @property
        def beside(self) -> bool:
            raise Odd("boom")

    stage = Stage()
    stage.backend = Sulking(stage.fake)
    app = stage.made(FakeProbe(stage.fake))
    with pytest.raises(DeploykitError, match="Sulking broke in beside: Odd: boom"):
        app.plan("three")
    result = app.deploy("three")
    assert (result.outcome, stage.serves) == (Outcome.untouched, {"two"})
