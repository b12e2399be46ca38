"""The verbs of an app: what they take, and what they make of it. What deployments do is tested elsewhere."""

import dataclasses
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from deploykit.app import App, ProbeAnswer, who
from deploykit.clock import SystemClock
from deploykit.errors import ConfigError, EngineUnreachable, Locked, NoSuchRelease, Outcome
from deploykit.events import Finished
from deploykit.health import HealthPolicy
from deploykit.interrupt import Cause, Interruption
from deploykit.observers.json import document
from deploykit.protocols import Holder, PullPolicy
from deploykit.store import StateFolder
from deploykit.testing import FakeProbe, ManualClock
from tests.unit.world import REPOSITORY, World, name


def app(world: World, **options: Any) -> App:
    given = {"state": world.state, "clock": world.clock, **options}
    return App(options.pop("name", "web"), given.pop("image", REPOSITORY), world.backend, **given)


@pytest.mark.parametrize("wrong", ["", "Web", "-web", "_web", "web.app", "web\n", "wéb", "x" * 64, "../web"])
def test_a_name_that_is_none_is_refused(wrong: str) -> None:
    """It becomes part of tags, labels and file names."""
    world = World()
    with pytest.raises(ConfigError, match="not an app name"):
        App(wrong, REPOSITORY, world.backend, state=world.state)


@pytest.mark.parametrize("right", ["w", "0", "web-app_2", "x" * 63])
def test_a_name_that_is_one_is_taken(right: str) -> None:
    """1 to 63 of a-z 0-9 _ and -, the first a letter or a digit."""
    world = World()
    assert App(right, REPOSITORY, world.backend, state=world.state).name == right


def test_an_image_that_is_none_is_refused_at_once() -> None:
    """Before any verb is called."""
    world = World()
    with pytest.raises(ConfigError, match="not an image repository: 'No Image'"):
        App("web", "No Image", world.backend, state=world.state)


def test_without_a_clock_it_is_the_machines() -> None:
    """Only tests have another."""
    world = World()
    assert isinstance(App("web", REPOSITORY, world.backend, state=world.state)._parts.clock, SystemClock)


# What is deployed.


@pytest.mark.parametrize(
    ("base", "given", "asked"),
    [
        (REPOSITORY, {"tag": "one"}, f"{REPOSITORY}:one"),
        (f"{REPOSITORY}:usual", {}, f"{REPOSITORY}:usual"),
        (f"{REPOSITORY}:usual", {"tag": "one"}, f"{REPOSITORY}:one"),
        ("other.example/web", {"image": f"{REPOSITORY}:one"}, f"{REPOSITORY}:one"),
        ("other.example/web", {"image": REPOSITORY, "tag": "one"}, f"{REPOSITORY}:one"),
        ("other.example/web", {"image": f"{REPOSITORY}:other", "tag": "one"}, f"{REPOSITORY}:one"),
    ],
)
def test_the_image_to_deploy(base: str, given: dict[str, str], asked: str) -> None:
    """A tag that is named goes before the image's own; an image that is named, before the app's."""
    world = World()
    app(world, image=base).deploy(**given)  # type: ignore[arg-type]  # App.deploy's
    assert world.last.asked.name == asked


def test_the_app_s_own_tag_is_asked_for_only_when_none_was_named() -> None:
    """It may demand a variable that is not set."""
    world = World()
    asked: list[str] = []

    def tag() -> str:
        asked.append("asked")
        return "usual"

    app(world, tag=tag).deploy("one")
    assert asked == []
    app(world, tag=tag).deploy()
    assert (asked, world.serves) == (["asked"], ["usual"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "no tag to deploy"),
        ({"tag": ""}, "not an image tag"),
        ({"tag": "a b"}, "not an image tag"),
        ({"image": "No Image", "tag": "one"}, "not an image repository"),
        ({"tag": "one", "pull": "sometimes"}, "not a pull policy: 'sometimes'"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(given: dict[str, str], message: str) -> None:
    """Exit 2, with a hint, before the lock is taken or the engine asked."""
    world = World()
    world.state.lock.held_by = Holder(4711, "eve@ci", 0.0, "deploy")
    with pytest.raises(ConfigError, match=message) as caught:
        app(world).deploy(**given)  # type: ignore[arg-type]  # App.deploy's
    assert caught.value.hint
    assert world.moments.calls == []


def test_a_pull_policy_may_be_a_word() -> None:
    """As in a config; another one is told when the app is made."""
    assert app(World(), pull="missing")._defaults.pull is PullPolicy.missing
    with pytest.raises(ConfigError, match="not a pull policy: 'sometimes'"):
        app(World(), pull="sometimes")


@pytest.mark.parametrize(
    "wrong",
    [{"attempts": 0}, {"interval": 0}, {"interval": -1}, {"stable_for": -1}, {"max_restarts": -1}, {"bake": -0.1}],
)
def test_a_health_policy_that_cannot_judge_is_refused(wrong: dict[str, Any]) -> None:
    """In code as in a config."""
    with pytest.raises(ConfigError, match=f"no release can be judged by HealthPolicy.*{next(iter(wrong))}="):
        HealthPolicy(**wrong)


def test_a_listener_that_is_none_is_refused() -> None:
    """It would never hear of anything."""
    with pytest.raises(ConfigError, match=r"builtins\.str is no observer"):
        World().app.deploy("one", on_event=cast("Any", "print"))


def test_without_a_state_it_remembers_in_the_folder_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was made, wherever the script goes then; every verb finds it."""
    monkeypatch.chdir(tmp_path)
    world = World()
    made = app(world, state=None)
    monkeypatch.chdir("/")
    world.backend.files = made._own.state.files
    assert made.deploy("one").ok
    assert [record.id for record in made.history()] == ["r1"]
    assert made.status().current == made.release("r1")
    assert (tmp_path / ".deploykit" / "journal.db").exists()


def test_a_relative_state_folder_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As docs for backends have it: `Path(".deploykit")`."""
    monkeypatch.chdir(tmp_path)
    world = World()
    state = StateFolder(Path(".deploykit"), Path(".previous_image_tag"), world.clock)
    world.backend.files = state.files
    made = app(world, state=state)
    assert made.deploy("one").ok
    assert [record.id for record in made.history()] == ["r1"]


@pytest.mark.parametrize(
    ("default", "given", "used"),
    [
        (PullPolicy.missing, None, "missing"),
        (PullPolicy.missing, "always", "always"),
        (PullPolicy.always, None, "always"),
    ],
)
def test_a_pull_policy_that_is_named_goes_before_the_app_s(default: PullPolicy, given: str | None, used: str) -> None:
    """And is kept with the deployment, for recovery."""
    world = World()
    app(world, pull=default).deploy("one", pull=given)
    assert world.last.options.pull == used


def test_what_was_asked_for_is_kept_with_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Message, who, and every switch: recovery needs them, and people read them in the history."""
    monkeypatch.setenv("DEPLOYKIT_BY", "alice")
    world = World()
    world.deploy("one", message="Court booking", rollback=False, force=True, irreversible=True)
    options = world.last.options
    assert (options.message, options.by) == ("Court booking", "alice")
    assert (options.auto, options.force, options.irreversible) == (False, True, True)


def test_every_observer_gets_every_event() -> None:
    """Those of the app, and the one of the call."""
    world = World()
    mine: list[object] = []
    world.deploy("one", on_event=mine.append)
    assert mine == world.events
    assert isinstance(mine[-1], Finished)
    world.deploy("two")
    assert len(world.events) > len(mine), "and that call's own is forgotten"


@pytest.mark.parametrize("cancel", [threading.Event(), Interruption(cause=Cause.sigterm)])
def test_a_deploy_can_be_cancelled(cancel: threading.Event | Interruption) -> None:
    """It ends as at a SIGTERM, with what served serving."""
    world = World()
    world.good("one")
    (cancel if isinstance(cancel, threading.Event) else cancel.event).set()
    result = world.deploy("two", cancel=cancel)
    assert (result.outcome, result.exit_code, world.serves) == (Outcome.interrupted, 143, ["one"])


def test_the_lock_is_waited_for_as_long_as_was_asked() -> None:
    """By each verb that changes something."""
    world = World()
    verbs: list[Callable[[App], object]] = [
        lambda app: app.deploy("two", lock_wait=7),
        lambda app: app.rollback(lock_wait=7),
        lambda app: app.recover(lock_wait=7),
    ]
    world.good("one")
    for verb in verbs:
        world.state.lock.held_by = Holder(4711, "eve@ci", 0.0, "deploy")
        before = world.clock.now()
        with pytest.raises(Locked):
            verb(world.app)
        assert 7 <= world.clock.now() - before < 8


def test_the_lock_says_what_is_being_done() -> None:
    """And is free again when it is over."""
    world = World()
    world.good("one")
    doing: list[str] = []

    def note() -> None:
        holder = world.state.lock.holder()
        doing.append(holder.doing if holder else "nothing")

    verbs: list[Callable[[], object]] = [
        lambda: world.deploy("two"),
        world.rollback,
        lambda: world.rollback("two"),
        world.recover,
    ]
    for verb in verbs:
        world.when("backend.identity", "after", note)
        verb()
    assert doing == [f"deploy {REPOSITORY}:two", "rollback", "rollback two", "recover"]
    assert world.state.lock.holder() is None


def test_recover_with_nothing_to_finish_does_nothing() -> None:
    """None, and no row."""
    world = World()
    world.good("one")
    assert world.recover() is None
    assert len(world.rows) == 1


# Abort.


class Clock(ManualClock):
    """Does something once, when somebody has slept until then."""

    def __init__(self) -> None:
        super().__init__()
        self.at = float("inf")
        self.do: Callable[[], object] = list

    def then(self, at: float, do: Callable[[], object]) -> None:
        self.at, self.do = self.now() + at, do

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.now() >= self.at:
            self.at = float("inf")
            self.do()


def test_abort_with_nothing_to_abort_does_nothing() -> None:
    """None, and nobody waited."""
    world = World()
    world.good("one")
    began = world.clock.now()
    assert world.app.abort() is None
    assert world.clock.now() == began


def test_abort_waits_until_what_serves_is_safe() -> None:
    """It asks the holder to stop, and returns when that has let go of the lock, with what came of it."""
    clock = Clock()
    world = World(clock=clock)
    world.good("one")
    world.deploy("one", force=True)
    world.state.lock.held_by = Holder(4711, "eve@ci", 5.0, "deploy")

    def over() -> None:
        assert world.state.lock.aborted
        world.state.lock.held_by = None

    began = clock.now()
    clock.then(12, over)
    result = world.app.abort()
    assert result
    assert (result.id, result.outcome) == ("r2", Outcome.deployed)
    assert 12 <= clock.now() - began < 13


def test_abort_does_not_wait_for_the_next_one() -> None:
    """Somebody else may have taken the lock meanwhile; that deployment was not aborted."""
    clock = Clock()
    world = World(clock=clock)
    world.good("one")
    world.state.lock.held_by = Holder(4711, "eve@ci", 5.0, "deploy")

    def next_one() -> None:
        world.state.lock.held_by = Holder(4712, "bob@ci", 9.0, "deploy")

    clock.then(3, next_one)
    assert world.app.abort()
    assert world.state.lock.held_by == Holder(4712, "bob@ci", 9.0, "deploy")


def test_abort_finishes_what_its_holder_left() -> None:
    """Of a deployment whose process has died it does what `recover` does."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    world.killed_in("checking", lambda: world.deploy("two"))
    result = world.app.abort()
    assert result
    assert (result.id, result.outcome, world.serves) == ("r2", Outcome.rolled_back, ["one"])


def test_abort_finishes_what_a_holder_left_that_died_while_it_was_waited_for() -> None:
    """Its lock was freed by the kernel, and its row is not over."""
    clock = Clock()
    world = World(clock=clock)
    world.good("one")
    world.backend.release("two").crashes()
    world.killed_in("checking", lambda: world.deploy("two"))
    world.state.lock.held_by = Holder(4711, "eve@ci", 5.0, "deploy")
    clock.then(1, lambda: setattr(world.state.lock, "held_by", None))
    result = world.app.abort()
    assert result
    assert result.outcome is Outcome.rolled_back


# Verbs that look.


def test_history_is_newest_first_and_asks_no_engine() -> None:
    """All of it, or as many as were asked for; a refused deployment is not in it."""
    world = World()
    world.good("one", "two", "three")
    with pytest.raises(NoSuchRelease):
        world.rollback("nosuch")
    world.backend.goes_away()
    assert [record.id for record in world.app.history()] == ["r3", "r2", "r1"]
    assert [record.id for record in world.app.history(limit=2)] == ["r3", "r2"]
    assert World().app.history() == []


def test_history_of_none_is_empty() -> None:
    """A limit of 0 is a limit."""
    world = World()
    world.good("one")
    assert world.app.history(limit=0) == []


def test_health_tells_what_each_probe_says() -> None:
    """One answer a probe, in their order, whatever the others say."""
    world = World()
    world.backend.services = ("web", "worker")
    world.probes = [FakeProbe(world.backend, "web"), FakeProbe(world.backend, "worker")]
    world.backend.release("one").warns("slow")
    world.good("one")
    assert world.app.health() == [
        ProbeAnswer("fake web", True, "", ("slow",)),
        ProbeAnswer("fake worker", True, "", ("slow",)),
    ]
    world.backend.living()[0].behaviour = dataclasses.replace(world.backend.living()[0].behaviour, unhealthy_after=0)
    assert [(one.probe, one.healthy, one.reason) for one in world.app.health()] == [
        ("fake web", False, "answers 500"),
        ("fake worker", True, ""),
    ]


@pytest.mark.parametrize("probes", [True, False])
def test_health_of_an_app_that_does_not_run(*, probes: bool) -> None:
    """It says so; without a probe, staying alive is what is looked at."""
    world = World()
    if not probes:
        world.probes = []
    assert world.app.health() == [ProbeAnswer("fake all" if probes else "alive", False, "nothing runs", ())]
    world.good("one")
    assert world.app.health()[0].healthy


def test_health_with_the_engine_away_is_an_error() -> None:
    """It is not the app that is unhealthy."""
    world = World()
    world.backend.goes_away()
    with pytest.raises(EngineUnreachable):
        world.app.health()


def test_looking_changes_nothing() -> None:
    """No call of any fake that changes something."""
    world = World()
    world.good("one", "two")
    world.moments.calls.clear()
    world.app.status()
    world.app.history()
    world.app.health()
    assert set(world.moments.calls) <= {"backend.identity", "backend.running", "backend.find"}


def test_config_is_a_copy_of_what_was_given() -> None:
    """What somebody does to the one leaves the other."""
    world, given = World(), {"app": {"name": "web"}}
    made = app(world, config=given)
    made.config["more"] = {}
    assert given == {"app": {"name": "web"}}
    assert app(world).config == {}


# Who deploys.


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"DEPLOYKIT_BY": "a", "GITHUB_ACTOR": "b", "SUDO_USER": "c"}, "a"),
        ({"DEPLOYKIT_BY": "", "GITHUB_ACTOR": "b", "SUDO_USER": "c"}, "b"),
        ({"SUDO_USER": "c"}, "c"),
        ({}, "user"),
    ],
)
def test_who_deploys(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str) -> None:
    """DEPLOYKIT_BY, GITHUB_ACTOR, SUDO_USER, or the user; what is empty does not count."""
    for variable in ("DEPLOYKIT_BY", "GITHUB_ACTOR", "SUDO_USER"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr("getpass.getuser", lambda: "user")
    assert who() == expected


def test_verbs_take_their_options_by_name() -> None:
    """Only what is deployed, or gone back to, goes without: a swapped pair of switches is no bug of a caller's."""
    for verb, positional in (("deploy", ["self", "tag"]), ("rollback", ["self", "to"]), ("recover", ["self"])):
        parameters = inspect.signature(getattr(App, verb)).parameters.values()
        assert [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD] == positional


def test_the_last_event_says_what_the_result_says() -> None:
    """Whoever follows the events needs no result."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    result = world.deploy("two")
    said = document(world.events[-1])
    assert (said["outcome"], said["exit_code"]) == (result.outcome.name, result.exit_code)
    assert said["serving"]["tag"] == name(result.serving)
