"""The `compose` backend on a scripted docker: which commands it runs, and what it makes of their answers."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.compose import ComposeBackend
from deploykit.backends.engine.labels import FINGERPRINT, IMAGE, RELEASE
from deploykit.errors import ConfigError, EngineUnreachable, StepFailed
from deploykit.interrupt import Cause, Interruption
from deploykit.protocols import Control, Identity
from deploykit.release import ImageRef, Release, Snapshot
from deploykit.store import ReleaseFolders
from tests.unit.backends.docker import Answer, Docker, container, image, sha
from tests.unit.backends.test_engine_images import DIGEST, ONE, PINNED, REPOSITORY

UP = "up --detach --no-deps --no-build --pull never web worker"
UP_DB = "up --detach --no-deps --no-recreate --no-build --pull never"
NAME_TAKEN = (
    'Error response from daemon: Conflict. The container name "/shop-web-1" is already in use by container "x".'
)
MODEL: dict[str, Any] = {"name": "shop", "services": {"web": {"image": "x"}, "worker": {"image": "x"}}}


class Time:
    """The backend's own time: sleeping costs nothing."""

    def __init__(self) -> None:
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.slept

    def time(self) -> float:
        return 1000.0 + self.slept

    def sleep(self, seconds: float) -> None:
        self.slept += seconds


class Stage:
    """A backend, the docker that it runs, and a release whose files are kept."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        self.docker = docker
        self.files = ReleaseFolders(folder / "state" / "releases")
        self.folder = folder
        docker.says("info", "ENGINE\n")
        self.model(MODEL)
        self.runs()
        self.backend = self.made()
        self.release = self.kept()

    def made(self, **options: Any) -> ComposeBackend:
        return ComposeBackend(
            name="shop",
            files=[self.folder / "compose.yml"],
            services=options.pop("services", ["web", "worker"]),
            state=self.folder / "state",
            image_env="WEB_IMAGE",
            tag_env="WEB_TAG",
            **options,
        )

    def model(self, model: dict[str, Any]) -> None:
        """Let Compose read the user's files so."""
        self.docker.says("compose config", json.dumps(model))

    def kept(self, id: str = "r7") -> Release:  # noqa: A002 - as a release calls it
        snapshot = self.backend.snapshot(PINNED)
        self.files.keep(id, snapshot)
        return Release(id, PINNED, snapshot.parts)

    def runs(self, *containers: dict[str, Any], service: str = "") -> None:
        """Let these be the project's containers, or those of one service."""
        words = f"ps label=com.docker.compose.service={service}" if service else "ps"
        self.docker.says(words, "".join(f"{one['Id']}\n" for one in containers))
        if not service:
            self.named(containers)
        if containers:
            self.docker.says(f"container inspect {containers[0]['Id']}", list(containers))

    def named(self, *listings: Sequence[dict[str, Any]]) -> None:
        """Let these be listed by name, one listing after the other."""
        texts = ["".join(f"{one['Name'].lstrip('/')}\n" for one in listing) for listing in listings]
        self.docker.says("ps --format", *texts)

    def ours(self, name: str, service: str, **fields: Any) -> dict[str, Any]:
        """A container that runs the release."""
        labels = {
            RELEASE: self.release.id,
            FINGERPRINT: self.release.fingerprint,
            IMAGE: self.release.image.name,
            "com.docker.compose.service": service,
        }
        return container(name, labels=labels, **fields)

    def both(self, **fields: Any) -> list[dict[str, Any]]:
        return [self.ours("shop-web-1", "web", **fields), self.ours("shop-worker-1", "worker", **fields)]

    def changes(self) -> list[str]:
        """The commands that changed something, without the project that they are about."""
        words = [call.rpartition(" up --detach ") for call in self.docker.calls()]
        ups = [f"up --detach {rest}" for _, up, rest in words if up]
        others = [call for call in self.docker.calls() if call.split()[0] in {"rm", "rename", "stop", "wait", "tag"}]
        return others + ups


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr("deploykit.backends.compose.backend.time", made)
    return made


@pytest.fixture
def stage(docker: Docker, tmp_path: Path, time: Time) -> Stage:
    return Stage(docker, tmp_path)


def by_hand(name: str = "shop-web-1", service: str = "web", **fields: Any) -> dict[str, Any]:
    return container(name, labels={"com.docker.compose.service": service}, **fields)


# What it is, and what there is.


def test_it_is_the_engine_s_id_and_compose_s_name_for_the_project(stage: Stage) -> None:
    """The name that Compose resolves for the user's own files, asked once."""
    assert stage.backend.identity() == Identity("ENGINE", "shop", "Container")
    asked = [call for call in stage.docker.calls("config") if call.endswith("web worker") and "--file -" not in call]
    stage.backend.identity()
    again = [call for call in stage.docker.calls("config") if call.endswith("web worker") and "--file -" not in call]
    assert again == asked


def test_a_compose_file_that_is_broken_today_does_not_stand_in_the_way(stage: Stage) -> None:
    """The project is then called what it was called when something was last kept; without that it is an error."""
    stage.docker.fails("compose config", "yaml: line 3: did not find expected key", 15)
    assert stage.made().identity().project == "shop"
    stage.files.discard("r7")
    with pytest.raises(ConfigError, match=r"compose\.yml: Compose cannot read it"):
        stage.made().identity()


def test_what_another_kind_of_backend_has_kept_is_told(stage: Stage) -> None:
    """An app that was plain Docker's until today; its project is then what today's files say, or unknown."""
    stage.files.keep("r8", Snapshot({"container.json": b"{}"}))
    with pytest.raises(StepFailed, match=r"registry\.test/team/web:one \(r8\) was not run by Compose") as told:
        stage.backend.start(Release("r8", PINNED), Control())
    assert "--files current" in told.value.hint
    stage.docker.fails("compose config", "yaml: line 3: did not find expected key", 15)
    with pytest.raises(ConfigError, match="Compose cannot read it"):
        stage.made().identity()


def test_an_engine_that_is_away_cannot_say_who_it_is(stage: Stage) -> None:
    """Exit 5."""
    stage.docker.fails("info", "Cannot connect to the Docker daemon at unix:///x")
    with pytest.raises(EngineUnreachable):
        stage.backend.identity()


def test_where_no_instance_lives_nothing_runs(stage: Stage) -> None:
    """Nor where only something of other services does."""
    assert stage.backend.running() is None
    stage.runs(by_hand(state={"Status": "exited"}), by_hand("shop-db-1", "db"))
    assert stage.backend.running() is None


def test_what_runs_is_told_by_its_labels_and_its_image(stage: Stage) -> None:
    """In the order of the services, the dead ones too; the image under the name that was deployed."""
    dead = stage.ours("shop-worker-1", "worker", state={"Status": "exited", "ExitCode": 3})
    stage.runs(dead, stage.ours("shop-web-1", "web"))
    stage.docker.says("image inspect", [image()])
    running = stage.backend.running()
    assert running
    assert (running.image, running.release, running.fingerprint) == (PINNED, "r7", stage.release.fingerprint)
    assert [(one.service, one.status, one.release) for one in running.instances] == [
        ("web", "running", "r7"),
        ("worker", "exited", "r7"),
    ]


def test_what_was_started_by_hand_runs_without_a_release(stage: Stage) -> None:
    """Its image has the name it was started with; what is half-made, of a release or of another image is no part."""
    other = by_hand("shop-worker-2", "worker", image="two")
    stage.runs(by_hand(), by_hand("0123456789ab_shop-web-1"), stage.ours("shop-worker-1", "worker"), other)
    stage.docker.says("image inspect", [image()])
    running = stage.backend.running()
    assert running
    assert (running.image.name, running.release, running.fingerprint) == (f"{REPOSITORY}:one", None, None)
    assert [one.name for one in running.instances] == ["shop-web-1"]


def test_the_instances_of_a_release_are_those_with_its_labels(stage: Stage) -> None:
    """Neither one without labels, whatever its image, nor one of the same id and other content: they are others."""
    other = stage.ours("shop-web-2", "web")
    other["Config"]["Labels"][FINGERPRINT] = "other"
    stage.runs(*stage.both(), other, by_hand("shop-web-3"), by_hand("shop-web-4", image="two"))
    found = stage.backend.instances(stage.release)
    assert [one.name for one in found] == ["shop-web-1", "shop-worker-1"]
    assert [one.name for one in stage.backend.others(stage.release)] == ["shop-web-2", "shop-web-3", "shop-web-4"]
    assert "label=com.docker.compose.oneoff=False" in stage.docker.calls("ps")[-1]


def test_instances_come_in_the_order_of_the_services(stage: Stage) -> None:
    """The first is the main one."""
    stage.runs(*stage.both())
    found = stage.made(services=["worker", "web"]).instances(stage.release)
    assert [one.service for one in found] == ["worker", "web"]


def test_logs_are_those_of_the_release_without_secrets(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The container's own secrets are blanked out, and those of our environment."""
    monkeypatch.setenv("API_TOKEN", "sesame1")
    stage.runs(stage.ours("shop-web-1", "web"), by_hand("shop-web-2", image="two"))
    stage.docker.answers("logs", Answer("using hunter2\n", "and sesame1\n"))
    assert stage.made().logs(stage.release, 20) == "using [redacted]\nand [redacted]"
    (call,) = stage.docker.calls("logs")
    assert call.startswith("logs --tail 20 ")


def test_a_command_runs_inside_an_instance(stage: Stage) -> None:
    """Both streams are its output."""
    stage.runs(stage.ours("shop-web-1", "web"))
    (instance,) = stage.backend.instances(stage.release)
    stage.docker.fails("exec", "no\n", 7, "yes\n")
    done = stage.backend.execute(instance, ["./check"], 5)
    assert (done.exit_code, done.output) == (7, "yes\nno\n")


def test_what_a_command_writes_is_bounded_and_blanked_out(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """64 KiB are told; a secret that this would cut in two is blanked out before."""
    monkeypatch.setenv("API_TOKEN", "sesame1-sesame1")
    stage.runs(stage.ours("shop-web-1", "web"))
    (instance,) = stage.backend.instances(stage.release)
    stage.docker.says("exec", "sesame1-sesame1" + "x" * (64 * 1024 - 5))
    said = stage.made().execute(instance, ["./check"], 5).output
    assert len(said.encode()) == 64 * 1024
    assert "same1" not in said


def test_events_are_watched_from_before_the_start(stage: Stage, time: Time) -> None:
    """Nothing that happened since is missed; only of this project."""
    stage.docker.says("up")
    stage.backend.start(stage.release, Control())
    time.sleep(50)
    stage.docker.hangs("events")
    with stage.backend.watch(stage.release) as watch:
        assert watch.wait(0) == ()
    command = watch._command  # type: ignore[attr-defined]  # what it would run
    assert "1000.000000" in command.argv
    assert "label=com.docker.compose.project=shop" in command.argv


# What changes something.


def test_a_start_runs_the_release_s_own_files_with_its_image_pinned(stage: Stage) -> None:
    """Its services alone, in place, without a build or a pull; the lock is inherited."""
    reader, writer = os.pipe()
    stage.docker.says("up")
    stage.backend.start(stage.release, Control(inherit=(writer,)))
    (call,) = stage.docker.calls("up")
    scratch = stage.folder / "state" / "compose" / "r7"
    assert call.endswith(UP)
    assert "--project-name shop" in call
    assert f"--file {scratch / 'compose.json'} --file {scratch / 'override.json'}" in call
    assert f"--project-directory {stage.folder}" in call
    assert f"--env-file {stage.files.root / 'r7' / '.env'}" in call
    override = json.loads((scratch / "override.json").read_text())
    assert override["services"]["worker"]["image"] == f"{REPOSITORY}:one@{DIGEST}"
    environment = stage.docker.environment("up")
    assert (environment["WEB_IMAGE"], environment["WEB_TAG"]) == (REPOSITORY, "one")
    assert writer in stage.docker.inherited("up")
    os.close(reader)
    os.close(writer)


def test_what_runs_already_as_it_should_is_left_alone(stage: Stage) -> None:
    """No container moves."""
    stage.runs(*stage.both())
    stage.backend.start(stage.release, Control())
    assert stage.changes() == []


@pytest.mark.parametrize("what", ["one is dead", "one is missing", "one is another's"])
def test_what_does_not_run_as_it_should_is_started(stage: Stage, what: str) -> None:
    """Every service must run this very release."""
    web, worker = stage.both()
    worker = stage.ours("shop-worker-1", "worker", state={"Status": "exited"}) if what == "one is dead" else worker
    worker = by_hand("shop-worker-1", "worker", image="two") if what == "one is another's" else worker
    stage.runs(*([web] if what == "one is missing" else [web, worker]))
    stage.docker.says("up")
    stage.backend.start(stage.release, Control())
    assert stage.changes() == [UP]


def test_a_start_that_is_refused_is_told_in_compose_s_words(stage: Stage) -> None:
    """Once: only a name conflict passes by itself."""
    stage.docker.fails("up", "Error response from daemon: port is already allocated")
    with pytest.raises(StepFailed, match=r"docker compose up failed: .* port is already allocated"):
        stage.backend.start(stage.release, Control())
    assert len(stage.changes()) == 1


def test_a_start_is_never_cut(stage: Stage) -> None:
    """Whoever asks to stop."""
    interruption = Interruption()
    interruption.request(Cause.sigint)
    stage.docker.says("up")
    stage.backend.start(stage.release, Control(interruption))
    assert stage.changes() == [UP]


def test_files_that_are_gone_stop_a_start(stage: Stage) -> None:
    """Nothing else may run in their place."""
    with pytest.raises(StepFailed, match="files of release r9 are gone"):
        stage.backend.start(Release("r9", PINNED), Control())
    assert stage.changes() == []


# Healing.


def test_what_an_interrupted_recreate_left_is_removed_first(stage: Stage) -> None:
    """A container that Compose had made, and not named yet."""
    half_made, right = by_hand("0123456789ab_shop-web-1", state={"Status": "created"}), by_hand()
    stage.runs(right)
    stage.runs(half_made, right)
    stage.docker.says("ps", f"{half_made['Id']}\n", f"{right['Id']}\n")
    stage.named([half_made], [right])
    stage.docker.says("rm")
    stage.docker.says("up")
    stage.backend.start(stage.release, Control())
    assert stage.changes() == [f"rm --force {half_made['Id']}", UP]


def test_one_that_runs_gets_its_right_name_when_that_is_free(stage: Stage) -> None:
    """It is what serves: the old one was removed already."""
    half_made, right = by_hand("0123456789ab_shop-web-1"), by_hand()
    stage.runs(right)
    stage.runs(half_made)
    stage.docker.says("ps", f"{half_made['Id']}\n", f"{right['Id']}\n")
    stage.named([half_made], [right])
    stage.docker.says("rename")
    stage.docker.says("up")
    stage.backend.start(stage.release, Control())
    assert stage.changes() == [f"rename {half_made['Id']} shop-web-1", UP]


def test_one_that_runs_is_removed_when_its_name_is_taken(stage: Stage) -> None:
    """The one that has the name is what serves."""
    half_made, right = by_hand("0123456789ab_shop-web-1"), by_hand()
    stage.runs(right)
    stage.runs(half_made, right)
    stage.docker.says("ps", f"{half_made['Id']}\n", f"{right['Id']}\n")
    stage.named([half_made], [right])
    stage.docker.says("rm")
    stage.docker.says("up")
    stage.backend.start(stage.release, Control())
    assert stage.changes() == [f"rm --force {half_made['Id']}", UP]


def test_a_start_has_succeeded_when_nothing_half_made_is_left(stage: Stage) -> None:
    """Whatever code Compose ends with: else it is healed, and done again."""
    half_made = by_hand("0123456789ab_shop-web-1", state={"Status": "created"})
    stage.runs(half_made)
    stage.docker.says("ps", "", f"{half_made['Id']}\n", "")
    stage.named([], [half_made], [])
    stage.docker.says("rm")
    stage.docker.says("up")
    stage.backend.start(stage.release, Control())
    assert stage.changes() == [f"rm --force {half_made['Id']}", UP, UP]


def test_a_name_conflict_is_waited_out(stage: Stage, time: Time) -> None:
    """The engine is still removing what had the name; nothing is a failure yet."""
    stage.docker.answers("up", Answer(err=NAME_TAKEN, code=1), Answer(err=NAME_TAKEN, code=1), Answer())
    stage.backend.start(stage.release, Control())
    assert stage.changes() == [UP, UP, UP]
    assert 0 < time.slept < 5


def test_a_name_conflict_that_stays_is_told(stage: Stage, time: Time) -> None:
    """After 30 s, in Compose's words."""
    stage.docker.fails("up", NAME_TAKEN)
    time.monotonic = lambda: time.slept * 20  # type: ignore[method-assign]  # so that few tries will do
    with pytest.raises(StepFailed, match="already in use by container"):
        stage.backend.start(stage.release, Control())
    assert len(stage.changes()) > 1


# Dependencies.


def depends(stage: Stage, condition: str = "service_started") -> Release:
    web = {"image": "x", "depends_on": {"db": {"condition": condition}}}
    stage.model({**MODEL, "services": {**MODEL["services"], "web": web, "db": {}}})
    stage.docker.says("compose pull")
    return stage.kept("r8")


def test_a_dependency_that_is_not_there_is_started_before(stage: Stage) -> None:
    """And waited for, as its own healthcheck has it; nothing of it is recreated."""
    release = depends(stage)
    stage.docker.says("up")
    stage.backend.start(release, Control())
    assert stage.changes() == [f"{UP_DB} --wait db", UP]


@pytest.mark.parametrize(("status", "starts"), [("running", False), ("paused", False), ("exited", True)])
def test_a_dependency_is_left_alone_when_it_lives(stage: Stage, status: str, *, starts: bool) -> None:
    """The database is not touched by a deploy of the web."""
    release = depends(stage)
    stage.runs(by_hand("shop-db-1", "db", state={"Status": status}), service="db")
    stage.docker.says("up")
    stage.backend.start(release, Control())
    assert (len(stage.changes()) == 2) is starts


@pytest.mark.parametrize(("code", "runs_again"), [(0, False), (1, True)])
def test_a_one_shot_that_has_succeeded_does_not_run_again(stage: Stage, code: int, *, runs_again: bool) -> None:
    """One that has failed does, and is waited for to its end."""
    release = depends(stage, "service_completed_successfully")
    exited = by_hand("shop-db-1", "db", state={"Status": "exited", "ExitCode": code})
    stage.runs(exited, service="db")
    stage.docker.says("up")
    stage.docker.says("wait", "0\n")
    stage.backend.start(release, Control())
    again = [f"wait {exited['Id']}", f"{UP_DB} db"]
    assert stage.changes() == [*(again if runs_again else []), UP]


def test_a_one_shot_that_fails_stops_the_start(stage: Stage) -> None:
    """Before anything is replaced."""
    release = depends(stage, "service_completed_successfully")
    stage.runs(by_hand("shop-db-1", "db", state={"Status": "exited", "ExitCode": 1}), service="db")
    stage.docker.says("up")
    stage.docker.says("wait", "4\n")
    with pytest.raises(StepFailed, match="db, which comes before, exited with 4"):
        stage.backend.start(release, Control())
    assert UP not in stage.changes()


def test_a_dependency_that_does_not_start_stops_the_start(stage: Stage) -> None:
    """It is named, and nothing is replaced."""
    release = depends(stage)
    stage.docker.fails("up db", "dependency failed to start: container shop-db-1 is unhealthy")
    with pytest.raises(StepFailed, match=r"docker compose up db failed: .*unhealthy"):
        stage.backend.start(release, Control())
    assert UP not in stage.changes()


def test_the_image_of_a_dependency_is_brought_by_a_command_of_its_own(stage: Stage) -> None:
    """Where there is none: what changes containers holds the lock, so it never pulls."""
    reader, writer = os.pipe()
    release = depends(stage)
    stage.docker.says("up")
    stage.backend.start(release, Control(inherit=(writer,)))
    assert stage.docker.calls("pull")[0].endswith("pull --quiet --ignore-buildable --policy missing db")
    assert writer not in stage.docker.inherited("--policy")
    assert writer in stage.docker.inherited("--wait")
    os.close(reader)
    os.close(writer)


def test_a_dependency_whose_image_does_not_come_stops_the_start(stage: Stage) -> None:
    """In the registry's words, or with the time that it was given; nothing is replaced."""
    release = depends(stage)
    stage.docker.fails("compose pull", "manifest unknown")
    with pytest.raises(StepFailed, match="docker compose pull db failed: manifest unknown"):
        stage.backend.start(release, Control())
    stage.docker.hangs("compose pull")
    with pytest.raises(StepFailed, match=r"the image of db did not come within 0\.3s") as caught:
        stage.made(pull_timeout=0.3).start(release, Control())
    assert "docker compose pull db" in caught.value.hint
    assert stage.changes() == []


# Images.


def test_a_container_probe_demands_a_healthcheck(stage: Stage) -> None:
    """Of the image, or of the service in the compose files: without either it is a mistake of the configuration."""
    stage.docker.says("image inspect", [image()])
    stage.backend.demand(PINNED)
    judged = stage.made(judged_by_healthcheck=frozenset({"web", "worker"}))
    with pytest.raises(ConfigError, match=f"{REPOSITORY}:one, which runs web, worker, has no HEALTHCHECK") as caught:
        judged.demand(PINNED)
    assert caught.value.hint
    stage.docker.says("image inspect", [image(Config={"Healthcheck": {"Test": ["CMD", "x"]}})])
    judged.demand(PINNED)


@pytest.mark.parametrize(("check", "enough"), [({"test": ["CMD", "x"]}, True), ({"disable": True}, False)])
def test_a_healthcheck_of_the_service_will_do(stage: Stage, check: dict[str, Any], *, enough: bool) -> None:
    """Unless it switches it off."""
    stage.docker.says("image inspect", [image()])
    services = {"web": {"image": "x", "healthcheck": check}, "worker": {"image": "x"}}
    stage.model({"name": "shop", "services": services})
    judged = stage.made(judged_by_healthcheck=frozenset({"web"}))
    if enough:
        judged.demand(PINNED)
    else:
        with pytest.raises(ConfigError, match="which runs web, has no HEALTHCHECK"):
            judged.demand(PINNED)


def test_images_are_those_of_the_engine(stage: Stage) -> None:
    """Found, kept and listed under the app's name."""
    stage.docker.says("image inspect", [image()])
    stage.docker.says("tag")
    stage.docker.says("images", f"{sha('one')}\n")
    assert stage.backend.find(ONE) == PINNED
    stage.backend.keep(stage.release)
    assert stage.changes() == [f"tag {sha('one')} deploykit/shop:r7"]
    assert stage.backend.images() == [ImageRef("deploykit/shop", id=sha("one"))]


def test_there_is_no_release_command_unless_one_is_configured(stage: Stage) -> None:
    """And nothing to retire, in place."""
    stage.runs(*stage.both())
    assert not stage.backend.has_release_command()
    stage.backend.promote(stage.release, Control())
    assert stage.changes() == []
