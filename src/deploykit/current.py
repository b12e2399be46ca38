"""What serves when a deployment begins, and whether it is known as good."""

from dataclasses import dataclass

from deploykit.health import HealthCheck
from deploykit.protocols import Journal, Verdict
from deploykit.release import RELEASE_ID, Release, Running, Snapshot
from deploykit.stack import Stack

ADOPTION_WAIT = 5.0
"""Seconds that a release which is found, and still starts, may take to turn healthy."""
_GAP = 0.25


@dataclass(frozen=True, slots=True)
class Current:
    """What serves: its release, and its verdict. `adopted` when it is not known as the newest good release."""

    release: Release
    adopted: bool
    verdict: Verdict


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


def found_release(running: Running, snapshot: Snapshot, release_id: str, stack: Stack) -> Release:
    """Take an unlabelled container for its image id with today's files; for the newest good if that is the same."""
    found = Release(release_id, running.image, snapshot.parts)
    top = stack[-1] if stack else None
    return top if top and top.same_as(found) else found


def first_look(health: HealthCheck, *, patient: bool) -> Verdict:
    """Look at what serves: once, or, `patient`, for up to 5 s while it still starts."""
    clock = health.clock
    deadline = clock.now() + ADOPTION_WAIT
    while True:
        verdict = health.look_now(max(deadline - clock.now(), _GAP))
        if verdict.healthy or not patient or clock.now() + _GAP >= deadline:
            return verdict
        clock.sleep(_GAP)


def same_name(known: Release, wanted: Release) -> bool:
    """Whether a known release can stand for a wanted one: the same content under the same name."""
    return known.same_as(wanted) and known.image.name == wanted.image.name
