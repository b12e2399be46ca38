"""Signals of a verb that changes something."""

import io
import os
import pty
import signal
import sys

import pytest

from deploykit.cli import signals
from deploykit.cli.errors import Hurried, NothingBegan
from deploykit.cli.signals import interruptible
from deploykit.errors import Interrupted
from deploykit.interrupt import Cause
from tests.unit.cli.conftest import Cli

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize(("number", "cause"), [(signal.SIGINT, Cause.sigint), (signal.SIGTERM, Cause.sigterm)])
def test_a_signal_asks_to_stop(number: signal.Signals, cause: Cause) -> None:
    """It raises nothing where it arrives: the deployment stops where that is safe."""
    with interruptible() as interruption:
        assert not interruption.requested
        signal.raise_signal(number)
        assert (interruption.requested, interruption.cause) == (True, cause)


def test_ci_s_second_signal_means_the_same_stop() -> None:
    """It sends SIGINT, then SIGTERM, or SIGINT again, and none of them from a terminal."""
    with interruptible() as interruption:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT):
            signal.raise_signal(number)
        assert interruption.cause is Cause.sigint


def test_a_second_ctrl_c_at_a_terminal_hurries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first does not."""
    monkeypatch.setattr(signals, "_from_terminal", lambda: True)
    with interruptible() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.requested
        with pytest.raises(Hurried):
            signal.raise_signal(signal.SIGINT)


def test_a_terminal_that_goes_away_is_ignored() -> None:
    """SIGHUP stops nothing."""
    with interruptible() as interruption:
        signal.raise_signal(signal.SIGHUP)
        assert not interruption.requested


def test_the_handlers_are_those_of_before_in_the_end() -> None:
    """Also after an error."""
    before = [signal.getsignal(number) for number in NUMBERS]
    with interruptible():
        assert [signal.getsignal(number) for number in NUMBERS] != before
    with pytest.raises(ValueError, match="x"), interruptible():
        raise ValueError("x")
    assert [signal.getsignal(number) for number in NUMBERS] == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_being_stopped_before_anything_began_has_the_signal_s_code(number: signal.Signals, code: int) -> None:
    """While it waited for its turn."""

    def wait() -> None:
        with interruptible() as interruption:
            signal.raise_signal(number)
            interruption.check()

    with pytest.raises(NothingBegan) as caught:
        wait()
    assert caught.value.exit_code == code
    assert isinstance(caught.value, Interrupted)


@pytest.mark.parametrize("stdin", [None, io.StringIO()])
def test_where_there_is_no_terminal_nothing_comes_from_one(
    monkeypatch: pytest.MonkeyPatch, stdin: io.StringIO | None
) -> None:
    """Closed, or no file at all."""
    monkeypatch.setattr(sys, "stdin", stdin)
    assert not signals._from_terminal()


def test_a_terminal_of_somebody_else_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C reaches those in its foreground alone."""
    leader, follower = pty.openpty()
    with os.fdopen(follower) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert terminal.isatty()
        assert not signals._from_terminal()
    os.close(leader)


def test_a_deploy_that_is_told_to_stop_ends_with_the_signal_s_code(cli: Cli) -> None:
    """What served serves again."""
    cli.world.good("one")
    cli.world.backend.release("two").ready_after(5)
    cli.world.when("backend.watch", "after", lambda: signal.raise_signal(signal.SIGTERM))
    assert cli("run", "--tag", "two") == 143
    assert cli.world.serves == ["one"]
    assert "[deploy] Rollback completed successfully" in cli.lines
