"""Events as log lines, through structlog."""

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from deploykit.events import Event, Progress, Warned
from deploykit.observers.lines import Narrator
from deploykit.observers.log import LogObserver
from tests.unit.world import World


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    """Capturing leaves structlog configured."""
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


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


def deploy_a_bad_one() -> None:
    world = World()
    world.good("one")
    world.backend.release("two").crashes()
    world.deploy("two", on_event=LogObserver())


def test_the_standard_library_gets_plain_lines(caplog: pytest.LogCaptureFixture) -> None:
    """From the logger `deploykit`, for the application to format: nothing has been put before them."""
    with caplog.at_level(logging.INFO, "deploykit"):
        deploy_a_bad_one()
    assert {record.name for record in caplog.records} == {"deploykit"}
    assert caplog.messages[0] == "Using image: example.com/team/web:two"
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["ERROR: Container exited with code 1 after 0.1s"]


def test_structlog_gets_them_where_it_is_configured() -> None:
    """By the application; a logger that is given takes them in any case."""
    with structlog.testing.capture_logs() as logged:
        deploy_a_bad_one()
    assert {"event": "Using image: example.com/team/web:two", "log_level": "info"} in logged


def test_a_logger_that_is_given_takes_them(caplog: pytest.LogCaptureFixture) -> None:
    """Wherever others go."""
    LogObserver(logging.getLogger("own"))(Warned(id="r1", at=0, text="50% full"))
    assert [(one.name, one.getMessage()) for one in caplog.records] == [("own", "WARNING: 50% full")]


def test_it_is_silent_until_the_application_configures_logging() -> None:
    """Not a word, not even of Python's own for want of a handler; and nothing is configured for the application."""
    script = """
import logging, structlog
from deploykit.events import Warned
from deploykit.observers.log import LogObserver
LogObserver()(Warned(id="r1", at=0, text="low on disk"))
assert not logging.getLogger().handlers and not structlog.is_configured()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_the_narrator_is_the_callers() -> None:
    """With the way in which it types its commands."""

    class Terse(Narrator):
        def __call__(self, event: Event):  # type: ignore[no-untyped-def]  # as its parent's
            yield "info", event.name

    with structlog.testing.capture_logs() as logged:
        LogObserver(structlog.get_logger(), Terse())(Warned(id="r1", at=0, text="low on disk"))
    assert [one["event"] for one in logged] == ["warning"]
