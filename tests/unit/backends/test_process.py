"""ProcessBackend: releases are folders, instances are processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from deploykit.backends.process.records import KEPT
from deploykit.errors import ConfigError, EngineUnreachable, StepFailed
from deploykit.protocols import Backend, Control
from deploykit.release import Release
from tests.unit.backends.test_process_stage import SERVE, WAIT, Stage, eventually, exit_of, ready, staged

STUBBORN = "trap '' TERM\necho ready\nwhile :; do sleep 300; done\n"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path) as stage:
        yield stage


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_started_release_runs(stage: Stage) -> None:
    """What was started is what runs: its image, release and fingerprint, one living instance."""
    backend: Backend = stage.backend()
    release = stage.started(backend, "v1")
    running = backend.running()
    assert running is not None
    assert (running.image, running.release, running.fingerprint) == (release.image, release.id, release.fingerprint)
    (instance,) = running.instances
    assert instance.alive
    assert (instance.service, instance.release, instance.address) == ("app", release.id, "127.0.0.1")
    assert instance.created_at is not None
    assert instance.started_at is not None
    assert instance.created_at <= instance.started_at
    assert [one.id for one in backend.instances(release)] == [instance.id]


def test_nothing_runs_at_first(stage: Stage) -> None:
    """Before the first start nothing runs, and there are no instances, images or logs."""
    backend = stage.backend()
    release = stage.release(backend, "v1")
    assert backend.running() is None
    assert not backend.instances(release)
    assert not backend.others(release)
    assert backend.logs(release, 10) == ""


@pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137), ("true", 0)])
def test_an_exit_is_told_with_its_code(stage: Stage, script: str, code: int) -> None:
    """The watch tells a death with the exit code, 128 and the number for a signal."""
    backend = stage.backend()
    release = stage.started(backend, "v1", script)
    died = exit_of(backend, release)
    assert (died.status, died.exit_code) == ("exited", code)
    assert died.started_at is not None
    assert died.finished_at is not None
    assert died.finished_at >= died.started_at
    assert backend.running() is None
    assert [one.exit_code for one in backend.instances(release)] == [code]


def test_the_watch_waits_no_longer_than_told(stage: Stage) -> None:
    """A watch over an instance that does nothing comes back with nothing."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    with backend.watch(release) as watch:
        assert not watch.wait(0.01)
        assert not watch.wait(0)


def test_the_watch_tells_a_death_only_once(stage: Stage) -> None:
    """A death that was told is not a change any more."""
    backend = stage.backend()
    release = stage.started(backend, "v1", "exit 1")
    with backend.watch(release) as watch:
        while not watch.wait(WAIT):
            pass
        assert not watch.wait(0)


def test_the_watch_tells_a_start(stage: Stage) -> None:
    """An instance that was started after the watch began is a change."""
    backend = stage.backend()
    release = stage.release(backend, "v1")
    with backend.watch(release) as watch:
        backend.start(release, Control())
        (instance,) = watch.wait(WAIT)
        assert instance.alive


def test_the_watch_needs_no_pidfd(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has no pidfd, a death is told all the same."""
    monkeypatch.delattr(os, "pidfd_open")
    backend = stage.backend()
    release = stage.started(backend, "v1", "read line; exit 3")
    assert exit_of(backend, release).exit_code == 3
    second = stage.started(backend, "v2")
    backend.promote(release, Control())
    assert exit_of(backend, second).exit_code == 143


def test_a_command_that_cannot_be_run(stage: Stage) -> None:
    """A command that is not there is an exit with 127, and its log says what was not there."""
    backend = stage.backend(command=["./no-such-program"])
    release = stage.started(backend, "v1")
    assert exit_of(backend, release).exit_code == 127
    assert "no-such-program" in backend.logs(release, 10)


def test_the_command_knows_its_tag_and_folder(stage: Stage) -> None:
    """Placeholders are filled in with the tag and the stored content, which is the working folder too."""
    backend = stage.backend(command=["sh", "-c", 'echo "$0 $1"; pwd', "{tag}", "{directory}"])
    release = stage.started(backend, "v1")
    exit_of(backend, release)
    named, cwd = backend.logs(release, 10).splitlines()
    assert named == f"v1 {cwd}"
    assert (Path(cwd) / "run.sh").exists()
    assert Path(cwd).is_relative_to(stage.state)


def test_in_place(stage: Stage) -> None:
    """A start ends the instance of the release before, so that one runs."""
    backend = stage.backend()
    first = stage.started(backend, "v1")
    second = stage.started(backend, "v2", "exec sleep 301")
    running = backend.running()
    assert running is not None
    assert running.release == second.id
    assert len(running.instances) == 1
    assert [one.exit_code for one in backend.instances(first)] == [143]


def test_starting_again_changes_nothing(stage: Stage) -> None:
    """What runs already is left alone."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    before = backend.instances(release)
    backend.start(release, Control())
    assert backend.instances(release) == before


def test_a_dead_instance_is_replaced(stage: Stage) -> None:
    """Starting a release whose instance has died starts it again; the dead one does not count any more."""
    backend = stage.backend()
    release = stage.started(backend, "v1", "test -e ../../../../../again && exec sleep 300; exit 3")
    exit_of(backend, release)
    (stage.base / "again").touch()
    backend.start(release, Control())
    (instance,) = backend.instances(release)
    assert instance.alive


def test_going_back_brings_the_content_that_ran(stage: Stage) -> None:
    """A restore runs what the folder was, after it was changed, and after it was deleted."""
    backend = stage.backend()
    first = stage.started(backend, "v1", "echo one; exec sleep 300")
    second = stage.started(backend, "v1", "echo two; exec sleep 300")
    shutil.rmtree(stage.base / "releases")
    backend.start(first, Control())
    eventually(backend, first, lambda: backend.logs(first, 5) == "one")
    backend.start(second, Control())
    eventually(backend, second, lambda: backend.logs(second, 5) == "two")


def test_going_back_brings_the_settings_that_ran(stage: Stage) -> None:
    """A release runs with its own settings, whatever they are today."""
    before = stage.backend(environment={"COLOUR": "red"})
    first = stage.release(before, "v1", 'echo "$COLOUR"')
    today = stage.backend(command=["false"], environment={"COLOUR": "blue"})
    today.start(first, Control())
    assert exit_of(today, first).exit_code == 0
    assert today.logs(first, 5) == "red"


def test_content_that_is_gone(stage: Stage) -> None:
    """Starting a release whose content is nowhere fails, and leaves alone what runs."""
    backend = stage.backend()
    first = stage.started(backend, "v1")
    second = stage.release(backend, "v2", "exit 0")
    assert second.image.id
    shutil.rmtree(stage.state / "process" / "images" / second.image.id.removeprefix("sha256:"))
    with pytest.raises(StepFailed, match="not at hand"):
        backend.start(second, Control())
    assert [one.alive for one in backend.instances(first)] == [True]


def test_a_shim_that_cannot_be_started(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an interpreter for the shim the start fails, and leaves alone what runs."""
    backend = stage.backend()
    first = stage.started(backend, "v1")
    second = stage.release(backend, "v2", "exit 0")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with pytest.raises(StepFailed, match="cannot be started"):
        backend.start(second, Control())
    assert [one.alive for one in backend.instances(first)] == [True]


def test_a_start_that_cannot_be_put_on_record(stage: Stage) -> None:
    """When the record cannot be written the start fails in so many words, and nothing runs."""
    backend = stage.backend()
    release = stage.release(backend, "v1", "touch ../../../../../ran; exec sleep 300")
    (stage.state / "process" / "instances").rmdir()
    (stage.state / "process" / "instances").symlink_to("/proc/self")
    with pytest.raises(StepFailed) as failed:
        backend.start(release, Control())
    assert failed.value.detail
    assert not (stage.base / "ran").exists()


def test_others_and_promote(stage: Stage) -> None:
    """Living instances of other releases are told, and retired by a promotion."""
    backend = stage.backend()
    first = stage.started(backend, "v1")
    second = stage.release(backend, "v2", "exit 0")
    assert [one.release for one in backend.others(second)] == [first.id]
    assert not backend.others(first)
    backend.promote(first, Control())
    assert backend.running()
    backend.promote(second, Control())
    assert backend.running() is None
    assert not backend.others(second)


def test_the_same_content_under_another_id_is_another_release(stage: Stage) -> None:
    """An instance belongs to the release that it was started for, not to one with the same content."""
    backend = stage.backend()
    first = stage.started(backend, "v1")
    twin = Release("r50", first.image, first.parts)
    stage.files.keep(twin.id, stage.files.read(first.id))
    assert [one.release for one in backend.others(twin)] == [first.id]
    backend.start(twin, Control())
    assert [one.release for one in backend.instances(twin)] == [twin.id]
    assert backend.others(first)


def test_what_ignores_sigterm_is_killed_after_the_grace(stage: Stage) -> None:
    """An app that does not care for SIGTERM is killed, by the grace that it was started with."""
    backend = stage.backend(stop_grace=0.2)
    first = stage.started(backend, "v1", STUBBORN)
    ready(backend, first)
    stage.started(stage.backend(stop_grace=WAIT), "v2")
    (instance,) = backend.instances(first)
    assert instance.exit_code == 137
    assert instance.finished_at is not None
    assert not lives(stage.entry(first).process.pid)


def test_what_needs_time_to_end_gets_it(stage: Stage) -> None:
    """An app that ends in its own way on SIGTERM ends with its own code."""
    backend = stage.backend()
    release = stage.started(backend, "v1", "trap 'exit 7' TERM\necho ready\nwhile :; do sleep 0.01; done")
    ready(backend, release)
    stage.started(backend, "v2")
    assert [one.exit_code for one in backend.instances(release)] == [7]


FAMILY = """
sh -c 'echo $$ >{base}/child; exec sleep 300' &
setsid sh -c 'echo $$ >{base}/daemon; exec sleep 300' </dev/null &
while ! [ -s {base}/child ] || ! [ -s {base}/daemon ]; do sleep 0.01; done
echo ready
{then}
"""


@pytest.mark.parametrize("then", ["exec sleep 300", "trap '' TERM; while :; do sleep 300; done"])
def test_children_are_ended_too(stage: Stage, then: str) -> None:
    """Ending an instance ends its children, also one in a session of its own, before the next is started."""
    backend = stage.backend(stop_grace=0.2)
    release = stage.started(backend, "v1", FAMILY.format(base=stage.base, then=then))
    ready(backend, release)
    pids = [int((stage.base / name).read_text()) for name in ("child", "daemon")]
    assert [lives(pid) for pid in pids] == [True, True]
    stage.started(backend, "v2")
    assert [lives(pid) for pid in pids] == [False, False]


def test_what_a_crash_leaves_behind_is_ended(stage: Stage) -> None:
    """When the main process dies its children are ended before another release is started."""
    backend = stage.backend()
    release = stage.started(backend, "v1", FAMILY.format(base=stage.base, then="exit 3"))
    assert exit_of(backend, release).exit_code == 3
    stage.started(backend, "v2")
    assert not [name for name in ("child", "daemon") if lives(int((stage.base / name).read_text()))]


def test_a_pid_alone_is_nobody(stage: Stage) -> None:
    """A record whose pids have become those of an unrelated process is a dead instance's: nothing is sent there."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    entry = stage.entry(release)
    bystander = subprocess.Popen(["sleep", "300"], start_new_session=True)
    try:
        record = json.loads(stage.records.path(entry.id).read_text())
        ticks, _, boot = entry.process.start.partition("@")
        earlier = f"{int(ticks) - 1}@{boot}"  # the bystander may have started in the same hundredth of a second
        forged = {"number": 2, "pid": bystander.pid, "shim_pid": bystander.pid, "start": earlier, "shim_start": earlier}
        stage.records.path("forged").write_text(json.dumps({**record, **forged}))
        assert [one.status for one in backend.instances(release)] == ["exited", "running"]
        assert backend.instances(release)[0].exit_code is None
        backend.start(stage.release(backend, "v1"), Control())
        backend.promote(replace(release, id="r90"), Control())
        assert backend.running() is None
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_reboot_ends_everything(stage: Stage) -> None:
    """A record from before a reboot is that of a dead instance, though pid and start time may be alike."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    path = stage.records.path(stage.entry(release).id)
    written = path.read_text()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    path.write_text(written.replace(boot, "another-boot"))
    assert backend.running() is None
    path.write_text(written)
    assert backend.running() is not None


@pytest.mark.parametrize("damage", ["", "{", "[]", "{}", '{"pid": 0}'])
def test_a_damaged_record_is_none(stage: Stage, damage: str) -> None:
    """A record that a crash of the machine has damaged is passed over."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    stage.records.path("damaged").write_text(damage)
    assert len(backend.instances(release)) == 1


@pytest.mark.parametrize("pid", [-1, 0, 1, True, "7", None])
def test_no_record_makes_us_signal_everybody(stage: Stage, pid: object) -> None:
    """Numbers that stand for many processes, or for init, are no pids of instances."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    record = json.loads(stage.records.path(stage.entry(release).id).read_text())
    stage.records.path("forged").write_text(json.dumps({**record, "number": 2, "pid": pid}))
    assert [one.alive for one in backend.instances(release)] == [True]


def test_old_instances_are_forgotten(stage: Stage) -> None:
    """The newest five that have exited are remembered, with their logs."""
    backend = stage.backend()
    release = stage.started(backend, "v1", "exit 1")
    for _ in range(KEPT + 2):
        exit_of(backend, release)
        backend.start(release, Control())
    exit_of(backend, release)
    assert len(stage.records.all()) == KEPT + 1
    logs = stage.state / "process" / "logs"
    eventually(backend, release, lambda: {path.stem for path in logs.iterdir()} == {e.id for e in stage.records.all()})


def test_logs_are_bounded_and_redacted(stage: Stage) -> None:
    """Logs are the last lines, at most 1 MiB, without the secrets of the release's own environment or of today's."""
    script = 'yes 0123456789 | head -c 2000000; echo; echo "$DB_PASSWORD today-secret"; echo postgres://joe:pw@host/db'
    release = stage.started(stage.backend(environment={"DB_PASSWORD": "old-secret"}), "v1", script)
    today = stage.backend(environment={"API_TOKEN": "today-secret"})
    exit_of(today, release)
    assert today.logs(release, 2).splitlines() == ["[redacted] [redacted]", "postgres://[redacted]@host/db"]
    assert 1_000_000 < len(today.logs(release, 10**6).encode()) <= 1024 * 1024
    assert today.logs(release, 0) == ""


def test_execute(stage: Stage) -> None:
    """A command runs beside an instance: in its folder, with its environment; code and output are told."""
    backend = stage.backend(environment={"COLOUR": "red"})
    release = stage.started(backend, "v1")
    (instance,) = backend.instances(release)
    said = backend.execute(instance, ["sh", "-c", "echo $COLOUR; ls >&2; exit 4"], WAIT)
    assert (said.exit_code, said.output) == (4, "red\nrun.sh\n")
    assert backend.execute(instance, ["sh", "-c", "kill -9 $$"], WAIT).exit_code == 137
    assert len(backend.execute(instance, ["sh", "-c", "yes | head -c 300000"], WAIT).output) == 65_536


def test_execute_ends_what_it_started(stage: Stage) -> None:
    """What a command leaves in the background is ended with it, and does not hold it up."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    said = backend.execute(backend.instances(release)[0], ["sh", "-c", "sleep 300 & echo $!"], WAIT)
    eventually(backend, release, lambda: not lives(int(said.output)))


def test_execute_in_time(stage: Stage) -> None:
    """A command that takes too long is ended, with its children; one that cannot be run, or has no instance, fails."""
    backend = stage.backend()
    release = stage.started(backend, "v1")
    (instance,) = backend.instances(release)
    with pytest.raises(StepFailed, match="in time") as failed:
        backend.execute(instance, ["sh", "-c", "sleep 300 & echo $!; exec >/dev/null; wait"], 0.5)
    eventually(backend, release, lambda: not lives(int(failed.value.detail)))
    with pytest.raises(StepFailed, match="could not be run"):
        backend.execute(instance, ["no-such-program"], WAIT)
    backend.promote(replace(release, id="r90"), Control())
    with pytest.raises(StepFailed, match="does not run"):
        backend.execute(instance, ["true"], WAIT)


def test_identity_lasts(stage: Stage) -> None:
    """The engine's id is made once, whoever asks first, and is another in another state folder."""
    with ThreadPoolExecutor(8) as pool:
        engines = set(pool.map(lambda _: stage.backend().identity().engine, range(32)))
    assert len(engines) == 1
    identity = stage.backend().identity()
    assert (identity.engine, identity.project, identity.noun) == (engines.pop(), "app", "Process")
    elsewhere = Stage(stage.base / "elsewhere").backend().identity()
    assert elsewhere.engine != identity.engine


def test_a_state_folder_that_cannot_be_used(stage: Stage) -> None:
    """It says whose it is and what to do."""
    stage.state.mkdir()
    (stage.state / "process").write_text("a file")
    with pytest.raises(EngineUnreachable, match="process cannot be used"):
        stage.backend().identity()
    shutil.rmtree(stage.state)
    stage.state.write_text("a file")
    with pytest.raises(ConfigError, match="belongs to"):
        stage.backend().identity()


def test_apps_share_a_state_folder(stage: Stage) -> None:
    """Several apps, in threads, do not see or touch each other's instances and images."""
    stages = [Stage(stage.base, f"app{number}", iter(range(number * 10 + 1, 99))) for number in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda one: one.started(one.backend(), f"v-{one.name}", f": {one.name}\n{SERVE}"), stages))
        for one in stages:
            running = one.backend().running()
            assert running is not None
            assert [image.tag for image in one.backend().images()] == [f"v-{one.name}"] == [running.image.tag]
    finally:
        for one in stages:
            one.clear()


def test_nothing_comes_before_the_start(stage: Stage) -> None:
    """There is no release command, and no rehearsal; that one is refused when it is asked for."""
    backend = stage.backend()
    release = stage.release(backend, "v1")
    assert not backend.has_release_command()
    with pytest.raises(ConfigError):
        backend.rehearse(release, Control())
    backend.keep(release)
    backend.settle(release)
    backend.demand(release.image)
    assert backend.running() is None


def test_redact(stage: Stage) -> None:
    """Secrets of the environment are blanked out."""
    assert stage.backend(environment={"DB_PASSWORD": "hunter22"}).redact("it is hunter22") == "it is [redacted]"
