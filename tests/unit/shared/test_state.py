"""Several machines deploy one app: any goes on where another left off."""

from base64 import b64encode
from collections.abc import Callable

import pytest

from deploykit.errors import ConfigError, EngineUnreachable, Held, Locked, LockLost, Outcome
from deploykit.events import Pulled
from deploykit.interrupt import Interruption
from deploykit.journal import memory_journal
from deploykit.protocols import Hold, Identity, Program
from deploykit.release import Snapshot
from deploykit.shared import shelf_name, store
from deploykit.shared.packing import pack
from deploykit.store import StateFolder
from deploykit.testing import Moment
from tests.unit.made import release, row
from tests.unit.shared.machines import LEASE, Machines


def test_the_history_is_the_same_from_everywhere(machines: Machines) -> None:
    """And so are `status` and the story of each deployment."""
    machines.app("here").deploy("one")
    machines.app("there").deploy("two", message="Court booking")
    histories = [machines.history(one) for one in ("here", "there", "elsewhere")]
    assert [one.id for one in histories[0]] == ["r2", "r1"]
    assert histories[0] == histories[1] == histories[2]
    statuses = [machines.app(one).status() for one in ("here", "elsewhere")]
    assert statuses[0] == statuses[1]
    assert machines.app("elsewhere").result("r1") == machines.app("here").result("r1")


def test_a_machine_that_only_looks_is_left_as_it_is(machines: Machines) -> None:
    """No folder is made, which would be another user's when that one deploys; nor is any needed."""
    machines.app("here").deploy("one")
    app = machines.app("elsewhere")
    status = app.status()
    assert (status, app.marks().current) == (machines.app("here").status(), "r1")
    assert (app.history(), app.unhold()) == (machines.history("here"), None)
    assert not (machines.folder / "elsewhere").exists()
    assert "hold.hold" not in machines.shelf.keys


@pytest.mark.parametrize("verb", ["shell", "compose"])
def test_what_is_run_by_hand_has_the_files_of_its_release(
    machines: Machines, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that has not deployed it."""
    machines.app("here").deploy("one")
    kept = machines.folder / "elsewhere/state/releases/r1/app.conf"
    for name in ("exec", "shell", "compose", "logs"):
        run = lambda *_, **__: Program((kept.read_text(),), {})  # noqa: E731
        monkeypatch.setattr(machines.backend, f"{name}_program", run, raising=False)
    hands = machines.app("elsewhere").by_hand
    program = hands.shell(None, ["sh"], terminal=False) if verb == "shell" else hands.compose(["ps"])
    assert program.argv == ("as it is today\n",)


def test_the_checklist_says_where_it_is_kept(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder that CI cleans nothing is lost."""
    monkeypatch.setenv("GITHUB_WORKSPACE", str(machines.folder))
    lines = {one.about: (one.standing.value, one.text) for one in machines.app("here").check("one")}
    assert lines["state"] == ("ok", "what is remembered is kept with the engine")


def test_a_bake_outlives_an_engine_that_is_away_for_a_moment(machines: Machines) -> None:
    """Whether another deployment has begun is asked again with the next look."""
    machines.app("here").deploy("one")
    asked = Interruption()
    sleeps = iter(range(8))

    def away_for_a_while() -> None:
        step = next(sleeps, None)
        machines.shelf.away = step in {2, 3, 4}
        if step is None:
            asked.event.set()

    machines.clock.on_sleep = away_for_a_while
    assert machines.app("here").watch(cancel=asked).exit_code == 0


def test_any_machine_rolls_back_with_the_files_of_the_release(machines: Machines) -> None:
    """What another machine deployed, with the files that it had there."""
    machines.backend.today = {"app.conf": b"old\n"}
    machines.app("here").deploy("one")
    machines.backend.today = {"app.conf": b"new\n"}
    machines.app("here").deploy("two")
    result = machines.app("there").rollback()
    assert (result.outcome, machines.serves) == (Outcome.deployed, ["one"])
    assert dict(machines.backend.living()[0].files) == {"app.conf": b"old\n"}
    assert (machines.folder / "there/state/releases/r1/app.conf").read_bytes() == b"old\n"


def test_a_tag_file_that_is_out_of_date_is_not_taken_for_a_hand(machines: Machines) -> None:
    """It is of its machine; what was deployed from elsewhere since is in the journal."""
    machines.app("here").deploy("one")
    machines.app("here").deploy("two")
    assert (machines.folder / "here/tag").read_text() == "one\n"
    machines.app("there").deploy("three")
    machines.app("here").rollback()
    assert machines.serves == ["two"]
    (machines.folder / "there/tag").write_text("one\n")
    machines.app("there").rollback()
    assert machines.serves == ["one"]


def test_a_journal_is_written_by_who_has_the_lock(machines: Machines) -> None:
    """Another machine took it over meanwhile: not one row more, not even a new one."""
    here = machines.state("here")
    here.prepare()
    with here.lock.acquire("deploy", 0, Interruption()):
        journal = here.journal(Identity("fake-engine", "fake"))
        machines.clock.suspend(LEASE)
        with machines.held("there"), pytest.raises(LockLost, match="was taken over by pid"):
            journal.begin(row(0))
    assert machines.history("any") == []


def test_a_story_is_taken_along_by_who_has_the_lock(machines: Machines) -> None:
    """It may take long: what another machine has begun meanwhile is not written over."""
    here = machines.state("here")
    here.prepare()
    alone = StateFolder(machines.folder / "here/state", machines.folder / "here/tag", machines.clock)
    journal = alone.journal(Identity("fake-engine", "fake"))
    journal.begin(row(0, candidate=release("old", 1)))
    journal.close()
    with here.lock.acquire("deploy", 0, Interruption()):
        machines.clock.suspend(LEASE)
        machines.app("there").deploy("new")
        rows = machines.shelf.read("row")
        marks = machines.shelf.get("marks.marks")
        assert marks
        machines.shelf.remove(marks)  # as it was when the first one looked
        with pytest.raises(LockLost):
            here.journal(Identity("fake-engine", "fake"))
    assert machines.shelf.read("row") == rows


@pytest.mark.parametrize("how", ["journal", "journal_to_read"])
def test_what_cannot_be_opened_leaves_nothing_open(
    machines: Machines, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's own journal is closed again."""
    machines.app("here").deploy("one")
    machines.shelf.put("row.9", b"nonsense", None)
    own = memory_journal("fake-engine", "fake")
    monkeypatch.setattr(StateFolder, how, lambda *_: own)
    with pytest.raises(ConfigError, match=r"row\.9"):
        getattr(machines.state("here"), how)(Identity("fake-engine", "fake"))
    with pytest.raises(ConfigError, match="closed"):
        own.tag_notes()


def test_a_hold_is_for_all(machines: Machines) -> None:
    """Until anyone lifts it."""
    machines.app("here").hold("migration")
    assert machines.app("there").status().hold
    with pytest.raises(Held, match="migration"):
        machines.app("there").deploy("one")
    lifted = machines.app("there").unhold()
    assert lifted
    assert lifted.why == "migration"
    assert machines.app("here").deploy("one").exit_code == 0
    assert machines.app("here").unhold() is None


def test_a_failures_log_is_read_anywhere(machines: Machines) -> None:
    """The end of it, where it did not fail."""
    machines.app("here").deploy("one")
    machines.backend.release("two").crashes(after=1, exit_code=3, log="ImportError: courts")
    machines.app("here").deploy("two")
    for machine in ("here", "there"):
        assert "ImportError: courts" in machines.app(machine).failure_log("r2")
    logs = machines.state("here").logs
    whole = "begin" + "x" * 1024 * 1024 + "end"
    logs.keep("r2", whole)
    assert logs.read("r2") == whole
    assert machines.state("there").logs.read("r2") == whole[-256 * 1024 :]
    logs.discard("r2")
    assert [machines.state(one).logs.read("r2") for one in ("here", "there")] == [None, None]
    machines.shelf.away = True
    logs.keep("r2", "log")
    assert logs.read("r2") == "log"


def test_prune_and_protect_are_for_all(machines: Machines) -> None:
    """What is protected on one machine, another does not prune."""
    for tag in ("one", "two", "three", "four"):
        machines.app("here").deploy(tag)
    machines.app("here").protect("r1")
    machines.app("there").prune(1)
    assert [key for key in machines.shelf.keys if key.startswith("files")] == ["files.r1", "files.r3", "files.r4"]


def test_two_at_once_are_told_apart(machines: Machines) -> None:
    """The second is refused while the first goes on, and leaves no trace."""
    refused: list[Locked] = []

    def also() -> None:
        with pytest.raises(Locked) as caught:
            machines.app("there").deploy("two")
        refused.append(caught.value)

    app = machines.app("here")
    app.deploy("one", on_event=lambda event: also() if isinstance(event, Pulled) else None)
    assert len(refused) == 1
    assert machines.serves == ["one"]
    assert [one.id for one in machines.history("there")] == ["r1"]


@pytest.mark.parametrize("name", ["../../../evil", "/tmp/evil", "a/../../evil", ""])
def test_the_engine_does_not_write_where_it_likes(machines: Machines, name: str) -> None:
    """Who may use the engine is not thereby let on to the machines that deploy."""
    machines.app("here").deploy("one")
    machines.shelf.put("files.r9", pack({name: b64encode(b"evil").decode()}), None)
    with pytest.raises(ConfigError, match=r"files\.r9, .* cannot be read: .* is no file of a release"):
        machines.app("there").deploy("two")
    assert not [*machines.folder.rglob("evil")]


def test_a_hold_that_cannot_be_read_holds(machines: Machines) -> None:
    """Somebody meant something by it; it can be lifted."""
    machines.shelf.put("hold.hold", b"nonsense", None)
    with pytest.raises(Held, match=r"by unknown .* hold\.hold, .* cannot be read"):
        machines.app("there").deploy("one")
    assert machines.app("there").unhold()
    assert machines.app("there").deploy("one").exit_code == 0


def test_what_is_there_already_is_not_put_again(machines: Machines) -> None:
    """An engine pays for each write."""
    machines.app("here").deploy("one")
    files = machines.state("there").files
    before = machines.shelf.get("files.r1")
    files.keep("r1", files.read("r1"))
    assert machines.shelf.get("files.r1") == before


def test_what_an_engine_is_asked_for_does_not_grow(machines: Machines) -> None:
    """A deploy, a look at it, and one of a bake: whatever the history."""
    machines.app("here").deploy("one")
    asked = machines.shelf.asked
    asked.clear()
    machines.history("there")
    assert sum(asked.values()) <= 3
    asked.clear()
    machines.app("there").status()
    assert sum(asked.values()) <= 6
    for tag in map(str, range(20)):
        asked.clear()
        machines.app("here").deploy(tag)
        assert sum(asked.values()) <= 27


def test_a_long_story_is_taken_along_as_far_as_it_is_kept(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest deployments of it."""
    monkeypatch.setattr(store, "KEPT", 3)
    here = StateFolder(machines.folder / "here/state", machines.folder / "here/tag", machines.clock)
    here.prepare()
    alone = here.journal(Identity("fake-engine", "fake"))
    for number in range(1, 6):
        alone.begin(row(number, candidate=release(str(number), number)))
    alone.close()
    machines.app("here").deploy("one")
    assert [one.number for one in machines.history("there")] == [6, 5, 4, 3]


def test_the_story_of_a_machine_that_deployed_alone_goes_on(machines: Machines) -> None:
    """With `store = "engine"` put into its config, its journal, files and marks are there for all."""
    here = StateFolder(machines.folder / "here/state", machines.folder / "here/tag", machines.clock)
    here.prepare()
    alone = here.journal(Identity("fake-engine", "fake"))
    for number, tag in enumerate(("one", "two"), 1):
        machines.backend.release(tag)
        alone.begin(row(number, candidate=release(tag, number)))
        here.files.keep(f"r{number}", Snapshot({"app.conf": tag.encode()}))
    alone.protect("r1", on=True)
    alone.close()
    assert [one.id for one in machines.history("here")] == ["r2", "r1"]
    assert machines.history("there") == []
    machines.shelf.moments.hooks.append(_breaks_after(3))
    with pytest.raises(RuntimeError):
        machines.app("here").deploy("three")
    machines.shelf.moments.hooks.clear()
    machines.app("here").deploy("three")
    assert [one.id for one in machines.history("there")] == ["r3", "r2", "r1"]
    there = machines.state("there")
    assert there.files.read("r2") == Snapshot({"app.conf": b"two"})
    assert machines.app("there").marks().protected == {"r1"}


def _breaks_after(puts: int) -> Callable[[Moment], None]:
    left = iter(range(2 * puts))

    def hook(moment: Moment) -> None:
        if next(left, None) is None:
            raise RuntimeError("killed")

    return hook


def test_a_shelf_has_a_name_of_its_own() -> None:
    """For each app and target, and never longer than a swarm lets a config's name be, with a key behind it."""
    found = {shelf_name(app, target) for app in ("a", "b", "a" * 63, "a" * 62) for target in (None, "x", "y" * 63)}
    assert len(found) == 12
    assert all(len(f"{one}.files.r100000a") <= 64 for one in found)


def test_a_hold_that_nobody_can_ask_about_is_no_hold_that_is_not_there(machines: Machines) -> None:
    """A runtime that is away lets nothing begin."""
    machines.state("here").hold.put(Hold("why", "me", 1.0))
    machines.shelf.away = True
    with pytest.raises(EngineUnreachable, match="does not answer"):
        machines.app("there").deploy("one")
