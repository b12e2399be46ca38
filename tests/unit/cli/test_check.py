"""`check`: what is shown, and the exit code."""

from deploykit.protocols import Hold
from tests.unit.cli.conftest import Cli


def test_the_checklist(cli: Cli) -> None:
    """A line each, with the mend below what is not ok; exit 1 when one failed."""
    cli.world.good("one", "two")
    assert cli("check", "--tag", "three") == 0
    assert cli.lines[0].split()[:2] == ["ok", "state"]
    assert "hint:" not in cli.out
    cli.world.state.hold.put(Hold("moving", "alice", 1.0))
    assert cli("check", "--tag", "three") == 1
    at = next(number for number, line in enumerate(cli.lines) if line.startswith("failed   hold"))
    assert cli.lines[at].endswith("alice holds deploys: moving")
    assert cli.lines[at + 1].split() == ["hint:", *["`deploykit", "unhold", "web.toml`", "lets", "them", "go", "on."]]


def test_the_checklist_as_json(cli: Cli) -> None:
    """One document."""
    cli.world.good("one")
    said = cli.json("check", "--tag", "two")
    assert (said["app"], said["ok"]) == ("web", True)
    assert set(said["checks"][0]) == {"about", "standing", "text", "hint"}


def test_a_tag_that_is_none(cli: Cli) -> None:
    """Exit 2."""
    assert cli("check", "--tag", "no tag") == 2
