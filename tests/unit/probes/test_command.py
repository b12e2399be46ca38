"""The `command` probe."""

from collections.abc import Sequence

import pytest

from deploykit.errors import ConfigError, EngineUnreachable, StepFailed
from deploykit.probes import CommandProbe
from deploykit.protocols import Execution, ProbeVerdict, Verdict
from deploykit.release import Instance

WEB = Instance(id="a" * 64, service="web", status="running")
OTHER = Instance(id="b" * 64, service="web", status="running")
ARGV = ("python", "manage.py", "check")


class Engine:
    """Answers every command with the next of `results`, and keeps what it was asked."""

    def __init__(self, *results: Execution | Exception) -> None:
        self._results = list(results)
        self.asked: list[tuple[str, Sequence[str], float]] = []

    def execute(self, instance: Instance, argv: Sequence[str], timeout: float) -> Execution:
        self.asked.append((instance.id[:1], argv, timeout))
        result = self._results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result


def look(*results: Execution | Exception, instances: Sequence[Instance] = (WEB,)) -> Verdict:
    return CommandProbe(argv=ARGV, execute=Engine(*results).execute).look(instances, 60.0)


def test_exit_code_0_everywhere_is_healthy() -> None:
    """It is healthy when the command exits with 0 in every instance."""
    assert look(Execution(0, "fine"), Execution(0, ""), instances=[WEB, OTHER]) == Verdict(ProbeVerdict.healthy)


def test_the_reason_has_the_last_line() -> None:
    """Another exit code is unhealthy, and the reason ends with the last line of the output."""
    verdict = look(Execution(1, "Traceback:\nOperationalError: no such table\n\n"))
    reason = "python manage.py check exited with 1: OperationalError: no such table"
    assert verdict == Verdict(ProbeVerdict.unhealthy, reason)


def test_no_output_needs_no_colon() -> None:
    """Without output the reason ends with the exit code."""
    assert look(Execution(137, " \n")).reason == "python manage.py check exited with 137"


def test_output_is_cleaned_and_cut() -> None:
    """The last line is cut to 100 characters, and steers no terminal."""
    reason = look(Execution(1, "\x1b[2J" + "x" * 5000)).reason
    assert reason.isprintable()
    assert len(reason) < 150


def test_a_bad_instance_is_named() -> None:
    """Among several instances, the one where the command fails is named."""
    reason = look(Execution(0, ""), Execution(2, ""), instances=[WEB, OTHER]).reason
    assert reason == "bbbbbbbbbbbb: python manage.py check exited with 2"


def test_a_command_that_cannot_be_run_is_unhealthy() -> None:
    """What the backend says of a command that it could not run is the reason."""
    assert look(StepFailed("no such file: \x1b[2Jpython")).reason == "no such file: \\x1b[2Jpython"


def test_an_unreachable_engine_is_no_verdict() -> None:
    """That the engine does not answer is told to the caller, not blamed on the app."""
    with pytest.raises(EngineUnreachable):
        look(EngineUnreachable("gone"))


def test_the_shorter_limit_holds() -> None:
    """A command gets the probe's own limit or the caller's, whichever is shorter, and all instances share it."""
    engine = Engine(Execution(0, ""), Execution(0, ""), Execution(0, ""))
    probe = CommandProbe(argv=ARGV, execute=engine.execute, timeout=5.0)
    probe.look([WEB, OTHER], 60.0)
    probe.look([WEB], 2.0)
    (_, argv, first), (_, _, second), (_, _, short) = engine.asked
    assert argv == ARGV
    assert 4.9 < second < first <= 5.0
    assert 1.9 < short <= 2.0


def test_no_time_left_runs_nothing() -> None:
    """With no time left no command is run."""
    engine = Engine()
    verdict = CommandProbe(argv=ARGV, execute=engine.execute).look([WEB], 0.0)
    assert verdict == Verdict(ProbeVerdict.unhealthy, "no answer within 0s")
    assert not engine.asked


def test_no_instances_is_unhealthy() -> None:
    """Without an instance it is unhealthy."""
    assert look(instances=()).reason == "no instance to look at"


def test_the_name_is_the_command() -> None:
    """It is called what a shell would be told, and its repr leaves the backend out."""
    probe = CommandProbe(argv=("sh", "-c", "exit 1"), execute=Engine().execute)
    assert probe.name == "command sh -c 'exit 1'"
    assert "Engine" not in repr(probe)


@pytest.mark.parametrize("argv", [(), ("",)])
def test_an_empty_command_is_refused(argv: tuple[str, ...]) -> None:
    """A command without a program is a configuration error that names the key."""
    with pytest.raises(ConfigError, match="argv"):
        CommandProbe(argv=argv, execute=Engine().execute)


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_a_timeout_that_is_none_is_refused(timeout: float) -> None:
    """A timeout that is not a number of seconds above 0 is a configuration error that names the key."""
    with pytest.raises(ConfigError, match="timeout"):
        CommandProbe(argv=ARGV, execute=Engine().execute, timeout=timeout)
