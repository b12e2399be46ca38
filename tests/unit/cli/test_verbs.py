"""The verbs that change something: what they hand to the app, what they print, their exit codes."""

import json
from dataclasses import replace

import pytest

import deploykit
from deploykit.cli.errors import Hurried
from deploykit.errors import Outcome
from deploykit.events import Event
from deploykit.protocols import Holder
from tests.unit.cli.conftest import Cli
from tests.unit.world import REPOSITORY


def test_run_deploys_with_what_was_typed(cli: Cli) -> None:
    """Every option reaches the deployment."""
    words = [
        "--tag",
        "one",
        "--message",
        "why",
        "--no-rollback",
        "--force",
        "--irreversible",
        "--pull",
        "missing",
        "--rehearse",
    ]
    assert cli("run", *words) == 0
    options = cli.world.last.options
    assert (options.message, options.by, options.pull) == ("why", "alice", "missing")
    assert (options.auto, options.force, options.irreversible, options.rehearse) == (False, True, True, True)
    assert cli("run", "--image", "example.com/team/web:two") == 0
    assert cli.world.serves == ["two"]


def test_run_prints_the_runbook_s_lines(cli: Cli) -> None:
    """Each with its prefix, nothing on stderr."""
    assert cli("deploy", "--tag", "one") == 0
    assert cli.lines[0] == "[deploy] Using image: example.com/team/web:one"
    assert cli.lines[-1] == "[deploy] Deploy completed successfully"
    assert all(line.startswith("[deploy] ") for line in cli.lines)
    assert cli.err == ""


def test_run_names_the_next_command_with_the_config_file(cli: Cli) -> None:
    """As it was typed, ready to be pasted."""
    cli.world.backend.release("one").crashes()
    assert cli("run", "--tag", "one") == 4
    assert "[deploy]            deploykit run web.toml --tag TAG  deploys one that works" in cli.lines
    assert cli.lines[-1] == "[deploy]            deploykit history web.toml r1     this page again"


def test_run_as_json_is_one_object_a_line(cli: Cli) -> None:
    """The last tells how it ended, and the exit code is that of the process."""
    cli.world.good("one")
    cli.world.backend.release("two").crashes()
    assert cli("run", "--tag", "two", "--json") == 1
    last = json.loads(cli.lines[-1])
    assert (last["event"], last["outcome"], last["exit_code"]) == ("deployment.finished", "rolled_back", 1)


def test_lock_wait_is_in_seconds(cli: Cli) -> None:
    """Then 75."""
    cli.world.state.lock.held_by = Holder(4711, "eve@ci", 0.0, "deploy")
    for verb in ("run --tag one", "rollback", "recover"):
        before = cli.world.clock.now()
        assert cli(*verb.split(), "--lock-wait", "2.5") == 75
        assert 2.5 <= cli.world.clock.now() - before < 3
        assert "4711" in cli.err


def test_a_bake_that_rolled_back_is_the_exit_code_and_the_page(cli: Cli) -> None:
    """Of JSON, and of the lines."""
    cli.world.good("one", "two")
    cli.world.policy = replace(cli.world.policy, bake=60)
    for flag in ([], ["--json"]):
        cli.world.backend.push("bad").turns_unhealthy(after=10)
        assert cli("run", "--tag", "bad", *flag) == 1
        assert cli.world.serves == ["two"]
        if flag:
            last = json.loads(cli.lines[-1])
            assert (last["event"], last["outcome"], last["exit_code"]) == ("deployment.finished", "rolled_back", 1)
            assert (last["kind"], last["image"], last["serving"]["tag"]) == ("deploy", f"{REPOSITORY}:bad", "two")
        else:
            assert "[deploy] ERROR: Turned unhealthy 14s after the deploy: answers 500" in cli.lines
            assert cli.lines.count("[deploy] Rollback completed successfully") == 1
            assert cli.lines[-1] == "[deploy] next       deploykit run web.toml --tag TAG  when it is mended"


def test_watch_ends_with_0_or_with_what_came_of_it(cli: Cli) -> None:
    """It says how long it looked on."""
    cli.world.good("one")
    cli.world.backend.release("two").turns_unhealthy(after=3700)
    cli.world.good("two")
    assert cli("watch", "--for", "30") == 0
    assert cli.lines == ["[deploy] Watching two for 30s...", "[deploy] Still healthy after 30s"]
    assert cli("watch", "--for", "1000", "--json") == 1
    last = json.loads(cli.lines[-1])
    assert (last["event"], last["outcome"], last["serving"]["tag"]) == ("deployment.finished", "rolled_back", "one")


@pytest.mark.parametrize("words", [["one"], ["--to", "one"], ["r1"], ["--to=r1"]])
def test_rollback_goes_to_what_was_named(cli: Cli, words: list[str]) -> None:
    """As a word, or after --to."""
    cli.world.good("one", "two", "three")
    assert cli("rollback", *words, "-m", "why", "--no-rollback", "--force") == 0
    assert cli.world.serves == ["one"]
    options = cli.world.last.options
    assert (options.message, options.auto, options.force, options.files) == ("why", False, True, "release")


def test_rollback_goes_one_back_with_the_files_that_were_asked_for(cli: Cli) -> None:
    """The release's own, or today's."""
    cli.world.good("one", "two")
    cli.world.backend.today["app.conf"] = b"changed\n"
    assert cli("rollback", "--files", "current") == 0
    assert cli.world.serves == ["one"]
    assert cli.world.backend.living()[0].files["app.conf"] == b"changed\n"


def test_rollback_to_two_is_refused(cli: Cli) -> None:
    """Exit 2, and nothing is touched."""
    cli.world.good("one", "two", "three")
    assert cli("rollback", "one", "--to", "two") == 2
    assert "name one release to go back to, not two" in cli.err
    assert cli.world.serves == ["three"]


def test_rollback_with_nothing_to_go_back_to(cli: Cli) -> None:
    """Exit 2, and it says what serves."""
    cli.world.good("one")
    assert cli("rollback") == 2
    assert "no earlier good release of web to go back to (example.com/team/web:one serves)" in cli.err


def test_recover_tells_when_there_is_nothing_to_finish(cli: Cli) -> None:
    """Exit 0."""
    assert cli("recover") == 0
    assert cli.out == "[deploy] Nothing to finish\n"
    assert cli.json("recover") == {"event": "recover.nothing", "exit_code": 0}


def left_half_way(cli: Cli, log: str = "ImportError: courts") -> None:
    cli.world.good("one")
    cli.world.backend.release("two").crashes(log=log)
    cli.world.killed_in("checking", lambda: cli.world.deploy("two"))
    cli.world.events.clear()


def test_recover_ends_with_the_code_of_what_it_finished(cli: Cli) -> None:
    """And tells its story."""
    left_half_way(cli)
    assert cli("recover") == 1
    assert cli.lines[0].startswith("[deploy] Finishing r2, a deploy of example.com/team/web:two")


def test_abort_tells_when_nothing_runs(cli: Cli) -> None:
    """Exit 0."""
    assert cli("abort") == 0
    assert cli.out == "[deploy] Nothing runs that could be aborted\n"
    assert cli.json("abort") == {"event": "abort.nothing", "exit_code": 0}


def test_abort_ends_with_0_when_all_is_safe(cli: Cli) -> None:
    """Though the deploy failed: that was the point."""
    left_half_way(cli)
    assert cli("abort") == 0
    assert cli.lines[-3:-1] == [
        "[deploy] r2: example.com/team/web:two failed, and what served before serves",
        "[deploy]   again; exit code 1",
    ]
    assert cli.lines[-1].startswith("[deploy] serves now one (r1), again since 2023-11-")


def test_abort_ends_with_3_when_it_is_not(cli: Cli) -> None:
    """A first deploy that was aborted may leave nothing that serves."""
    cli.world.backend.release("one").crashes()
    cli.world.killed_in("checking", lambda: cli.world.deploy("one"))
    assert cli("abort") == 3


def test_abort_as_json_ends_with_what_came_of_it(cli: Cli) -> None:
    """Outcome, state, and what serves."""
    left_half_way(cli)
    assert cli("abort", "--json") == 0
    last = json.loads(cli.lines[-1])
    assert (last["event"], last["id"], last["kind"], last["exit_code"]) == ("abort.finished", "r2", "deploy", 0)
    assert (last["outcome"], last["state"], last["serving"]["tag"]) == ("rolled_back", "rolled_back", "one")


def test_abort_shows_nothing_that_steers_a_terminal(cli: Cli) -> None:
    """The last words of an app are anybody's words; each stays on a line of ours."""
    left_half_way(cli, log="gone\x1b[2J\x0b[deploy] Deploy completed successfully")
    cli("abort")
    assert "\x1b" not in cli.out
    assert "[deploy] Deploy completed successfully" not in cli.lines
    assert all(line.startswith("[deploy] ") for line in cli.lines)


def test_rollback_abort_is_done_when_aborting_brought_back_what_served(cli: Cli) -> None:
    """Nothing older is brought then; exit 0."""
    cli.world.good("zero")
    left_half_way(cli)
    assert cli("rollback", "--abort") == 0
    assert cli.world.serves == ["one"]
    assert cli.world.last.outcome is Outcome.rolled_back


def test_rollback_abort_goes_on_to_what_was_named(cli: Cli) -> None:
    """Or, when nothing was running, just rolls back."""
    cli.world.good("zero")
    left_half_way(cli)
    assert cli("rollback", "--abort", "zero") == 0
    assert cli.world.serves == ["zero"]
    cli.world.good("three")
    assert cli("rollback", "--abort") == 0
    assert cli.world.serves == ["zero"]


class Lingering:
    """An observer that is not done when the deployment is; `error` is what comes while it is waited for."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.told: list[str] = []

    def __call__(self, event: Event) -> None:
        self.told.append(event.name)

    def close(self) -> None:
        self.told.append("closed")
        if self.error:
            raise self.error


@pytest.mark.parametrize("error", [None, Hurried()], ids=["sent", "Ctrl-C"])
def test_what_is_still_being_sent_is_waited_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException | None
) -> None:
    """After the end was told; a second Ctrl-C cuts that alone, for the deployment is over."""
    observer = Lingering(error)
    app = cli.world.app
    app._own = replace(app._own, observers=(observer,))
    monkeypatch.setattr(deploykit, "load", lambda path, target: app)
    assert cli("run", "--tag", "one") == 0
    assert observer.told[-2:] == ["deployment.finished", "closed"]
    assert cli.lines[-1] == "[deploy] Deploy completed successfully"
