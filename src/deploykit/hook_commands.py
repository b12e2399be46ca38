"""Hooks that are commands of the config file, run in its folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from deploykit.backends.engine.runner import Command, TimedOut, run
from deploykit.errors import EngineUnreachable, StepFailed
from deploykit.hooks import Hook
from deploykit.protocols import Control
from deploykit.redact import Redactor

SHOWN_LINES = 200
_LONGEST_LINE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCommands:
    """Runs `commands` with `environment` and what each deployment adds to it; each has `timeout` seconds."""

    commands: Mapping[Hook, Sequence[str]]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    timeout: float

    def has(self, hook: Hook) -> bool:
        return bool(self.commands.get(hook))

    def run(self, hook: Hook, variables: Mapping[str, str], control: Control) -> None:
        argv = tuple(self.commands[hook])
        shown = Control(control.interruption, progress=_bounded(Redactor(self.environment), control.show))
        command = Command(argv, self.timeout, {**self.environment, **variables}, folder=self.folder)
        try:
            code = run(command, shown).code
        except TimedOut as error:
            msg = f"{hook.value} was ended: it took more than {self.timeout:g}s"
            raise StepFailed(msg, hint="Make it faster, or raise [hooks] timeout.") from error
        except (EngineUnreachable, OSError, ValueError) as error:
            msg = f"{hook.value} cannot be run: {getattr(error, 'strerror', None) or error}"
            raise StepFailed(msg, hint=f"Mend [hooks] {hook.value}; it is run in {self.folder}.") from error
        if code:
            ended = f"was ended by signal {-code}" if code < 0 else f"exited with code {code}"
            msg = f"{hook.value} {ended}"
            raise StepFailed(msg, hint=f"Its output is above; mend [hooks] {hook.value}.")


def _bounded(redact: Callable[[str], str], show: Callable[[str], None]) -> Callable[[str], None]:
    numbers = count(1)

    def tell(line: str) -> None:
        number = next(numbers)
        if number <= SHOWN_LINES:
            # Redacted first: half a secret would not be found.
            show(redact(line)[:_LONGEST_LINE])
        elif number == SHOWN_LINES + 1:
            show("(it wrote more, which is not shown)")

    return tell
