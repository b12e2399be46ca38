"""Showing a deployment while it runs."""

import argparse
import io
import sys
from pathlib import Path

import pytest
import structlog

from deploykit.cli.follow import following
from deploykit.cli.log import LineObserver
from deploykit.events import Event, Looked, Progress, Warned
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
    return argparse.Namespace(json=json, config=None, target=None)


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the tests run."""
    monkeypatch.setenv("TERM", "xterm")


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


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("TERM", "unknown"), ("CI", "true")])
def test_nothing_spins_where_nobody_could_see_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """A terminal that takes nothing back, and the log of a CI that claims to be one, get plain lines."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv(name, value)
    with following(args()) as observe:
        assert type(observe) is LineObserver


@pytest.mark.parametrize(("ci", "told"), [("", [10, 20]), ("false", [10, 20]), ("true", [5, 10, 15, 20])])
def test_a_wait_is_told_oftener_in_a_ci(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, told: list[int]
) -> None:
    """Every 5 s at most, else every 10 s: some end a job that is silent."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with following(args()) as observe:
        for second in range(1, 22):
            observe(Looked(id="r1", at=0, attempt=1, elapsed=second, budget=60, healthy=False, reason="no"))
    lines = [f"[deploy] Not healthy yet, {second}s of 60s: no" for second in told]
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize("json", [False, True])
def test_github_is_told_how_it_ended(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, json: bool) -> None:
    """An annotation after the lines, but for JSON, whose last line is the end; and the summary, added to."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    cli.world.backend.serving("one")
    cli.world.backend.release("two").crashes(exit_code=3)
    assert cli("run", "--tag", "two", *(["--json"] if json else [])) == 1
    annotations = [line for line in cli.lines if line.startswith("::error ")]
    assert len(annotations) == (not json)
    assert json or "Container exited with code 3" in annotations[0]
    assert summary.read_text().startswith("before\n### Deploy: ")
    assert cli.lines[-1].startswith("{" if json else "::error title=example.com/team/web%3Atwo%3A rolled back::")


def test_github_is_told_what_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no end of a deployment then."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert cli("rollback", "nowhere") == 2
    assert cli.out.startswith("::error title=deploykit::")
    assert len(cli.lines) == 1
    cli("rollback", "nowhere", "--json")
    assert "::error" not in cli.out
