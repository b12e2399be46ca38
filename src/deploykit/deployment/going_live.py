"""The new release goes live: it is prepared, started, checked, and the older ones are retired."""

from dataclasses import replace

from deploykit.deployment.course import Course
from deploykit.deployment.failing import KEPT_LINES, fail, keep_log
from deploykit.deployment.judging import judge
from deploykit.errors import EngineUnreachable, LockLost
from deploykit.events import CommandStarted, RehearsalStarted
from deploykit.health import rehearsing
from deploykit.hooks import Hook
from deploykit.protocols import Backend, Gradual
from deploykit.record import Failure, Kind, ReleaseCommand
from deploykit.states import State, Trigger


def preparing(course: Course) -> Trigger:
    """Run the release command, and rehearse, with nothing replaced yet."""
    if course.commands:
        course.notify(CommandStarted)
        course.tools.backend.run_release_command(course.trying, course.control)
        course.set(command=ReleaseCommand.done)
    if course.record.options.rehearse and (failure := _rehearsed(course)):
        return fail(course, failure)
    course.tools.journal.reserve()
    return ready(course)


def ready(course: Course) -> Trigger:
    """Do what comes right before anything is replaced."""
    if course.record.kind is Kind.deploy:  # no command may stand in the way of going back
        course.run_hook(Hook.before_start, course.control)
    course.set(replaced=replaces(course.tools.backend))
    return Trigger.start


def replaces(backend: Backend) -> bool | None:
    """Whether starting takes what served away; None where it takes some of it at a time."""
    if isinstance(backend, Gradual) and backend.gradual:
        return None
    return not backend.beside


def starting(course: Course) -> Trigger:
    """Start the release; where it starts some instances at a time, those must turn healthy before the next."""
    while not course.tools.backend.start(course.trying, course.control):
        judgement = judge(course, course.trying, State.starting, course.control.interruption)
        if judgement.failure:
            return fail(course, judgement.failure)
    return Trigger.check


def checking(course: Course) -> Trigger:
    """Wait until the release is healthy."""
    if course.unwritten:
        return fail(course, Failure(str(course.unwritten), State.checking))
    judgement = judge(course, course.trying, State.checking, course.control.interruption)
    if judgement.failure:
        return fail(course, judgement.failure)
    course.set(healthy_at=course.tools.clock.time())
    return Trigger.promote if course.tools.backend.others(course.trying) else Trigger.accept


def promoting(course: Course) -> Trigger:
    """Retire the older instances."""
    try:
        course.tools.backend.promote(course.trying, course.uncut)
    except (EngineUnreachable, LockLost):
        raise
    except Exception as error:  # noqa: BLE001 - the new release serves: nothing here may fail it any more
        course.warn(f"older instances are left, and go with the next run: {error}")
    return Trigger.accept


def _rehearsed(course: Course) -> Failure | None:
    """Let one instance prove itself beside what serves."""
    course.notify(RehearsalStarted)
    trying, health = course.trying, course.tools.health
    with course.tools.backend.rehearse(trying, course.control) as rehearsal:
        services = {one.service for one in rehearsal.instances(trying)}
        probes = [
            (probe, probe.aimed(rehearsal.published) if probe.service in {None, *services} else None)
            for probe in health.probes
        ]
        for probe, aimed in probes:
            if aimed is None:
                course.warn(f"the rehearsal is not judged by {probe.name}, which cannot ask it")
        of_it = rehearsing(health, [aimed for _, aimed in probes if aimed])
        judgement = judge(course, trying, State.preparing, course.control.interruption, of_it, rehearsal)
        return judgement.failure and replace(judgement.failure, logs=keep_log(course, rehearsal.logs(KEPT_LINES)))
