"""Errors as people and programs get to see them, and their exit codes."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

from deploykit.cli.app import as_typed
from deploykit.cli.output import complain, say
from deploykit.errors import DeploykitError, Interrupted
from deploykit.text import one_line

_CHANGING = {"run", "deploy", "rollback", "recover", "watch", "abort"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing came of a command."""

    exit_code: int
    message: str
    hint: str = ""


def report(error: BaseException, words: Sequence[str], args: argparse.Namespace | None = None) -> int:
    """Tell of the error, on stderr or, with --json, on stdout; return the exit code.

    `args` is what was typed, as far as it could be understood: the commands of hints are for the same app.
    """
    refusal = _refusal(error, words)
    if args:
        refusal = replace(refusal, hint=as_typed(args, refusal.hint))
    if "--json" in words:
        from deploykit.observers.json import dump

        said = {"event": "deployment.refused", "exit_code": refusal.exit_code}
        say(dump(said | {"error": refusal.message, "hint": refusal.hint}))
    else:
        complain(f"deploykit: error: {one_line(refusal.message)}")
        if refusal.hint:
            complain(f"  hint: {one_line(refusal.hint)}")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from deploykit.observers.github import error_command

            say(error_command("deploykit", f"{refusal.message}\n{refusal.hint}".strip()))
    return refusal.exit_code


def _refusal(error: BaseException, words: Sequence[str]) -> Refusal:
    match error:
        case DeploykitError():
            return Refusal(error.exit_code, str(error), error.hint)
        case Hurried():
            hint = "`deploykit recover` goes on with it; `deploykit status` shows what runs."
            return Refusal(3, "stopped at once; the deployment is not finished: look now", hint)
        case Interrupted():
            code = error.exit_code if isinstance(error, NothingBegan) else 143
            return Refusal(code, "interrupted before anything began; nothing was touched")
        case KeyboardInterrupt():
            return Refusal(130, "interrupted")
        case _:
            return _bug(error, words)


def _bug(error: BaseException, words: Sequence[str]) -> Refusal:
    if os.environ.get("DEPLOYKIT_TRACEBACK"):
        raise error
    changing = bool(_CHANGING & set(words))
    hint = "This is a bug of deploykit. DEPLOYKIT_TRACEBACK=1 shows where; `deploykit status` shows what runs."
    return Refusal(3 if changing else 2, f"unexpected {type(error).__name__}: {error}", hint)


class Hurried(KeyboardInterrupt):
    """A second Ctrl-C."""


class NothingBegan(Interrupted):
    """Stopped while it waited for its turn."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code
