"""Lines of the checklist that are commands of the config file, run in its folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploykit.backends.engine.runner import Command, TimedOut, run
from deploykit.errors import EngineUnreachable
from deploykit.protocols import Finding, Standing
from deploykit.redact import Redactor
from deploykit.release import ImageRef

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class CheckCommand:
    """Runs a command for at most `timeout` seconds: ok when it exits with 0. The last line that it writes is told."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    timeout: float

    def __call__(self, image: ImageRef | None) -> Finding:
        name = Path(self.argv[0]).name
        try:
            done = run(Command(tuple(self.argv), self.timeout, self._variables(image), folder=self.folder))
        except TimedOut:
            return Finding(name, Standing.failed, f"it took more than {self.timeout:g}s", "Raise [check] timeout.")
        except (EngineUnreachable, OSError, ValueError) as error:
            what = getattr(error, "strerror", None) or error
            return Finding(name, Standing.failed, f"it cannot be run: {what}", f"It is run in {self.folder}.")
        said = Redactor(self.environment).redact_bytes(done.output + done.errors).strip().splitlines()
        last = said[-1][:_LONGEST] if said else f"exit {done.code}"
        if done.code:
            return Finding(name, Standing.failed, last, f"It exited with code {done.code}.")
        return Finding(name, Standing.ok, last)

    def _variables(self, image: ImageRef | None) -> dict[str, str]:
        known = {"DEPLOYKIT_IMAGE": image.repository, "DEPLOYKIT_TAG": image.tag or ""} if image else {}
        return {**self.environment, **known}
