"""How a running deployment is told to stop."""

import pytest

from deploykit.errors import Interrupted
from deploykit.interrupt import Cause, Interruption


def test_nobody_is_stopped_who_was_not_asked() -> None:
    """A check lets go on until then."""
    interruption = Interruption()
    interruption.check()
    assert not interruption.requested


def test_the_first_cause_stays() -> None:
    """CI sends SIGINT, then SIGTERM: the exit code is that of the first."""
    interruption = Interruption()
    interruption.request(Cause.sigint)
    interruption.request(Cause.sigterm)
    assert (interruption.requested, interruption.cause) == (True, Cause.sigint)
    with pytest.raises(Interrupted):
        interruption.check()


def test_a_caller_s_own_event_means_sigterm() -> None:
    """`cancel` stops as SIGTERM would, from any thread."""
    interruption = Interruption()
    interruption.event.set()
    assert (interruption.requested, interruption.cause) == (True, Cause.sigterm)


def test_another_process_can_ask() -> None:
    """`abort` means SIGTERM too, and is looked for each time."""
    answers = iter([False, True])
    interruption = Interruption(asked_elsewhere=lambda: next(answers))
    interruption.check()
    with pytest.raises(Interrupted):
        interruption.check()
    assert interruption.cause is Cause.sigterm


def test_the_exit_code_is_that_of_shells() -> None:
    """128 and the signal's number."""
    assert {cause.value: cause.exit_code for cause in Cause} == {"SIGINT": 130, "SIGTERM": 143}
