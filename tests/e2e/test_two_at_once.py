"""Fifty at once: one at a time proceeds, and the journal is whole afterwards."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

from tests.e2e import crowd
from tests.e2e.support import clean

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.e2e.support import ProcessApp

MANY = 50


def at_once(app: ProcessApp, *argv: str) -> list[int]:
    """Let many run this at the same moment; return their exit codes."""
    verb, *rest = argv
    command = [*crowd.program(), str(MANY), verb, app.config.name, *rest]
    done = subprocess.run(command, cwd=app.folder, env=clean(), capture_output=True, text=True, timeout=120, check=True)
    codes: list[int] = json.loads(done.stdout)
    return codes


def whole_journal(app: ProcessApp) -> list[str]:
    """Assert that the journal is sound, with every deployment ended and no number missing; return the outcomes."""
    with sqlite3.connect(app.folder / ".deploykit" / "journal.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        numbers = [number for (number,) in connection.execute("SELECT number FROM deployments ORDER BY number")]
    connection.close()
    assert numbers == list(range(1, len(numbers) + 1))
    rows = app.json("history")
    assert all(row["outcome"] for row in rows)
    return [row["outcome"] for row in rows]


def test_one_proceeds_and_the_others_are_told_at_once(
    app: ProcessApp, record_property: Callable[[str, object], None]
) -> None:
    """75, naming the one that holds the lock."""
    app.release("slow", delay=4)
    app.configure(attempts=60)
    codes = at_once(app, "run", "--tag", "slow")
    record_property("cases", len(codes))
    assert Counter(codes) == {0: 1, 75: MANY - 1}
    told = [(app.folder / f"said.{number}").read_text() for number, code in enumerate(codes) if code]
    assert all("another deployment holds the lock" in one for one in told), told
    assert whole_journal(app) == ["deployed"]
    assert app.version() == "slow"


def test_all_get_their_turn_who_wait_for_it(app: ProcessApp, record_property: Callable[[str, object], None]) -> None:
    """With --lock-wait: one after the other, each with a row of its own."""
    app.deploy("a")
    codes = at_once(app, "run", "--tag", "a", "--lock-wait", "100", "--message", "number {}")
    record_property("cases", len(codes))
    assert Counter(codes) == {0: MANY}
    assert Counter(whole_journal(app)) == {"unchanged": MANY, "deployed": 1}
    assert {row["message"] for row in app.json("history")} == {"", *(f"number {number}" for number in range(MANY))}
