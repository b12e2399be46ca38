"""The hold of an operator: while its file is there, nothing is deployed."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploykit.clock import in_utc
from deploykit.disk import check_state_folder, mend, owner, replace_file
from deploykit.errors import ConfigError, Held
from deploykit.protocols import Hold, HoldBoard


def refuse_while_held(board: HoldBoard) -> None:
    """Raise Held when an operator holds deploys."""
    hold = board.read()
    if hold:
        msg = f"deploys are held by {hold.by} since {in_utc(hold.since)}: {hold.why}"
        raise Held(msg, hint="Nothing was touched. `deploykit unhold` lets them go on; rollbacks go on meanwhile.")


class HoldFile:
    """The hold in a file of the state folder. One that cannot be read holds too: somebody meant something by it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Hold | None:
        try:
            said: Any = json.loads(self._path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, RecursionError) as error:
            check_state_folder(self._path.parent, os.X_OK)  # otherwise nobody knows whether there is one
            return self._unreadable(str(error))
        match said:
            case {"why": str(why), "by": str(by), "since": float() | int() as since}:
                return Hold(why, by, float(since))
            case _:
                return self._unreadable("it does not say why, by whom and since when")

    def put(self, hold: Hold) -> None:
        said: Mapping[str, object] = {"why": hold.why, "by": hold.by, "since": hold.since}
        try:
            replace_file(self._path, f"{json.dumps(said)}\n".encode())
        except OSError as error:
            raise self._unusable(error) from error

    def lift(self) -> Hold | None:
        found = self.read()
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        return found

    def _unreadable(self, reason: str) -> Hold:
        try:
            since = self._path.stat().st_mtime
        except OSError:
            since = 0.0
        return Hold(f"its file {self._path} cannot be read: {reason}", owner(self._path), since)

    def _unusable(self, error: OSError) -> ConfigError:
        return ConfigError(f"the hold {self._path} cannot be changed: {error.strerror}", hint=mend(self._path))
