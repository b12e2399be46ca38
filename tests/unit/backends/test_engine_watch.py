"""An eye on containers through the engine's own events."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest

from deploykit.backends.engine.runner import Command
from deploykit.backends.engine.watch import DockerWatch
from deploykit.errors import EngineUnreachable
from deploykit.release import Instance

WAIT = 20.0
"""More seconds than a line takes through a pipe; no test waits for them to pass."""
WEB = Instance("aa", "web", "running", started_at=1.0)


class Engine:
    """Tells what a test says, and is asked what it knows of its containers."""

    def __init__(self, pipe: Path) -> None:
        os.mkfifo(pipe)
        self.known = {"aa": WEB}
        self.watch = DockerWatch(
            Command(("cat", str(pipe)), float("inf"), dict(os.environ)), self.inspect, self.recognise
        )
        self.watch.__enter__()
        self.events: IO[bytes] = pipe.open("wb", buffering=0)

    def inspect(self, ids: Sequence[str]) -> list[Instance]:
        return [self.known[one] for one in ids if one in self.known]

    def recognise(self, container: str, labels: Mapping[str, str]) -> str | None:
        return "web" if labels.get("release") == "r1" else None

    def tell(self, *events: dict[str, Any]) -> Sequence[Instance]:
        """Tell events at once, and return what the watch makes of them."""
        self.events.write(b"".join(json.dumps(event).encode() + b"\n" for event in events))
        return self.watch.wait(WAIT)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "events")
    yield made
    made.events.close()
    made.watch.__exit__(None, None, None)


def event(status: str, at: float = 2.0, **attributes: str) -> dict[str, Any]:
    return {"status": status, "id": "aa", "timeNano": int(at * 1e9), "Actor": {"Attributes": attributes}}


def test_an_exit_is_told_with_the_code_of_the_event(engine: Engine) -> None:
    """Though the engine calls the container running again: it is about to be started anew."""
    (told,) = engine.tell(event("die", 4.5, exitCode="3"))
    assert (told.status, told.exit_code, told.finished_at) == ("restarting", 3, 4.5)


def test_a_death_is_told_by_the_event_alone(engine: Engine) -> None:
    """Where its labels say whose the container is, the engine, which may be slow to answer now, is not asked."""
    engine.known.clear()
    (told,) = engine.tell(event("start", 4.0), event("die", 4.5, exitCode="3", release="r1", name="shop-web-1"))
    assert (told.id, told.service, told.name, told.status) == ("aa", "web", "shop-web-1", "exited")
    assert (told.exit_code, told.started_at, told.finished_at) == (3, 4.0, 4.5)


def test_an_exit_that_is_the_end_is_told_as_such(engine: Engine) -> None:
    """What the engine says of a container that has exited stays; a code that the event lacks is the engine's."""
    engine.known["aa"] = Instance("aa", "web", "exited", exit_code=9)
    (told,) = engine.tell(event("die"))
    assert (told.status, told.exit_code) == ("exited", 9)


def test_an_exit_after_running_out_of_memory_is_told_as_that(engine: Engine) -> None:
    """Docker tells it in an event of its own, and may have forgotten it by the time it is asked."""
    (told,) = engine.tell(event("oom"), event("die", exitCode="137"))
    assert (told.exit_code, told.oom_killed) == (137, True)


def test_the_start_that_counts_is_that_of_the_run_that_died(engine: Engine) -> None:
    """Not that of the next one, which the engine shows already."""
    engine.known["aa"] = Instance("aa", "web", "running", started_at=99.0)
    (told,) = engine.tell(event("start", 5.0), event("die", 6.5, exitCode="1"))
    assert (told.started_at, told.finished_at) == (5.0, 6.5)


@pytest.mark.parametrize("status", ["start", "health_status: healthy", "health_status: unhealthy"])
def test_other_changes_are_told_as_the_engine_shows_them(engine: Engine, status: str) -> None:
    """A start and a verdict of the HEALTHCHECK."""
    assert engine.tell(event(status)) == (WEB,)


def test_what_is_no_change_is_not_told(engine: Engine) -> None:
    """Commands inside a container, its removal, and containers of others, which cannot be inspected as ours."""
    others = {**event("die", exitCode="1"), "id": "bb"}
    assert engine.tell(event("exec_create: curl"), event("destroy"), event("attach"), others) == ()


def test_of_several_changes_the_last_is_told(engine: Engine) -> None:
    """Once for each instance."""
    (told,) = engine.tell(event("die", exitCode="1"), event("start"), event("die", exitCode="2"))
    assert told.exit_code == 2


def test_an_event_that_comes_in_pieces_is_told_when_it_is_whole(engine: Engine) -> None:
    """And a wait that has run out tells nothing."""
    line = json.dumps(event("die", exitCode="3")).encode() + b"\n"
    engine.events.write(line[:10])
    assert engine.watch.wait(WAIT) == ()
    assert engine.watch.wait(0) == ()
    engine.events.write(line[10:])
    (told,) = engine.watch.wait(WAIT)
    assert told.exit_code == 3


def test_an_engine_that_goes_away_is_told(engine: Engine) -> None:
    """The command that tells events never ends by itself."""
    engine.events.close()
    with pytest.raises(EngineUnreachable, match="went away"):
        engine.watch.wait(WAIT)


def test_closing_it_leaves_nothing_behind(engine: Engine) -> None:
    """The command that tells events is gone."""
    child = engine.watch._child
    assert child
    engine.watch.__exit__(None, None, None)
    assert child.poll() is not None
