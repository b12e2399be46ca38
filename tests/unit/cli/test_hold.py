"""`hold` and `unhold`."""

from tests.unit.cli.conftest import Cli


def test_the_command(cli: Cli) -> None:
    """`hold`, what `run` and `status` then say, `unhold`; in words and in JSON."""
    assert cli("hold", "-m", "the database moves") == 0
    assert cli.lines == [
        "[deploy] Deploys are held by alice: the database moves",
        "[deploy] `deploykit unhold web.toml` lets them go on; rollbacks go on meanwhile",
    ]
    assert cli("run", "--tag", "one") == 6
    assert cli.err.startswith("deploykit: error: deploys are held by alice since ")
    refused = cli.json("run", "--tag", "one")
    assert (refused["event"], refused["exit_code"]) == ("deployment.refused", 6)
    cli("status")
    assert "  held       by alice, since 2023-11-14T22:13:20.000Z: the database moves" in cli.out
    assert cli.json("status")["hold"] == {
        "why": "the database moves",
        "by": "alice",
        "since": "2023-11-14T22:13:20.000Z",
    }
    assert cli("unhold") == 0
    assert cli.lines == ["[deploy] Deploys go on; they were held by alice: the database moves"]
    assert cli("unhold") == 0
    assert cli.lines == ["[deploy] Deploys were not held"]
    assert cli.json("hold", "-m", "x")["hold"]["why"] == "x"
    assert cli.json("unhold")["hold"]["why"] == "x"
    assert cli.json("unhold")["hold"] is None
    assert cli("hold") == 2
