"""How a deployment ends: its outcome, what it leaves in the tag file and in the runtime, and the hooks after it."""

from deploykit.deployment.course import Course
from deploykit.errors import Interrupted, Outcome
from deploykit.hooks import hooks_at_end
from deploykit.protocols import Journal
from deploykit.record import Record
from deploykit.stack import counts_as_running, fold, rollback_target
from deploykit.states import State
from deploykit.tagfile import TagFile


def outcome_of(record: Record) -> Outcome:
    """Return the outcome of a deployment that is in a terminal state."""
    match record.state:
        case State.healthy:
            return Outcome.deployed if record.started else Outcome.unchanged
        case State.rolled_back:
            return Outcome.interrupted if record.interrupted else Outcome.rolled_back
        case _ if not record.started or record.beside:
            return Outcome.interrupted if record.interrupted else Outcome.untouched
        case _ if record.restore_failure:
            return Outcome.restore_failed
        case _:
            return Outcome.left_unhealthy if record.restore else Outcome.no_target


def settle_tag_file(record: Record, tag_file: TagFile, journal: Journal) -> None:
    """Write what `rollback` brings back from now on; put back what was there when nothing was replaced."""
    if not record.started:
        put_back(record, tag_file)
        return
    serving = record.serving
    running = counts_as_running([record], serving)
    release = rollback_target(fold(journal.ended(), record), running)
    if release is None and tag_file.exists():
        release = serving
    if release:
        tag_file.write(release.image.tag)


def put_back(record: Record, tag_file: TagFile) -> None:
    """Leave the tag file as it was before this deployment."""
    if record.tag_before:
        tag_file.put_back(record.tag_before)


def end_tag_file(course: Course) -> None:
    """Settle the tag file, or warn that it is not up to date."""
    try:
        settle_tag_file(course.record, course.tools.tag_file, course.tools.journal)
    except Exception as error:  # noqa: BLE001 - whether what serves is safe must be told all the same
        course.warn(f"the tag file is not up to date: {error}")


def take_back(course: Course) -> None:
    """Leave no trace of a deployment that is refused."""
    record, tools = course.record, course.tools
    put_back(record, tools.tag_file)
    for release_id in (record.id, f"{record.id}a"):
        tools.files.discard(release_id)
    tools.journal.discard(record)


def tidy_up(course: Course) -> None:
    """Let go of what an ended deployment needs no more. Idempotent; never raises."""
    serving = course.record.serving
    if serving is None or course.record.beside:
        return
    try:
        running = counts_as_running([course.record], serving)
        course.tools.backend.settle(serving, rollback_target(course.stack(), running))
    except Exception as error:  # noqa: BLE001 - the deployment is over: nothing may fail it any more
        course.warn(f"the runtime is not tidied up: {error}")


def run_last_hooks(course: Course) -> None:
    """Run the user's commands for how it ended. Never raises."""
    for hook in hooks_at_end(course.record):
        # Whoever interrupted the deployment did not mean what is run because of that.
        control = course.uncut if course.control.interruption.requested else course.control
        try:
            course.run_hook(hook, control)
        except Interrupted:
            course.warn(f"{hook.value} was ended by an interrupt; {course.record.id} ended before it")
        except Exception as error:  # noqa: BLE001 - the deployment is over: nothing may fail it any more
            course.warn(course.redact(f"{error}; this changes nothing of how {course.record.id} ended"))
