"""Before anything is done: what serves, what a failure would go back to, and that it is kept."""

from dataclasses import replace

from deploykit.current import Current, first_look, has_files, identify, since_when
from deploykit.deployment.course import Course
from deploykit.errors import StepFailed
from deploykit.events import Adopted, GoingBack, Saved
from deploykit.record import Kind, ReleaseCommand
from deploykit.release import Release
from deploykit.spans import elapsed, served_last
from deploykit.stack import Stack
from deploykit.states import Trigger
from deploykit.targets import choose_barrier, choose_restore


def pending(course: Course) -> Trigger:
    """Find out what serves, and what a failure would go back to."""
    stack = course.stack()
    current = _find_current(course, stack)
    course.set(
        current=current and current.release,
        current_healthy=current and current.verdict.healthy,
        current_reason=current.verdict.reason if current else "",
        current_since=current and current.since,
        adopted=bool(current and current.adopted),
        tag_before=course.tools.tag_file.remember(),
        command=ReleaseCommand.waits if course.commands else ReleaseCommand.none,
    )
    choose_way_back(course, stack)
    _say_what_is_left(course)
    if current and current.adopted:
        _keep(course, current.release)
        reason = current.verdict.reason
        course.notify(Adopted, release=current.release, healthy=current.verdict.healthy, reason=reason)
    return Trigger.save


def saved(course: Course) -> Trigger:
    """Keep what a failure would go back to, and name it in the tag file."""
    restore = course.record.restore
    if restore:
        _keep(course, restore)
        if restore.image.tag:
            course.tools.tag_file.write(restore.image.tag)
        course.notify(Saved, release=restore)
    return Trigger.pull


def choose_way_back(course: Course, stack: Stack) -> None:
    """Set what a failure would go back to, and what bars the way there."""
    tools, record = course.tools, course.record
    course.set(restore=choose_restore(record, stack, lambda: tools.snapshot(record.asked)))
    before = (one for one in tools.journal.records() if one.number != record.number)
    course.set(barrier=choose_barrier(course.record, before))


def _find_current(course: Course, stack: Stack) -> Current | None:
    tools = course.tools
    running = tools.backend.running()
    if running is None:
        return None
    adopted_id = f"{course.record.id}a"
    release = identify(running, tools.journal, tools.files, tools.snapshot, adopted_id)
    if not has_files(release, tools.files):
        # Found just now, or its files are lost, and it could not be started again with them.
        snapshot = tools.snapshot(running.image)
        release = Release(adopted_id, running.image, snapshot.parts)
        tools.files.keep(release.id, snapshot)
    adopted = not (stack and stack[-1].same_as(release))
    health = replace(tools.health, strict=True)  # a probe that is broken is told before anything is touched
    verdict = first_look(health, running, tools.control.interruption, patient=adopted)
    return Current(release, adopted, verdict, since_when(running, release, tools.journal, course.record.number))


def _say_what_is_left(course: Course) -> None:
    """Tell from what to what a rollback goes, and how long each has served."""
    source, target = course.record.current, course.record.candidate
    if course.record.kind is not Kind.rollback or source is None or target is None or target.same_as(source):
        return
    journal = course.tools.journal
    last = served_last(journal.records(), target, journal.moves)
    course.notify(
        GoingBack,
        source=source,
        served=elapsed(course.record.current_since, course.tools.clock.time()),
        target=target,
        target_served=last and last.seconds,
        until=last and last.until,
    )


def _keep(course: Course, release: Release) -> None:
    """Keep what a failure would go back to. That it is gone already is no reason not to deploy."""
    try:
        course.tools.backend.keep(release)
    except StepFailed as error:
        course.warn(f"{release.image.name} cannot be kept for a rollback: {error}")
