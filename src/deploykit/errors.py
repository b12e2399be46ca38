"""Outcomes with their exit codes, and the tree of errors.

DeploykitError                nothing began; raised to the caller
├── ConfigError           2   the file, an argument or the compose file is wrong
├── NoSuchRelease         2   the release asked for is not to be found
├── EngineUnreachable     5   the runtime does not answer
├── RegistryFailed        1   the registry does not tell what it was asked
├── Held                  6   an operator holds deploys
├── Locked               75   another deployment holds the lock
│   └── LockLost              another machine has taken it over meanwhile
└── DeploymentFailed          only from Result.raise_for_outcome, with the outcome's own code
StepFailed                    a step of a deployment did not work; becomes the deployment's failure
└── PullFailed                the image did not come
JournalError                  the journal cannot be written
Interrupted                   the deployment was told to stop; not an error
"""

from enum import Enum


class Outcome(Enum):
    """How a deployment ended, for people and for exit codes."""

    deployed = "deployed"
    unchanged = "unchanged"
    rolled_back = "rolled_back"
    untouched = "untouched"
    restore_failed = "restore_failed"
    left_unhealthy = "left_unhealthy"
    unfinished = "unfinished"
    no_target = "no_target"
    held = "held"
    locked = "locked"
    interrupted = "interrupted"

    @property
    def exit_code(self) -> int:
        """The exit code of this outcome; an interrupt by SIGTERM has 143 in place of 130."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    Outcome.deployed: 0,
    Outcome.unchanged: 0,
    Outcome.rolled_back: 1,
    Outcome.untouched: 1,
    Outcome.restore_failed: 3,
    Outcome.left_unhealthy: 3,
    Outcome.unfinished: 3,
    Outcome.no_target: 4,
    Outcome.held: 6,
    Outcome.locked: 75,
    Outcome.interrupted: 130,
}


class DeploykitError(Exception):
    """Nothing began. `hint` says what to do next; `exit_code` is what a script should end with."""

    exit_code = 2

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(DeploykitError):
    """The configuration, or what the caller asked for, is wrong."""


class NoSuchRelease(DeploykitError):
    """There is no such release to go to."""


class EngineUnreachable(DeploykitError):
    """The runtime does not answer."""

    exit_code = 5


class RegistryFailed(DeploykitError):
    """The registry does not tell what it was asked."""

    exit_code = 1


class Held(DeploykitError):
    """An operator holds deploys."""

    exit_code = 6


class Locked(DeploykitError):
    """Another deployment, which lives, holds the lock."""

    exit_code = 75


class LockLost(Locked):
    """Another machine has taken the lock over: it heard nothing of this one for too long."""


class DeploymentFailed(DeploykitError):
    """A deployment ended without the release asked for serving."""

    def __init__(self, message: str, *, exit_code: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.exit_code = exit_code


class StepFailed(Exception):
    """A step of a deployment did not work. `detail` is the redacted output of what was tried."""

    def __init__(self, message: str, *, detail: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.detail = detail
        self.hint = hint


class PullFailed(StepFailed):
    """The image did not come."""


class JournalError(Exception):
    """The journal cannot be written: most often a full disk. `hint` says what to do."""

    def __init__(
        self, message: str, *, hint: str = "Make room on the disk of the state folder, and run again."
    ) -> None:
        super().__init__(message)
        self.hint = hint


class Interrupted(BaseException):
    """The deployment was told to stop. Like KeyboardInterrupt not an Exception: no handler may take it for an error."""
