"""What is done when something failed: it is told, its log is kept, and what failed beside what serves is stopped."""

from dataclasses import replace

from deploykit.cause import with_last_words
from deploykit.deployment.course import Course
from deploykit.errors import DeploykitError, JournalError, StepFailed
from deploykit.events import Failed, LogRead
from deploykit.record import UNREADABLE, Failure
from deploykit.release import Release
from deploykit.states import UNTOUCHED, State, Trigger
from deploykit.targets import restorable

LOG_LINES = 20
"""Lines of the log of what failed that are kept with the failure."""
KEPT_LINES = 5_000
"""Lines of it that are kept beside the journal; a MiB is the most."""


def fail(course: Course, failure: Failure) -> Trigger:
    """Take note of a failure, and tell it."""
    failure = replace(failure, detail=course.redact(failure.detail), summary=course.redact(failure.summary))
    course.notify(Failed, failure=failure)
    failure = with_last_words(failure, failure.logs or _logs(course, failure.state))
    if failure.logs:
        course.notify(LogRead, logs=failure.logs)
    if failure.state is State.rolling_back:
        course.set(restore_failure=failure)
    else:
        course.set(failure=failure)
        _stand_down(course)
    return Trigger.fail


def failure_of(error: Exception, state: State) -> Failure:
    """Return the failure that an error means in a state."""
    match error:
        case StepFailed():
            return Failure(str(error), state, detail=error.detail, hint=error.hint)
        case DeploykitError():
            return Failure(str(error), state, hint=error.hint)
        case JournalError():
            return Failure(str(error), state, hint=error.hint)
        case _:
            return Failure(f"{type(error).__name__} in {state.name}: {error}", state)


def keep_log(course: Course, log: str) -> str:
    """Keep the log of what failed, and return its last lines."""
    if log:
        course.tools.logs.keep(course.record.id, log)
    return "\n".join(log.splitlines()[-LOG_LINES:])


def _logs(course: Course, state: State) -> str:
    release = course.record.restore if state is State.rolling_back else course.record.candidate
    if state in UNTOUCHED or release is None:
        return ""
    try:
        return keep_log(course, course.tools.backend.logs(release, KEPT_LINES))
    except Exception as error:  # noqa: BLE001 - a log that cannot be read must not stand in the restore's way
        return f"{UNREADABLE}: {error})"


def _stand_down(course: Course) -> None:
    """Where there is no way back, and none is needed, for what served still serves: stop what failed beside it."""
    failed, backend = course.record.candidate, course.tools.backend
    if course.record.state in UNTOUCHED or failed is None or restorable(course.record):
        return
    try:
        if backend.others(failed):
            backend.stand_down(failed, course.uncut)
            _complete(course, course.record.current)
            course.set(beside=True)
            course.warn(f"{failed.image.name} is stopped beside what still serves, and kept to be looked at")
    except Exception as error:  # noqa: BLE001 - then it is left as it is, and the outcome says so
        course.warn(f"{failed.image.name} cannot be stopped: {error}")


def _complete(course: Course, serving: Release | None) -> None:
    """Bring back of what serves what cannot stand beside another release, and so was replaced already."""
    if serving and not course.tools.backend.complete(serving):
        course.tools.backend.start(serving, course.uncut)
