"""An operator's hold: nothing is deployed while it is there, and nothing can be taken for no hold."""

from pathlib import Path

import pytest

from deploykit.errors import ConfigError, Held
from deploykit.hold import HoldFile
from deploykit.protocols import Hold
from tests.unit.world import World

HOLD = Hold("the database moves", "alice", 1_700_000_000.0)


def test_a_hold_stops_a_deploy_before_anything_is_done() -> None:
    """It says who, since when and why, and how to go on; no row is written."""
    world = World()
    world.good("one")
    world.app.hold("the database moves")
    with pytest.raises(Held, match=r"deploys are held by .* since .* UTC: the database moves") as told:
        world.deploy("two")
    assert told.value.exit_code == 6
    assert "`deploykit unhold`" in told.value.hint
    assert (world.serves, len(world.rows)) == (["one"], 1)


def test_force_does_not_override_it() -> None:
    """Who wants to deploy all the same lifts it first."""
    world = World()
    world.app.hold("no")
    with pytest.raises(Held):
        world.deploy("one", force=True)


def test_a_hold_that_comes_while_others_have_their_turn_counts() -> None:
    """It is asked for again when the lock has been taken."""
    world = World()
    world.when("backend.identity", "before", lambda: world.state.hold.put(HOLD))
    with pytest.raises(Held):
        world.deploy("one")
    assert world.serves == []


def test_going_back_and_finishing_go_on_meanwhile() -> None:
    """It stops deploys alone; a killed one is left to `recover`, not finished by a `run` that is refused."""
    world = World()
    world.good("one", "two")
    world.app.hold("no")
    assert world.rollback().exit_code == 0
    world.app.unhold()
    world.killed_in("checking", lambda: world.deploy("three"))
    world.app.hold("no")
    with pytest.raises(Held):
        world.deploy("four")
    assert not world.last.ended
    assert world.recover()
    assert world.serves == ["three"]


def test_deploys_go_on_when_it_is_lifted() -> None:
    """Lifting tells what it was; lifting none is fine."""
    world = World()
    put = world.app.hold("why")
    assert world.app.unhold() == put
    assert world.app.unhold() is None
    assert world.deploy("one").exit_code == 0


def test_the_newest_hold_is_the_one() -> None:
    """A second one takes the place of the first."""
    world = World()
    world.app.hold("first")
    world.app.hold("second")
    held = world.app.status().hold
    assert held
    assert held.why == "second"


@pytest.fixture
def board(tmp_path: Path) -> HoldFile:
    return HoldFile(tmp_path / "hold")


def test_a_hold_is_kept_for_its_owner_alone(board: HoldFile, tmp_path: Path) -> None:
    """As it was put, whatever stands in it."""
    hold = Hold('"quotes"\nand ümläute', "eve", 5.0)
    board.put(hold)
    assert board.read() == hold
    assert (tmp_path / "hold").stat().st_mode & 0o777 == 0o600
    assert board.lift() == hold
    assert board.read() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"why": 1}', "[" * 10_000, "\0", '{"why": "x", "by": "y"}'])
def test_what_cannot_be_understood_holds(board: HoldFile, tmp_path: Path, text: str) -> None:
    """Somebody meant something by it; it names the file, and can be lifted."""
    (tmp_path / "hold").write_text(text)
    held = board.read()
    assert held
    assert str(tmp_path / "hold") in held.why
    board.lift()
    assert board.read() is None


def test_a_hold_that_cannot_be_put_or_lifted_is_a_refusal(tmp_path: Path) -> None:
    """Naming the file, and whose it is."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be changed"):
        HoldFile(tmp_path / "file" / "hold").put(HOLD)
    (tmp_path / "hold").mkdir()
    board = HoldFile(tmp_path / "hold")
    assert board.read()
    with pytest.raises(ConfigError, match="cannot be changed") as told:
        board.lift()
    assert "chown" in told.value.hint


def test_no_hold_where_there_is_no_folder(tmp_path: Path) -> None:
    assert HoldFile(tmp_path / "nowhere" / "hold").read() is None


def test_a_hold_survives_whoever_reads_it_meanwhile(tmp_path: Path) -> None:
    """It is replaced as one: no leftover of the writing is beside it."""
    board = HoldFile(tmp_path / "hold")
    board.put(HOLD)
    board.put(HOLD)
    assert [path.name for path in tmp_path.iterdir()] == ["hold"]
