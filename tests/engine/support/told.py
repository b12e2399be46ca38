"""What deploykit told, and whether all that can be asked agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from subprocess import CompletedProcess

    from tests.engine.support.project import App


def assert_in_order(output: str, expected: Iterable[str]) -> None:
    """Assert that these lines stand in the output, word for word, in this order; others may stand between."""
    lines = iter(output.splitlines())
    for wanted in expected:
        assert any(line == wanted for line in lines), f"{wanted!r} is missing, or not in its place, in:\n{output}"


def unbroken(text: str) -> str:
    """Return what was printed as one line: a page's paragraphs are broken where they must be."""
    return " ".join(" ".join(line.removeprefix("[deploy] ").split()).removeprefix("| ") for line in text.splitlines())


def ended(done: CompletedProcess[str], exit_code: int) -> CompletedProcess[str]:
    """Assert that a command ended so, without a traceback; shows what it wrote when not."""
    story = f"exit {done.returncode}, not {exit_code}\n--- out\n{done.stdout}\n--- err\n{done.stderr}"
    assert done.returncode == exit_code, story
    assert "Traceback" not in done.stdout + done.stderr, story
    return done


def status(app: App) -> dict[str, Any]:
    """Return what `status --json` says."""
    said: dict[str, Any]
    _, said = app.look("status")
    return said


def history(app: App) -> list[dict[str, Any]]:
    """Return what `history --json` says."""
    said: list[dict[str, Any]]
    code, said = app.look("history")
    assert code == 0, said
    return said


def assert_all_agree(app: App, *versions: str) -> str:
    """Assert that one container serves one of the versions, and that journal, tag file and engine agree on it."""
    container = app.container()
    assert app.serves(versions[0], within=0.5) or app.serves(versions[-1], within=5)
    version = app.version()
    assert version in versions
    said = status(app)
    assert said["current"]["tag"] == version
    assert said["current"]["image_id"] == container.image_id
    assert said["state"] in {"healthy", "rolled_back", "failed"}
    assert said["lock"] is None
    expected = said["previous"]["tag"] if said["previous"] else version
    if app.tag_file.exists():
        assert app.tag_file.read_text() == f"{expected}\n"
    return str(version)
