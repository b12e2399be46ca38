"""The contracts for plug-ins: whoever breaks a promise fails one of their tests."""

import inspect
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Event
from typing import Any, Literal

import pytest

from deploykit.errors import ConfigError, PullFailed, StepFailed
from deploykit.protocols import Control, Execution, Identity, ProbeVerdict, PullPolicy, Verdict
from deploykit.release import ImageRef, Instance, Release, Running, Snapshot
from deploykit.testing import FakeBackend, contract
from tests.contract.test_fake import FakeStage

Fake = FakeBackend
COUNT = itertools.count()


def unlike(image: ImageRef | None) -> ImageRef | None:
    return image and ImageRef(image.repository, image.tag)


def running_with(**changes: Any) -> Callable[[Fake], Running | None]:
    def running(self: Fake) -> Running | None:
        found = Fake.running(self)
        return found and replace(found, **changes)

    return running


def pull_refused(self: Fake, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
    try:
        return Fake.pull(self, image, policy, control)
    except PullFailed:
        raise StepFailed("it did not come") from None


def pull_by_tag(self: Fake, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
    return Fake.pull(self, ImageRef(image.repository, image.tag), policy, control)


def stop_all(self: Fake, *_: object, **__: object) -> None:
    for one in self.living():
        one.stop()


def pull_and_stop(self: Fake, *given: Any) -> ImageRef:
    stop_all(self)
    return Fake.pull(self, *given)


def start_anew(self: Fake, release: Release, control: Control) -> bool:
    for one in self._mine(release):
        self.present.remove(one)
    return Fake.start(self, release, control)


def start_by_content(self: Fake, release: Release, control: Control) -> bool:
    same = any(one.image.id == release.image.id for one in self.living())
    return same or Fake.start(self, release, control)


def start_and_wait(self: Fake, release: Release, control: Control) -> bool:
    whole = Fake.start(self, release, control)
    self.clock.sleep(1)
    if not any(one.look().alive for one in self._mine(release)):
        raise StepFailed("it died")
    return whole


def refuse(*_: object) -> None:
    raise ConfigError("no")


def discard_content(self: Fake, release: Release, kept: object, control: Control) -> bool:
    return self.store.drop(str(release.image.id))


def discard_living(self: Fake, release: Release, kept: Sequence[Release], control: Control) -> bool:
    self.present = [one for one in self.present if one not in self._mine(release)]
    return Fake.discard(self, release, kept, control)


def discard_unkept(self: Fake, release: Release, kept: object, control: Control) -> bool:
    return Fake.discard(self, release, [], control)


def logs_of_anybody(self: Fake, release: Release, tail: int) -> str:
    return "\n".join("".join(one.log() for one in self.present).splitlines()[-tail:])


def break_in_execute(*_: object) -> Execution:
    raise OSError("no such program")


IN_PLACE: dict[str, dict[str, Any]] = {
    "another runtime each time": {"identity": lambda self: Identity(f"e{next(COUNT)}", "p")},
    "other files each time": {"snapshot": lambda self, image: Snapshot({"a": str(next(COUNT)).encode()})},
    "running: nothing": {"running": lambda self: None},
    "running: something always": {"running": lambda self: Fake.running(self) or Running(ImageRef("a"), ())},
    "running: no id": {"running": running_with(image=ImageRef("a", "one"))},
    "running: no release": {"running": running_with(release=None)},
    "running: no fingerprint": {"running": running_with(fingerprint=None)},
    "running: no instances": {"running": running_with(instances=())},
    "find: unpinned": {"find": lambda self, image: unlike(Fake.find(self, image))},
    "find: by tag alone": {"find": lambda self, image: Fake.find(self, ImageRef(image.repository, image.tag))},
    "find: not by tag": {"find": lambda self, image: Fake.find(self, image) if image.id or image.digest else None},
    "find: not by digest": {
        "find": lambda self, image: None if not image.id and image.digest else Fake.find(self, image)
    },
    "pull: unpinned": {"pull": lambda self, *given: unlike(Fake.pull(self, *given))},
    "pull: no tag": {"pull": lambda self, *given: replace(Fake.pull(self, *given), tag=None)},
    "pull: another error": {"pull": pull_refused},
    "pull: by tag alone": {"pull": pull_by_tag},
    "pull: stops what serves": {"pull": pull_and_stop},
    "keep: stops what serves": {"keep": stop_all},
    "settle: stops what serves": {"settle": stop_all},
    "labels: none": {"labels": lambda self, image: None},
    "demand: refuses": {"demand": refuse},
    "start: again what runs": {"start": start_anew},
    "start: not what has the same content": {"start": start_by_content},
    "start: waits, and refuses the dead": {"start": start_and_wait},
    "start: returns nothing": {"start": lambda self, *given: Fake.start(self, *given) and None},
    "start: does nothing": {"start": lambda self, *given: True},
    "promote: stops all": {"promote": stop_all},
    "complete: always": {"complete": lambda self, release: True},
    "complete: never": {"complete": lambda self, release: False},
    "complete: the dead too": {"complete": lambda self, release: bool(self._mine(release))},
    "instances: of all releases": {"instances": lambda self, release: [one.look() for one in self.present]},
    "instances: none": {"instances": lambda self, release: []},
    "instances: no dead": {"instances": lambda self, of: [one for one in Fake.instances(self, of) if one.alive]},
    "others: its own": {"others": lambda self, release: [one.look() for one in self.living()]},
    "others: the dead": {"others": lambda self, of: [one.look() for one in self.present if one.release != of]},
    "discard: nothing": {"discard": lambda self, *given: False},
    "discard: says it did": {"discard": lambda self, *given: True},
    "discard: what runs": {"discard": discard_content},
    "discard: the living": {"discard": discard_living},
    "discard: what is kept": {"discard": discard_unkept},
    "images: none": {"images": lambda self: []},
    "logs: none": {"logs": lambda self, *given: ""},
    "logs: whole": {"logs": lambda self, of, tail: "a\n" + Fake.logs(self, of, tail)},
    "logs: anybody's": {"logs": logs_of_anybody},
    "execute: another error": {"execute": break_in_execute},
    "redact: all": {"redact": lambda self, text: ""},
}
BESIDE: dict[str, dict[str, Any]] = {
    "beside: no": {"beside": False},
    "start: returns nothing": {"start": lambda self, *given: Fake.start(self, *given) and None},
    "promote: nothing": {"promote": lambda self, *given, drain=True: None},
    "complete: whoever else runs": {"complete": lambda self, of: any(one.look().alive for one in self._mine(of))},
    "others: none": {"others": lambda self, release: []},
    "stand_down: nothing": {"stand_down": lambda self, *given: None},
    "stand_down: all": {"stand_down": stop_all},
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("PATIENCE", "LEEWAY"):
        monkeypatch.setattr(contract, name, 1.0)
    LET_GO.clear()
    yield
    LET_GO.set()


def failing(of: type, make: Callable[[], object]) -> Iterator[str]:
    """Yield the tests of a contract that fail, each on a stage of its own."""
    for name, test in inspect.getmembers(of, inspect.isfunction):
        if name.startswith("test_"):
            try:
                test(of(), make())
            except (Exception, pytest.fail.Exception):  # noqa: BLE001 - however it fails
                yield name


def broken(strategy: Literal["recreate", "rolling"], methods: dict[str, Any]) -> FakeStage:
    stage = FakeStage(strategy)
    stage.backend.__class__ = type("Broken", (FakeBackend,), methods)
    return stage


@pytest.mark.parametrize("how", IN_PLACE)
def test_a_backend_that_breaks_a_promise_fails(how: str) -> None:
    """One of BackendContract's."""
    assert next(failing(contract.BackendContract, lambda: broken("recreate", IN_PLACE[how])), None)


@pytest.mark.parametrize("how", BESIDE)
def test_a_backend_that_rolls_and_breaks_a_promise_fails(how: str) -> None:
    """One of RollingContract's."""
    assert next(failing(contract.RollingContract, lambda: broken("rolling", BESIDE[how])), None)


LET_GO = Event()


class Nod:
    """What is well is what `well` says; `how` it breaks its promises."""

    service = None
    instances = (Instance("i1", "app", "running"),)

    def __init__(self, how: str) -> None:
        self.how, self.well, self.was_well, self.mute = how, True, False, False
        self.name = {"no name": "", "two lines": "a\nb"}.get(how, "nod")

    @property
    def probe(self) -> "Nod":
        return self

    def good(self) -> None:
        self.well = True

    def bad(self) -> None:
        self.well = False

    def silent(self) -> None:
        self.mute, self.well = True, False

    def aimed(self, published: Mapping[int, int]) -> "Nod | None":
        return Nod("no name") if self.how == "aimed without a name" else None

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        if self.mute and self.how == "hangs":
            LET_GO.wait(30)
        if not instances and self.how == "needs instances":
            raise IndexError
        if not self.well and self.how == "raises":
            raise ConnectionError("refused")
        if self.well or (self.how == "remembers" and self.was_well):
            self.was_well = True
            return Verdict(ProbeVerdict.healthy)
        reason = {"no reason": "", "a long reason": "a\nb"}.get(self.how, "it is not well")
        return Verdict(ProbeVerdict.healthy if self.how == "never unhealthy" else ProbeVerdict.unhealthy, reason)


WAYS = ["no name", "two lines", "aimed without a name", "hangs", "needs instances", "raises", "remembers"]
WAYS += ["no reason", "a long reason", "never unhealthy"]


@pytest.mark.parametrize("how", WAYS)
def test_a_probe_that_breaks_a_promise_fails(how: str) -> None:
    """One of ProbeContract's; one that keeps them all does not."""
    assert list(failing(contract.ProbeContract, lambda: Nod(how)))
    assert not list(failing(contract.ProbeContract, lambda: Nod("keeps them")))
