"""The story of a deployment, word for word: scripts and runbooks rely on every line of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deploykit.events import (
    Failed,
    Finished,
    Looked,
    Moved,
    Progress,
    Pulled,
    Restoring,
    Resumed,
    Saved,
    Sight,
    Started,
    Warned,
    WatchEnded,
    Watching,
)
from deploykit.health import HealthPolicy
from deploykit.interrupt import Cause
from deploykit.observers.lines import HEARTBEAT, Narrator
from deploykit.page import short
from deploykit.record import Failure, Kind
from deploykit.release import ImageRef
from deploykit.states import State, Trigger
from deploykit.testing import Moment
from tests.unit.made import image, release
from tests.unit.world import World, refuses

README = Path(__file__).parents[3] / "README.md"
STARTED = """\
Using image: example.com/team/web:two
Saved current version for rollback: one
Pulling...
Starting containers...
"""
HEAD = f"{STARTED}Smoke check...\n"
DIED = """\
ERROR: Container exited with code 3 after 0.4s
"""
BACK = """\
ROLLBACK: Starting rollback to previous version...
Rolling back to: example.com/team/web:one
"""
LEFT = "ERROR: LOOK NOW: example.com/team/web:{} failed, and was left as it is: {}"
OFF = "going back by itself is switched off"
BROUGHT_BACK = f"""\
{BACK}Rollback completed successfully
"""


def world(*good: str, auto: bool = True, policy: HealthPolicy | None = None) -> World:
    """An app with these good releases; `two` dies when it is started, unless told otherwise."""
    made = World(auto=auto) if policy is None else World(policy, auto)
    made.good(*good)
    if "two" not in good:
        made.backend.release("two").crashes(after=0.4, exit_code=3, log="ImportError: courts")
    made.events.clear()
    return made


def story(told: World) -> str:
    """The runbook's lines and those between, but for the digest of what was pulled and the probe's last answer.

    The page that follows a failure is told in tests/unit/test_page.py.
    """
    narrate = Narrator()
    events = (replace(event, report=None) if isinstance(event, Finished) else event for event in told.events)
    lines = [text for event in events for level, text in narrate(event) if level != "debug"]
    return "".join(f"{line}\n" for line in lines if not line.startswith(("Pulled: ", "Last answer: ")))


# Deploys.


def test_the_lines_of_the_readme_are_told_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runbook's story of a failed deploy, others between."""
    block = README.read_text().partition("## What a failed deploy looks like")[2].split("```")[1]
    expected = re.findall(r"^\[deploy\] (.*)$", block, re.MULTILINE)
    assert len(expected) == 9
    monkeypatch.setattr("tests.unit.world.REPOSITORY", "ghcr.io/ekimteam/sandmatch/web")
    told = world("main-xyz789", policy=HealthPolicy())
    told.backend.release("main-abc123").never_ready()
    told.deploy("main-abc123")
    lines = iter(story(told).splitlines())
    assert [one for one in expected if one not in lines] == []


def test_a_good_deploy() -> None:
    """It ends with the runbook's line."""
    told = world("one")
    told.backend.release("two").good()
    told.backend.pull_seconds = 3
    told.deploy("two")
    assert story(told) == (
        f"{HEAD}example.com/team/web:two (r2) serves, healthy after 3.0s\nDeploy completed successfully\n"
    )


def test_a_first_deploy() -> None:
    """Nothing was saved, so nothing is said of it."""
    told = world()
    told.deploy("one")
    assert story(told).splitlines()[:2] == ["Using image: example.com/team/web:one", "Pulling..."]


@pytest.mark.parametrize("healthy", [True, False])
def test_what_was_started_by_hand_is_said_to_be_adopted(*, healthy: bool) -> None:
    """Or, when it does not pass its probes, warned of."""
    told = world()
    script = told.backend.release("zero")
    if not healthy:
        script.never_ready()
    told.backend.serving("zero")
    told.deploy("one")
    assert story(told).splitlines()[1:3] == [
        "Adopted what serves: example.com/team/web:zero, healthy, as r1a"
        if healthy
        else "WARNING: what serves is not healthy: example.com/team/web:zero (not ready yet)",
        "Saved current version for rollback: zero",
    ]


def test_a_release_that_dies() -> None:
    """The exit code in place of the budget, its last lines, and then the way back."""
    told = world("one")
    told.deploy("two")
    assert story(told) == f"{HEAD}{DIED}Auto-rollback triggered due to health check failure\n{BROUGHT_BACK}"


def test_a_release_that_runs_out_of_memory() -> None:
    """It is said: the exit code alone would not tell."""
    told = world("one")
    told.backend.release("two").good().oom(after=0.1)
    told.deploy("two")
    assert "ERROR: Container exited with code 137 after 0.1s (out of memory)\n" in story(told)


def test_a_release_that_never_turns_healthy() -> None:
    """A sign of life every ten seconds with the last answer, then the budget, as `{:g}s`."""
    told = world("one", policy=HealthPolicy(attempts=3, interval=8.5))
    told.backend.release("two").good().never_ready()
    told.deploy("two")
    assert story(told) == (
        f"{HEAD}Not healthy yet, 10s of 25.5s: not ready yet\nNot healthy yet, 21s of 25.5s: not ready yet\n"
        "ERROR: Health check failed after 25.5s\nAuto-rollback triggered due to health check failure\n"
        f"{BROUGHT_BACK}"
    )


def test_a_release_that_cannot_be_started() -> None:
    """The engine's words, and no word of a health check."""
    told = world("one")
    told.backend.release("two").good().start_raises(refuses("port is already allocated"))
    told.deploy("two")
    assert story(told) == (
        f"{STARTED}ERROR: port is already allocated\nAuto-rollback triggered due to a failure in starting\n"
        f"{BROUGHT_BACK}"
    )


def test_an_unchanged_release() -> None:
    """Nothing was started; it is a good deploy all the same."""
    told = world("one")
    told.deploy("one")
    assert story(told).splitlines()[-3:] == [
        "Pulling...",
        "example.com/team/web:one (r1) serves already, and is healthy: nothing was changed",
        "Deploy completed successfully",
    ]


@pytest.mark.parametrize("good", [(), ("one",)])
def test_a_failure_before_anything_was_replaced(good: tuple[str, ...]) -> None:
    """It says why; that nothing was replaced, and what serves, is told by the page."""
    told = world(*good)
    told.backend.release("two").pull_fails()
    told.deploy("two")
    assert story(told).splitlines()[-1] == "ERROR: example.com/team/web:two did not come: connection reset"


def test_a_failure_with_nothing_to_go_back_to() -> None:
    """It says that it was left."""
    told = world()
    told.deploy("two")
    assert story(told).splitlines()[-1] == (
        "ERROR: example.com/team/web:two failed, and there was nothing to go back to: it was left as it is"
    )


def test_a_failure_with_going_back_switched_off() -> None:
    """It says why it was left."""
    told = world("one", auto=False)
    told.deploy("two")
    assert story(told) == f"{HEAD}{DIED}{LEFT.format('two', OFF)}\n"


def test_an_irreversible_release_that_fails() -> None:
    """It says what only --force does, and that works."""
    told = world("one")
    told.deploy("two", irreversible=True)
    assert story(told).splitlines()[-1] == LEFT.format(
        "two", "example.com/team/web:two (r2) is marked irreversible, and only --force goes back across it"
    )
    assert told.rollback(force=True).exit_code == 0


def test_a_restore_that_fails() -> None:
    """Both failures are told, and that somebody must look."""
    told = world("one")
    told.backend.release("one").crashes(after=0.1)
    told.deploy("two")
    assert story(told) == (
        f"{HEAD}{DIED}Auto-rollback triggered due to health check failure\n{BACK}"
        "ERROR: Rollback failed: Container exited with code 1 after 0.1s\n"
        "ERROR: LOOK NOW: example.com/team/web:two failed, and so did going back\n"
    )


def test_an_engine_that_stays_away() -> None:
    """It says where the deployment was left."""
    told = world("one")
    _away_in(told, "starting")
    told.deploy("two")
    assert story(told).splitlines()[-3:] == [
        "Starting containers...",
        "WARNING: the fake engine does not answer; waiting for it for up to 60s",
        "ERROR: LOOK NOW: r2 is not finished, it is in starting",
    ]


def _away_in(told: World, state: str) -> None:
    def hook(moment: Moment) -> None:
        if moment == Moment("journal.update", "after") and told.last.state.name == state:
            told.backend.goes_away()

    told.moments.hooks.append(hook)


def test_a_rolling_deploy() -> None:
    """Retiring the older instances is a step of its own."""
    told = world("one")
    told.backend.release("two").good()
    told.backend.strategy = "rolling"
    told.deploy("two")
    assert story(told).splitlines()[-4:] == [
        "Smoke check...",
        "Retiring what served before...",
        "example.com/team/web:two (r2) serves, healthy after 0.0s",
        "Deploy completed successfully",
    ]


@pytest.mark.parametrize("dies", [True, False])
def test_a_deploy_that_fails_in_its_first_batch(*, dies: bool) -> None:
    """A batch is judged before the next is started: the runbook's lines are those of a deploy of one piece."""
    told = world("one", policy=HealthPolicy(attempts=8, interval=0.5))
    told.backend.strategy, told.backend.parallelism, told.backend.replicas = "rolling", 1, 2
    if not dies:
        told.backend.release("two").good().never_ready()
    told.deploy("two")
    why = DIED if dies else "ERROR: Health check failed after 4s\n"
    assert story(told) == f"{HEAD}{why}Auto-rollback triggered due to health check failure\n{BROUGHT_BACK}"


def test_the_smoke_check_of_several_batches_is_told_once() -> None:
    """With the first look."""
    told = world("one")
    told.backend.strategy, told.backend.parallelism, told.backend.replicas = "rolling", 1, 3
    told.backend.release("two").good()
    told.deploy("two")
    assert story(told).startswith(f"{HEAD}Retiring what served before...\n")


# Interrupts.


def test_an_interrupt_before_anything_was_replaced() -> None:
    """It is no error."""
    told = world("one")
    told.backend.pull_seconds = 60
    told.deploy("two", cancel=told.interrupted_in("pulling"))
    assert story(told).splitlines()[-1] == "Interrupted by SIGINT in pulling"


@pytest.mark.parametrize("cause", Cause)
def test_an_interrupted_deploy(cause: Cause) -> None:
    """Going back is said to be for the signal, not for a health check."""
    told = world("one")
    told.backend.release("two").good().ready_after(5)
    told.deploy("two", cancel=told.interrupted_in("checking", cause))
    assert story(told) == (
        f"{HEAD}Interrupted by {cause.value} in checking\nRestoring after {cause.value}\n{BROUGHT_BACK}"
    )


def test_an_interrupted_deploy_whose_restore_fails() -> None:
    """That what served is not safe goes before the signal."""
    told = world("one")
    told.backend.release("one").crashes(after=0.1)
    told.backend.release("two").good().ready_after(5)
    told.deploy("two", cancel=told.interrupted_in("checking"))
    assert "Restoring after SIGINT\n" in story(told)
    assert "ERROR: LOOK NOW: example.com/team/web:two failed, and so did going back\n" in story(told)


def test_an_interrupted_rollback() -> None:
    """What served is restored, and no second rollback is announced."""
    told = world("one", "two")
    told.backend.release("one").ready_after(5)
    told.rollback(cancel=told.interrupted_in("checking"))
    assert story(told).splitlines()[-3:] == [
        "Interrupted by SIGINT in checking",
        "Restoring after SIGINT",
        "Restoring what served before: example.com/team/web:two",
    ]


# Rollbacks by hand.


def test_a_rollback() -> None:
    """The runbook's three lines, from what to what, how long each has served, and the check between."""
    told = world("one", "two")
    told.rollback()
    assert story(told) == (
        f"{BACK}From two (served 1 h) to one (served 1 h until 2023-11-14 23:13 UTC)\n"
        "Pulling...\nStarting containers...\nSmoke check...\n"
        "example.com/team/web:one (r1) serves, healthy after 0.0s\nRollback completed successfully\n"
    )


def test_a_rollback_to_what_serves() -> None:
    """Unchanged, and completed."""
    told = world("one", "two")
    told.rollback("two")
    assert story(told).splitlines()[-2:] == [
        "example.com/team/web:two (r2) serves already, and is healthy: nothing was changed",
        "Rollback completed successfully",
    ]


def test_a_rollback_that_fails() -> None:
    """What served is restored; the rollback is not said to have completed."""
    told = world("one", "two")
    told.backend.release("one").crashes(after=0.4, exit_code=3, log="ImportError: courts")
    told.rollback()
    assert story(told) == (
        f"{BACK}From two (served 1 h) to one (served 1 h until 2023-11-14 23:13 UTC)\n"
        f"Pulling...\nStarting containers...\nSmoke check...\n{DIED}"
        "Auto-rollback triggered due to health check failure\n"
        "Restoring what served before: example.com/team/web:two\n"
    )


@pytest.mark.parametrize(
    ("restore", "ending"),
    [
        (True, "ERROR: LOOK NOW: example.com/team/web:one failed, and so did going back"),
        (False, LEFT.format("one", OFF)),
    ],
    ids=["restore_failed", "left_unhealthy"],
)
def test_a_rollback_that_leaves_nothing_good(*, restore: bool, ending: str) -> None:
    """Whether its restore fails too or was switched off, somebody must look."""
    told = world("one", "two")
    told.backend.release("one").crashes()
    told.backend.release("two").crashes()
    told.rollback(rollback=restore)
    assert story(told).splitlines()[-1] == ending


def test_a_rollback_to_an_irreversible_release_that_fails() -> None:
    """From there it goes forward again, which needs no --force, and none is spoken of."""
    told = world()
    told.backend.release("two").good()
    told.deploy("two", irreversible=True)
    told.good("three")
    told.backend.release("two").crashes()
    told.rollback(rollback=False)
    assert story(told).splitlines()[-1] == LEFT.format("two", OFF)
    assert told.rollback().exit_code == 0


def test_a_rollback_whose_image_is_gone() -> None:
    """It says why nothing was begun."""
    told = world("one", "two")
    told.backend.store.at_hand.clear()
    told.backend.store.down = True
    told.rollback()
    assert story(told).splitlines()[-1] == "ERROR: example.com/team/web:one did not come: the registry does not answer"


def test_a_rollback_that_is_left_unfinished() -> None:
    """As a deploy is."""
    told = world("one", "two")
    _away_in(told, "checking")
    told.rollback()
    assert story(told).splitlines()[-1] == "ERROR: LOOK NOW: r3 is not finished, it is in checking"


# What a killed run left.


def killed_in(state: str) -> World:
    told = world("one")
    told.killed_in(state, lambda: told.deploy("two"))
    told.events.clear()
    return told


FOUND = "Finishing r2, a deploy of example.com/team/web:two that was killed in {}\n"


@pytest.mark.parametrize(
    ("state", "finish", "rest"),
    [
        (
            "pulling",
            World.recover,
            "Abandoned in pulling: deploykit was killed; nothing was replaced\n",
        ),
        (
            "starting",
            World.recover,
            f"Smoke check...\n{DIED}Auto-rollback triggered due to health check failure\n{BROUGHT_BACK}",
        ),
        ("checking", World.recover, f"{DIED}Auto-rollback triggered due to health check failure\n{BROUGHT_BACK}"),
        ("rolling_back", World.recover, f"Going on with going back\n{BROUGHT_BACK}"),
        (
            "checking",
            World.rollback,
            (
                "Given up in checking: deploykit was killed, and a rollback was asked for\nRestoring, as asked\n"
                f"{BACK}example.com/team/web:one (r1) serves again; example.com/team/web:two failed\n"
                "Rollback completed successfully\n"
            ),
        ),
    ],
    ids=["recover pulling", "recover starting", "recover checking", "recover rolling_back", "rollback checking"],
)
def test_a_killed_deploy_that_is_finished(state: str, finish: Callable[[World], object], rest: str) -> None:
    """It says what it found, and goes on from there; being given up is no error."""
    told = killed_in(state)
    finish(told)
    assert story(told) == FOUND.format(state) + rest


def test_a_killed_rollback_that_is_finished() -> None:
    """It is called by its kind, and completed."""
    told = world("one", "two")
    told.killed_in("starting", told.rollback)
    told.events.clear()
    told.recover()
    assert story(told) == (
        "Finishing r3, a rollback of example.com/team/web:one that was killed in starting\nSmoke check...\n"
        "example.com/team/web:one (r1) serves, healthy after 0.0s\nRollback completed successfully\n"
    )


# Single events.


def lines(*events: object) -> list[tuple[str, str]]:
    narrate = Narrator()
    return [line for event in events for line in narrate(event)]  # type: ignore[arg-type]  # they are events


def test_what_was_pulled_is_named_with_its_content() -> None:
    """By digest; where no registry holds it, by the image's id."""
    pinned, local = image("one"), ImageRef("web", "one", None, "sha256:" + "1" * 64)
    assert lines(Pulled(id="r1", at=0, image=pinned), Pulled(id="r1", at=0, image=local)) == [
        ("info", f"Pulled: example.com/team/web:one ({pinned.digest})"),
        ("info", f"Pulled: web:one ({local.id})"),
    ]
    assert lines(Pulled(id="r1", at=0, image=local, size=245 * 2**20, took=12.34)) == [
        ("info", f"Pulled: web:one ({local.id}), 245 MiB unpacked, in 12.3s"),
    ]


def test_levels_are_for_who_filters() -> None:
    """The runtime's own lines are for debugging; warnings and errors are what they say."""
    failed = Failure("it broke", State.starting)
    assert lines(
        Progress(id="r1", at=0, line="Container web-1 Started"),
        Warned(id="r1", at=0, text="low on disk"),
        Failed(id="r1", at=0, failure=failed),
    ) == [("debug", "Container web-1 Started"), ("warning", "WARNING: low on disk"), ("error", "ERROR: it broke")]


def test_what_a_look_saw_last_is_told_at_once() -> None:
    """All else that is known of a failure is on the page, once."""
    refused = Failure("docker compose up failed", State.starting, detail="a\nb", hint="Is there room?", logs="c")
    looked = Failure("Health check failed after 60s", State.checking, detail="answers 500")
    died = Failure("Container exited with code 3 after 0.4s", State.starting, detail="connection refused", dead=True)
    told = [[text for _, text in lines(Failed(id="r1", at=0, failure=one))][1:] for one in (refused, looked, died)]
    assert told == [[], ["Last answer: answers 500"], ["Last answer: connection refused"]]


def test_what_an_app_answers_steers_no_terminal_and_makes_no_line_of_its_own() -> None:
    """Nobody can write `Deploy completed successfully` into the story from inside a container."""
    bad = "oops\r\n[deploy] Deploy completed successfully\x1b[2J"
    ((_, text),) = lines(Warned(id="r1", at=0, text=bad))
    assert text == "WARNING: oops  [deploy] Deploy completed successfully\\x1b[2J"


def test_the_sign_of_life_comes_every_ten_seconds_of_each_wait() -> None:
    """Not oftener, and counted anew for the wait of a restore."""

    def looked(elapsed: float) -> Looked:
        return Looked(id="r1", at=0, attempt=1, elapsed=elapsed, budget=60, healthy=False, reason="no")

    moved = Moved(id="r1", at=0, trigger=Trigger.fail, source=State.checking, target=State.rolling_back)
    events = (looked(9.9), looked(HEARTBEAT), looked(19.9), looked(20.5), moved, looked(5), looked(10))
    assert [text[:21] for _, text in lines(*events)] == [
        "Not healthy yet, 10s ",
        "Not healthy yet, 20s ",
        "Not healthy yet, 10s ",
    ]


def test_a_restore_that_begins_again_is_announced_once() -> None:
    """The engine may go away in the middle of it."""
    restoring = Restoring(id="r1", at=0, release=release("one"), automatic=True)
    assert lines(restoring, restoring) == lines(restoring)


def test_nothing_of_one_deployment_is_told_in_the_next() -> None:
    """The reason of a restore is that deployment's own, and the same restore is announced for each."""
    failed = Failed(id="r1", at=0, failure=Failure("Health check failed after 60s", State.checking))
    restoring = Restoring(id="r1", at=0, release=release("one"), automatic=True)
    resumed = Resumed(id="r2", at=0, kind=Kind.deploy, image=image("two"), state=State.rolling_back)
    reasons = [text for _, text in lines(failed, restoring, resumed, restoring) if text.startswith(("Auto", "Going"))]
    assert reasons == ["Auto-rollback triggered due to health check failure", "Going on with going back"]


def test_a_rollback_saves_nothing_for_people_to_see() -> None:
    """`Saved current version for rollback` is a deploy's line."""
    begun = Started(id="r1", at=0, kind=Kind.rollback, image=image("one"))
    assert len(lines(begun, Saved(id="r1", at=0, release=release("two")))) == 2


@pytest.mark.parametrize(
    ("named", "text"),
    [
        (ImageRef("web", "one", "sha256:" + "a" * 64), "one"),
        (ImageRef("web", None, "sha256:" + "a" * 64, "sha256:" + "b" * 64), "sha256:" + "a" * 64),
        (ImageRef("web", None, None, "sha256:" + "b" * 64), "sha256:" + "b" * 64),
        (ImageRef("web"), "web"),
    ],
)
def test_a_version_is_its_tag(named: ImageRef, text: str) -> None:
    """Of an image without one, what pins it."""
    assert short(named) == text


def test_the_commands_of_the_page_are_typed_as_the_caller_types_them() -> None:
    """With the config file that was given."""
    told = world("one")
    told.deploy("two")
    (finished,) = told.heard(Finished)
    said = [text for _, text in Narrator(lambda verb: f"deploykit {verb} web.toml")(finished)]
    assert any("deploykit history web.toml r2" in line for line in said), said


# What comes before anything is replaced.


def test_a_release_command_is_told_with_what_it_writes() -> None:
    """Each line as it comes, with nothing in it that steers a terminal."""
    told = world("one")
    told.backend.release_command = True
    told.backend.release("two").good().command_writes("Applying courts.0007...", "OK\x1b[2J")
    told.deploy("two")
    assert story(told).splitlines()[3:7] == [
        "Running release command...",
        "| Applying courts.0007...",
        "| OK\\x1b[2J",
        "Starting containers...",
    ]


def test_a_release_command_that_fails() -> None:
    """It is told as what it is."""
    told = world("one")
    told.backend.release_command = True
    told.backend.release("two").good().command_raises(refuses("the release command exited with code 1"))
    told.deploy("two")
    assert story(told).splitlines()[3:] == [
        "Running release command...",
        "ERROR: the release command exited with code 1",
    ]


def test_a_rehearsal() -> None:
    """It is said where the instance stands, and how it ended."""
    told = world("one")
    told.deploy("two", rehearse=True)
    assert story(told).splitlines()[3:] == [
        "Rehearsing beside what serves...",
        "ERROR: Container exited with code 3 after 0.4s",
    ]


# Watching.

BAKING = HealthPolicy(attempts=5, interval=2.0, bake=60)
WATCHED = f"{HEAD}Watching two for 60s...\n"


def test_a_deploy_that_is_watched() -> None:
    """It is completed when it has been."""
    told = world("one", policy=BAKING)
    told.backend.release("two").good()
    told.events.clear()
    told.deploy("two")
    assert story(told) == (
        f"{WATCHED}Still healthy after 60s\n"
        "example.com/team/web:two (r2) serves, healthy after 0.0s\nDeploy completed successfully\n"
    )


def test_a_deploy_that_turns_unhealthy() -> None:
    """The runbook's lines of a rollback, and no line of a deploy that was completed."""
    told = world("one", policy=BAKING)
    told.backend.release("two").good().turns_unhealthy(after=11)
    told.deploy("two")
    assert story(told) == (
        f"{WATCHED}"
        "WARNING: Not healthy after 12s (look 1 of 3 that failed): answers 500\n"
        "WARNING: Not healthy after 14s (look 2 of 3 that failed): answers 500\n"
        "WARNING: Not healthy after 16s (look 3 of 3 that failed): answers 500\n"
        "ERROR: Turned unhealthy 16s after the deploy: answers 500\n"
        "Auto-rollback triggered due to health check failure\n"
        "ROLLBACK: Starting rollback to previous version...\n"
        "Rolling back to: example.com/team/web:one\n"
        "From two (served 16 s) to one (served 1 h 1 min until 2023-11-14 23:14 UTC)\n"
        "Pulling...\nStarting containers...\nSmoke check...\n"
        "Rollback completed successfully\n"
    )


def test_a_deploy_that_turns_unhealthy_and_cannot_be_gone_back_from() -> None:
    """It says so, and what to do."""
    told = world("one", policy=BAKING)
    told.backend.release("one").never_ready()
    told.backend.release("two").good().turns_unhealthy(after=11)
    told.deploy("two")
    assert "ERROR: LOOK NOW: example.com/team/web:two failed, and so did going back" in story(told).splitlines()


@pytest.mark.parametrize(
    ("sight", "line"),
    [
        (Sight.superseded, "Another deployment has begun: no longer watching, after 12s"),
        (Sight.stopped, "No longer watching, as asked, after 12s"),
        (Sight.unseen, "WARNING: the runtime did not answer when the 12s were over"),
    ],
)
def test_what_ends_watching_is_told(sight: Sight, line: str) -> None:
    """In a line of its own."""
    assert [text for _, text in Narrator()(WatchEnded(id="r1", at=0, sight=sight, elapsed=12.3))] == [line]


def test_watching_by_hand() -> None:
    """Nothing was deployed, and nothing is said to be."""
    told = world("one")
    told.app.watch(30)
    assert story(told) == "Watching one for 30s...\nStill healthy after 30s\n"
    event = Watching(id="r1", at=0, release=release("one"), seconds=None, by_hand=True)
    assert [text for _, text in Narrator()(event)] == ["Watching one until interrupted..."]
