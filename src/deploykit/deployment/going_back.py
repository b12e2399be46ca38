"""The way back: what served before is started, judged, and led alone. There is nowhere else to go."""

from collections.abc import Callable
from typing import TypeVar

from deploykit.deployment.course import Course
from deploykit.deployment.failing import fail
from deploykit.deployment.judging import judge
from deploykit.deployment.pulling import pull, tell_differences
from deploykit.errors import EngineUnreachable, LockLost, PullFailed
from deploykit.events import Restoring
from deploykit.health import Judgement
from deploykit.protocols import PullPolicy
from deploykit.record import Kind
from deploykit.release import Release
from deploykit.states import State, Trigger

T = TypeVar("T")

_TRIES = 3
_GAP = 1.0


def rolling_back(course: Course) -> Trigger:
    """Bring back what served before, in place of what failed."""
    target = course.record.restore
    assert target is not None  # noqa: S101 - the table lets none through without
    course.notify(Restoring, release=target, automatic=True)
    if course.record.kind is Kind.deploy and course.record.candidate:
        tell_differences(course, target, course.record.candidate.parts)  # which are today's
    judgement = _brought_back(course, target)
    if course.control.interruption.requested:
        course.set(interrupted=course.control.interruption.cause)
    if judgement.failure:
        return fail(course, judgement.failure)
    course.set(healthy_at=course.tools.clock.time())
    _insist(course, target, lambda: _lead_alone(course, target))
    return Trigger.restore


def _brought_back(course: Course, target: Release) -> Judgement:
    """Start what served before, and judge it."""
    uncut = course.uncut
    _insist(course, target, lambda: pull(course, target.image, PullPolicy.missing, uncut))
    while True:
        whole = _insist(course, target, lambda: course.tools.backend.start(target, uncut))
        judgement = _insist(course, target, lambda: judge(course, target, State.rolling_back, uncut.interruption))
        if whole or judgement.failure:
            return judgement


def _lead_alone(course: Course, target: Release) -> None:
    if course.tools.backend.others(target):
        course.tools.backend.promote(target, course.uncut, drain=False)


def _insist(course: Course, target: Release, step: Callable[[], T]) -> T:
    """Do a step of bringing back what served before, and return what comes of it.

    There is nowhere else to go, so a refusal is not taken for the last word; but for the registry's.
    """
    for _ in range(_TRIES - 1):
        try:
            return step()
        except (EngineUnreachable, LockLost, PullFailed):
            raise
        except Exception as error:  # noqa: BLE001 - a plug-in's bug may pass too
            course.warn(f"{target.image.name} is not back yet: {error}; trying again")
            course.tools.clock.sleep(_GAP)
    return step()
