"""Two targets of one config file, side by side on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.engine.support.names import free_port

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp


def test_two_targets_go_their_own_ways(app: ProcessApp) -> None:
    """Each has its history, its rollback and its failures; the environment names one as well as `-t`."""
    app.targets = {"staging": free_port(), "production": free_port()}
    app.configure()
    app.release("a", "b")
    app.release("bad", exits=3)

    def both() -> tuple[str | None, str | None]:
        return app.version("staging"), app.version("production")

    for target, tag in (("production", "a"), ("staging", "a"), ("staging", "b")):
        assert app.deploykit("run", "-t", target, "--tag", tag).returncode == 0
    assert both() == ("b", "a")

    failed = app.deploykit("run", "-t", "production", "--tag", "bad")
    assert (failed.returncode, both()) == (1, ("b", "a"))
    assert " deploykit history -t production r2 " in failed.stdout
    assert app.deploykit("rollback", DEPLOYKIT_TARGET="staging").returncode == 0
    assert both() == ("a", "a")

    nothing = app.deploykit("rollback", "-t", "production")
    assert nothing.returncode == 2
    assert "of shop-production to go back to" in nothing.stderr
    assert [row["tag"] for row in app.json("history", "-t", "staging")] == ["a", "b", "a"]
    assert [row["tag"] for row in app.json("history", "-t", "production")] == ["bad", "a"]
    assert not app.tag_file.exists()
    unnamed = app.deploykit("run", "--tag", "a")
    assert (unnamed.returncode, both()) == (2, ("a", "a"))
    assert "none was named: production, staging" in unnamed.stderr
