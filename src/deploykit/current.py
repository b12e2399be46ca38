"""What serves when a deployment begins, and whether it is known as good."""

from collections.abc import Callable
from dataclasses import dataclass

from deploykit.errors import StepFailed
from deploykit.health import HealthCheck
from deploykit.interrupt import Interruption
from deploykit.protocols import Journal, ProbeVerdict, ReleaseFiles, Verdict
from deploykit.release import RELEASE_ID, ImageRef, Release, Running, Snapshot
from deploykit.spans import served_since

ADOPTION_WAIT = 5.0
"""Seconds that a release which is found, and still starts, may take to turn healthy."""
_GAP = 0.25


@dataclass(frozen=True, slots=True)
class Current:
    """What serves: its release, and its verdict. `adopted` when it is not known as the newest good release.

    `since` is when it began to serve, in seconds since the epoch, None when that is not known.
    """

    release: Release
    adopted: bool
    verdict: Verdict
    since: float | None = None


def identify(
    running: Running,
    journal: Journal,
    files: ReleaseFiles,
    snapshot: Callable[[ImageRef], Snapshot],
    adopted_id: str,
) -> Release:
    """Return the release that runs: by its label, else by image id with today's files, under `adopted_id`."""
    return (
        known_release(running, journal)
        or _rebuilt_release(running, files)
        or Release(adopted_id, running.image, snapshot(running.image).parts)
    )


def known_release(running: Running, journal: Journal) -> Release | None:
    """Return the release that deploykit's own labels name, when the journal knows it with the same content."""
    if not running.release or not RELEASE_ID.fullmatch(running.release):
        return None
    record = journal.get(int(running.release.strip("ra")))
    of_record = (record.candidate, record.current, record.restore) if record else ()
    for release in of_record:
        if release and (release.id, release.fingerprint) == (running.release, running.fingerprint):
            return release
    return None


def _rebuilt_release(running: Running, files: ReleaseFiles) -> Release | None:
    """Return the release that the labels name when the journal is lost, but its files are there."""
    if not running.release or not RELEASE_ID.fullmatch(running.release):
        return None
    try:
        release = Release(running.release, running.image, files.read(running.release).parts)
    except StepFailed:
        return None
    return release if release.fingerprint == running.fingerprint else None


def has_files(release: Release, files: ReleaseFiles) -> bool:
    """Whether the files of the release are there, as they were."""
    try:
        return files.read(release.id).parts == release.parts
    except StepFailed:
        return False


def since_when(running: Running, release: Release, journal: Journal, before: int) -> float | None:
    """Return since when it serves: by the deployments before that number, else by the runtime's own word."""
    earlier = (record for record in journal.records() if record.number < before)
    started = [one.started_at for one in running.instances if one.alive and one.started_at is not None]
    return served_since(earlier, release) or min(started, default=None)


def first_look(health: HealthCheck, running: Running, interruption: Interruption, *, patient: bool) -> Verdict:
    """Look at what serves: once, or, `patient`, for up to 5 s while it still starts."""
    clock = health.clock
    deadline = clock.now() + ADOPTION_WAIT
    patient = patient and still_starts(running, clock.time() - health.policy.budget)
    verdict = health.look_at_running(running, ADOPTION_WAIT)
    while True:
        if verdict.verdict is not ProbeVerdict.unhealthy or not patient or clock.now() + _GAP >= deadline:
            return verdict
        clock.sleep(_GAP)
        interruption.check()
        verdict = health.look_now(max(deadline - clock.now(), _GAP))


def still_starts(running: Running, since: float) -> bool:
    """Whether an instance may yet turn healthy: the runtime says so, or it was started after `since`."""
    return any(
        one.health == "starting" or one.status in {"created", "restarting"} or (one.started_at or 0) > since
        for one in running.instances
    )


def same_name(known: Release, wanted: Release) -> bool:
    """Whether a known release can stand for a wanted one: the same content under the same name."""
    return known.same_as(wanted) and known.image.name == wanted.image.name
