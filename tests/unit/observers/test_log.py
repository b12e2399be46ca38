"""Events as log lines, through structlog."""

import logging

import pytest
import structlog

from deploykit.events import Event, Progress, Warned
from deploykit.observers.lines import Narrator
from deploykit.observers.log import LogObserver
from tests.unit.world import World


def test_each_line_is_logged_at_its_level() -> None:
    """To the logger that was given."""
    with structlog.testing.capture_logs() as logged:
        observe = LogObserver(structlog.get_logger())
        observe(Warned(id="r1", at=0, text="low on disk"))
        observe(Progress(id="r1", at=0, line="Started"))
    assert logged == [
        {"event": "WARNING: low on disk", "log_level": "warning"},
        {"event": "Started", "log_level": "debug"},
    ]


def test_without_a_configuration_only_warnings_show(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """It logs to `deploykit`, and a library leaves it to its caller what of that shows."""
    before = logging.getLogger("deploykit").handlers, logging.getLogger("deploykit").level
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    with caplog.at_level(logging.WARNING):
        world.deploy("two", on_event=LogObserver())
    assert {record.name for record in caplog.records} == {"deploykit"}
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "Container exited with code 1" in caplog.text
    assert (logging.getLogger("deploykit").handlers, logging.getLogger("deploykit").level) == before
    assert capfd.readouterr().out == ""


def test_the_narrator_is_the_callers() -> None:
    """With the way in which it types its commands."""

    class Terse(Narrator):
        def __call__(self, event: Event):  # type: ignore[no-untyped-def]  # as its parent's
            yield "info", event.name

    with structlog.testing.capture_logs() as logged:
        LogObserver(structlog.get_logger(), Terse())(Warned(id="r1", at=0, text="low on disk"))
    assert [one["event"] for one in logged] == ["warning"]
