"""`run --dry-run`: what people and programs get to see."""

from tests.unit.cli.conftest import Cli


def test_the_command_tells_it(cli: Cli) -> None:
    """In words, and as one document; exit 0."""
    cli.world.good("one")
    assert cli("run", "--tag", "two", "--dry-run") == 0
    assert cli.lines == [
        "web: what `run` would do; nothing is changed now",
        "  deploys    example.com/team/web:two  not at hand yet",
        "  pulls      the registry is asked whether it has a newer one",
        "  replaces   example.com/team/web:one (r1): fake-web-1; in place, with a short gap",
        "  a failure  goes back to example.com/team/web:one (r1)",
    ]
    told = cli.json("run", "--tag", "two", "--dry-run")
    assert (told["image"], told["restore"]["tag"], told["unchanged"]) == ("example.com/team/web:two", "one", False)
    assert len(cli.world.rows) == 1


def test_the_command_tells_what_is_at_hand(cli: Cli) -> None:
    """And that nothing would move; what comes before anything is replaced; what failed."""
    cli.world.good("one", "two")
    cli.world.backend.release_command = True
    cli.world.backend.release("three").crashes()
    cli.world.deploy("three")
    cli("run", "--tag", "two", "--dry-run", "--pull", "missing", "--rehearse")
    assert "  pulls      nothing: it is at hand" in cli.lines
    assert "  replaces   nothing, when the registry has no newer one and all probes pass" in cli.out
    assert cli.out.count("  before     ") == 2
    cli("run", "--tag", "three", "--dry-run", "--no-rollback")
    assert "  failed     when it was last tried, in r3: " in cli.out
    assert cli.lines[-1].startswith("  a failure  is left as it is")
