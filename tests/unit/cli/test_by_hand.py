"""The verbs by hand, on the fakes: what is typed, what is refused, what is shown."""

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

import pytest

from deploykit.cli import by_hand
from deploykit.errors import NoSuchRelease
from deploykit.protocols import Program
from deploykit.release import Release
from deploykit.testing import FakeBackend
from tests.unit.cli.conftest import Cli


class OpenBackend(FakeBackend):
    """A runtime with a way inside: its programs say what was asked for."""

    def exec_program(self, service: str, argv: Sequence[str], *, terminal: bool) -> Program:
        return Program(("exec", service, *argv, str(terminal)), {})

    def shell_program(self, release: Release, argv: Sequence[str], *, terminal: bool) -> Program:
        return Program(("shell", release.id, *argv, str(terminal)), {})

    def compose_program(self, release: Release, argv: Sequence[str]) -> Program:
        return Program(("compose", release.id, *argv), {})

    def logs_program(self, service: str | None, *, follow: bool, tail: int | None) -> Program:
        return Program(("logs", str(service), str(follow), str(tail)), {})


@pytest.fixture
def ran() -> list[str]:
    """What took the place of this process."""
    return []


@pytest.fixture
def inside(cli: Cli, monkeypatch: pytest.MonkeyPatch, ran: list[str]) -> Cli:
    """An app with two releases, on a runtime with a way inside; in place of this process its programs end."""

    def become(program: Program) -> NoReturn:
        ran.append(" ".join(program.argv))
        raise SystemExit(7)

    for verb in ("exec", "shell", "compose", "logs"):
        monkeypatch.setattr(f"deploykit.cli.{verb}.become", become)
    cli.world.good("one", "two")
    cli.world.backend.__class__ = OpenBackend
    return cli


@pytest.mark.parametrize(
    ("typed", "program"),
    [
        (["exec", "web", "--", "env", "--json"], "exec web env --json False"),
        (["shell"], "shell r2 sh False"),
        (["shell", "r1", "--", "python", "-c", "1"], "shell r1 python -c 1 False"),
        (["shell", "one"], "shell r1 sh False"),
        (["compose", "--", "ps", "-a"], "compose r2 ps -a"),
        (["logs"], "logs None False None"),
        (["logs", "web", "-f", "--tail", "5"], "logs web True 5"),
    ],
)
def test_what_is_run(inside: Cli, ran: list[str], typed: list[str], program: str) -> None:
    """Behind `--` everything is the command's; a release is named by id or tag, and else is the one that serves."""
    with suppress(SystemExit):
        inside(*typed)
    assert ran == [program]


@pytest.mark.parametrize(
    "typed",
    [
        ["exec", "web"],
        ["exec", "--", "env"],
        ["compose"],
        ["shell", "nosuch"],
        ["diff", "one"],
        ["diff", "one", "nosuch"],
        ["logs", "--of", "r1"],
        ["logs", "--of", "../journal"],
        ["status", "--", "env"],
    ],
)
def test_what_is_refused(inside: Cli, ran: list[str], typed: list[str]) -> None:
    """Exit 2, and nothing is run."""
    assert inside(*typed) == 2
    assert inside.err
    assert not ran


def test_a_runtime_without_a_way_inside(cli: Cli) -> None:
    """Is told so: exit 2."""
    cli.world.good("one")
    assert cli("exec", "web", "--", "env") == 2
    assert "no way inside" in cli.err


def test_the_log_of_a_failure_is_kept(cli: Cli) -> None:
    """All that is at hand of it, where the failure itself has the last lines alone."""
    cli.world.good("one")
    cli.world.backend.release("bad").crashes(after=1, log="\n".join(map(str, range(100))))
    assert cli("run", "--tag", "bad") == 1
    assert cli("logs", "--of", "r2") == 0
    assert cli.lines == [str(number) for number in range(100)]
    assert cli("logs", "--of", "r2", "--tail", "2") == 0
    assert cli.lines == ["98", "99"]
    assert cli("logs", "--of", "r2", "--tail", "0") == 0
    assert cli.lines == []
    assert cli.json("logs", "--of", "r2", "--tail", "1") == {"app": "web", "service": None, "of": "r2", "lines": ["99"]}


def test_a_log_as_json_is_one_document(inside: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines that its program writes, whose exit code is ours; one that is followed has no end, and is refused."""
    shown = Program((sys.executable, "-c", r"print('\x1b[2Kone'); print('two'); raise SystemExit(3)"), {})
    monkeypatch.setattr(OpenBackend, "logs_program", lambda *_, **__: shown)
    assert inside("logs", "web", "--json") == 3
    assert json.loads(inside.out) == {"app": "web", "service": "web", "of": None, "lines": ["one", "two"]}
    assert inside("logs", "-f", "--json") == 2


@pytest.mark.parametrize("count", ["-1", "x", "1.5"])
def test_a_number_of_lines_is_one(cli: Cli, count: str) -> None:
    """Exit 2, whatever else was typed."""
    assert cli("logs", f"--tail={count}") == 2
    assert "--tail" in cli.err


def test_pruning_lets_go_of_the_logs_of_what_goes(cli: Cli) -> None:
    """But not of those of what stays."""
    cli.world.good("one")
    cli.world.backend.release("bad").crashes(after=1, log="a line")
    cli("run", "--tag", "bad")
    assert "r2" in cli.world.state.logs.kept
    cli("prune")
    assert "r2" in cli.world.state.logs.kept  # the last deployment tried it
    cli.world.good("two", "three")
    cli("prune", "--keep", "2")
    assert not cli.world.state.logs.kept


def test_the_instances(cli: Cli) -> None:
    """A line each, with what people look for; in JSON as `status` has them."""
    assert cli("ps") == 0
    assert cli.lines == ["nothing runs"]
    cli.world.good("one")
    cli("ps")
    assert cli.lines[0].split() == ["NAME", "SERVICE", "STATUS", "HEALTH", "RESTARTS", "STARTED"]
    assert cli.lines[1].split()[:3] == ["fake-web-1", "web", "running"]
    assert [one["status"] for one in cli.json("ps")] == ["running"]


def test_differences(cli: Cli) -> None:
    """In words, and in JSON."""
    cli.world.good("one", "two")
    assert cli("diff", "one", "r2") == 0
    assert cli.lines[:2] == ["--- example.com/team/web:one (r1)", "+++ example.com/team/web:two (r2)"]
    assert "  + example.com/team/web:two" in cli.lines
    said = cli.json("diff", "r1", "r2")
    assert (said["a"]["id"], said["b"]["id"], said["differences"][0]["part"]) == ("r1", "r2", "image")
    cli("diff", "r1", "r1")
    assert cli.lines[-1] == "no difference"


def test_differences_of_files_that_are_gone(cli: Cli) -> None:
    """Exit 2: it cannot be told."""
    cli.world.good("one", "two")
    cli.world.state.files.discard("r1")
    assert cli("diff", "r1", "r2") == 2


def test_a_program_takes_the_place_of_deploykit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its own words and all of its environment, and none of ours."""
    seen: list[object] = []
    monkeypatch.setattr("os.execve", lambda *given: seen.extend(given))
    become: Callable[[Program], object] = by_hand.become
    become(Program(("/bin/docker", "ps"), {"A": "b"}))
    assert seen == ["/bin/docker", ("/bin/docker", "ps"), {"A": "b"}]


def test_hands_refuse_what_nobody_deployed(cli: Cli) -> None:
    """An app that was started by hand has no release whose files could be used."""
    cli.world.backend.serving("zero")
    cli.world.backend.__class__ = OpenBackend
    with pytest.raises(NoSuchRelease, match="not deployed"):
        cli.world.app.by_hand.compose(["ps"])
