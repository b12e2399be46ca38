"""What every shelf promises; the tests of each subclass it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from deploykit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploykit.protocols import Entry, Shelf

AT_ONCE = 8


class ShelfContract(ABC):
    """`open_shelf` opens one shelf, as another process would."""

    @abstractmethod
    def open_shelf(self) -> Shelf: ...

    @pytest.fixture
    def shelf(self) -> Iterator[Shelf]:
        """A shelf that is empty before and after."""
        shelf = self.open_shelf()
        yield shelf
        for kind in ("row", "lock"):
            for entry in shelf.read(kind).values():
                shelf.remove(entry)

    def test_what_was_put_is_read(self, shelf: Shelf) -> None:
        """By everybody, by its kind, with its age by the runtime's clock; any bytes."""
        content = bytes(range(256))
        assert shelf.read("row") == {}
        shelf.put("row.1", b"one", None)
        shelf.put("row.12", content, None)
        shelf.put("lock.lock", b"mine", None)
        found = self.open_shelf().read("row")
        assert {name: (one.key, one.content) for name, one in found.items()} == {
            "1": ("row.1", b"one"),
            "12": ("row.12", content),
        }
        assert 0 <= found["12"].age < 60

    def test_only_who_knows_what_is_there_replaces_it(self, shelf: Shelf) -> None:
        """Compare and swap: also when it was replaced many times since, or nothing was there."""
        first = shelf.put("row.1", b"one", None)
        assert first
        second = shelf.put("row.1", b"two", first)
        assert second
        third = shelf.put("row.1", b"three", second)
        assert third
        for outdated in (None, first, second):
            assert shelf.put("row.1", b"other", outdated) is None
        found = shelf.read("row")["1"]
        assert (found.content, found.version) == (b"three", third.version)
        fourth = shelf.put("row.1", b"four", found)
        assert fourth

    def test_asked_again_it_is_there_already(self, shelf: Shelf) -> None:
        """Whoever heard no answer may ask again."""
        first = shelf.put("row.1", b"one", None)
        assert first
        again = shelf.put("row.1", b"one", None)
        assert again
        assert again.version == first.version
        shelf.put("row.1", b"two", first)
        repeated = shelf.put("row.1", b"two", first)
        assert repeated
        assert shelf.put("row.1", b"three", repeated)

    def test_what_was_removed_is_gone(self, shelf: Shelf) -> None:
        """Whatever it had become; twice is as once."""
        first = shelf.put("row.1", b"one", None)
        assert first
        shelf.put("row.1", b"two", first)
        shelf.remove(first)
        shelf.remove(first)
        assert shelf.read("row") == {}
        assert shelf.put("row.1", b"new", None)

    def test_of_many_at_once_one_gets_through(self, shelf: Shelf) -> None:
        """To an empty place, and then to one that has been written."""
        before: Entry | None = None
        for step in range(3):
            together = Barrier(AT_ONCE)
            shelves = [self.open_shelf() for _ in range(AT_ONCE)]

            def put(
                number: int, before: Entry | None, together: Barrier, shelves: list[Shelf], step: int
            ) -> Entry | None:
                together.wait(20)
                return shelves[number].put("lock.lock", f"{step}: {number}".encode(), before)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                asked = [pool.submit(put, number, before, together, shelves, step) for number in range(AT_ONCE)]
                got = [entry for one in asked if (entry := one.result())]
            assert len(got) == 1
            before = got[0]
            assert shelf.read("lock")["lock"].content == before.content

    def test_a_lot_fits_and_too_much_is_told(self, shelf: Shelf) -> None:
        """256 KiB, and no more."""
        most = os.urandom(256 * 1024)
        assert shelf.put("row.1", most, None)
        assert shelf.read("row")["1"].content == most
        with pytest.raises(ConfigError, match=r"row\.2 is too big .* 257 KiB"):
            shelf.put("row.2", most + bytes(1024), None)
