"""`run --dry-run`: what people and programs get to see."""

from deploykit.protocols import Offer
from deploykit.release import ImageRef
from tests.unit.cli.conftest import Cli, Registry
from tests.unit.world import REPOSITORY


def test_the_command_tells_it(cli: Cli) -> None:
    """In words, and as one document; exit 0."""
    cli.world.good("one")
    assert cli("run", "--tag", "two", "--dry-run") == 0
    assert cli.lines == [
        "web: what `run` would do; nothing is changed now",
        "  deploys    example.com/team/web:two  not at hand yet",
        "  pulls      it from the registry",
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


def test_how_much_would_be_pulled(cli: Cli) -> None:
    """Where the registry would be asked, and tells; nothing when it has what is at hand."""
    cli.world.good("one")
    kept = cli.world.last.candidate
    assert kept
    new = ImageRef(REPOSITORY, "two", f"sha256:{'7' * 64}")
    Registry([Offer(new, 245 * 2**20), Offer(kept.image)]).stands_behind(cli)
    told = "245 MiB at most, compressed; layers that are here are not pulled"
    cli("run", "--tag", "two", "--dry-run")
    assert cli.lines[2] == f"  pulls      it from the registry: {told}"
    assert cli.json("run", "--tag", "two", "--dry-run")["offered"] == {"digest": new.digest, "size": 245 * 2**20}
    cli("run", "--tag", "one", "--dry-run")
    assert cli.lines[2] == "  pulls      nothing: the registry has what is at hand"
    cli("run", "--tag", "two", "--dry-run", "--pull", "never")
    assert cli.lines[2].startswith("  pulls      nothing, and fails")
    cli("run", "--tag", "three", "--dry-run")
    assert cli.lines[2] == "  pulls      it from the registry"


def test_a_registry_that_does_not_tell_is_asked_all_the_same(cli: Cli) -> None:
    """Of what is at hand it may have newer content."""
    cli.world.good("one")
    cli("run", "--tag", "one", "--dry-run")
    assert cli.lines[2] == "  pulls      the registry is asked whether it has a newer one"
