"""When commands of the user's are run in a deployment, and what they are told of it."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Protocol

from deploykit.errors import Outcome
from deploykit.protocols import Control
from deploykit.record import Kind, Record
from deploykit.states import State


class Hook(Enum):
    """A moment at which a command of the user's is run; its value is the key of the config file."""

    before_start = "before_start"
    after_healthy = "after_healthy"
    after_rollback = "after_rollback"
    on_failure = "on_failure"


class Hooks(Protocol):
    """Runs the user's commands.

    `run` shows what the command writes by `control.show`, redacted and bounded, and ends it when its time is over or
    the interruption comes. Nothing that it started in the foreground outlives it.

    Raises:
        StepFailed: it did not end well.
        Interrupted: it was ended because the deployment was told to stop.
    """

    def has(self, hook: Hook) -> bool:
        """Whether there is a command for that moment."""
        ...

    def run(self, hook: Hook, variables: Mapping[str, str], control: Control) -> None:
        """Run the command of that moment to its end."""


class NoHooks:
    """There are none."""

    def has(self, hook: Hook) -> bool:  # noqa: ARG002 - for none of them
        return False

    def run(self, hook: Hook, variables: Mapping[str, str], control: Control) -> None:
        """Run nothing."""


def hooks_at_end(record: Record) -> Iterator[Hook]:
    """Yield the hooks of a deployment that is in a terminal state, in their order."""
    if record.outcome is Outcome.unchanged:
        return
    if record.good:
        yield Hook.after_healthy if record.kind is Kind.deploy else Hook.after_rollback
    elif record.state is State.rolled_back:
        yield Hook.after_rollback
    if record.exit_code:
        yield Hook.on_failure


def variables(record: Record) -> dict[str, str]:
    """Return what a hook is told of its deployment; what is not known yet is empty."""
    image = record.candidate.image if record.candidate else record.asked
    failure = record.restore_failure or record.failure
    return {
        "DEPLOYKIT_ID": record.id,
        "DEPLOYKIT_KIND": record.kind.name,
        "DEPLOYKIT_IMAGE": image.repository,
        "DEPLOYKIT_TAG": image.tag or "",
        "DEPLOYKIT_DIGEST": image.digest or "",
        "DEPLOYKIT_PREVIOUS_TAG": (record.current.image.tag or "") if record.current else "",
        "DEPLOYKIT_STATE": record.state.name,
        "DEPLOYKIT_OUTCOME": record.outcome.name if record.outcome else "",
        "DEPLOYKIT_EXIT_CODE": str(record.exit_code) if record.outcome else "",
        "DEPLOYKIT_ERROR": failure.summary if failure else "",
    }
