"""Events as JSON: scripts read every key of it."""

import json
from typing import Any

import pytest

from deploykit.errors import Outcome
from deploykit.events import Event, Failed, Finished, Looked, Moved, Progress, Saved, Started
from deploykit.observers.json import JsonObserver, document, dump, plain, release_document
from deploykit.record import Failure, Kind
from deploykit.release import ImageRef, Release
from deploykit.states import State, Trigger
from tests.unit.made import image, release
from tests.unit.world import World

PIN = {"tag": "one", "digest": image("one").digest, "image_id": image("one").id}
ONE = {"id": "r1", "image": "example.com/team/web:one", **PIN}
AT = 1_700_000_000.1234


def test_an_event_is_one_object_with_its_name_and_its_fields() -> None:
    """The id of the deployment and the time are in every one; an image is its name, its parts beside it."""
    event = Started(id="r1", at=AT, kind=Kind.deploy, image=image("one"))
    assert document(event) == {
        "event": "deployment.started",
        "id": "r1",
        "at": "2023-11-14T22:13:20.123Z",
        "kind": "deploy",
        "image": "example.com/team/web:one",
        **PIN,
    }


def test_states_and_triggers_are_their_names() -> None:
    """The words of the table of states."""
    moved = document(Moved(id="r1", at=AT, trigger=Trigger.fail, source=State.checking, target=State.rolling_back))
    assert (moved["trigger"], moved["source"], moved["target"]) == ("fail", "checking", "rolling_back")


def test_a_look_has_its_times_in_seconds() -> None:
    """As numbers, and its verdict as a boolean."""
    looked = document(Looked(id="r1", at=AT, attempt=2, elapsed=1.5, budget=60.0, healthy=False, reason="no"))
    rest = {key: looked[key] for key in ("attempt", "elapsed", "budget", "healthy", "reason")}
    assert rest == {"attempt": 2, "elapsed": 1.5, "budget": 60.0, "healthy": False, "reason": "no"}


def test_a_release_is_an_object_and_none_is_null() -> None:
    """`{id, image, tag, digest, image_id}`; the id of what deploykit did not start is null."""
    assert document(Saved(id="r2", at=AT, release=release("one")))["release"] == ONE
    assert release_document(None) is None
    by_hand = release_document(Release("", ImageRef("web", id="sha256:" + "1" * 64)))
    assert by_hand == {"id": None, "image": "web", "tag": None, "digest": None, "image_id": "sha256:" + "1" * 64}


def test_a_failure_is_an_object_with_all_its_parts() -> None:
    """Summary, state, detail, exit code, logs, hint, and whether it died, or of memory."""
    failure = Failure("it died", State.checking, exit_code=137, oom_killed=True, dead=True, logs="a\nb")
    assert document(Failed(id="r1", at=AT, failure=failure))["failure"] == {
        "summary": "it died",
        "state": "checking",
        "detail": "",
        "exit_code": 137,
        "oom_killed": True,
        "dead": True,
        "logs": "a\nb",
        "hint": "",
        "looks": [],
        "instances": [],
    }


@pytest.mark.parametrize("outcome", Outcome)
def test_the_end_has_outcome_state_and_exit_code(outcome: Outcome) -> None:
    """Under their names, with what serves and what `rollback` would bring back."""
    event = Finished(
        id="r2",
        at=AT,
        kind=Kind.deploy,
        outcome=outcome,
        state=State.failed,
        exit_code=outcome.exit_code,
        image=image("one"),
        release=None,
        serving=release("one"),
        previous=None,
        barrier=None,
        failure=None,
        duration=1.5,
    )
    said = document(event)
    assert (said["event"], said["outcome"], said["state"]) == ("deployment.finished", outcome.value, "failed")
    assert (said["exit_code"], said["serving"], said["previous"]) == (outcome.exit_code, ONE, None)


def test_a_whole_deployment_is_one_object_a_line() -> None:
    """The last is the end, and all are of that deployment."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes(log="caf\u00e9 \u2603\x1b[2J\u2028")
    written: list[str] = []
    world.deploy("two", on_event=JsonObserver(written.append))
    said: list[dict[str, Any]] = [json.loads(line) for line in written]
    assert all(line.isascii() and "\n" not in line for line in written)
    assert {one["id"] for one in said} == {"r2"}
    assert (said[0]["event"], said[-1]["event"]) == ("deployment.started", "deployment.finished")
    assert (said[-1]["outcome"], said[-1]["state"], said[-1]["exit_code"]) == ("rolled_back", "rolled_back", 1)


def test_every_kind_of_event_has_a_name_of_its_own() -> None:
    """A script tells them apart by it."""
    names = {kind.__name__: kind.name for kind in Event.__subclasses__()}
    assert len(set(names.values())) == len(names)
    assert "event" not in names.values()


def test_what_the_runtime_says_is_on_one_line() -> None:
    """Line ends and what is not ASCII are escaped: no terminal's encoding spoils it."""
    line = dump(document(Progress(id="r1", at=AT, line="a\nb \u00e9")))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["line"] == "a\nb \u00e9"


def test_no_number_is_written_that_json_has_not() -> None:
    """NaN would break whoever reads it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump({"at": float("nan")})


def test_values_inside_values_are_plain_too() -> None:
    """Of mappings, lists and tuples."""
    value = {State.healthy: [image("one"), (Outcome.deployed, None, 1, "x", True)]}
    assert plain(value) == {"State.healthy": ["example.com/team/web:one", ["deployed", None, 1, "x", True]]}
