"""`images`."""

from tests.unit.cli.conftest import Cli


def test_the_versions_at_hand(cli: Cli) -> None:
    """Newest first, with what became of each; in words and in JSON."""
    assert cli("images") == 0
    assert cli.lines == ["no image is at hand"]
    cli.world.good("one", "two")
    cli.world.backend.release("bad").crashes()
    cli("run", "--tag", "bad")
    cli("images")
    assert [line.split()[:4] for line in cli.lines] == [
        ["TAG", "LAST", "ENDED", "NOW"],
        ["bad", "r3", "rolled_back", cli.lines[1].split()[3]],
        ["two", "r2", "deployed", "current"],
        ["one", "r1", "deployed", "target"],
    ]
    said = cli.json("images")
    assert said[0] | {"tag": "bad", "deployment": "r3", "outcome": "rolled_back", "size": None} == said[0]
