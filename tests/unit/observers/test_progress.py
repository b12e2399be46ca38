"""A spinner for people who look on."""

import io
import re
import sys

import pytest
from rich.console import Console

from deploykit.events import Event, Looked, Moved, Progress, Warned
from deploykit.observers.layers import Layers
from deploykit.observers.progress import ProgressObserver
from deploykit.states import State, Trigger


class Stage:
    """An observer that notes what the spinner shows while it is asked to write."""

    def __init__(self, width: int = 200) -> None:
        console = Console(file=io.StringIO(), force_terminal=True, width=width)
        self.told: list[Event] = []
        self.spun: list[bool] = []
        self.progress = ProgressObserver(self.inner, console)

    def inner(self, event: Event) -> None:
        self.told.append(event)
        self.spun.append(self.spins)

    @property
    def spins(self) -> bool:
        return self.progress._status._live.is_started

    @property
    def says(self) -> str:
        return str(self.progress._status.status)


def moved(target: State) -> Moved:
    return Moved(id="r1", at=0, trigger=Trigger.start, source=State.pulling, target=target)


def looked(reason: str) -> Looked:
    return Looked(id="r1", at=0, attempt=1, elapsed=3.7, budget=60, healthy=not reason, reason=reason)


def test_what_is_waited_for_is_shown() -> None:
    """The state, then the looks and the runtime's lines, which make no lines of their own."""
    stage = Stage()
    stage.progress(moved(State.checking))
    assert (stage.spins, stage.says) == (True, "checking")
    for event, says in [
        (looked("answers 500"), "look 1, 4s of 60s: answers 500"),
        (looked(""), "look 1, 4s of 60s: healthy"),
        (Progress(id="r1", at=0, line="web Pulling\x1b"), "web Pulling\\x1b"),
    ]:
        stage.progress(event)
        assert stage.says == says
    assert stage.told == [moved(State.checking)]
    stage.progress.close()


def test_the_spinner_is_away_while_a_line_is_written() -> None:
    """Else the two would be written into each other."""
    stage = Stage()
    stage.progress(moved(State.checking))
    stage.progress(Warned(id="r1", at=0, text="low on disk"))
    assert (len(stage.told), stage.spun) == (2, [False, False])
    stage.progress.close()


@pytest.mark.parametrize("end", [State.healthy, State.failed, State.rolled_back])
def test_nothing_spins_when_it_is_over(end: State) -> None:
    """A terminal state takes it away, and so does close, as often as it is called."""
    stage = Stage()
    stage.progress(moved(State.checking))
    stage.progress(moved(end))
    assert not stage.spins
    stage.progress(moved(State.checking))
    stage.progress.close()
    stage.progress.close()
    assert not stage.spins


class Gone(io.StringIO):
    """A terminal that nobody reads any more."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    def isatty(self) -> bool:
        return True


class Ends(Console):
    """What rich does when nobody reads it any more, but for closing stdout."""

    def on_broken_pipe(self) -> None:
        raise SystemExit(1)


@pytest.mark.parametrize("console", [None, Ends(stderr=True, force_terminal=True)], ids=["ours", "rich's"])
def test_a_terminal_that_went_away_does_not_stop_the_lines(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], console: Console | None
) -> None:
    """Nor the deployment: they go on, to stdout, wherever that goes."""
    monkeypatch.setattr(sys, "stderr", Gone())

    def inner(event: Event) -> None:
        sys.stdout.write(f"{event.name}\n")

    progress = ProgressObserver(inner, console)
    for event in (moved(State.checking), looked("no"), Warned(id="r1", at=0, text="low on disk")):
        progress(event)
    progress.close()
    sys.stdout.flush()
    assert capfd.readouterr().out == "state.changed\nwarning\n"


def test_a_pull_counts_its_layers() -> None:
    """Those that are here, and those unpacked, of those known so far; the next step counts anew."""
    stage = Stage()
    stage.progress(moved(State.pulling))
    for line, says in [
        ("two: Pulling from team/web", "two: Pulling from team/web"),
        ("aaaaaaaaaaaa: Already exists", "pulling: 1 of 1 layers here, 1 unpacked"),
        ("bbbbbbbbbbbb: Pulling fs layer", "pulling: 1 of 2 layers here, 1 unpacked"),
        ("cccccccccccc: Waiting", "pulling: 1 of 3 layers here, 1 unpacked"),
        ("bbbbbbbbbbbb: Download complete", "pulling: 2 of 3 layers here, 1 unpacked"),
        ("bbbbbbbbbbbb: Pull complete", "pulling: 2 of 3 layers here, 2 unpacked"),
    ]:
        stage.progress(Progress(id="r1", at=0, line=line))
        assert stage.says == says
    stage.progress(moved(State.starting))
    stage.progress(Progress(id="r1", at=0, line="dddddddddddd: Waiting"))
    assert stage.says == "pulling: 0 of 1 layers here, 0 unpacked"
    stage.progress.close()


@pytest.mark.parametrize("width", [80, 40])
def test_what_is_shown_never_wraps(width: int) -> None:
    """A line that wraps cannot be taken back: rests of it stay on the screen. Wide characters count for two."""
    stage = Stage(width)
    stage.progress(looked("故障" * 100))
    assert stage.progress._console.measure(stage.progress._status.renderable).maximum < width
    stage.progress.close()


@pytest.mark.parametrize(("no_color", "coloured"), [("1", False), ("", True)])
def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch, no_color: str, *, coloured: bool) -> None:
    """The line is there all the same."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    screen = io.StringIO()
    progress = ProgressObserver(lambda event: None, Console(file=screen, force_terminal=True, width=80))
    progress(looked("answers 500"))
    progress.close()
    assert "look 1, 4s of 60s: answers 500" in screen.getvalue()
    assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", screen.getvalue())) is coloured


def test_a_pull_tells_sizes_where_docker_does() -> None:
    """What has come of what there is to come, as far as it is known; unpacking counts nothing twice."""
    layers = Layers()
    for line, says in [
        ("aaaaaaaaaaaa: Already exists", "1 of 1 layers here, 1 unpacked"),
        ("bbbbbbbbbbbb: Downloading  429.1kB/40.01MB", "1 of 2 layers here, 1 unpacked; 0.4 of 40.0 MB"),
        ("cccccccccccc: Downloading [==>  ]  1.5GB/2GB", "1 of 3 layers here, 1 unpacked; 1500.4 of 2040.0 MB"),
        ("bbbbbbbbbbbb: Download complete", "2 of 3 layers here, 1 unpacked; 1540.0 of 2040.0 MB"),
        ("bbbbbbbbbbbb: Extracting    426kB/40.01MB", "2 of 3 layers here, 1 unpacked; 1540.0 of 2040.0 MB"),
        ("bbbbbbbbbbbb: Extracting 12 s", "2 of 3 layers here, 1 unpacked; 1540.0 of 2040.0 MB"),
        ("bbbbbbbbbbbb: Pull complete", "2 of 3 layers here, 2 unpacked; 1540.0 of 2040.0 MB"),
    ]:
        assert layers.hear(line) == f"pulling: {says}"
    assert layers.hear("Status: Downloaded newer image for web:one") is None
