"""The user's Compose project, read, kept and made ready again; Compose itself is scripted."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from deploykit.backends.compose.project import (
    ComposeFiles,
    Dependency,
    Project,
    override_for,
    restore_project,
)
from deploykit.backends.engine.client import Engine
from deploykit.errors import ConfigError
from deploykit.release import ImageRef, Release, Snapshot

IMAGE = ImageRef("registry.test/team/web", "v1", "sha256:" + "d" * 64, "sha256:" + "1" * 64)
SCRIPT = f"""#!{sys.executable}
import json, os, sys
here = os.environ["HOME"]
with open(here + "/calls", "a") as calls:
    calls.write(json.dumps([sys.argv[1:], dict(os.environ)]) + "\\n")
kind = "again" if "-" in sys.argv else "flat" if "--no-interpolate" in sys.argv else "resolved"
answer = json.load(open(here + "/answers.json"))[kind]
print(answer["out"], end="")
print(answer["err"], end="", file=sys.stderr)
sys.exit(answer["code"])
"""


class Compose:
    """A `docker` on PATH that answers what a test wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "docker"
        program.write_text(SCRIPT)
        program.chmod(0o755)
        self.answers: dict[str, dict[str, object]] = {}
        self.say({"name": "shop", "services": {"web": {"image": "x"}}})

    def say(self, resolved: Mapping[str, object], flat: Mapping[str, object] | None = None) -> None:
        """Let Compose resolve the files to this, and flatten them to that."""
        for kind, model in (("resolved", resolved), ("again", resolved), ("flat", flat or resolved)):
            self.answers[kind] = {"out": json.dumps(model), "err": "", "code": 0}
        self.write()

    def fail(self, said: str, kind: str = "resolved") -> None:
        """Let Compose refuse, in these words."""
        self.answers[kind] = {"out": "", "err": said, "code": 15}
        self.write()

    def write(self) -> None:
        (self.folder / "answers.json").write_text(json.dumps(self.answers))

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def compose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compose:
    """The scripted Compose, first on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return Compose(folder)


def project(
    compose: Compose,
    tmp_path: Path,
    services: tuple[str, ...] = ("web",),
    shell: Mapping[str, str] = MappingProxyType({}),
) -> ComposeFiles:
    environment = {"PATH": os.environ["PATH"], "HOME": str(compose.folder), **shell}
    return ComposeFiles(Engine(environment=environment), (tmp_path / "compose.yml",), services, "WEB_IMAGE", "WEB_TAG")


def test_the_plain_image_goes_to_interpolation(compose: Compose, tmp_path: Path) -> None:
    """The image's variables carry repository and tag, never a digest."""
    project(compose, tmp_path).snapshot(IMAGE)

    for _, environment in compose.calls():
        assert (environment["WEB_IMAGE"], environment["WEB_TAG"]) == ("registry.test/team/web", "v1")


def test_what_is_kept_is_not_interpolated(compose: Compose, tmp_path: Path) -> None:
    """The flattened files are kept with their variables in them, under the name that Compose resolved."""
    flat = {"name": "wrong", "services": {"web": {"image": "${WEB_IMAGE}:${WEB_TAG}"}}}
    compose.say({"name": "shop", "services": {"web": {"image": "registry.test/team/web:v1"}}}, flat)

    kept = json.loads(project(compose, tmp_path).snapshot(IMAGE).files["compose.json"])

    assert kept == {**flat, "name": "shop"}


def test_what_does_not_mean_the_same_is_kept_interpolated(compose: Compose, tmp_path: Path) -> None:
    """When the flattened files resolve to anything else than the user's, the resolved ones are kept."""
    resolved = {"name": "shop", "services": {"web": {"image": "x"}}}
    compose.say(resolved, {"services": {"web": {"image": "broken"}}})
    compose.answers["again"]["out"] = "{}"
    compose.write()

    assert json.loads(project(compose, tmp_path).snapshot(IMAGE).files["compose.json"]) == resolved


def test_a_deploy_asks_compose_for_nothing_twice(compose: Compose, tmp_path: Path) -> None:
    """Once the name is known, what is flattened ahead and what is tried beside the resolving serve the snapshot."""
    compose.say({"name": "shop", "services": {"web": {}}}, {"services": {"web": {"image": "$USED"}}})
    files = project(compose, tmp_path)
    files.read_ahead()
    files.project_name()
    kept = files.snapshot(IMAGE)

    kinds = [
        "again" if "-" in argv else "flat" if "--no-interpolate" in argv else "resolved" for argv, _ in compose.calls()
    ]
    assert sorted(kinds) == ["again", "flat", "resolved", "resolved"]
    assert json.loads(kept.files["compose.json"])["services"] == {"web": {"image": "$USED"}}


def test_what_was_read_ahead_serves_once(compose: Compose, tmp_path: Path) -> None:
    """The next snapshot is of the files as they are then."""
    files = project(compose, tmp_path)
    files.read_ahead()
    files.snapshot(IMAGE)
    changed = {"name": "shop", "services": {"web": {"image": "y"}}}
    compose.say(changed)
    assert json.loads(files.snapshot(IMAGE).files["compose.json"]) == changed


def test_a_name_that_has_changed_since_is_tried_anew(compose: Compose, tmp_path: Path) -> None:
    """The files are kept as they are, under the name that they have now."""
    files = project(compose, tmp_path)
    files.project_name()
    flat = {"services": {"web": {"image": "$X"}}}
    compose.say({"name": "other", "services": {"web": {"image": "x"}}}, flat)
    assert json.loads(files.snapshot(IMAGE).files["compose.json"]) == {**flat, "name": "other"}


def test_a_project_that_was_named_is_called_so_whatever_the_files_say(compose: Compose, tmp_path: Path) -> None:
    """Compose is asked under that name, and not asked for one."""
    compose.say({"name": "shop-staging", "services": {"web": {}}}, {"name": "shop", "services": {"web": {}}})
    files = ComposeFiles(project(compose, tmp_path).engine, (tmp_path / "c.yml",), ("web",), named="shop-staging")
    assert files.project_name() == "shop-staging"
    assert not (compose.folder / "calls").exists()
    kept = files.snapshot(IMAGE)
    assert json.loads(kept.files["compose.json"])["name"] == "shop-staging"
    assert Project.from_json(kept.files["project.json"]).name == "shop-staging"
    named = [argv[argv.index("--project-name") + 1] for argv, _ in compose.calls() if "--project-name" in argv]
    assert named == ["shop-staging", "shop-staging"]


def test_variables_that_are_used_are_kept_and_no_others(compose: Compose, tmp_path: Path) -> None:
    """Those of interpolation, of env files and of secrets, and those taken over from the shell; not the image's."""
    (tmp_path / "web.env").write_text("URL=http://${HOSTED}/\nLINE\n")
    web = {
        "image": "${WEB_IMAGE}:${WEB_TAG}",
        "command": ["$PLAIN", "${BRACED:-x}", "$$ESCAPED", "$${ESCAPED}"],
        "environment": ["TAKEN", "SET=1"],
        "env_file": [{"path": str(tmp_path / "web.env")}],
    }
    flat = {"services": {"web": web}, "secrets": {"token": {"environment": "SECRET"}, "file": {"file": "/x"}}}
    compose.say({"name": "shop", "services": {"web": {}}}, flat)
    used = {"PLAIN", "BRACED", "HOSTED", "LINE", "TAKEN", "SECRET"}
    shell = {name: f"value of {name}" for name in (*used, "SET", "OTHER", "WEB_TAG", "ESCAPED", "URL")}

    snapshot = project(compose, tmp_path, shell=shell).snapshot(IMAGE)

    assert set(json.loads(snapshot.files["variables.json"])) == used
    assert b"URL" in b"".join(snapshot.files.values())


def test_what_is_kept_is_tried_without_the_rest_of_the_shell(compose: Compose, tmp_path: Path) -> None:
    """Whether the flattened files mean the same is asked with the variables that will be there to run them."""
    compose.say({"name": "shop", "services": {"web": {}}}, {"services": {"web": {"image": "$USED"}}})

    project(compose, tmp_path, shell={"USED": "1", "OTHER": "1"}).snapshot(IMAGE)

    (tried,) = (environment for argv, environment in compose.calls() if "-" in argv)
    assert "USED" in tried
    assert "OTHER" not in tried


@pytest.mark.parametrize(
    ("shell", "kept"),
    [
        ({}, b"MODE=default"),
        ({"COMPOSE_ENV_FILES": "one.env,two.env"}, b"MODE=one\nMORE=two"),
        ({"COMPOSE_DISABLE_ENV_FILE": "1"}, b""),
    ],
)
def test_the_env_files_that_compose_fills_in_from_are_kept(
    compose: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: dict[str, str], kept: bytes
) -> None:
    """`.env`, or what the shell names in its place."""
    monkeypatch.chdir(tmp_path)
    for name, content in ((".env", "MODE=default"), ("one.env", "MODE=one"), ("two.env", "MORE=two")):
        (tmp_path / name).write_text(content)

    assert project(compose, tmp_path, shell=shell).snapshot(IMAGE).files[".env"] == kept


def test_services_are_resolved_whatever_their_profiles(compose: Compose, tmp_path: Path) -> None:
    """Compose is asked for the services by name, as `up` is; it leaves out those of other profiles otherwise."""
    project(compose, tmp_path).snapshot(IMAGE)

    assert all(argv[-1] == "web" for argv, _ in compose.calls() if "--no-interpolate" not in argv)


def test_a_dependency_that_compose_leaves_out_is_not_started(compose: Compose, tmp_path: Path) -> None:
    """An optional dependency of another profile stands in the flattened files alone."""
    flat = {"services": {"web": {"depends_on": {"debug": {"condition": "service_started"}}}, "debug": {}}}
    compose.say({"name": "shop", "services": {"web": {}}}, flat)

    snapshot = project(compose, tmp_path).snapshot(IMAGE)

    assert Project.from_json(snapshot.files["project.json"]).dependencies == ()


def test_dependencies_come_in_the_order_of_their_start(compose: Compose, tmp_path: Path) -> None:
    """Each after what it depends on itself, one-shots marked, and none of the services."""
    done, started = {"condition": "service_completed_successfully"}, {"condition": "service_started"}
    services = {
        "web": {"depends_on": {"migrate": done, "worker": started}},
        "worker": {"depends_on": {"cache": started}},
        "migrate": {"depends_on": {"db": started}},
        "db": {},
        "cache": {},
        "other": {},
    }
    compose.say({"name": "shop", "services": services})

    snapshot = project(compose, tmp_path, ("web", "worker")).snapshot(IMAGE)

    expected = [Dependency("db", False), Dependency("migrate", True), Dependency("cache", False)]
    assert list(Project.from_json(snapshot.files["project.json"]).dependencies) == expected


@pytest.mark.parametrize(
    ("healthcheck", "said"),
    [
        ({"test": ["CMD", "x"]}, {"web": True}),
        ({"disable": True}, {"web": False}),
        ({"test": ["NONE"]}, {"web": False}),
        ({"interval": "1s"}, {}),
        (None, {}),
    ],
)
def test_a_healthcheck_of_the_compose_files(
    compose: Compose, tmp_path: Path, healthcheck: object, said: dict[str, bool]
) -> None:
    """They give a service one, take the image's away, or, changing its times alone, leave it to the image."""
    compose.say({"name": "shop", "services": {"web": {"healthcheck": healthcheck}}})

    assert project(compose, tmp_path).healthchecks(IMAGE) == said


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("error while interpolating services.web.image: required variable WEB_X is missing a value: y", "WEB_X", "Set"),
        ("yaml: line 3: did not find expected key", "line 3", "docker compose config"),
    ],
)
def test_files_that_compose_cannot_read(compose: Compose, tmp_path: Path, said: str, message: str, hint: str) -> None:
    """The file is named, with Compose's own words and a way to mend it."""
    compose.fail(said)

    with pytest.raises(ConfigError, match=r"compose\.yml") as raised:
        project(compose, tmp_path).snapshot(IMAGE)

    assert message in str(raised.value)
    assert hint in raised.value.hint


@pytest.mark.parametrize(
    "said",
    [
        'failed to read /srv/.env: line 3: unterminated quoted value "hunter2hunter2',
        'line 3: unexpected character "!" in variable name "A!hunter2hunter2"',
        'line 3: unexpected character "!" in variable name near "A!\\nPASSWORD=hunter2hunter2"',
    ],
)
def test_an_env_file_that_cannot_be_read_is_not_repeated(compose: Compose, tmp_path: Path, said: str) -> None:
    """The line is named, and not what stands in it."""
    compose.fail(said)

    with pytest.raises(ConfigError, match="line 3") as raised:
        project(compose, tmp_path).snapshot(IMAGE)

    assert "hunter2" not in str(raised.value)


def test_a_service_that_is_not_there_is_named_with_the_near_one(compose: Compose, tmp_path: Path) -> None:
    """A misspelt service is told with the one that was meant."""
    with pytest.raises(ConfigError, match="'wep'") as raised:
        project(compose, tmp_path, ("wep",)).snapshot(IMAGE)

    assert "'web'" in raised.value.hint


def test_a_stored_project_runs_from_its_own_files(tmp_path: Path) -> None:
    """Its env files are the kept ones, its folder is the original, its variables those of then; nothing is readable."""
    release = Release("r3", IMAGE)
    model = {"services": {"web": {"env_file": [{"path": "/srv/app/web.env", "required": True}]}, "db": {}}}
    snapshot = Snapshot(
        {
            "compose.json": json.dumps(model).encode(),
            ".env": b"",
            "variables.json": b'{"MODE": "then"}',
            "project.json": Project("shop", "/srv/app", {"web": 1}).to_json(),
            "env_files/srv%2Fapp%2Fweb.env": b"A=1",
        }
    )

    stored = restore_project(release, "shop", snapshot, tmp_path / "r3", tmp_path / "run", {"WEB_TAG": "v1"})

    written = json.loads((tmp_path / "run" / "compose.json").read_text())
    assert written["services"]["web"]["env_file"][0]["path"] == str(tmp_path / "r3/env_files/srv%2Fapp%2Fweb.env")
    assert (stored.scope.name, stored.scope.directory) == ("shop", Path("/srv/app"))
    assert stored.variables == {"MODE": "then", "WEB_TAG": "v1"}
    assert (set(stored.services), set(stored.pinned)) == ({"web", "db"}, {"web"})
    assert (tmp_path / "run" / "compose.json").stat().st_mode & 0o077 == 0


def test_the_override_pins_the_image_and_labels_the_release() -> None:
    """Every service gets the pinned image, and the labels by which the release is found again."""
    release = Release("r3", IMAGE)

    override = override_for(release, "shop", ["web", "worker"])

    assert set(override["services"]) == {"web", "worker"}
    web = override["services"]["web"]
    assert web["image"] == f"registry.test/team/web:v1@sha256:{'d' * 64}"
    assert web["labels"]["org.deploykit.release"] == "r3"
    assert web["labels"]["org.deploykit.fingerprint"] == release.fingerprint
