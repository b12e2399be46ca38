"""What points away from a release that failed its looks: another release got the same answer."""

from dataclasses import replace

from deploykit.record import Failure, Record
from deploykit.states import State


def with_cause(failure: Failure, record: Record) -> Failure:
    """Return the failure of a health check, with a hint when not only this release failed it.

    A database that is down fails old and new alike: then going back, or another release, helps nobody.
    """
    told = _told(failure, record)
    if failure.dead or not told:
        return failure
    return replace(failure, hint=f"{failure.hint} {told}".strip())


def _told(failure: Failure, record: Record) -> str:
    if failure.state is State.rolling_back:
        same = record.failure is not None and not record.failure.dead and record.failure.detail == failure.detail
        return "The release that failed got the same answer: look for a cause outside both." if same else ""
    if record.current_healthy is False:
        when = f"failed its look too when this began ({record.current_reason})"
        return f"What served before {when}: look for a cause outside this release, such as the database."
    return ""
