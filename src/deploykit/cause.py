"""What points to the cause of a failure: another release got the same answer, or the last words of what died."""

from dataclasses import replace

from deploykit.record import Failure, Record
from deploykit.states import State

_LAST_WORDS = {
    "exec format error": "Its program is for another platform: build the image for this machine's (--platform).",
}


def with_last_words(failure: Failure, logs: str) -> Failure:
    """Return the failure with the log that was read, and a hint when what died says why in words that are known."""
    hint = next((told for words, told in _LAST_WORDS.items() if failure.dead and words in logs), "")
    return replace(failure, logs=logs, hint=f"{failure.hint} {hint}".strip())


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
