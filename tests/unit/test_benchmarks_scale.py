"""The swarm that the benchmarks pretend, what is counted of it, and that the page in docs says what was measured."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.results import read
from benchmarks.scale import door, page
from benchmarks.scale.door import NoSuch, answered, opened, pinned
from benchmarks.scale.meter import Count, Meter, metered
from benchmarks.scale.swarm import CRASHES, SERVICE, OutOfSequence, Swarm
from deploykit.backends.engine.api import Api
from deploykit.backends.engine.door import Door
from deploykit.backends.engine.line import at_socket
from deploykit.backends.swarm import ServiceBackend, SwarmSettings
from deploykit.backends.swarm.tasks import Task, slots
from deploykit.release import Release
from deploykit.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD, NEW = pinned("main-1"), pinned("main-2")


class Stage:
    """A swarm of ten, at a time of the test's own."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.swarm = Swarm(10, OLD, self.clock.time)

    def update(self, image: str, parallelism: int = 2) -> None:
        said = self.swarm.service()
        spec = json.loads(json.dumps(said["Spec"]))
        spec["TaskTemplate"]["ContainerSpec"]["Image"] = image
        spec["UpdateConfig"]["Parallelism"] = parallelism
        self.swarm.update(said["Version"]["Index"], spec)

    def states(self, image: str) -> list[str]:
        """The states of the tasks that are to run of an image, place by place."""
        tasks = map(Task, json.loads(self.swarm.tasks()))
        return [one.current.state for one in slots("web", tasks) if one.current.image == image]


def test_a_batch_is_replaced_and_no_more() -> None:
    """Start-first: the old ones run until the new ones do."""
    stage = Stage()
    stage.update(NEW)
    assert (stage.states(NEW), stage.states(OLD)) == (["starting"] * 2, ["running"] * 8)
    stage.clock.sleep(1)
    assert (stage.states(NEW), stage.states(OLD)) == (["running"] * 2, ["running"] * 8)
    stage.clock.sleep(60)
    assert len(stage.states(NEW)) == 2
    stage.update(NEW)
    assert len(stage.states(NEW)) == 4


def test_no_more_tasks_are_remembered_than_the_engine_does() -> None:
    """Five that have ended, of each place."""
    stage = Stage()
    for image in (NEW, OLD, NEW):
        stage.update(image, parallelism=0)
        stage.clock.sleep(1)
        assert len(json.loads(stage.swarm.tasks())) == 60


def test_what_crashes_is_waited_with_and_what_still_runs_comes_back() -> None:
    """Another task is made in its place; going back moves no task."""
    stage = Stage()
    stage.update(pinned(f"{CRASHES}-1"))
    stage.clock.sleep(1)
    assert stage.states(pinned(f"{CRASHES}-1")) == ["ready"] * 2
    stage.update(OLD)
    assert stage.states(OLD) == ["running"] * 10


def test_a_change_of_what_has_changed_is_refused() -> None:
    """As the engine does."""
    stage = Stage()
    before = stage.swarm.service()
    stage.update(NEW)
    with pytest.raises(OutOfSequence):
        stage.swarm.update(before["Version"]["Index"], before["Spec"])


def test_what_it_does_not_know_is_told() -> None:
    """A question that is answered by chance would be measured for nothing."""
    swarm = Stage().swarm
    for path in ("/v1.41/volumes", "/v1.41/images/another:tag/json", "/v1.41/tasks/one"):
        with pytest.raises(NoSuch):
            answered(swarm, "GET", path, b"")


@contextmanager
def serving(replicas: int) -> Iterator[tuple[Meter, ServiceBackend]]:
    """A backend, a meter, and a pretended swarm."""
    with tempfile.TemporaryDirectory() as name:  # not pytest's own: the path of a socket is short
        folder = Path(name)
        swarm = Swarm(replicas, OLD, time.time)
        settings = SwarmSettings(
            name="scale", services=(SERVICE,), state=folder / "state", host=f"unix://{folder}/meter"
        )
        with opened(folder / "engine", swarm), metered(folder / "meter", folder / "engine") as meter:
            yield meter, ServiceBackend(settings)


def test_three_hundred_tasks_are_asked_for_as_ten_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look is a question for the service, one for all tasks, and one for all nodes."""
    monkeypatch.setattr(door, "TELLS", 0)
    counts = []
    for replicas in (10, 300):
        with serving(replicas) as (meter, backend):
            running = backend.running()
            assert running is not None
            meter.count = Count()
            assert len(backend.instances(Release("r1a", running.image, {}))) == replicas
            counts.append(meter.count)
    few, many = counts
    assert few.questions == many.questions == 3
    assert few.commands == many.commands == 0
    assert many.answered > 20 * few.answered


def test_the_meter_passes_on_what_is_said() -> None:
    """And counts it."""
    with serving(10) as (meter, _):
        said: Any = Api(Door(at_socket(str(meter.server_address))), 5).get("/services")
        assert said[0]["Spec"]["Name"] == SERVICE
        assert meter.count.questions == 2  # and which version it speaks
        assert meter.count.answered > len(json.dumps(said))


def test_the_page_is_that_of_the_results() -> None:
    """`python -m benchmarks.scale report` would change nothing."""
    text = page.PAGE.read_text()
    assert page.with_tables(text, read(page.RESULTS)) == text


def test_the_results_name_no_machine() -> None:
    """No paths and no hosts: they are published."""
    text = page.RESULTS.read_text()
    assert not [word for word in ("/home/", "/root/", "/tmp/", "/work/", "localhost") if word in text]
