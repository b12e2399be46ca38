"""The course of a deployment so far, which all its parts share: its record, what it works with, whom it tells."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from deploykit.errors import JournalError
from deploykit.events import Event, HookOutput, HookStarted, Output, Progress, Warned
from deploykit.health import HealthCheck
from deploykit.hooks import Hook, Hooks, NoHooks, variables
from deploykit.interrupt import Interruption
from deploykit.protocols import Backend, Clock, Control, FailureLogs, Journal, ReleaseFiles
from deploykit.record import Kind, Record
from deploykit.redact import redacted
from deploykit.release import ImageRef, Release, Snapshot
from deploykit.stack import Stack, fold
from deploykit.tagfile import TagFile

_UNSTOPPABLE = Interruption()


@dataclass(frozen=True, slots=True)
class Tools:
    """What a deployment works with. `snapshot` reads today's files for an image."""

    backend: Backend
    health: HealthCheck
    clock: Clock
    journal: Journal
    tag_file: TagFile
    files: ReleaseFiles
    logs: FailureLogs
    control: Control
    snapshot: Callable[[ImageRef], Snapshot]
    notify: Callable[[Event], None]
    hooks: Hooks = NoHooks()  # noqa: RUF009 - has no state


class Course:
    """What a deployment has come to. `unwritten`: why the journal does not have all of it."""

    def __init__(self, record: Record, tools: Tools) -> None:
        self.record: Record = record
        self.tools: Tools = tools
        self.unwritten: JournalError | None = None

    @property
    def trying(self) -> Release:
        """The release that is to go live."""
        assert self.record.candidate is not None  # noqa: S101 - set in pulling, before anything is started
        return self.record.candidate

    @property
    def commands(self) -> bool:
        """Whether a release command is to be run: never when going back."""
        return self.record.kind is Kind.deploy and self.tools.backend.has_release_command()

    @cached_property
    def control(self) -> Control:
        """What the backend is lent for a step."""
        return replace(
            self.tools.control,
            deployment=self.record.id,
            progress=lambda line: self.notify(Progress, line=line),
            show=lambda line: self.notify(Output, line=self.redact(line)),
        )

    @property
    def uncut(self) -> Control:
        """The same for a step that nobody interrupts."""
        return replace(self.control, interruption=_UNSTOPPABLE)

    def stack(self) -> Stack:
        """Return the good releases."""
        return fold(self.tools.journal.ended())

    def set(self, **changes: object) -> None:
        """Note what has come of it; the next move writes it down."""
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]  # names are those of Record

    def run_hook(self, hook: Hook, control: Control) -> None:
        """Run the user's command of that moment, if there is one."""
        if self.tools.hooks.has(hook):
            self.notify(HookStarted, hook=hook.value)
            show = replace(control, show=lambda line: self.notify(HookOutput, hook=hook.value, line=self.redact(line)))
            self.tools.hooks.run(hook, variables(self.record), show)

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        return redacted(text, self.tools.backend.redact)

    def warn(self, text: str) -> None:
        """Tell what somebody should look at."""
        self.notify(Warned, text=text)

    def notify(self, event: type[Event], **fields: object) -> None:
        """Tell an event of this deployment."""
        self.tools.notify(event(id=self.record.id, at=self.tools.clock.time(), **fields))
