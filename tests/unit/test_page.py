"""The page that a failure explains itself on: each of its lines, for each way to fail, and the same one days later."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import pytest

from deploykit.errors import Outcome, StepFailed
from deploykit.events import Finished
from deploykit.interrupt import Cause
from deploykit.observers.json import plain
from deploykit.page import WIDTH, page
from deploykit.protocols import Verdict
from deploykit.record import Change, Failure, Looks, ReleaseCommand
from deploykit.release import ImageRef, Instance, Release
from deploykit.report import Migration, Outage, Report, report_of
from deploykit.result import Result
from deploykit.states import State
from deploykit.testing import FakeBackend, FakeProbe
from tests.unit.made import release, row
from tests.unit.scenarios import Scenario
from tests.unit.world import World

WEEK = 7 * 24 * 3600
CANARY = "s3cr3t-canary"


def world(*good: str, **how: object) -> World:
    made = World(**how)  # type: ignore[arg-type]  # they are World's
    made.good(*good)
    return made


class Leaky(FakeProbe):
    """Answers with a secret."""

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        return replace(super().look(instances, timeout), reason=f"token {CANARY}: rejected")


def entries(result: Result) -> dict[str, str]:
    """What is told of a failure, by its label."""
    told: dict[str, str] = defaultdict(str)
    label = "head"
    for line in result.explain().splitlines():
        begins = line[:11].strip()
        label = "head" if line.startswith(("LOOK NOW", result.id, "  ")) and label == "head" else begins or label
        told[label] += f" {line[11:] if label != 'head' else line.strip()}"
    return {label: " ".join(text.split()) for label, text in told.items()}


def told(result: Result | None) -> dict[str, str]:
    assert result is not None
    assert result.report is not None
    return entries(result)


def commands(result: Result | None) -> list[str]:
    assert result is not None
    assert result.report is not None
    return [f"{step.verb} {step.arguments}".strip() for step in result.report.next]


# Each way to fail.


def test_a_crash() -> None:
    """Word for word: what failed, what serves, for how long nothing did, what was seen, what changed, what to do."""
    w = world("one")
    w.backend.release_command = True
    w.backend.release("two").crashes(after=0.4, exit_code=3, log="ImportError: courts")
    assert w.deploy("two").explain().splitlines() == [
        "r2: example.com/team/web:two failed, and what served before serves",
        "  again; exit code 1",
        "serves now one (r1), again since 2023-11-14 23:13 UTC",
        "failed     in checking: Container exited with code 3 after 0.4s",
        "down       nothing healthy served for 0.4 s",
        "probe      fake all",
        "           8 looks: 8 × not ready yet",  # noqa: RUF001
        "instance   fake-web-2: exited, exit code 3, 0 restarts",
        "before     one (r1) passed the same probes when this began",
        "changed    image: two, was one",
        "migration  the release command finished before the failure, and is not",
        "           undone: the database may be ahead of what serves",
        "log        | ImportError: courts",
        "next       deploykit logs --of r2   the whole log of what failed",
        "           deploykit run --tag TAG  when it is mended",
        "           deploykit history r2     this page again",
    ]


def test_one_that_is_killed_for_its_memory() -> None:
    """The runtime's own word."""
    w = world("one")
    w.backend.release("two").oom()
    assert "exit code 137, out of memory" in told(w.deploy("two"))["instance"]


def test_one_that_answers_500() -> None:
    """Its looks are counted by what they came to."""
    w = world("one")
    w.backend.release("two").ready_after(1).turns_unhealthy(0)
    said = told(w.deploy("two"))
    assert said["probe"] == "fake all 69 looks: 20 × not ready yet, 49 × 500; the last answer: answers 500"  # noqa: RUF001
    assert said["down"] == "nothing healthy served for 10.0 s"
    assert "log" not in said


def test_a_database_that_is_down() -> None:
    """What served before failed the same probes: nothing healthy serves, and that comes first."""
    w = world("one")
    w.backend.living()[0].behaviour = w.backend.release("one").turns_unhealthy(0).behaviour
    w.backend.release("two").turns_unhealthy(0)
    result = w.deploy("two")
    said = told(result)
    assert said["head"].startswith("LOOK NOW: nothing healthy serves; what is there is one (r1) r2:")
    assert said["before"] == "one (r1) failed the same probes when this began: answers 500"
    assert said["down"] == "nothing healthy serves; for how long is not known"
    assert said["going back"].startswith("in rolling_back: Health check failed after 10s The release that failed got")
    assert result.explain().count("69 looks: 69 × 500; the last answer: answers 500") == 2  # noqa: RUF001
    assert commands(result) == ["status", "rollback", "run --tag TAG", "history r2"]


def test_an_engine_s_long_ids_leave_room_for_what_it_says() -> None:
    """At its end, most often: that stays on the page."""
    w = world("one")
    name, cause = "0123456789abcdef" * 4, "Bind for 127.0.0.1:8000 failed: port is already allocated"
    refusal = StepFailed(f"no start: {name}", detail=f"endpoint web ({name}): {cause}")
    w.backend.release("two").start_raises(lambda: refusal)
    said = told(w.deploy("two"))["failed"]
    assert "no start: 0123456789ab" in said
    assert f"(0123456789ab): {cause}" in said.replace("| ", "")


def test_what_was_unwell_before_and_was_not_touched() -> None:
    """Nothing was made worse, but nobody is told that something healthy serves."""
    w = world("one")
    w.backend.living()[0].behaviour = w.backend.release("one").turns_unhealthy(0).behaviour
    w.backend.release("two").pull_fails()
    said = told(w.deploy("two"))
    assert said["serves now"] == "nothing healthy; what is there is one (r1)"


def test_a_restore_that_fails_tells_since_when_nothing_serves() -> None:
    """And how to try again."""
    w = world("zero", "one")
    w.backend.release("two").crashes(log="new")
    w.backend.release("one").crashes(after=1, log="old")
    result = w.deploy("two")
    assert result.outcome is Outcome.restore_failed
    said = told(result)
    assert said["down"] == "nothing healthy has served since 2023-11-15 00:13 UTC: for 1.1 s when this ended"
    assert said["log"] == "| new | old"
    assert commands(result) == ["status", "rollback", "run --tag TAG", "logs --of r3", "history r3"]
    assert "brings back one (r2)" in said["next"]


def test_what_fails_before_anything_was_replaced() -> None:
    """Nothing was down, and what served serves on, since it always did."""
    w = world("one")
    w.backend.release("two").pull_fails()
    result = w.deploy("two")
    assert result.outcome is Outcome.untouched
    said = told(result)
    assert said["serves now"] == "one (r1), since 2023-11-14 22:13 UTC"
    assert said["down"] == "nothing: what served was not replaced"
    assert "changed" not in said


def test_what_fails_beside_what_serves() -> None:
    """Rolling, restored or not, takes nothing away."""
    for auto, outcome in ((True, Outcome.rolled_back), (False, Outcome.untouched)):
        w = world("one", auto=auto)
        w.backend.strategy = "rolling"
        w.backend.release("two").crashes()
        result = w.deploy("two")
        assert result.outcome is outcome
        said = told(result)
        assert said["serves now"] == "one (r1), since 2023-11-14 22:13 UTC"
        assert said["down"] == "nothing: what served was not replaced"


def test_what_is_left_as_it_is() -> None:
    """Looking comes first, then the way back, across what is irreversible by force alone."""
    w = world("one")
    w.backend.release("two").crashes()
    result = w.deploy("two", rollback=False)
    assert told(result)["head"].startswith("LOOK NOW: nothing healthy serves; what is there is two (r2)")
    assert commands(result)[:3] == ["status", "rollback", "run --tag TAG"]
    assert commands(w.deploy("two", irreversible=True))[:2] == ["status", "rollback --force"]


def test_a_first_deploy_that_fails() -> None:
    """There is nothing to go back to, and nothing to compare with."""
    w = world()
    w.backend.release("one").crashes()
    result = w.deploy("one")
    assert result.outcome is Outcome.no_target
    said = told(result)
    assert said["head"].startswith("LOOK NOW: nothing healthy serves; what is there is one (r1)")
    assert said["down"] == "nothing: nothing served before"
    assert not {"before", "changed"} & said.keys()
    assert commands(result) == ["status", "run --tag TAG", "history r1"]


def test_what_is_replaced_batch_by_batch() -> None:
    """Others serve on meanwhile: nobody can tell whether nothing did."""

    class Walking(FakeBackend):
        gradual = True

    w = world("one")
    w.backend.__class__ = Walking
    w.backend.release("two").crashes(after=1)
    said = told(w.deploy("two"))
    assert said["down"] == "for how long nothing healthy served is not known"
    assert said["serves now"].startswith("one (r1), ")


def test_an_engine_that_stays_away() -> None:
    """Nobody knows what serves, and nobody says so."""
    w = world("one")
    w.when("backend.start", "before", lambda: w.backend.goes_away(WEEK))
    result = w.deploy("two")
    said = told(result)
    assert said["head"].startswith("LOOK NOW: it is not known what serves r2: example.com/team/web:two is not finished")
    assert said["down"] == "for how long nothing healthy served is not known"
    assert commands(result) == ["status", "recover", "history r2"]


@pytest.mark.parametrize(("state", "again"), [("pulling", ""), ("checking", "again ")])
def test_an_interrupt(state: str, again: str) -> None:
    """What to type to try it again."""
    w = world("one")
    result = w.deploy("two", cancel=w.interrupted_in(state, Cause.sigterm))
    assert result.exit_code == 143
    said = told(result)
    assert said["serves now"].startswith(f"one (r1), {again}since 2023-11-1")
    assert commands(result) == ["run --tag two", "history r2"]


def test_a_rollback_that_fails() -> None:
    """It runs no release command, so none is spoken of."""
    w = world("one", "two")
    w.backend.release("one").crashes()
    result = w.rollback()
    said = told(result)
    assert said["serves now"].startswith("two (r2), again since")
    assert said["changed"] == "image: one, was two"
    assert "migration" not in said
    assert commands(result) == ["history", "history r3"]


def test_one_that_turns_unhealthy_while_it_is_watched() -> None:
    """Its row says that it was deployed: where nothing more is to be read, nothing sends anybody."""
    w = world("one")
    w.policy = replace(w.policy, bake=60)
    w.backend.release("two").crashes(after=12, exit_code=3, log="boom").ready_after(0)
    result = w.deploy("two")
    assert result.outcome is Outcome.rolled_back
    said = told(result)
    assert said["failed"].startswith("while it was watched: Turned unhealthy 12s after the deploy")
    assert said["serves now"] == "one (r1), again since 2023-11-14 23:13 UTC"
    assert said["changed"] == "image: two, was one"
    assert w.app.failure_log("r2") == "boom"
    assert commands(result) == ["logs --of r2", "run --tag TAG"]


# What is not known is not told.


@pytest.mark.parametrize(
    ("state", "down"),
    [
        ("pulling", "nothing: what served was not replaced"),
        ("starting", "nothing healthy served for 7 days at most"),
        ("checking", "nothing healthy served for 7 days at most"),
        ("rolling_back", "nothing healthy served for 7 days at most"),
    ],
)
def test_a_killed_deploy_that_is_finished_by_another(state: str, down: str) -> None:
    """What the process saw is gone with it; what served may have gone on serving meanwhile."""
    w = world("one")
    w.backend.release("two").crashes()
    w.killed_in(state, lambda: w.deploy("two"))
    w.clock.advance(WEEK)
    said = told(w.recover())
    assert said["down"] == down
    assert (
        said["killed"]
        == "deploykit was killed in it, and another run went on; what the first had not written down is not known"
    )


def test_a_start_that_is_refused_may_have_taken_nothing_away() -> None:
    """So the time is the most that it can have been."""
    w = world("one")
    w.backend.release("two").start_raises(lambda: StepFailed("port is taken", detail="a\nb"))
    said = told(w.deploy("two"))
    assert said["down"] == "nothing healthy served for 0.0 s at most"
    assert said["failed"] == "in starting: port is taken | a | b"


def test_what_the_reason_quotes_is_not_told_again() -> None:
    """The last line of what a command wrote is its reason most often."""
    w = world("one")
    w.backend.release("two").start_raises(lambda: StepFailed("up failed: no port", detail="a\nup failed: no port"))
    assert told(w.deploy("two"))["failed"] == "in starting: up failed: no port | a"


def test_a_row_of_an_older_version() -> None:
    """It has none of what is told now: each of it is not known, or not spoken of."""
    ended = row(
        2, state=State.rolled_back, outcome=Outcome.rolled_back, candidate=release("two", 2), restore=release("one"),
        current=release("one"), current_healthy=True, failure=Failure("it died", State.checking),
    )  # fmt: skip
    lines = page(report_of(ended, []))
    assert "serves now one (r1); since when is not known" in lines
    assert "down       for how long nothing healthy served is not known" in lines
    assert not [line for line in lines if line.startswith(("probe", "instance", "changed", "migration", "log"))]


def test_a_clock_that_was_set_back() -> None:
    """No negative outage."""
    w = world("one")
    w.backend.release("two").crashes()
    w.when("backend.start", "after", lambda: setattr(w.clock, "_epoch", 0.0))
    assert told(w.deploy("two"))["down"] == "for how long nothing healthy served is not known"


# The parts.


@pytest.mark.parametrize(
    ("command", "fields", "migration"),
    [
        (None, {}, None),
        (ReleaseCommand.none, {}, Migration.none),
        (ReleaseCommand.waits, {}, Migration.not_run),
        (ReleaseCommand.begun, {}, Migration.failed),
        (ReleaseCommand.begun, {"interrupted": Cause.sigint}, Migration.cut),
        (ReleaseCommand.begun, {"resumed": True}, Migration.unknown),
        (ReleaseCommand.done, {}, Migration.finished),
    ],
)
def test_what_a_migration_has_done(
    command: ReleaseCommand | None, fields: dict[str, object], migration: Migration | None
) -> None:
    """As far as anybody knows."""
    ended = row(2, state=State.failed, outcome=Outcome.untouched, command=command, **fields)  # type: ignore[arg-type]  # they are Record's
    assert report_of(ended, []).migration is migration


def test_a_release_command_is_told_as_it_went() -> None:
    """Not reached, failed, and cut by a kill."""
    w = world("one")
    w.backend.release_command = True
    w.backend.release("two").pull_fails(1)
    assert told(w.deploy("two"))["migration"] == "the release command was not run"
    w.backend.release("two").command_raises(lambda: StepFailed("exited with code 1", detail="no such table"))
    said = told(w.deploy("two"))
    assert said["failed"] == "in preparing: exited with code 1 | no such table"
    assert said["migration"] == "the release command did not finish: what it did until then is not undone"
    w.killed_in("preparing", lambda: w.deploy("two"))
    assert told(w.recover())["migration"] == "the release command was begun; how far it came is not known"


def test_instances_and_changes_are_told_in_a_line_each() -> None:
    """And no value of a variable."""
    failure = Failure(
        "it died", State.checking, dead=True,
        instances=(Instance("a" * 64, "web", "restarting", name="web-1", health="unhealthy", exit_code=1, restarts=3),),
    )  # fmt: skip
    ended = row(2, state=State.failed, outcome=Outcome.untouched, failure=failure, candidate=release("two"))
    changes = (Change("image", ()), Change(".env", ("+ COURTS", "  SECRET_KEY has another value")))
    lines = page(report_of(replace(ended, current=release("one"), changes=changes), []))
    assert "probe      no look was over before it died" in lines
    assert "instance   web-1: restarting (unhealthy), exit code 1, 3 restarts" in lines
    assert "changed    image: two, was one" in lines
    assert "           .env: + COURTS, SECRET_KEY has another value" in lines
    same = page(report_of(replace(ended, current=release("two"), changes=()), []))
    assert "changed    nothing: the same image and files as before" in same


@pytest.mark.parametrize(
    ("old", "told"),
    [
        (ImageRef("localhost:5000/web", "one"), "two, was one"),
        (ImageRef("localhost:5000/web", digest=f"sha256:{'a' * 64}"), f"two, was sha256:{'a' * 64}"),
        (ImageRef("other/web", "two"), "localhost:5000/web:two, was other/web:two"),
        (
            ImageRef("localhost:5000/web", "two", f"sha256:{'a' * 64}"),
            "other content under the same name, sha256:bbbbbbbbbbbb, was sha256:aaaaaaaaaaaa",
        ),
    ],
)
def test_an_image_is_told_by_what_makes_it_another(old: ImageRef, told: str) -> None:
    """Its tag, its repository, or its content alone."""
    new = ImageRef("localhost:5000/web", "two", f"sha256:{'b' * 64}")
    ended = row(
        2, state=State.failed, outcome=Outcome.untouched, changes=(Change("image", ()),),
        candidate=Release("r2", new), current=Release("r1", old),
    )  # fmt: skip
    (image,) = " ".join(" ".join(page(report_of(ended, []))).split()).split("changed image: ")[1:]
    assert image.replace(" ", "").startswith(told.replace(" ", ""))


def test_it_fits_on_one_screen_whatever_others_wrote() -> None:
    """No line is wider than it may be, nothing steers the terminal, and there is an end to it."""
    endless = "x\x1b[2J" * 300
    failure = Failure(
        endless, State.checking, logs=f"{endless}\n" * 50, hint="word " * 300, exit_code=1,
        looks=(Looks("http http://localhost:8000/api/health/", 31, (("refused", 2), ("500", 29)), endless),),
    )  # fmt: skip
    changes = tuple(Change(f"file{number}", (endless,) * 12) for number in range(8))
    ended = row(2, state=State.failed, outcome=Outcome.untouched, failure=failure, changes=changes)
    lines = page(report_of(ended, []), lambda verb: f"deploykit {verb} web.toml")
    assert max(map(len, lines)) <= WIDTH
    assert len(lines) < 60
    assert "\x1b" not in "".join(lines)
    assert "           31 looks: 2 refused, 29 × 500; the last answer: x\\x1b[2Jx\\" in "\n".join(lines)  # noqa: RUF001


# The same everywhere.


@pytest.mark.parametrize("bad", ["crashes", "never_ready", "pull_fails"])
@pytest.mark.parametrize("rollback", [True, False])
def test_it_is_the_same_days_later(bad: str, *, rollback: bool) -> None:
    """In the result, in the last event, and in what is read of it when others have been deployed since."""
    w = world("one")
    getattr(w.backend.release("two"), bad)()
    result = w.deploy("two", rollback=rollback)
    (finished,) = [event for event in w.heard(Finished) if isinstance(event, Finished) and event.exit_code]
    w.clock.advance(WEEK)
    w.good("three", "four")
    w.rollback()
    later = w.app.result("r2")
    assert later is not None
    assert later.report == result.report == finished.report
    assert later.explain() == result.explain()
    assert plain(later.report) == plain(result.report)


def test_what_ended_well_or_still_runs_has_no_report() -> None:
    """Nor has what is not there."""
    w = world("one")
    seen: list[Result | None] = []
    w.when("backend.start", "before", lambda: seen.append(w.app.result("r2")))
    w.deploy("two")
    assert [one and one.report for one in (*seen, w.app.result("r1"))] == [None, None]
    assert [w.app.result(wanted) for wanted in ("r9", "1", "r1a")] == [None, None, None]


def test_no_secret_gets_onto_it() -> None:
    """Neither from what a probe was answered, nor from the log, nor into the journal."""
    w = world("one")
    w.backend.secrets = (CANARY,)
    w.probes = [Leaky(w.backend)]
    w.backend.release("two").crashes(after=1, log=f"PASSWORD={CANARY}")
    result = w.deploy("two")
    assert "last answer: token [redacted]" in " ".join(result.explain().split())
    assert "| PASSWORD=[redacted]" in result.explain()
    for text in (result.explain(), repr(w.rows), str(plain(result.report))):
        assert CANARY not in text


def test_recovery_of_every_kill_has_a_page() -> None:
    """Whatever was known when it died."""
    scenario = Scenario("bad", lambda one: one.deploy("three"), bad=True)
    for number in range(0, 30, 3):
        w = scenario.world()
        if w.killed_at(number, lambda w=w: w.deploy("three")) and (result := w.recover()) and result.exit_code:  # type: ignore[misc]  # a lambda with a default
            report = result.report
            assert isinstance(report, Report)
            assert report.cut
            assert report.down.outage in {Outage.none, Outage.at_most, Outage.unknown}
            assert page(report)
