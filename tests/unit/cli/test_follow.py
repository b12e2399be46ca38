"""Showing a deployment while it runs."""

import argparse
import io
import sys

import pytest
import structlog

from deploykit.cli.follow import following
from deploykit.cli.log import LineObserver
from deploykit.events import Event, Progress, Warned
from deploykit.observers.json import JsonObserver
from deploykit.observers.lines import Narrator
from deploykit.observers.log import LogObserver
from deploykit.observers.progress import ProgressObserver
from tests.unit.cli.conftest import Cli

WARNED = Warned(id="r1", at=0, text="low on disk")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def args(*, json: bool = False) -> argparse.Namespace:
    return argparse.Namespace(json=json, config=None)


@pytest.mark.parametrize(
    ("json", "stderr", "kind"),
    [
        (True, Terminal(), JsonObserver),
        (False, Terminal(), ProgressObserver),
        (False, io.StringIO(), LineObserver),
        (False, None, LineObserver),
    ],
)
def test_the_form_is_the_one_that_was_asked_for(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, *, json: bool, stderr: io.StringIO | None, kind: type[object]
) -> None:
    """JSON; a spinner only where there is a terminal to look at; plain lines else, without a stderr too."""
    monkeypatch.setattr(sys, "stderr", stderr)
    with following(args(json=json)) as observe:
        assert type(observe) is kind


@pytest.mark.parametrize("stderr", [Terminal(), io.StringIO()])
def test_the_lines_are_on_stdout_wherever_one_looks_on(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stderr: io.StringIO
) -> None:
    """With the runbook's prefix; the runtime's own lines are not among them."""
    monkeypatch.setattr(sys, "stderr", stderr)
    events: list[Event] = [WARNED, Progress(id="r1", at=0, line="web Pulling")]
    with following(args()) as observe:
        for event in events:
            observe(event)
    assert capsys.readouterr().out == "[deploy] WARNING: low on disk\n"


def test_our_lines_are_those_that_a_log_would_have(
    cli: Cli, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """From info on, in the same words; and no handler of a log gets any."""
    events: list[Event] = [WARNED, Progress(id="r1", at=0, line="web Pulling"), Warned(id="r1", at=0, text="100 %s")]
    with structlog.testing.capture_logs() as logged:
        log = LogObserver(structlog.get_logger())
        for event in events:
            log(event)
    observe = LineObserver(Narrator())
    for event in events:
        observe(event)
    lines = [f"[deploy] {one['event']}" for one in logged if one["log_level"] != "debug"]
    assert capsys.readouterr().out.splitlines() == lines
    assert len(lines) == 2
    assert caplog.records == []
