"""What is asked over the engine's HTTP API in place of a command of the CLI, which costs twenty times as much.

Nothing here changes a container, and nothing here explains a failure: whatever goes wrong, the CLI is asked the same
once more, and says in its own words what it is.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from deploykit.backends.engine.door import Door, Unusable

T = TypeVar("T")


class NotThere(Exception):
    """The engine has no such container or image."""


@dataclass(frozen=True, slots=True)
class Api:
    """The engine behind a door. Each call takes `within` seconds at most.

    Raises:
        TimedOut: there was no whole answer within that time.
        Unusable: there was none, or none that can be used.
        NotThere: the engine has no such thing.
    """

    door: Door
    within: float

    def id(self) -> str:
        """Return the engine's own lasting id."""
        return _read(self._ask("GET", "/info"), lambda said: str(said["ID"]))

    def containers(self, labels: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return id and name of every container with these labels, in whatever state."""
        filters = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
        query = urlencode({"all": "1", "filters": filters})
        return _read(
            self._ask("GET", f"/containers/json?{query}"),
            lambda said: [(str(one["Id"]), _name(one["Names"])) for one in said],
        )

    def container(self, named: str) -> dict[str, Any]:
        """Return what the engine knows of a container."""
        return _read(self._ask("GET", f"/containers/{quote(named)}/json"), lambda said: {**said})

    def networks(self) -> list[str]:
        """Return the names of all networks."""
        return _read(self._ask("GET", "/networks"), lambda said: [str(one["Name"]) for one in said])

    def image(self, reference: str) -> dict[str, Any]:
        """Return what the engine knows of an image."""
        return _read(self._ask("GET", f"/images/{_quoted(reference)}/json"), lambda said: {**said})

    def tag(self, reference: str, name: str) -> None:
        """Give an image one more name, `repository:tag`."""
        repository, _, tag = name.rpartition(":")
        self._ask("POST", f"/images/{_quoted(reference)}/tag?{urlencode({'repo': repository, 'tag': tag})}")

    def untag(self, name: str) -> None:
        """Take a name off an image, and remove what is left without one; its layers' parents stay."""
        self._ask("DELETE", f"/images/{_quoted(name)}?noprune=1")

    def get(self, target: str) -> Any:
        """Return what the engine answers to a question that only one backend has, read as JSON."""
        return self._ask("GET", target)

    def _ask(self, method: str, target: str) -> object:
        """Return what was answered, read as JSON; None for an answer without content."""
        reply = self.door.ask(method, target, within=self.within)
        if reply.status == 404 and "no such" in reply.message.lower():
            raise NotThere
        if not reply.ok:
            msg = f"{reply.status} {reply.message}"
            raise Unusable(msg)
        return reply.said


def _quoted(reference: str) -> str:
    return quote(reference, safe="/:@")


def _name(names: list[str]) -> str:
    """Return the container's own name among those that others link to it by, which have a second slash."""
    return next(name[1:] for name in names if "/" not in name[1:])


def _read(said: object, read: Callable[[Any], T]) -> T:
    try:
        return read(said)
    except (LookupError, TypeError, ValueError, StopIteration) as error:
        msg = f"not what was asked for: {error!r}"
        raise Unusable(msg) from error
