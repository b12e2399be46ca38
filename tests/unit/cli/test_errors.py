"""Errors as people and programs get to see them, and their exit codes."""

import json

import pytest

from deploykit.cli import main
from deploykit.cli.errors import Hurried, NothingBegan, report
from deploykit.errors import ConfigError, EngineUnreachable, Held, Interrupted, Locked, NoSuchRelease
from tests.unit.cli.conftest import Cli


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("no", hint="so"), 2),
        (NoSuchRelease("no", hint="so"), 2),
        (EngineUnreachable("no", hint="so"), 5),
        (Held("no", hint="so"), 6),
        (Locked("no", hint="so"), 75),
    ],
)
def test_a_refusal_is_two_lines_on_stderr(capsys: pytest.CaptureFixture[str], error: Exception, code: int) -> None:
    """What is wrong, and what to do; stdout stays empty."""
    assert report(error, ["run"]) == code
    assert capsys.readouterr() == ("", "deploykit: error: no\n  hint: so\n")


def test_as_json_a_refusal_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    """With its exit code, in the words of the contract."""
    assert report(Locked("no\nway", hint="so"), ["run", "--json"]) == 75
    out, err = capsys.readouterr()
    assert json.loads(out) == {"event": "deployment.refused", "exit_code": 75, "error": "no\nway", "hint": "so"}
    assert err == ""


def test_a_refusal_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """And steers no terminal."""
    report(ConfigError("a\nb\x1b[2J"), ["run"])
    assert capsys.readouterr().err == "deploykit: error: a b\\x1b[2J\n"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Hurried(), 3, "not finished: look now"),
        (NothingBegan(130), 130, "before anything began; nothing was touched"),
        (NothingBegan(143), 143, "before anything began; nothing was touched"),
        (Interrupted(), 143, "before anything began; nothing was touched"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_being_stopped_has_the_code_of_its_signal(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, said: str
) -> None:
    """Unless a deployment was left half-way: then somebody must look."""
    assert report(error, ["run"]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "code"), [("run", 3), ("rollback", 3), ("recover", 3), ("abort", 3), ("status", 2)])
def test_a_bug_is_told_as_one(cli: Cli, monkeypatch: pytest.MonkeyPatch, verb: str, code: int) -> None:
    """Exit 3 where something may have been changed; no traceback, but a way to get one."""
    monkeypatch.setattr("deploykit.load", lambda path, target: 1 / 0)
    assert cli(verb) == code
    assert "unexpected ZeroDivisionError: division by zero" in cli.err
    assert "DEPLOYKIT_TRACEBACK=1" in cli.err
    monkeypatch.setenv("DEPLOYKIT_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        cli(verb)


def test_a_wrong_command_line_is_refused_like_anything_else(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, as JSON when that was asked for."""
    assert main(["rnu"]) == 2
    assert "did you mean run?" in capsys.readouterr().err
    assert main(["run", "--tga", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["exit_code"] == 2


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0."""
    assert main(["--help"]) == 0
    assert main(["run", "--help"]) == 0
