"""`.previous_image_tag`: what is written there, by whom, and when."""

from pathlib import Path

import pytest

from deploykit.errors import ConfigError, NoSuchRelease, Outcome
from deploykit.events import Warned
from deploykit.journal import memory_journal
from deploykit.record import TagMemory
from deploykit.tagfile import TagFile, TagOnDisk
from deploykit.testing import Moment
from tests.unit.world import REPOSITORY, World


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".previous_image_tag"


@pytest.fixture
def tag_file(path: Path) -> TagFile:
    return TagFile(TagOnDisk(path), memory_journal("engine", "project"))


def test_it_is_one_line_replaced_as_one(path: Path) -> None:
    """One line; nothing else is left in the folder."""
    text = TagOnDisk(path)
    text.write("main-1")
    inode = path.stat().st_ino
    text.write("main-2")
    assert path.read_text() == "main-2\n"
    assert path.stat().st_ino != inode, "replaced, not written over"
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("content", ["", "\n", "  \n\n"])
def test_empty_is_missing(path: Path, tag_file: TagFile, content: str) -> None:
    """Missing or empty: the journal answers."""
    assert tag_file.written_by_hand() is None
    path.write_text(content)
    assert tag_file.written_by_hand() is None
    assert not tag_file.exists()


@pytest.mark.parametrize("content", ["two words", "one\ntwo", "ümlaut", "-x", "a" * 129, "\x00", "repo:tag", "../x"])
def test_what_is_no_tag_is_refused(path: Path, tag_file: TagFile, content: str) -> None:
    """Malformed: exit 2, naming the file and what to do."""
    path.write_text(content)
    with pytest.raises(ConfigError, match="previous_image_tag") as caught:
        tag_file.written_by_hand()
    assert caught.value.hint


def test_what_we_wrote_is_not_by_hand(path: Path, tag_file: TagFile) -> None:
    """Content equal to the note is ours; anything else was written by hand, also what was ours once."""
    tag_file.write("one")
    assert tag_file.written_by_hand() is None
    tag_file.write("two")
    tag_file.write("two")
    assert tag_file.written_by_hand() is None
    for tag in ("one", "three"):
        path.write_text(f"  {tag}  \n")
        assert tag_file.written_by_hand() == tag


def test_the_note_is_written_first(path: Path) -> None:
    """A crash between note and file leaves a file that is still ours."""
    notes = memory_journal("engine", "project")

    class Broken(TagOnDisk):
        def write(self, text: str | None) -> None:
            raise OSError(28, "No space left on device")

    TagFile(TagOnDisk(path), notes).write("one")
    with pytest.raises(OSError, match="space"):
        TagFile(Broken(path), notes).write("two")
    assert notes.tag_notes() == TagMemory(None, "two", "one")
    assert TagFile(TagOnDisk(path), notes).written_by_hand() is None


def test_putting_back_makes_content_and_note_what_they_were(path: Path, tag_file: TagFile) -> None:
    """Also when it was written by hand, and when it was not there."""
    for before in ("by-hand", None):
        path.unlink(missing_ok=True)
        if before:
            path.write_text(f"{before}\n")
        memory = tag_file.remember()
        tag_file.write("ours")
        tag_file.put_back(memory)
        tag_file.put_back(memory)
        assert tag_file.remember() == memory
        assert (path.read_text().strip() if path.exists() else None) == before
        assert tag_file.written_by_hand() == before


def test_putting_back_leaves_what_was_written_by_hand_meanwhile(path: Path, tag_file: TagFile) -> None:
    """Nor does it bring back what an operator has deleted."""
    tag_file.write("old")
    memory = tag_file.remember()
    tag_file.write("ours")
    path.write_text("by-hand\n")
    tag_file.put_back(memory)
    assert tag_file.written_by_hand() == "by-hand"
    path.unlink()
    tag_file.put_back(memory)
    assert not path.exists()


def test_a_file_that_cannot_be_read_is_refused(path: Path) -> None:
    """Naming it and how to mend it."""
    path.mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        TagOnDisk(path).read()


# In deployments.


def test_it_holds_the_restore_target_from_saved_on() -> None:
    """At saved the tag of the restore target is written, over a hand-written one too."""
    world = World()
    world.good("one", "two")
    seen = []
    world.when("backend.pull", "before", lambda: seen.append(world.tag_file))
    world.deploy("three")
    assert seen == ["two"]


def test_without_a_restore_target_nothing_is_written() -> None:
    """A first deploy writes no file, good or bad."""
    world = World()
    world.backend.release("bad").crashes()
    world.deploy("bad")
    assert "tag_file.write" not in world.moments.calls
    world.deploy("good")
    assert world.tag_file is None


def test_it_is_written_before_the_terminal_state_is_committed() -> None:
    """What `rollback` would bring back from then on."""
    world = World()
    world.good("one", "two")
    seen = []

    def hook(moment: Moment) -> None:
        if moment == Moment("journal.update", "before"):
            seen.append((world.last.state.name, world.tag_file))

    world.moments.hooks.append(hook)
    world.rollback()
    assert seen[-1] == ("checking", "one"), "nothing is left to go back to: the tag that serves"


def test_after_a_rollback_to_the_last_it_holds_what_serves() -> None:
    """When there is nothing to go back to, and the file exists, it names what serves."""
    world = World()
    world.good("one", "two", "three")
    world.rollback()
    assert world.tag_file == "one"
    world.rollback()
    assert world.tag_file == "one"
    with pytest.raises(NoSuchRelease):
        world.rollback()


def test_a_tag_written_by_hand_is_the_target_of_the_next_rollback_once() -> None:
    """It is used up by a deployment that reaches starting."""
    world = World()
    world.good("one", "two", "three", "four")
    world.state.tag_text.text = "one\n"
    assert world.rollback().exit_code == 0
    assert world.serves == ["one"]
    assert world.stack == ["one"]
    world.good("five")
    assert world.tag_file == "one"
    world.rollback()
    assert world.serves == ["one"]


def test_a_release_without_a_tag_leaves_no_tag_of_another() -> None:
    """What an operator wrote is used up all the same, and what is there never names what rollback does not bring."""
    world = World()
    world.good("one", "two")
    untagged = world.backend.release("three").image
    assert world.app.deploy(image=f"{REPOSITORY}@{untagged.digest}").exit_code == 0
    world.state.tag_text.text = "one"
    world.good("four")
    assert world.tag_file is None
    assert world.rollback().exit_code == 0
    assert world.backend.living()[0].image.id == untagged.id


def test_a_deleted_tag_file_leaves_the_answer_to_the_journal() -> None:
    """As an empty one does."""
    for text in (None, "", "\n"):
        world = World()
        world.good("one", "two")
        world.state.tag_text.text = text
        world.rollback()
        assert world.serves == ["one"]


def test_a_malformed_tag_file_stops_a_rollback_alone() -> None:
    """Exit 2, nothing touched; a deploy never reads it."""
    world = World()
    world.good("one", "two")
    world.state.tag_text.text = "no tag!"
    with pytest.raises(ConfigError):
        world.rollback()
    assert len(world.rows) == 2
    assert world.rollback("one").exit_code == 0
    world.state.tag_text.text = "no tag!"
    assert world.deploy("three").exit_code == 0


@pytest.mark.parametrize("how", ["untouched", "unchanged", "refused", "interrupted"])
def test_a_deployment_that_ends_before_starting_puts_the_hand_written_tag_back(how: str) -> None:
    """Both content and note: it is still the target of the next rollback."""
    world = World()
    world.good("one", "two", "three", "four")
    world.state.tag_text.text = "one"
    if how == "unchanged":
        assert world.deploy("four").outcome is Outcome.unchanged
    elif how == "refused":
        world.backend.refuses = "no HEALTHCHECK"
        with pytest.raises(ConfigError):
            world.deploy("five")
        world.backend.refuses = None
    elif how == "interrupted":
        world.backend.pull_seconds = 5
        assert world.deploy("five", cancel=world.interrupted_in("pulling")).exit_code == 130
    else:
        world.backend.release("five").pull_fails()
        assert world.deploy("five").exit_code == 1
    assert world.tag_file == "one"
    world.rollback()
    assert world.serves == ["one"]


def test_a_killed_deployment_does_not_lose_the_hand_written_tag() -> None:
    """Recovery puts it back, when nothing was replaced."""
    world = World()
    world.good("one", "two", "three", "four")
    world.state.tag_text.text = "one"
    world.killed_in("pulling", lambda: world.deploy("five"))
    assert world.tag_file == "four"
    world.recover()
    assert world.tag_file == "one"
    world.rollback()
    assert world.serves == ["one"]


def test_a_tag_written_by_hand_after_a_kill_survives_the_recovery() -> None:
    """What an operator writes while a killed deploy waits to be finished is not lost."""
    world = World()
    world.good("one", "two", "three", "four")
    world.killed_in("pulling", lambda: world.deploy("five"))
    world.state.tag_text.text = "one"
    world.recover()
    world.rollback()
    assert world.serves == ["one"]


def test_an_automatic_restore_never_reads_it() -> None:
    """What is restored was chosen in pending, whatever somebody writes there meanwhile."""
    world = World()
    world.good("one", "two")
    world.backend.release("three").crashes()

    def write() -> None:
        world.state.tag_text.text = "one"

    world.when("backend.start", "after", write)
    world.deploy("three")
    assert world.serves == ["two"]
    assert world.tag_file == "one", "which is what rollback brings back"


def test_a_hand_written_tag_that_serves_is_refused() -> None:
    """Exit 2: nothing would be done, and the operator meant something."""
    for by_hand in (True, False):
        world = World()
        if by_hand:
            world.backend.serving("four")
        else:
            world.good("one", "two", "three", "four")
        world.state.tag_text.text = "four"
        with pytest.raises(NoSuchRelease, match="serves already"):
            world.rollback()


def test_a_hand_written_tag_that_nobody_knows_is_pulled() -> None:
    """Only that one; a pull that fails puts the tag back."""
    world = World()
    world.good("one")
    world.state.tag_text.text = "elsewhere"
    assert world.rollback().exit_code == 0
    assert world.serves == ["elsewhere"]
    world.state.tag_text.text = "gone"
    world.backend.release("gone").pull_fails()
    assert world.rollback().exit_code == 1
    assert world.tag_file == "gone"


# Where a TAG is looked for.


def test_a_tag_is_the_newest_good_release_of_that_tag() -> None:
    """Before any other release, and before what the tag names now."""
    world = World()
    world.good("one", "two")
    good = world.last.candidate
    world.backend.push("two").crashes()
    world.deploy("two")
    world.good("three")
    world.rollback("two")
    assert world.serves == ["two"]
    assert world.last.candidate
    assert world.last.candidate.id == "r2"
    assert world.last.candidate.same_as(good)


def test_a_tag_that_failed_is_found_in_the_journal_and_said_to_have_failed() -> None:
    """Then any release in the journal."""
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    world.deploy("two")
    world.backend.release("two").good()
    assert world.rollback("two").exit_code == 0
    assert world.serves == ["two"]
    assert any("r2 ended rolled_back" in str(event) for event in world.events if isinstance(event, Warned))
    assert world.stack == ["one", "two"]


def test_a_tag_that_was_left_behind_is_not_said_to_have_failed() -> None:
    """A release that was rolled back from was good once."""
    world = World()
    world.good("one", "two")
    world.rollback()
    world.rollback("two")
    (text,) = world.warnings()
    assert "left behind" in text


def test_a_tag_that_the_journal_does_not_know_is_found_at_hand() -> None:
    """Then the image at hand, with today's files; it is not pulled."""
    world = World()
    world.good("one")
    image = world.backend.release("loaded").image
    world.backend.store.bring(str(image.id), "loaded")
    world.backend.store.down = True
    result = world.rollback("loaded")
    assert result.exit_code == 0
    assert world.serves == ["loaded"]
    assert world.stack == ["loaded"]


def test_an_unhealthy_release_that_was_found_can_be_named() -> None:
    """What was adopted is in the journal, good or not, with its own files."""
    world = World()
    world.backend.serving("zero")
    world.backend.release("zero")
    world.backend.present[0].behaviour = world.backend.release("bad").never_ready().behaviour
    world.good("one")
    assert world.stack == ["one"]
    world.rollback("zero")
    assert world.last.candidate
    assert world.last.candidate.id == "r1a"


@pytest.mark.parametrize(("to", "id"), [("r1", "r1"), ("r2", "r2"), ("r1a", "r1a")])
def test_an_id_means_its_candidate_and_an_adopted_id_what_was_found(to: str, id: str) -> None:  # noqa: A002
    """`r2` is what deployment 2 tried; `r1a` what deployment 1 found."""
    world = World()
    world.backend.serving("zero")
    world.good("one", "two", "three")
    world.rollback(to)
    assert world.last.candidate
    assert world.last.candidate.id == id


def test_a_bare_number_is_a_tag() -> None:
    """Not a deployment."""
    world = World()
    world.good("7", "two")
    world.rollback("7")
    assert world.serves == ["7"]
    with pytest.raises(NoSuchRelease, match="--tag 2"):
        _raise_with_hint(world)


def _raise_with_hint(world: World) -> None:
    try:
        world.rollback("2")
    except NoSuchRelease as error:
        raise NoSuchRelease(error.hint) from error


def test_a_target_named_on_the_command_line_that_serves_is_unchanged() -> None:
    """0, no container moved."""
    world = World()
    world.good("one", "two")
    before = [one.instance.id for one in world.backend.living()]
    result = world.rollback("two")
    assert (result.outcome, result.exit_code) == (Outcome.unchanged, 0)
    assert [one.instance.id for one in world.backend.living()] == before
    assert world.stack == ["one", "two"]


def test_after_an_automatic_restore_rollback_never_goes_to_what_failed() -> None:
    """Nothing that failed or was rolled back from is returned to unless somebody deploys or names it."""
    world = World()
    world.good("one", "two")
    world.backend.release("three").crashes()
    world.deploy("three")
    world.rollback()
    assert world.serves == ["one"]
    with pytest.raises(NoSuchRelease):
        world.rollback()


def test_a_failed_restore_is_what_rollback_tries_again() -> None:
    """A release whose restore failed does not count as running, also after deployments that touched nothing."""
    world = World()
    world.good("one", "two")
    world.backend.release("two").never_ready()
    world.backend.release("three").crashes()
    assert world.deploy("three").outcome is Outcome.restore_failed
    world.backend.release("four").pull_fails()
    failed = world.deploy("four")
    assert failed.outcome is Outcome.untouched
    world.backend.release("two").good()
    assert failed.previous
    assert failed.previous.image.tag == "two"
    assert world.app.status().previous == failed.previous
    assert world.rollback().exit_code == 0
    assert world.serves == ["two"]
    assert world.tag_file == "one"
