"""The `docker` backend on a scripted docker: which commands it runs, in which order, from wherever it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploykit.backends.docker import ContainerSettings, DockerBackend, Healthcheck
from deploykit.backends.engine.labels import APP, FINGERPRINT, IMAGE, RELEASE, ROLE
from deploykit.backends.engine.settings import Rollout
from deploykit.errors import ConfigError, StepFailed
from deploykit.protocols import Control, Identity
from deploykit.release import ImageRef, Release, Snapshot
from deploykit.store import ReleaseFolders
from tests.unit.backends.docker import Answer, Docker, container, image, sha
from tests.unit.backends.test_engine_images import PINNED

ROLLING = Rollout(strategy="rolling")
CHANGES = {"create", "start", "stop", "update", "rm"}
JOINED = {"shop": ("shop",)}
MADE = "0" * 64


class Stage:
    """A backend, the docker that it runs, and two releases whose files are kept: `old`, and `new`."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        self.docker = docker
        self.state = folder / "state"
        docker.says("info", "ENGINE\n")
        docker.says("network ls", "bridge\nhost\nnone\nshop\nfront\nback\n")
        docker.says("image inspect", [image()])
        for word in ("start", "stop", "update", "rm", "network create", "network connect", "network disconnect"):
            docker.says(word)
        self.backend = self.made()
        self.old = self.kept("r6", replace(PINNED, tag="old", id=sha("old")))
        self.new = self.kept("r7", PINNED)
        self.makes()
        self.there()

    def made(self, rollout: Rollout | None = None, adopt: str | None = None, **keys: Any) -> DockerBackend:
        settings = ContainerSettings(**keys)
        return DockerBackend(
            name="shop", state=self.state, settings=settings, adopt=adopt, rollout=rollout or Rollout()
        )

    def uses(self, rollout: Rollout | None = None, adopt: str | None = None, **keys: Any) -> None:
        """Take another backend, and keep both releases with its settings."""
        self.backend = self.made(rollout, adopt, **keys)
        self.old, self.new = self.kept("r6", self.old.image), self.kept("r7", self.new.image)

    def kept(self, name: str, pinned: ImageRef) -> Release:
        snapshot = self.backend.snapshot(pinned)
        ReleaseFolders.of(self.state).keep(name, snapshot)
        return Release(name, pinned, snapshot.parts)

    def there(self, *containers: dict[str, Any]) -> None:
        """Let these be all containers that carry the app's label."""
        self.docker.says("ps --quiet", "".join(f"{one['Id']}\n" for one in containers))
        self.docker.says("ps --format", "".join(f"{one['Name'].lstrip('/')}\n" for one in containers))
        for at in reversed(range(len(containers))):  # asked for several, docker answers by the first
            self.docker.says(f"container inspect {containers[at]['Id']}", list(containers[at:]))

    def makes(self, **fields: Any) -> None:
        """Let this be what `create` makes."""
        made = {**self.of(self.new, "shop-r7-1", "created", **fields), "Id": MADE}
        self.docker.says("create", f"{MADE}\n")
        self.docker.says(f"container inspect {MADE}", [made])

    def of(
        self,
        release: Release,
        name: str,
        status: str = "running",
        *,
        policy: str = "unless-stopped",
        networks: Mapping[str, Sequence[str]] = JOINED,
        **fields: Any,
    ) -> dict[str, Any]:
        """A container of a release."""
        labels = {APP: "shop", RELEASE: release.id, FINGERPRINT: release.fingerprint, IMAGE: release.image.name}
        return container(
            name,
            labels={**labels, **fields.pop("labels", {})},
            state={"Status": status},
            HostConfig={"RestartPolicy": {"Name": policy, "MaximumRetryCount": 0}},
            NetworkSettings={"Networks": {one: {"Aliases": list(aliases)} for one, aliases in networks.items()}},
            Image=release.image.id,
            **fields,
        )

    def by_hand(self, status: str = "running", policy: str = "no") -> dict[str, Any]:
        """The container that was there before deploykit, which runs the image of `old`."""
        return container(
            "web",
            Image=self.old.image.id,
            state={"Status": status},
            HostConfig={"RestartPolicy": {"Name": policy}},
            NetworkSettings={"Networks": {"bridge": {"Aliases": None}}},
        )

    def changes(self) -> list[str]:
        """The commands that changed something; of `create` the container's name, of ids their beginning."""
        found = []
        for call in self.docker.calls():
            first, second = call.split()[:2]
            if first == "create":
                found.append(f"create {second.removeprefix('--name=')}")
            elif first in CHANGES or (first == "network" and second != "ls"):
                found.append(" ".join(word[:8] if len(word) == 64 else word for word in call.split()))
        return found


@pytest.fixture
def stage(docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr("deploykit.backends.engine.backend.time.sleep", lambda seconds: None)
    return Stage(docker, tmp_path)


def short(container: Mapping[str, Any]) -> str:
    return str(container["Id"])[:8]


MADE_SHORT = MADE[:8]


# What it is, and what there is.


def test_it_is_the_engine_and_the_app(stage: Stage) -> None:
    """Its project is the app's own name."""
    assert stage.backend.identity() == Identity("ENGINE", "shop")


def test_one_offs_and_other_apps_are_no_instances(stage: Stage) -> None:
    """Nor is a container that only has the name of another app's."""
    stage.there(
        stage.of(stage.new, "shop-r7-1"),
        stage.of(stage.new, "shop-r7-rehearsal", labels={ROLE: "rehearsal"}),
        stage.of(stage.new, "other-r7-1", labels={APP: "other"}),
    )
    assert [one.name for one in stage.backend.instances(stage.new)] == ["shop-r7-1"]


def test_what_is_adopted_is_found_by_its_name(stage: Stage) -> None:
    """And, having no label of ours, watched with all of the engine's."""
    stage.uses(adopt="web")
    stage.docker.says("container inspect web", [stage.by_hand()])

    running = stage.backend.running()

    assert running
    assert (running.release, [one.name for one in running.instances]) == (None, ["web"])
    assert stage.backend.scope == {}
    assert stage.made().scope == {APP: "shop"}


def test_what_was_to_be_adopted_may_be_gone(stage: Stage) -> None:
    """Then nothing runs, and that is no error."""
    stage.uses(adopt="web")
    stage.docker.fails("container inspect web", "Error: No such container: web", out="[]")
    assert stage.backend.running() is None


@pytest.mark.parametrize(
    ("statuses", "replicas", "complete"),
    [
        (["running"], 1, True),
        (["running", "exited"], 1, True),
        (["running"], 2, False),
        (["running", "running"], 1, False),
        (["restarting"], 1, False),
        ([], 1, False),
    ],
)
def test_complete_is_all_of_it_and_nothing_else(
    stage: Stage, statuses: list[str], replicas: int, complete: bool
) -> None:
    """As many as there are to be, running; what has exited does not count."""
    stage.uses(replicas=replicas)
    stage.there(*(stage.of(stage.new, f"shop-r7-{at}", status) for at, status in enumerate(statuses)))
    assert stage.backend.complete(stage.new) is complete


def test_beside_another_it_is_not_complete(stage: Stage) -> None:
    """Nor, when rolling, while others cannot find it."""
    stage.there(stage.of(stage.new, "shop-r7-1"), stage.of(stage.old, "shop-r6-1"))
    assert not stage.backend.complete(stage.new)
    stage.uses(ROLLING)
    stage.there(stage.of(stage.new, "shop-r7-1", networks={"shop": ()}))
    assert not stage.backend.complete(stage.new)


def test_a_network_that_is_not_there_is_refused(stage: Stage) -> None:
    """By name, with the way to make it."""
    with pytest.raises(ConfigError, match=r"backend.networks: there is no network 'nosuch'") as caught:
        stage.made(networks={"front": (), "nosuch": ()}).demand(PINNED)
    assert "docker network create nosuch" in caught.value.hint
    stage.made(networks={"front": ()}).demand(PINNED)


@pytest.mark.parametrize(
    ("check", "told"),
    [(None, {}), (Healthcheck("true"), {"app": True}), (Healthcheck(disable=True), {"app": False})],
)
def test_todays_settings_say_whether_there_is_a_healthcheck(
    stage: Stage, check: Healthcheck | None, told: dict[str, bool]
) -> None:
    """Where they say nothing, it is the image's affair; one with nothing but times is the image's too."""
    assert stage.made(healthcheck=check).healthchecks(PINNED) == told
    assert stage.made(healthcheck=Healthcheck(interval="3s")).healthchecks(PINNED) == {}


# In place.


def test_everything_is_made_before_what_serves_is_stopped(stage: Stage) -> None:
    """And what is stopped cannot come back with a reboot."""
    old = stage.of(stage.old, "shop-r6-1")
    stage.there(old)

    assert stage.backend.start(stage.new, Control())

    assert stage.changes() == [
        "create shop-r7-1",
        f"update --restart no {short(old)}",
        f"stop {short(old)}",
        f"start {MADE_SHORT}",
    ]


def test_the_apps_own_network_is_made_first(stage: Stage) -> None:
    """Only where it is in no other, and where it is not there yet."""
    stage.docker.says("network ls", "bridge\n")
    stage.backend.start(stage.new, Control())
    assert stage.changes()[0] == f"network create --label={APP}=shop shop"


def test_going_back_is_a_start(stage: Stage) -> None:
    """Of the container that was kept, which is told to come back by itself again before."""
    old = stage.of(stage.old, "shop-r6-1", "exited", policy="no")
    new = stage.of(stage.new, "shop-r7-1")
    stage.there(old, new)

    stage.backend.start(stage.old, Control())

    assert stage.changes() == [
        f"update --restart no {short(new)}",
        f"stop {short(new)}",
        f"update --restart=unless-stopped {short(old)}",
        f"start {short(old)}",
    ]


def test_one_that_crashes_at_that_moment_is_stopped_first(stage: Stage) -> None:
    """The engine cannot update what is neither running nor stopped for it; afterwards it can."""
    old, new = stage.of(stage.old, "shop-r6-1", "exited"), stage.of(stage.new, "shop-r7-1", "restarting")
    stage.there(old, new)
    stage.docker.answers("update --restart no", Answer(err="cannot update a stopped container", code=1), Answer())

    stage.backend.start(stage.old, Control())

    forbid, stop = f"update --restart no {short(new)}", f"stop {short(new)}"
    assert stage.changes() == [forbid, stop, forbid, stop, f"start {short(old)}"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (("running", "unless-stopped"), ("created", "unless-stopped"), ["forbid", "stop", "start"]),
        (("running", "no"), ("created", "unless-stopped"), ["forbid", "stop", "start"]),
        (("exited", "no"), ("created", "unless-stopped"), ["start"]),
        (("exited", "no"), ("exited", "no"), ["allow", "start"]),
        (("exited", "no"), ("running", "no"), ["allow"]),
        (("exited", "no"), ("running", "unless-stopped"), []),
        (("exited", "no"), ("restarting", "unless-stopped"), ["start"]),
    ],
)
def test_it_goes_on_from_wherever_it_was_killed(
    stage: Stage, old: tuple[str, str], new: tuple[str, str], expected: list[str]
) -> None:
    """Nothing is made twice, and what is done already is not done again."""
    left = stage.of(stage.old, "shop-r6-1", old[0], policy=old[1])
    made = stage.of(stage.new, "shop-r7-1", new[0], policy=new[1])
    stage.there(left, made)
    words = {
        "forbid": f"update --restart no {short(left)}",
        "stop": f"stop {short(left)}",
        "allow": f"update --restart=unless-stopped {short(made)}",
        "start": f"start {short(made)}",
    }

    stage.backend.start(stage.new, Control())

    assert stage.changes() == [words[one] for one in expected]


def test_a_restart_policy_of_no_is_not_taken_for_a_stop(stage: Stage) -> None:
    """Where that is what is configured there is nothing to give back."""
    stage.uses(restart="no")
    stage.there(stage.of(stage.new, "shop-r7-1", "exited", policy="no"))
    stage.backend.start(stage.new, Control())
    assert [one.split()[0] for one in stage.changes()] == ["start"]


def test_a_name_that_is_taken_is_passed_over(stage: Stage) -> None:
    """Whoever has it."""
    stage.docker.says("ps --format", "shop-r7-1\nshop-r7-2\n")
    stage.backend.start(stage.new, Control())
    assert stage.changes()[0] == "create shop-r7-3"


def test_only_what_is_missing_is_made(stage: Stage) -> None:
    """Of three replicas of which one runs and one has exited, it is the third."""
    stage.uses(replicas=3)
    running = stage.of(stage.new, "shop-r7-1")
    exited = stage.of(stage.new, "shop-r7-2", "exited")
    stage.there(running, exited)
    stage.makes()

    stage.backend.start(stage.new, Control())

    assert stage.changes() == ["create shop-r7-3", f"start {short(exited)} {MADE_SHORT}"]


def test_a_container_joins_its_other_networks_before_it_starts(stage: Stage) -> None:
    """Docker makes it in one alone; a run that was killed between two of them goes on with the next."""
    stage.uses(networks={"front": ("shop",), "back": ("shop", "db"), "bridge": ("shop",)})
    stage.makes(networks={"front": ("shop",)})

    stage.backend.start(stage.new, Control())

    *before, last = stage.changes()
    assert before[0] == "create shop-r7-1"
    assert sorted(before[1:]) == [
        f"network connect --alias=shop --alias=db back {MADE_SHORT}",
        f"network connect bridge {MADE_SHORT}",
    ]
    assert last == f"start {MADE_SHORT}"


def test_what_cannot_be_made_stops_nothing(stage: Stage) -> None:
    """The old one goes on."""
    stage.there(stage.of(stage.old, "shop-r6-1"))
    stage.docker.fails("create", "Error: no such image")
    with pytest.raises(StepFailed, match="docker create failed: Error: no such image"):
        stage.backend.start(stage.new, Control())
    assert stage.changes() == ["create shop-r7-1"]


# What deploykit has not made.


@pytest.mark.parametrize("policy", ["no", "always", "on-failure"])
def test_an_adopted_container_comes_back_as_it_was(stage: Stage, policy: str) -> None:
    """With the restart policy that it had, in the networks that it was in, also by another process."""
    stage.uses(adopt="web")
    stage.docker.says("container inspect web", [hand := stage.by_hand(policy=policy)])
    stage.docker.says(f"container inspect {hand['Id']}", [hand])
    stage.backend.start(stage.new, Control())
    adopted = replace(stage.old, id="r7a")
    ReleaseFolders.of(stage.state).keep("r7a", stage.backend.snapshot(adopted.image))
    stopped = stage.by_hand("exited", policy="no")
    stage.docker.says("container inspect web", [stopped])
    stage.docker.says(f"container inspect {stopped['Id']}", [stopped])
    before = len(stage.changes())
    stage.uses(adopt="web")

    stage.backend.start(adopted, Control())

    allowed = [f"update --restart={policy} {short(stopped)}"] if policy != "no" else []
    assert stage.changes()[before:] == [*allowed, f"start {short(stopped)}"]


def test_what_compose_ran_until_today_can_be_gone_back_to(stage: Stage) -> None:
    """It has files of another kind; its container is there all the same."""
    theirs = Snapshot({"compose.yml": b"services: {}"})
    ReleaseFolders.of(stage.state).keep("r6", theirs)
    old = replace(stage.old, parts=theirs.parts)
    stage.there(one := stage.of(old, "shop-web-1", "exited", policy="no"))

    stage.backend.start(old, Control())

    assert stage.changes()[-1] == f"start {short(one)}"


def test_the_secrets_of_its_containers_are_blanked_out(stage: Stage, tmp_path: Path) -> None:
    """Those of the config and of its env files; one that cannot be read is no reason to say nothing."""
    (tmp_path / "web.env").write_text("API_TOKEN=sesame-sesame\n")
    backend = stage.made(environment={"DB_PASSWORD": "hunter2"}, env_file=(str(tmp_path / "web.env"),))
    assert backend.redact("hunter2, sesame-sesame, web") == "[redacted], [redacted], web"
    assert stage.made(env_file=("/nowhere",)).redact("web") == "web"


# Beside what serves.


def test_rolling_it_joins_its_network_without_a_name(stage: Stage) -> None:
    """Nobody is led to it before it is promoted: then it leaves the network, and joins it again with its alias."""
    stage.uses(ROLLING)
    old = stage.of(stage.old, "shop-r6-1")
    stage.there(old)
    stage.makes(networks={"shop": ()})

    assert stage.backend.start(stage.new, Control())

    assert stage.changes() == ["create shop-r7-1", f"start {MADE_SHORT}"]
    (call,) = stage.docker.calls("create")
    assert "--network=shop" in call
    assert "--network-alias" not in call
    new = stage.of(stage.new, "shop-r7-1", networks={"shop": ("0123456789ab",)})
    stage.there(old, new)

    stage.backend.promote(stage.new, Control())

    assert stage.changes()[2:] == [
        f"network disconnect shop {short(new)}",
        f"network connect --alias=shop shop {short(new)}",
        f"stop {short(old)}",
        f"rm --force --volumes {short(old)}",
    ]


def test_a_promotion_goes_on_from_wherever_it_was_killed(stage: Stage) -> None:
    """In no network at all it only joins; with its alias there, nothing is left to do but for the others."""
    stage.uses(ROLLING)
    stage.there(one := stage.of(stage.new, "shop-r7-1", networks={}))
    stage.backend.promote(stage.new, Control())
    assert stage.changes() == [f"network connect --alias=shop shop {short(one)}"]
    stage.there(stage.of(stage.new, "shop-r7-1"))
    stage.backend.promote(stage.new, Control())
    assert len(stage.changes()) == 1


def test_rolling_the_first_has_its_name_at_once(stage: Stage) -> None:
    """Nothing else could be found under it."""
    stage.uses(ROLLING)
    stage.backend.start(stage.new, Control())
    assert "--network-alias=shop" in stage.docker.calls("create")[0]


def test_rolling_stands_up_so_many_at_once(stage: Stage) -> None:
    """And says that there are more to come."""
    stage.uses(Rollout(strategy="rolling", parallelism=1), replicas=2)
    stage.there(stage.of(stage.old, "shop-r6-1"))
    stage.makes(networks={"shop": ()})
    assert not stage.backend.start(stage.new, Control())
    stage.there(stage.of(stage.old, "shop-r6-1"), stage.of(stage.new, "shop-r7-1", networks={"shop": ()}))
    assert stage.backend.start(stage.new, Control())


# Afterwards.


def test_what_could_be_gone_back_to_is_kept_and_the_rest_goes(stage: Stage) -> None:
    """What runs is left alone, whatever it is."""
    stage.there(
        stage.of(stage.new, "shop-r7-1"),
        stage.of(stage.old, "shop-r6-1", "exited", policy="no"),
        older := stage.of(replace(stage.old, id="r5"), "shop-r5-1", "exited", policy="no"),
        never := stage.of(replace(stage.old, id="r4"), "shop-r4-1", "created"),
        stage.of(replace(stage.old, id="r3"), "shop-r3-1"),
    )

    stage.docker.says(f"ps label={ROLE}=rehearsal")
    stage.backend.settle(stage.new, stage.old)

    assert stage.changes() == [f"rm --force --volumes {short(older)} {short(never)}"]


def test_when_rolling_nothing_stopped_is_kept(stage: Stage) -> None:
    """There the old ones were retired, and going back makes new ones."""
    stage.uses(ROLLING)
    stage.there(stage.of(stage.new, "shop-r7-1"), old := stage.of(stage.old, "shop-r6-1", "exited"))
    stage.docker.says(f"ps label={ROLE}=rehearsal")
    stage.backend.settle(stage.new, stage.old)
    assert stage.changes() == [f"rm --force --volumes {short(old)}"]


def test_a_one_off_publishes_nothing_and_is_found_by_nobody(stage: Stage) -> None:
    """It runs what it is given, in the app's networks, without a name there."""
    stage.uses(ports=("80:8000",), networks={"front": ("shop",)}, command=("serve",))
    stage.makes(networks={"front": ()})
    stage.backend.run_one_off(stage.new, ["migrate"], {ROLE: "command", "org.deploykit.deployment": "r9"}, Control())
    (call,) = stage.docker.calls("create")
    assert "--publish" not in call
    assert "--network-alias" not in call
    assert "--restart=no" in call
    assert f"--label={ROLE}=command" in call
    assert call.endswith(f"{PINNED.pinned} migrate")
    assert stage.changes() == ["create shop-r7-command-r9", f"start {MADE_SHORT}"]


# What is secret.


def test_no_file_with_the_environment_stays(stage: Stage) -> None:
    """Docker has read it by then; the one that `shell` needs goes with the release, and no value stands in an argv."""
    stage.uses(environment={"DB_PASSWORD": "hunter2", "MULTI": "hunter2\nhunter2"})
    stage.backend.start(stage.new, Control())
    assert "create" in " ".join(stage.docker.calls())
    assert not list((stage.state / "docker").rglob("environment"))

    program = stage.backend.shell_program(stage.new, ["sh", "-c", "env"], terminal=True)

    assert "hunter2" not in str(program.argv)
    assert program.argv[-3:] == (stage.new.image.pinned, "-c", "env")
    assert {"run", "--rm", "--interactive", "--tty", "--entrypoint=sh"} <= set(program.argv)
    assert "--network=shop" in program.argv
    (kept,) = [path for path in (stage.state / "docker").rglob("*") if path.is_file()]
    assert kept.stat().st_mode & 0o077 == 0
    stage.docker.answers("image inspect", Answer("", "No such image: x", 1))
    stage.backend.discard(stage.new, [], Control())
    assert not kept.exists()
