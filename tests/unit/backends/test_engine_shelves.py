"""The shelves of an engine and of a swarm, on one in memory: the contract, and what only a strange hour brings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import formatdate
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from deploykit.backends.engine.client import Engine
from deploykit.backends.engine.door import Reply
from deploykit.backends.engine.volumes import VolumeShelf
from deploykit.backends.engine.wire import Wire
from deploykit.backends.swarm.configs import ConfigShelf
from deploykit.errors import ConfigError, EngineUnreachable
from tests.contract.shelf import ShelfContract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deploykit.protocols import Shelf

NOW = 1_800_000_000.0


class MemoryWire(Wire):
    """An engine that has volumes and configs, and does what Docker's documentation of its API says."""

    def __init__(self) -> None:
        super().__init__(Engine(environment={}))
        self.now = NOW
        self.things: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.refusal: tuple[int, str] | None = None
        self.breaks_after: int | None = None
        self.others_remove = False
        self._one = Lock()
        self._index = 0

    def ask(self, method: str, target: str, body: Mapping[str, object] | None = None) -> Reply:
        with self._one:
            self.asked.append(method)
            if self.breaks_after is not None and len(self.asked) > self.breaks_after:
                raise EngineUnreachable("it went away")
            if self.refusal:
                return self._reply(self.refusal[0], {"message": self.refusal[1]})
            url = urlsplit(target)
            return self._answer(method, unquote(url.path).split("/")[1:], parse_qs(url.query), dict(body or {}))

    def _answer(self, method: str, path: list[str], query: dict[str, list[str]], body: dict[str, Any]) -> Reply:
        match method, path:
            case "GET", ["volumes"]:
                return self._reply(200, {"Volumes": self._found(query) or None})
            case "GET", ["configs"]:
                return self._reply(200, self._found(query))
            case "POST", ["volumes", "create"]:
                return self._reply(201, self.things.setdefault(body["Name"], self._volume(body)))
            case "POST", ["configs", "create"]:
                if any(one["Spec"]["Name"] == body["Name"] for one in self.things.values()):
                    return self._reply(409, {"message": "name conflicts with an existing object"})
                return self._write(f"id{len(self.asked)}", body)
            case "POST", ["configs", named, "update"]:
                if named not in self.things:
                    return self._reply(404, {"message": f"config {named} not found"})
                if str(self.things[named]["Version"]["Index"]) != query["version"][0]:
                    return self._reply(500, {"message": "rpc error: code = Unknown desc = update out of sequence"})
                return self._write(named, body)
            case "DELETE", [_, named]:
                gone = self.things.pop(named, None) is None or self.others_remove
                return self._reply(*(404, {"message": "no such thing"}) if gone else (204, None))
            case _:
                raise AssertionError(method, path)

    def _volume(self, body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "CreatedAt": self._time}

    def _write(self, named: str, body: dict[str, Any]) -> Reply:
        self._index += 1
        self.things[named] = {"ID": named, "Version": {"Index": self._index}, "UpdatedAt": self._time, "Spec": body}
        return self._reply(200, {"ID": named})

    def _found(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        wanted = {tuple(one.split("=", 1)) for one in json.loads(query["filters"][0])["label"]}
        return [one for one in self.things.values() if wanted <= set((one.get("Spec") or one)["Labels"].items())]

    @property
    def _time(self) -> str:
        return datetime.fromtimestamp(self.now, UTC).isoformat()

    def _reply(self, status: int, said: Any) -> Reply:
        return Reply(status, json.loads(json.dumps(said)), {"date": formatdate(self.now, usegmt=True)})


class InMemory(ShelfContract):
    """What holds for both."""

    @pytest.fixture(autouse=True)
    def _wire(self) -> None:
        self.wire = MemoryWire()

    def test_an_entry_is_as_old_as_the_engine_says(self, shelf: Shelf) -> None:
        """By its own clock; one that was set back makes nothing younger than now."""
        shelf.put("lock.lock", b"mine", None)
        for later, age in ((12, 12), (-3600, 0)):
            self.wire.now = NOW + later
            found = shelf.get("lock.lock")
            assert found
            assert found.age == age

    def test_what_is_swept_away_can_be_put_back(self, shelf: Shelf) -> None:
        """While nobody else came."""
        shelf.put("lock.lock", b"mine", None)
        self.wire.things.clear()
        assert shelf.put("lock.lock", b"mine again", None)

    def test_who_came_after_all_was_swept_away_keeps_what_he_has(self, shelf: Shelf) -> None:
        """Whatever one thinks to have there who was there before."""
        first = shelf.put("lock.lock", b"mine", None)
        assert first
        second = shelf.put("lock.lock", b"mine again", first)
        self.wire.things.clear()
        theirs = shelf.put("lock.lock", b"theirs", None)
        assert shelf.put("lock.lock", b"mine still", second) is None
        found = shelf.get("lock.lock")
        assert found == theirs
        assert shelf.put("lock.lock", b"theirs again", theirs)

    def test_a_write_that_broke_off_anywhere_can_be_asked_again(self, shelf: Shelf) -> None:
        """And leaves nothing behind."""
        before = shelf.put("row.1", b"0", None)
        for step in range(1, 5):
            self.wire.asked.clear()
            self.wire.breaks_after = step
            content = str(step).encode()
            try:
                shelf.put("row.1", content, before)
            except EngineUnreachable:
                self.wire.breaks_after = None
                assert shelf.put("row.1", content, before)
            self.wire.breaks_after = None
            before = shelf.get("row.1")
            assert before
            assert before.content == content
        shelf.put("row.1", b"end", before)
        assert len(self.wire.things) == 1

    def test_what_another_removes_meanwhile_is_gone(self, shelf: Shelf) -> None:
        """That is all that was wanted."""
        first = shelf.put("row.1", b"one", None)
        assert first
        self.wire.others_remove = True
        assert shelf.put("row.1", b"two", first)
        shelf.remove(first)
        assert shelf.read("row") == {}

    def test_what_the_engine_refuses_is_told(self, shelf: Shelf) -> None:
        """In its own words."""
        self.wire.refusal = 500, "no space left on device"
        for ask in (
            lambda: shelf.put("row.1", b"one", None),
            lambda: shelf.read("row"),
            lambda: shelf.get("row.1"),
        ):
            with pytest.raises(ConfigError, match="what is kept with it: no space left on device"):
                ask()
        self.wire.refusal = None

    def test_what_is_not_ours_is_told(self, shelf: Shelf) -> None:
        """Somebody has put our labels on something else."""
        shelf.put("row.1", b"one", None)
        (thing,) = self.wire.things.values()
        (thing.get("Spec") or thing)["Labels"].pop("deploykit.content")
        with pytest.raises(ConfigError, match="cannot be read"):
            shelf.read("row")
        self.wire.things.clear()


class TestVolumes(InMemory):
    def open_shelf(self) -> Shelf:
        return VolumeShelf("deploykit.web.0", self.wire)

    def test_what_is_removed_is_never_an_older_one_meanwhile(self) -> None:
        """The newest version goes last."""
        shelf = self.open_shelf()
        first = shelf.put("row.1", b"one", None)
        self.wire.breaks_after = len(self.wire.asked) + 2  # it is made, and what was there is not yet gone
        with pytest.raises(EngineUnreachable):
            shelf.put("row.1", b"two", first)
        self.wire.breaks_after = None
        self.wire.things = dict(reversed(self.wire.things.items()))
        assert first
        self.wire.breaks_after = len(self.wire.asked) + 2
        with pytest.raises(EngineUnreachable):
            shelf.remove(first)
        self.wire.breaks_after = None
        assert [one.content for one in shelf.read("row").values()] == [b"two"]


class TestConfigs(InMemory):
    def open_shelf(self) -> Shelf:
        return ConfigShelf("deploykit.web.0", self.wire)

    def test_a_swarm_without_a_leader_is_away(self) -> None:
        """It is waited for, as any engine is."""
        self.wire.refusal = 500, "rpc error: code = Unknown desc = The swarm does not have a leader."
        with pytest.raises(EngineUnreachable, match="no manager that answers"):
            self.open_shelf().put("row.1", b"one", None)
