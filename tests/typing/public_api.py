"""The whole public API, used as other people's code uses it: checked by mypy and pyright, never run."""

import logging
import threading
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import assert_type

import pytest
import structlog

import deploykit
import deploykit.testing
from deploykit import (
    App,
    ConfigError,
    DeploykitError,
    DeploymentFailed,
    EngineUnreachable,
    Event,
    Failure,
    HealthPolicy,
    Held,
    ImageRef,
    Instance,
    Kind,
    Locked,
    NoSuchRelease,
    Outcome,
    Plan,
    ProbeAnswer,
    Record,
    RegistryFailed,
    Release,
    Report,
    Result,
    State,
    Status,
    load,
)
from deploykit.backends.compose import ComposeBackend
from deploykit.backends.docker import DockerBackend
from deploykit.backends.process import ProcessBackend
from deploykit.events import Finished, Moved
from deploykit.observers.json import JsonObserver
from deploykit.observers.log import LogObserver
from deploykit.plugins import FolderStore, Found, InPlace, Setting
from deploykit.probes import CommandProbe, ContainerProbe, HttpProbe, TcpProbe
from deploykit.protocols import (
    Backend,
    Control,
    Finding,
    Hold,
    Identity,
    Observer,
    Probe,
    ProbeVerdict,
    PullPolicy,
    Standing,
    Verdict,
)
from deploykit.testing import (
    BackendContract,
    ContractStage,
    Fake,
    FakeApp,
    FakeBackend,
    FakeProbe,
    FakeRelease,
    Killed,
    ManualClock,
    MemoryState,
    Moment,
    Moments,
    ProbeContract,
    ProbeStage,
    RealWorldTouched,
    RehearsalContract,
    RollingContract,
    Story,
)

# Loading and deploying.


def deploy() -> int:
    app = load("sandmatch.toml", target=None)
    assert_type(app, App)
    assert_type(deploykit.__version__, str)
    result = app.deploy(
        tag="main-abc123",
        message="Court booking",
        rollback=True,
        force=False,
        irreversible=False,
        rehearse=None,
        pull="always",
        lock_wait=60,
        cancel=threading.Event(),
        on_event=on_event,
    )
    assert_type(result, Result)
    if result.outcome is Outcome.rolled_back and result.failure and result.serving:
        assert_type(result.failure, Failure)
        print(result.failure.summary, "serves:", result.serving.image.tag)
    return report(result)


def report(result: Result) -> int:
    assert_type(result.outcome, Outcome)
    assert_type(result.state, State)
    assert_type(result.release, Release | None)
    assert_type(result.previous, Release | None)
    assert_type(result.kind, Kind)
    assert_type([move.target for move in result.transitions], list[State])
    assert_type(result.duration, float)
    assert_type(result.report, Report | None)
    assert_type(result.explain(), str)
    assert_type(result.report, Report | None)
    result.raise_for_outcome()
    return result.exit_code


def errors() -> int:
    try:
        return deploy()
    except (ConfigError, NoSuchRelease, EngineUnreachable, Held, Locked, DeploymentFailed, RegistryFailed) as error:
        print(error.hint)
        return error.exit_code
    except DeploykitError as error:
        assert_type(error.exit_code, int)
        return error.exit_code


def on_event(event: Event) -> None:
    match event:
        case Moved():
            assert_type(event.target, State)
        case Finished():
            assert_type(event.outcome, Outcome)
        case _:
            assert_type(event.name, str)


def other_verbs(app: App) -> None:
    assert_type(app.rollback("main-xyz789", files="current"), Result)
    assert_type(app.recover(), Result | None)
    assert_type(app.abort(), Result | None)
    assert_type(app.watch(60), Result)
    assert_type(app.status(), Status)
    assert_type(app.history(5), list[Record])
    assert_type(app.health(), list[ProbeAnswer])
    assert_type(app.check("main-abc123"), list[Finding])
    assert_type(app.plan("main-abc123"), Plan)
    assert_type(app.hold("migration"), Hold)
    assert_type(app.unhold(), Hold | None)
    assert_type(app.protect("main-xyz789"), Release)
    assert_type(app.failure_log("r12"), str)
    app.prune(keep=3)
    app.close()


# An app of objects.


def build() -> App:
    backends: list[Backend] = [
        ComposeBackend(name="shop", files=[Path("c.yml")], services=["web"], state=Path(".deploykit")),
        DockerBackend(name="shop", state=Path(".deploykit")),
        ProcessBackend(name="shop", command=["./serve"]),
    ]
    probes: list[Probe] = [
        HttpProbe(url="http://localhost:8000/api/health/", require={"ok": True}),
        TcpProbe(port=8000),
        ContainerProbe(),
        CommandProbe(argv=("check",), execute=backends[0].execute),
    ]
    logs: list[Observer] = [
        LogObserver(),
        LogObserver(logging.getLogger("ship")),
        LogObserver(structlog.get_logger()),
        JsonObserver(print),
    ]
    return App(
        "shop",
        "ghcr.io/team/shop",
        backends[0],
        probes,
        HealthPolicy(attempts=30, interval=2.0),
        observers=logs,
        pull=PullPolicy.missing,
        checks=[disk],
        tag=lambda: "main",
    )


def disk(image: ImageRef | None) -> Finding:
    return Finding("disk", Standing.ok, f"there is room for {image}")


# Plug-ins.


class Shelf(InPlace):
    def __init__(self, setting: Setting) -> None:
        self.store = FolderStore(setting.state / "shelf", setting.app)

    def identity(self) -> Identity:
        return Identity("shelf", "shop")

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        return self.store.add(Path(), image, control.interruption)

    def images(self) -> Sequence[ImageRef]:
        return self.store.images()

    def present(self) -> Sequence[Found]:
        return [Found(Instance("one", "app", "running"), ImageRef("shop"))]

    def launch(self, release: Release, control: Control) -> None: ...

    def end(self, one: Found) -> None: ...

    def drop(self, image: ImageRef) -> bool:
        return False


class Nod:
    name, service = "nod", None

    def aimed(self, published: Mapping[int, int]) -> "Nod":
        return self

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        return Verdict(ProbeVerdict.healthy)


def plugged() -> App:
    return App("shop", "shop", Shelf(Setting(app="shop")), [Nod()])


class ShelfStage:
    last_words = ""

    def __init__(self) -> None:
        setting = Setting(app="shop")
        self.backend, self.files, self.missing = Shelf(setting), setting.files, ImageRef("none")

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        return ImageRef("shop", tag)


class TestShelf(BackendContract, RollingContract, RehearsalContract):
    @pytest.fixture
    def stage(self) -> ContractStage:
        return ShelfStage()


class NodStage:
    probe, instances = Nod(), (Instance("one", "app", "running"),)

    def good(self) -> None: ...

    def bad(self) -> None: ...

    def silent(self) -> None: ...


class TestNod(ProbeContract):
    @pytest.fixture
    def stage(self) -> ProbeStage:
        return NodStage()


# Tests of scripts.


class Shipping(unittest.TestCase):
    def test_it(self) -> None:
        with Fake() as fake:
            in_a_test(fake)


def in_a_test(deploykit_fake: Fake) -> None:
    assert_type(deploykit_fake.serving("main-xyz789"), FakeRelease)
    deploykit_fake.release("main-abc123").crashes(after=3, exit_code=1, log="ImportError: courts")
    deploykit_fake.release("a").never_ready().warns("slow")
    deploykit_fake.release("b").turns_unhealthy(after=5)
    deploykit_fake.release("c").oom()
    deploykit_fake.release("d").flaps()
    deploykit_fake.release("e").pull_fails(times=2)
    deploykit_fake.deployed("one", "two")
    deploykit_fake.when("checking", lambda: None)
    deploykit_fake.assert_serving("main-xyz789")
    assert_type(deploykit_fake.last, Story)
    deploykit_fake.last.assert_went("starting", State.checking)
    deploykit_fake.last.assert_outcome(Outcome.rolled_back)
    assert_type(deploykit_fake.app("shop"), FakeApp)
    assert_type(deploykit_fake.elapsed, float)
    assert_type(deploykit_fake.clock, ManualClock)
    assert_type(deploykit.testing.RealWorldTouched("no"), RealWorldTouched)


def by_hand() -> App:
    clock, moments = ManualClock(), Moments()
    state = MemoryState(clock, moments)
    backend = FakeBackend(clock, state.files, moments=moments)
    moments.hooks.append(kill)
    return App("shop", "example.com/team/web", backend, [FakeProbe(backend)], state=state, clock=clock)


def kill(moment: Moment) -> None:
    if moment.call == "backend.start":
        raise Killed
