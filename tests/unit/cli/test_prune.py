"""`protect`, `unprotect` and `prune`."""

from tests.unit.cli.conftest import Cli


def test_the_commands(cli: Cli) -> None:
    """What is kept, what goes, and what the history then shows; in words and in JSON."""
    cli.world.good("one", "two", "three", "four")
    assert cli("protect", "one") == 0
    assert cli.lines == ["[deploy] example.com/team/web:one (r1) is kept from prune"]
    cli("history")
    assert [line.split()[4] for line in cli.lines[1:]] == ["current", "target", "2023-11-14", "protected"]
    assert [row["protected"] for row in cli.json("history")] == [False, False, False, True]
    assert cli("prune", "--keep", "2") == 0
    assert cli.lines == [
        "[deploy] Removed: example.com/team/web:two (r2)",
        "[deploy] 1 releases removed; kept: four (r4), three (r3), one (r1)",
    ]
    assert cli.json("unprotect", "r1")["event"] == "release.unprotected"
    said = cli.json("prune", "--keep", "2")
    assert [one["tag"] for one in said["removed"]] == ["one"]
    assert [one["tag"] for one in said["kept"]] == ["four", "three"]


def test_what_is_refused(cli: Cli) -> None:
    """Exit 2."""
    assert cli("prune", "--keep", "0") == 2
    assert cli("protect", "nosuch") == 2
    assert cli("unprotect") == 2


def test_status_says_when_the_target_is_gone(cli: Cli) -> None:
    """In a line of its own, and in JSON."""
    cli.world.good("one", "two")
    assert cli.json("status")["previous"]["at_hand"] is True
    cli.world.backend.store.at_hand.clear()
    cli("status")
    assert "  look now   the previous release is not at hand" in cli.out
    assert cli.json("status")["previous"]["at_hand"] is False
