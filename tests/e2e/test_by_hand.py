"""Getting at what runs, where that is a process: `exec`, `shell`, `logs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.support import ProcessApp

SH = ("sh", "-c")


def test_getting_at_what_runs(app: ProcessApp) -> None:
    """In the folder of the release, with its environment; exit code and output are the command's own."""
    app.deploy("a", "b")
    tag = 'grep -o \'"tag": "."\' behaviour.json; echo $PORT; exit 7'

    done = app.deploykit("exec", "app", "--", *SH, tag)
    assert (done.returncode, done.stdout) == (7, f'"tag": "b"\n{app.port}\n')
    assert app.deploykit("shell", "r1", "--", *SH, tag).stdout == f'"tag": "a"\n{app.port}\n'
    assert app.deploykit("shell", "--", *SH, tag).stdout == f'"tag": "b"\n{app.port}\n'

    assert app.deploykit("logs").stdout == "version b starts\n"
    assert app.deploykit("logs", "app", "--tail", "0").stdout == ""
    following = app.start("logs", "-f")
    assert app.wait_for(following, "version b starts")
    following.terminate()

    for refused in (["exec", "web", "--", "true"], ["exec", "app", "--", "./nosuch"], ["compose", "--", "ps"]):
        done = app.deploykit(*refused)
        assert (done.returncode, done.stdout) == (2, "")
        assert "hint: " in done.stderr
    assert app.version() == "b"


def test_a_release_that_was_pruned(app: ProcessApp) -> None:
    """It is told as one that is not there: exit 2."""
    app.deploy("a", "b", "c")
    assert app.deploykit("prune", "--keep", "2").returncode == 0
    done = app.deploykit("shell", "r1", "--", "true")
    assert done.returncode == 2
    assert "unexpected" not in done.stderr


def test_nothing_runs(app: ProcessApp) -> None:
    """There is nothing to get at: exit 2."""
    for typed in (["exec", "app", "--", "true"], ["logs"], ["shell"]):
        assert app.deploykit(*typed).returncode == 2
