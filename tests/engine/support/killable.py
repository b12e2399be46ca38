"""deploykit that ends itself by SIGKILL at a chosen point: `python killable.py POINT ARGS...`.

POINT is `state:NAME`, when the journal has just been told of that state, or `command:N:WHEN`: `before`, `during` or
`after` its n-th command that changes something on the engine; with `command:N:WHEN:STATE` the n-th since that state.
With `signal:STATE:SIGTERM,SIGINT` it gets these signals there instead; `patience:SECONDS` is how long it waits for an
engine that is away. Several are joined by `+`.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from deploykit import cli, deployment
from deploykit.backends.engine import client, runner
from deploykit.deployment import loop
from deploykit.journal import SqliteJournal
from deploykit.protocols import Control
from deploykit.record import Move, Record


def program(point: str) -> list[str]:
    """Return the command that is deploykit with this point in it."""
    return [sys.executable, __file__, point]


def die() -> None:
    """End as a machine's OOM killer ends it."""
    os.kill(os.getpid(), signal.SIGKILL)


def at(state: str, do: Callable[[], object]) -> None:
    """Do something as soon as the journal has the deployment in that state."""
    write = SqliteJournal.update

    def update(self: SqliteJournal, record: Record, move: Move | None = None) -> None:
        write(self, record, move)
        if move and move.target.name == state:
            do()

    setattr(SqliteJournal, "update", update)  # noqa: B010 - it is not to be a method for mypy


def count_from(state: str = "", *, do: Callable[[], object]) -> None:
    """Begin to count when the journal has the deployment in that state, or now."""
    if state:
        at(state, do)
    else:
        do()


def die_at(number: int, when: str) -> None:
    """Die before, during or after the command of that number among those that change something."""
    run, count = runner.run, iter(range(1, 1000))

    def counted(command: runner.Command, control: Control | None = None) -> runner.Completed:
        if not command.changes or next(count) != number:
            return run(command, control)
        if when == "during":
            with runner.spawned(command, control or Control()):
                die()
        if when == "after":
            run(command, control)
        die()
        raise AssertionError("it lives")

    setattr(client, "run", counted)  # noqa: B010 - the door's own name for it


def signalled_in(state: str, names: str) -> None:
    """Get these signals, one after the other, as soon as the journal has the deployment in that state."""

    def send() -> None:
        for name in names.split(","):
            os.kill(os.getpid(), signal.Signals[name])

    at(state, send)


def wait_for(seconds: str) -> None:
    """Wait for no longer than that for an engine that is away."""
    loop.ENGINE_WAIT = deployment.ENGINE_WAIT = float(seconds)  # the guard takes that of the package


POINTS: dict[str, Callable[..., None]] = {
    "state": lambda state: at(state, die),
    "signal": signalled_in,
    "patience": wait_for,
    "command": lambda number, when, *state: count_from(*state, do=lambda: die_at(int(number), when)),
}


def main(argv: Sequence[str]) -> int:
    """Run deploykit, if it comes through."""
    points, *words = argv
    for point in points.split("+"):
        kind, *where = point.split(":")
        POINTS[kind](*where)
    return cli.main(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
