"""Many deploykits at the same moment: `python crowd.py COUNT ARGS...` writes their exit codes as JSON.

What deploykit consists of is imported once, then there are as many processes as were asked for; all begin when all are
there. `{}` in an argument is the number of the process.
"""

import json
import os
import sys
from pathlib import Path

from deploykit import cli
from deploykit.wiring import load


def main() -> int:
    """Start them, let them go, and wait for all of them."""
    count, argv = int(sys.argv[1]), sys.argv[2:]
    load(next(word for word in argv if word.endswith(".toml")))  # which imports what they will need
    waiting, starter = os.pipe()
    pids = [_child(number, argv, waiting, starter) for number in range(count)]
    os.close(starter)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    sys.stdout.write(json.dumps(codes))
    return 0


def _child(number: int, argv: list[str], waiting: int, starter: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    os.close(starter)
    said = os.open(f"said.{number}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.read(waiting, 1)  # ends when the parent lets go
    os._exit(cli.main([word.replace("{}", str(number)) for word in argv]))


def program() -> list[str]:
    """Return how it is called."""
    return [sys.executable, str(Path(__file__))]


if __name__ == "__main__":
    sys.exit(main())
