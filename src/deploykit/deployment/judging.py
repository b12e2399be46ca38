"""Whether a release is healthy: waited for, and told as it goes."""

from dataclasses import replace

from deploykit.cause import with_cause
from deploykit.deployment.course import Course
from deploykit.events import Looked
from deploykit.health import HealthCheck, Judgement, Look
from deploykit.interrupt import Interruption
from deploykit.protocols import ProbeVerdict, Watched
from deploykit.release import Release
from deploykit.states import State


def judge(
    course: Course,
    release: Release,
    state: State,
    interruption: Interruption,
    health: HealthCheck | None = None,
    watched: Watched | None = None,
) -> Judgement:
    """Wait until the release is healthy or has failed, and tell what is seen; by `health`, or the deployment's own."""
    health = health or course.tools.health
    judgement = health.wait(release, interruption, lambda look: _heard(course, look), state, watched)
    for warning in judgement.warnings:
        course.warn(warning)
    if judgement.failure:
        return replace(judgement, failure=with_cause(judgement.failure, course.record))
    return judgement


def _heard(course: Course, look: Look) -> None:
    verdict = look.verdict
    course.notify(
        Looked,
        attempt=look.attempt,
        elapsed=look.elapsed,
        budget=look.budget,
        healthy=verdict.verdict is ProbeVerdict.healthy,
        reason=verdict.reason,
    )
