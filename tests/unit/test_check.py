"""The checklist: each line, when it is ok, and what it says when it is not."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from deploykit.check import check, worst
from deploykit.check_commands import CheckCommand
from deploykit.errors import ConfigError
from deploykit.protocols import Finding, Hold, Holder, Standing
from deploykit.release import ImageRef
from tests.unit.world import REPOSITORY, World

IMAGE = ImageRef("example.com/team/web", "next")
OK, WARNING, FAILED = Standing.ok, Standing.warning, Standing.failed


def found(
    world: World, image: ImageRef | None = IMAGE, environment: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Finding]:
    """Return the lines by what they are about."""
    return {one.about: one for one in check(world.app._parts, "web", image, environment)}


def named(tag: str) -> str:
    return f"{REPOSITORY}:{tag}"


def stands(lines: Mapping[str, Finding], about: str) -> tuple[Standing, str]:
    return lines[about].standing, lines[about].text


def test_a_tag_file_that_cannot_be_used() -> None:
    """It stops a rollback alone, so it is a warning, with the mend."""
    world = World()
    world.good("one", "two")
    world.state.tag_text.text = "no tag!"
    line = found(world)["target"]
    assert line.standing is WARNING
    assert "holds no tag: not an image tag: 'no tag!'" in line.text
    assert line.hint == "Write one tag into that file, or delete it."


def test_an_app_that_can_be_deployed() -> None:
    """Every line is ok, and nothing was changed."""
    world = World()
    world.good("one", "two")
    world.moments.calls.clear()
    lines = found(world)
    assert {one.standing for one in lines.values()} == {OK}
    assert lines["serving"].text == f"{named('two')} serves, healthy"
    assert lines["target"].text == f"{named('one')} is at hand for `rollback`"
    assert {"state", "runtime", "lock", "serving", "target", "files", "probes"} == set(lines)
    assert not {call for call in world.moments.calls if call.startswith("journal.") or "start" in call}


def test_a_runtime_that_does_not_answer() -> None:
    """Failed; the rest is looked at all the same."""
    world = World()
    world.backend.goes_away()
    lines = found(world)
    assert lines["runtime"].standing is FAILED
    assert lines["state"].standing is OK


def test_a_state_folder_that_cannot_be_used() -> None:
    """Failed, with the words of the error and its hint."""
    world = World()
    world.state.unusable = "it belongs to root"
    lines = found(world)
    assert stands(lines, "state") == (FAILED, "it belongs to root")


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "WORKSPACE"])
def test_a_state_folder_that_ci_cleans(variable: str, tmp_path: Path) -> None:
    """Warned; not of one that lies elsewhere."""
    world = World()
    world.state.folder = tmp_path / "checkout" / ".deploykit"
    assert found(world, environment={variable: str(tmp_path / "checkout")})["state"].standing is WARNING
    assert found(world, environment={variable: str(tmp_path / "other")})["state"].standing is OK


def test_who_is_in_the_way() -> None:
    """A hold, and a deployment that runs: failed, with who it is; one that was left half-way: warned."""
    world = World()
    world.good("one")
    world.state.hold.put(Hold("moving the database", "alice", 1.0))
    assert stands(found(world), "hold") == (FAILED, "alice holds deploys: moving the database")
    world.state.hold.lift()
    world.killed_in("checking", lambda: world.deploy("two"))
    assert found(world)["lock"].standing is WARNING
    world.state.lock.held_by = Holder(4711, "eve@ci", 1.0, "deploy two")
    assert stands(found(world), "lock") == (FAILED, "another deployment runs: pid 4711, eve@ci (deploy two)")


def test_nothing_serves() -> None:
    """Warned: there is nothing to go back to."""
    assert found(World())["serving"].standing is WARNING


def test_what_serves_is_not_healthy() -> None:
    """Warned, with what was seen."""
    world = World()
    world.backend.release("one").turns_unhealthy(after=1)
    world.good("one")
    standing, text = stands(found(world), "serving")
    assert standing is WARNING
    assert "is not healthy now: " in text


def test_what_a_rollback_brings_back_is_gone() -> None:
    """Warned."""
    world = World()
    world.good("one", "two")
    world.state.files.discard("r1")
    standing, text = stands(found(world), "target")
    assert standing is WARNING
    assert "is not at hand" in text


def test_files_that_are_wrong() -> None:
    """Failed, with what the deploy would say."""
    world = World()

    def wrong(image: ImageRef) -> None:
        raise ConfigError(f"no compose file for {image.name}", hint="Write one.")

    world.backend.snapshot = wrong  # type: ignore[method-assign, assignment]  # as a file that is wrong does
    lines = found(world)
    assert lines["files"] == Finding("files", FAILED, "no compose file for example.com/team/web:next", "Write one.")


def test_no_tag() -> None:
    """Warned: no image is looked for. `App.check` then asks for none; a wrong tag is refused."""
    world = World()
    assert found(world, None)["image"].standing is WARNING
    assert [one.about for one in world.app.check() if one.standing is FAILED] == []
    with pytest.raises(ConfigError):
        world.app.check("no tag")


def test_no_probe() -> None:
    """Warned: whatever stays alive is healthy."""
    world = World()
    world.probes = []
    assert found(world)["probes"].standing is WARNING


def test_the_worst_of_them() -> None:
    """Failed before warning before ok."""
    lines = [Finding("a", OK, ""), Finding("b", FAILED, ""), Finding("c", WARNING, "")]
    assert (worst(lines), worst(lines[::2]), worst([])) == (FAILED, WARNING, OK)


@pytest.mark.parametrize(
    ("argv", "standing", "text"),
    [
        (["sh", "-c", 'echo first; echo "$DEPLOYKIT_TAG $DEPLOYKIT_IMAGE"'], OK, "next example.com/team/web"),
        (["sh", "-c", "echo pending; exit 3"], FAILED, "pending"),
        (["sh", "-c", "exit 3"], FAILED, "exit 3"),
        (["sh", "-c", "echo $API_TOKEN"], OK, "[redacted]"),
        (["./nosuch"], FAILED, "it cannot be run: there is no program './nosuch'"),
    ],
)
def test_a_command(argv: list[str], standing: Standing, text: str, tmp_path: Path) -> None:
    """Ok when it exits with 0; the last line is told, without secrets."""
    environment = {"API_TOKEN": "canary", "PATH": "/usr/bin:/bin"}
    line = CheckCommand(argv, tmp_path, environment, 10)(IMAGE)
    assert (line.about, line.standing, line.text) == (Path(argv[0]).name, standing, text)


def test_a_command_that_does_not_end(tmp_path: Path) -> None:
    """It is ended, and has failed."""
    line = CheckCommand(["sleep", "60"], tmp_path, {"PATH": "/usr/bin:/bin"}, 0.1)(IMAGE)
    assert (line.standing, line.text) == (FAILED, "it took more than 0.1s")
