"""The `command` probe: what a command inside the instance comes to."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from deploykit.errors import ConfigError, StepFailed
from deploykit.probes import _settings as settings
from deploykit.probes._deadline import Deadline
from deploykit.probes._look import Unhealthy, each
from deploykit.probes._network import translated
from deploykit.probes._words import clean
from deploykit.protocols import Execution, Verdict
from deploykit.release import Instance

Execute = Callable[[Instance, Sequence[str], float], Execution]


@dataclass(frozen=True, kw_only=True)
class CommandProbe:
    """Runs `argv` inside each instance, with `timeout` seconds for all; `execute` is the backend's.

    Raises:
        ConfigError: a value is wrong; the message names its key.
    """

    argv: tuple[str, ...]
    execute: Execute = field(repr=False)
    timeout: float = 10.0
    service: str | None = None

    def __post_init__(self) -> None:
        settings.check_timeout(self.timeout)
        if not self.argv or not self.argv[0]:
            raise ConfigError("argv: it names no command")

    @property
    def name(self) -> str:
        return f"command {self._command}"

    @property
    def _command(self) -> str:
        return clean(shlex.join(self.argv), 100)

    def aimed(self, published: Mapping[int, int]) -> "CommandProbe":  # noqa: ARG002 - it always asks the instance
        return self

    def look(self, instances: Sequence[Instance], timeout: float) -> Verdict:
        deadline = Deadline(min(self.timeout, timeout))
        return each(instances, lambda instance: self._look_at(instance, deadline))

    def _look_at(self, instance: Instance, deadline: Deadline) -> Sequence[str]:
        with translated(deadline):
            seconds = deadline.left()
        try:
            execution = self.execute(instance, self.argv, seconds)
        except StepFailed as error:
            raise Unhealthy(str(error)) from error
        if execution.exit_code:
            raise Unhealthy(self._reason(execution))
        return ()

    def _reason(self, execution: Execution) -> str:
        lines = execution.output.strip().splitlines()
        said = f": {clean(lines[-1], 100)}" if lines else ""
        return f"{self._command} exited with {execution.exit_code}{said}"
