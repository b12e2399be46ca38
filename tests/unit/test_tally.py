"""Looks are counted by kind, in a room that is bounded whatever is answered."""

import pytest

from deploykit.protocols import ProbeVerdict, Verdict
from deploykit.record import Looks
from deploykit.tally import KINDS, OTHERS, Answer, Tally, kind_of


def unhealthy(reason: str, probe: str = "http") -> Answer:
    return Answer(probe, Verdict(ProbeVerdict.unhealthy, reason))


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("answered 500: Server Error, request 4711 (Set Host.)", "500"),
        ("app-web-2: answered 503", "503"),
        ("answers 500", "500"),
        ("connection refused", "refused"),
        ("app-web-1: connection refused", "refused"),
        ("no answer within 0.35s", "timed out"),
        ("connection reset by peer", "reset"),
        ("checks.database is false, not true", "checks.database is false, not true"),
        ("app-web-1: still starting", "still starting"),
        ("manage.py check exited with 3: lag of 12 s", "manage.py check exited with N"),
        ("web.2: the connection was closed without an answer", "closed"),
        ("message is 'connection refused', not 'ok'", "message is 'connection refused', not 'o…"),
        ("x" * 300, "x" * 39 + "…"),
        ("ok is false, not true; checks.database is false, not true", "ok is false, not true"),
        ("", "unhealthy"),
    ],
)
def test_the_kind_of_an_answer(reason: str, kind: str) -> None:
    """What differs each time makes no new kind."""
    assert kind_of(reason) == kind


def test_looks_are_counted_by_probe_and_kind() -> None:
    """In the order in which they came, with the last answer."""
    tally = Tally()
    healthy = Answer("tcp", Verdict(ProbeVerdict.healthy))
    for answers in (
        [unhealthy("connection refused", "tcp")],
        [healthy, unhealthy("answered 500: a")],
        [healthy, unhealthy("answered 500: b")],
    ):
        tally.add(answers)
    assert tally.looks == (
        Looks("tcp", 3, (("refused", 1), ("healthy", 2)), ""),
        Looks("http", 2, (("500", 2),), "answered 500: b"),
    )


def test_a_look_that_the_end_has_cut_is_counted_but_is_no_last_answer() -> None:
    """It says nothing about the app, unless there is no other."""
    tally = Tally()
    tally.add([unhealthy("answered 500: b")])
    tally.add([unhealthy("no answer within 0.05s")], cut=True)
    assert tally.looks == (Looks("http", 2, (("500", 1), ("timed out", 1)), "answered 500: b"),)


def test_its_room_is_bounded() -> None:
    """However often it is looked, and however the answers differ."""
    tally = Tally()
    for number in range(10_000):
        tally.add([unhealthy(f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)} {'long ' * 1000}")])
    (looks,) = tally.looks
    assert looks.looks == sum(count for _, count in looks.kinds) == 10_000
    assert len(looks.kinds) == KINDS + 1
    assert looks.kinds[-1][0] == OTHERS
    assert len(repr(looks)) < 1000
