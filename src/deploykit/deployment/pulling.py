"""The image is brought, and a release made of it; what serves already is not started again."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain

from deploykit.current import same_name
from deploykit.deployment.course import Course
from deploykit.deployment.going_live import ready
from deploykit.deployment.looking import choose_way_back
from deploykit.errors import ConfigError, PullFailed
from deploykit.events import FilesDiffer, Pulled
from deploykit.protocols import Control, Measured, PullPolicy
from deploykit.record import Kind, ReleaseCommand
from deploykit.release import LABEL_IRREVERSIBLE, ImageRef, Release
from deploykit.stack import failed_before
from deploykit.states import Trigger


def pulling(course: Course) -> Trigger:
    """Bring the image, and see what of it is to be started."""
    known, options = course.record.candidate, course.record.options
    policy = PullPolicy(options.pull) if course.record.kind is Kind.deploy else PullPolicy.missing
    begun = course.tools.clock.now()
    image = pull(course, known.image if known else course.record.asked, policy, course.control)
    took = course.tools.clock.now() - begun
    course.tools.backend.demand(image)
    candidate = _candidate(course, image)
    course.set(candidate=candidate)
    course.tools.backend.keep(candidate)
    course.notify(Pulled, image=image, size=_size(course, image), took=took)
    _say_if_it_failed_before(course, image)
    course.control.interruption.check()
    if _serves_already(course, candidate):
        return Trigger.accept
    course.set(candidate=_anew(course, candidate))
    choose_way_back(course, course.stack())
    if course.record.kind is Kind.rollback:
        _compare_with_today(course, candidate)
    course.tools.journal.reserve()
    if course.commands:
        course.set(command=ReleaseCommand.begun)  # from the next move on, which writes it down
    return Trigger.prepare if course.commands or options.rehearse else ready(course)


def pull(course: Course, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
    """Bring an image: with the very content that is known of it, if any is, or it fails."""
    came = course.tools.backend.pull(image, policy, control)
    if image.id and came.id != image.id:
        raise PullFailed(f"{image.name} is not what it was: image {came.id}, not {image.id}")
    return came


def tell_differences(course: Course, release: Release, today: Mapping[str, str]) -> None:
    """Tell which of a release's files are not today's, if any."""
    if parts := release.differing_parts(today):
        course.notify(FilesDiffer, release=release, parts=parts)


def _candidate(course: Course, image: ImageRef) -> Release:
    """Return the release asked for: one that was tried before keeps its id."""
    record, tools = course.record, course.tools
    if record.candidate:
        tools.files.read(record.candidate.id)  # lost ones are told before anything is touched
        return record.candidate
    snapshot = tools.snapshot(image)
    irreversible = record.options.irreversible or _marked_irreversible(course, image)
    wanted = Release(record.id, image, snapshot.parts, irreversible)
    release = next((release for release in _known_releases(course) if same_name(release, wanted)), wanted)
    tools.files.keep(release.id, snapshot)
    return replace(release, irreversible=release.irreversible or irreversible)


def _marked_irreversible(course: Course, image: ImageRef) -> bool:
    return course.tools.backend.labels(image).get(LABEL_IRREVERSIBLE, "").lower() == "true"


def _known_releases(course: Course) -> Iterator[Release]:
    for record in chain([course.record], course.tools.journal.records()):
        yield from (release for release in (record.current, record.candidate) if release)


def _size(course: Course, image: ImageRef) -> int | None:
    backend = course.tools.backend
    return backend.measure(image)[0] if isinstance(backend, Measured) else None


def _say_if_it_failed_before(course: Course, image: ImageRef) -> None:
    failed = failed_before(course.tools.journal.records(), image) if course.record.kind is Kind.deploy else None
    if failed and failed.failure:
        course.warn(f"this content failed when it was last tried, in {failed.id}: {failed.failure.summary}")


def _serves_already(course: Course, candidate: Release) -> bool:
    """Whether the very release asked for serves and is healthy, now, with every part."""
    current, health = course.record.current, course.tools.health
    if course.record.options.force or current is None or not candidate.same_as(current):
        return False
    return course.tools.backend.complete(current) and health.look_now(health.policy.budget).healthy


def _anew(course: Course, candidate: Release) -> Release:
    """Return the release to start: content that runs already, and is to run anew, gets an id of its own."""
    if not candidate.same_as(course.record.current) or candidate.id == course.record.id:
        return candidate
    anew = replace(candidate, id=course.record.id)
    course.tools.files.keep(anew.id, course.tools.files.read(candidate.id))
    course.tools.backend.keep(anew)
    return anew


def _compare_with_today(course: Course, release: Release) -> None:
    """Tell what today's files differ in. That they are broken is no reason not to go back."""
    try:
        today = course.tools.snapshot(release.image)
    except ConfigError as error:
        course.warn(f"today's files cannot be read, so they are not compared with those of {release.id}: {error}")
    else:
        tell_differences(course, release, today.parts)
