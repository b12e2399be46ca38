"""Where a test may step in."""

from collections.abc import Callable

import pytest

from deploykit.testing import Killed, Moment, Moments


def test_every_hook_is_told_before_and_after() -> None:
    """In the order in which they were added; each call is remembered once."""
    moments, told = Moments(), list[tuple[str, Moment]]()

    def hook(name: str) -> Callable[[Moment], None]:
        return lambda moment: told.append((name, moment))

    moments.hooks += [hook("a"), hook("b")]
    with moments.around("x"):
        moments.tell("x", "during")
    assert told == [(name, Moment("x", when)) for when in ("before", "during", "after") for name in "ab"]
    assert moments.calls == ["x"]


def test_what_did_not_happen_has_no_after() -> None:
    """A call that raised has had no effect to be told of."""
    moments, told = Moments(), list[str]()
    moments.hooks.append(lambda moment: told.append(moment.when))
    with pytest.raises(OSError, match="x"), moments.around("x"):
        raise OSError("x")
    assert told == ["before"]


def test_a_hook_may_be_lent_for_a_while() -> None:
    """Also when it kills what is done meanwhile."""
    moments = Moments()

    def kill(_: Moment) -> None:
        raise Killed

    def run() -> None:
        with moments.hooked(kill):
            moments.tell("x", "before")

    with pytest.raises(Killed):
        run()
    moments.tell("x", "before")
    assert moments.calls == ["x", "x"]


def test_a_hook_may_take_itself_away() -> None:
    """And every other is told all the same."""
    moments, told = Moments(), list[str]()

    def once(_: Moment) -> None:
        moments.hooks.remove(once)

    moments.hooks += [once, lambda moment: told.append(moment.call)]
    moments.tell("x", "before")
    moments.tell("y", "before")
    assert told == ["x", "y"]


def test_a_kill_is_no_error() -> None:
    """No handler may survive it."""
    assert not issubclass(Killed, Exception)
