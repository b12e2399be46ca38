"""The promises of `deploykit.protocols` as tests: every backend and probe of ours passes them, and so can yours.

Subclass BackendContract, or ProbeContract, in a test module, and give it a fixture `stage`:

    class TestMyBackend(BackendContract):
        @pytest.fixture
        def stage(self, tmp_path):
            yield MyStage(tmp_path)
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

import pytest

from deploykit.clock import in_thread
from deploykit.errors import PullFailed, StepFailed
from deploykit.protocols import (
    Backend,
    Control,
    Probe,
    ProbeVerdict,
    PullPolicy,
    ReleaseFiles,
    Verdict,
    Watched,
)
from deploykit.release import ImageRef, Instance, Release

PATIENCE = 30.0
"""Seconds that a real runtime may take to tell of a death; nobody waits for them to pass."""
LOOK = 10.0
"""Seconds for a look that needs none."""
SHORT_LOOK = 0.2
LEEWAY = 2.0
"""Seconds that a busy machine may add."""


class ContractStage(Protocol):
    """What the contract is tried on: a backend, where it finds the files of releases, and a way to publish images."""

    @property
    def backend(self) -> Backend:
        """The backend, on a runtime where nothing of the app runs yet."""
        ...

    @property
    def files(self) -> ReleaseFiles:
        """Where the backend reads the files of releases."""
        ...

    @property
    def missing(self) -> ImageRef:
        """An image that is nowhere."""
        ...

    @property
    def last_words(self) -> str:
        """What an image that exits at once writes before it does."""
        ...

    def publish(self, tag: str, exit_code: int | None = None) -> ImageRef:
        """Publish an image that runs on, or, with a code, writes its last words and exits with it at once."""
        ...


class BackendContract:
    """What any backend promises."""

    @pytest.fixture
    def stage(self) -> ContractStage:
        """Return what the contract is tried on; subclasses say how."""
        raise NotImplementedError

    def test_it_is_the_same_runtime_each_time(self, stage: ContractStage) -> None:
        """identity() is lasting."""
        assert stage.backend.identity() == stage.backend.identity()

    def test_at_first_nothing_runs(self, stage: ContractStage) -> None:
        """running() is None where no instance lives."""
        assert stage.backend.running() is None

    def test_a_pull_pins(self, stage: ContractStage) -> None:
        """What came has an id, and is found again by it, by its digest, and by its tag; each time pinned."""
        came = _pull(stage.backend, stage.publish("one"))
        by_id, by_tag = ImageRef(came.repository, id=came.id), ImageRef(came.repository, came.tag)
        by_digest = replace(came, id=None) if came.digest else came
        assert came.id
        assert came.pinned
        found = [stage.backend.find(one) for one in (came, by_id, by_digest, by_tag)]
        assert [one and one.id for one in found] == [came.id] * 4

    def test_what_is_asked_of_an_image_is_answered_alike(self, stage: ContractStage) -> None:
        """snapshot(), labels() and demand() change nothing, and say the same of the same image."""
        came = _pull(stage.backend, stage.publish("one"))
        stage.backend.demand(came)
        assert stage.backend.snapshot(came).parts == stage.backend.snapshot(came).parts
        assert dict(stage.backend.labels(came)) == dict(stage.backend.labels(came))
        assert stage.backend.running() is None

    def test_content_is_meant_by_its_id_whatever_its_tag(self, stage: ContractStage) -> None:
        """A tag may have moved: find() and pull() go by the id where there is one."""
        one, two = (_pull(stage.backend, stage.publish(tag)) for tag in ("one", "two"))
        moved = replace(one, tag=two.tag)
        found = stage.backend.find(moved)
        assert found is not None
        assert found.id == stage.backend.pull(moved, PullPolicy.missing, Control()).id == one.id

    def test_what_is_nowhere_cannot_be_pulled(self, stage: ContractStage) -> None:
        """A pull of it raises PullFailed, and it is not found."""
        assert stage.backend.find(stage.missing) is None
        for policy in PullPolicy:
            with pytest.raises(PullFailed):
                stage.backend.pull(stage.missing, policy, Control())

    def test_what_is_at_hand_needs_no_registry(self, stage: ContractStage) -> None:
        """A pull with `never` returns what is at hand."""
        came = _pull(stage.backend, stage.publish("one"))
        assert stage.backend.pull(came, PullPolicy.never, Control()).id == came.id

    def test_what_was_started_runs(self, stage: ContractStage) -> None:
        """It is found by the runtime alone: its content, and the release that deploykit wrote on it."""
        one = _started(stage, "one", 1)
        running = stage.backend.running()
        assert running is not None
        assert (running.image.id, running.release, running.fingerprint) == (one.image.id, one.id, one.fingerprint)
        assert running.image.tag == "one"
        assert {each.id for each in running.instances if each.alive} == _living(stage.backend, one)
        assert all(each.service and each.release == one.id for each in stage.backend.instances(one))

    def test_what_runs_is_among_its_images_and_can_be_asked(self, stage: ContractStage) -> None:
        """images() are pinned; execute() ends with a code, or is refused; redact() leaves what is no secret."""
        one = _started(stage, "one", 1)
        stage.backend.keep(one)
        assert one.image.id in {image.id for image in stage.backend.images()}
        with suppress(StepFailed):
            done = stage.backend.execute(stage.backend.instances(one)[0], ["true"], LOOK)
            assert isinstance(done.exit_code, int)
        assert stage.backend.redact("nothing to hide") == "nothing to hide"

    def test_starting_again_moves_nothing(self, stage: ContractStage) -> None:
        """start() of what runs leaves it alone; the same content under another release's id is started anew."""
        one = _started(stage, "one", 1)
        before = _living(stage.backend, one)
        assert stage.backend.start(one, Control())
        assert _living(stage.backend, one) == before
        anew = replace(one, id="r2")
        stage.files.keep(anew.id, stage.files.read(one.id))
        stage.backend.start(anew, Control())
        stage.backend.promote(anew, Control())
        assert _living(stage.backend, anew)
        assert _living(stage.backend, anew).isdisjoint(before)
        assert not _living(stage.backend, one)

    def test_one_takes_the_place_of_the_other(self, stage: ContractStage) -> None:
        """start() and promote() leave one release alone, there and back again."""
        one, two = _started(stage, "one", 1), _started(stage, "two", 2)
        assert _alone(stage.backend, two, one)
        stage.backend.start(one, Control())
        stage.backend.promote(one, Control())
        assert _alone(stage.backend, one, two)

    def test_a_release_is_complete_while_it_is_what_runs(self, stage: ContractStage) -> None:
        """complete() tells whether all its instances run; not before, and not when another took their place."""
        one = _release(stage, stage.publish("one"), 1)
        assert not stage.backend.complete(one)
        stage.backend.start(one, Control())
        assert stage.backend.complete(one)
        two = _started(stage, "two", 2)
        assert (stage.backend.complete(one), stage.backend.complete(two)) == (False, True)

    def test_a_death_is_told_with_its_code(self, stage: ContractStage) -> None:
        """The watch, opened after start() has returned, tells what happened since, or instances() does."""
        one = _release(stage, stage.publish("one", exit_code=3), 1)
        stage.backend.start(one, Control())
        assert _exit_code(stage.backend, one) == 3

    def test_the_dead_do_not_run(self, stage: ContractStage) -> None:
        """instances() has them, not so running(), complete() and others(); discard() removes what is left of them."""
        one = _release(stage, stage.publish("one", exit_code=3), 1)
        stage.backend.start(one, Control())
        _exit_code(stage.backend, one)
        assert stage.backend.instances(one)
        if any(each.alive for each in stage.backend.instances(one)):
            pytest.skip("this runtime starts again what exits")
        assert stage.backend.running() is None
        assert not stage.backend.complete(one)
        assert not stage.backend.others(replace(one, id="r9"))
        assert stage.backend.discard(one, [], Control())
        assert not stage.backend.instances(one)

    def test_the_dead_can_be_asked_for_their_last_lines(self, stage: ContractStage) -> None:
        """logs() has what an instance wrote before it went."""
        one = _release(stage, stage.publish("one", exit_code=3), 1)
        stage.backend.start(one, Control())
        _exit_code(stage.backend, one)
        assert stage.last_words in stage.backend.logs(one, 10)
        assert len(stage.backend.logs(one, 1).splitlines()) <= 1
        assert stage.backend.logs(_release(stage, stage.publish("two"), 2), 10) == ""

    def test_what_serves_can_be_kept_and_settled_again_and_again(self, stage: ContractStage) -> None:
        """keep() and settle() are idempotent, and move no instance; nor does a pull."""
        one = _started(stage, "one", 1)
        before = _living(stage.backend, one)
        for _ in range(2):
            stage.backend.keep(one)
            stage.backend.settle(one)
            stage.backend.pull(one.image, PullPolicy.missing, Control())
        assert _living(stage.backend, one) == before
        assert stage.backend.find(one.image) is not None

    def test_what_is_discarded_is_gone_and_what_serves_is_not_touched(self, stage: ContractStage) -> None:
        """discard() lets go of an old release's content; again there is nothing left to remove."""
        one, two = _started(stage, "one", 1), _started(stage, "two", 2)
        stage.backend.keep(one)
        before = _living(stage.backend, two)
        assert stage.backend.discard(one, [two], Control())
        assert not stage.backend.discard(one, [two], Control())
        assert stage.backend.find(one.image) is None
        assert stage.backend.find(two.image) is not None
        assert _living(stage.backend, two) == before

    def test_content_that_is_kept_or_runs_is_not_discarded(self, stage: ContractStage) -> None:
        """discard() leaves what a kept release has too, and what an instance was made of."""
        one, two = _started(stage, "one", 1), _started(stage, "two", 2)
        stage.backend.keep(one)
        stage.backend.discard(one, [replace(one, id="r3"), two], Control())
        stage.backend.discard(two, [], Control())
        assert stage.backend.find(one.image) is not None
        assert stage.backend.find(two.image) is not None


class RollingContract:
    """What a backend promises that stands new instances up beside the old. Its stage is that of BackendContract."""

    @pytest.fixture
    def stage(self) -> ContractStage:
        """Return what the contract is tried on; subclasses say how."""
        raise NotImplementedError

    def test_the_new_stand_up_beside_the_old(self, stage: ContractStage) -> None:
        """start() touches no other instance; promote() retires them, and leaves the new ones as they are."""
        one = _started(stage, "one", 1)
        before = _living(stage.backend, one)
        two = _release(stage, stage.publish("two"), 2)
        assert stage.backend.beside
        stage.backend.start(two, Control())
        assert not stage.backend.complete(one)
        assert not stage.backend.complete(two)
        new = _living(stage.backend, two)
        assert _living(stage.backend, one) == before
        assert {each.id for each in stage.backend.others(two)} == before
        assert len(new) == len(before)
        stage.backend.promote(two, Control())
        assert _alone(stage.backend, two, one)
        assert _living(stage.backend, two) == new
        assert stage.backend.complete(two)

    def test_going_back_moves_no_instance(self, stage: ContractStage) -> None:
        """start() of what still runs leaves it alone, and promote() retires what failed beside it."""
        one = _started(stage, "one", 1)
        before = _living(stage.backend, one)
        two = _release(stage, stage.publish("two"), 2)
        stage.backend.start(two, Control())
        assert stage.backend.start(one, Control())
        stage.backend.promote(one, Control(), drain=False)
        stage.backend.settle(one)
        assert _living(stage.backend, one) == before
        assert not stage.backend.instances(two)

    def test_a_start_that_is_made_again_doubles_nothing(self, stage: ContractStage) -> None:
        """After a crash in its middle, start() completes or confirms; so does promote()."""
        one, two = _started(stage, "one", 1), _release(stage, stage.publish("two"), 2)
        for _ in range(2):
            stage.backend.start(two, Control())
        assert len(_living(stage.backend, two)) == len(_living(stage.backend, one))
        for _ in range(2):
            stage.backend.promote(two, Control())
        assert _alone(stage.backend, two, one)

    def test_the_dead_are_replaced_and_settled(self, stage: ContractStage) -> None:
        """What died beside what serves is gone when the deployment has been settled."""
        one = _started(stage, "one", 1)
        two = _release(stage, stage.publish("two", exit_code=3), 2)
        stage.backend.start(two, Control())
        _exit_code(stage.backend, two)
        stage.backend.start(one, Control())
        stage.backend.promote(one, Control(), drain=False)
        stage.backend.settle(one)
        assert not stage.backend.instances(two)
        assert stage.backend.complete(one)

    def test_what_stood_down_is_kept_and_does_not_serve(self, stage: ContractStage) -> None:
        """stand_down() stops a release beside the others, which go on, and can be made again."""
        one, two = _started(stage, "one", 1), _release(stage, stage.publish("two"), 2)
        stage.backend.start(two, Control())
        for _ in range(2):
            stage.backend.stand_down(two, Control())
        assert stage.backend.instances(two)
        assert not _living(stage.backend, two)
        running = stage.backend.running()
        assert running is not None
        assert running.release == one.id


class RehearsalContract:
    """What a backend promises that can rehearse a release. Its stage is that of BackendContract."""

    @pytest.fixture
    def stage(self) -> ContractStage:
        """Return what the contract is tried on; subclasses say how."""
        raise NotImplementedError

    def test_a_rehearsal_is_no_instance_and_leaves_nothing(self, stage: ContractStage) -> None:
        """What serves is not touched, and does not see it; left, it is gone."""
        one = _started(stage, "one", 1)
        before = _living(stage.backend, one)
        two = _release(stage, stage.publish("two"), 2)
        with stage.backend.rehearse(two, Control(deployment="r2")) as rehearsal:
            assert [each.alive for each in rehearsal.instances(two)] == [True]
            assert not stage.backend.instances(two)
            assert not stage.backend.others(one)
        assert not any(each.alive for each in rehearsal.instances(two))
        assert _living(stage.backend, one) == before

    def test_a_rehearsal_that_dies_is_told_with_its_code_and_last_lines(self, stage: ContractStage) -> None:
        """Its own eye sees it."""
        two = _release(stage, stage.publish("two", exit_code=3), 2)
        with stage.backend.rehearse(two, Control(deployment="r2")) as rehearsal:
            assert _exit_code(rehearsal, two) == 3
            assert stage.last_words in rehearsal.logs(10)

    def test_what_a_killed_rehearsal_left_goes_with_the_next(self, stage: ContractStage) -> None:
        """There is never more than one."""
        two = _release(stage, stage.publish("two"), 2)
        left = stage.backend.rehearse(two, Control(deployment="r2"))
        with stage.backend.rehearse(two, Control(deployment="r3")) as rehearsal:
            assert not any(each.alive for each in left.instances(two))
            assert any(each.alive for each in rehearsal.instances(two))


class ProbeStage(Protocol):
    """What the contract of a probe is tried on: a probe, and a way to have what it looks at be well or not."""

    @property
    def probe(self) -> Probe:
        """The probe."""
        ...

    @property
    def instances(self) -> Sequence[Instance]:
        """What it is given to look at."""
        ...

    def good(self) -> None:
        """Let it be well from now on."""

    def bad(self) -> None:
        """Let it not be well."""

    def silent(self) -> None:
        """Let it answer nothing at all, and say nothing of that either; `pytest.skip` where there is no such thing."""


class ProbeContract:
    """What any probe promises."""

    @pytest.fixture
    def stage(self) -> ProbeStage:
        """Return what the contract is tried on; subclasses say how."""
        raise NotImplementedError

    def test_it_has_a_name_of_one_line(self, stage: ProbeStage) -> None:
        """Which stands in messages; its service is None for those of every service."""
        assert stage.probe.name
        assert stage.probe.name.isprintable()
        assert stage.probe.service is None or stage.probe.service

    def test_what_is_well_is_healthy(self, stage: ProbeStage) -> None:
        """Each look is one attempt, and remembers nothing of those before."""
        stage.good()
        assert stage.probe.look(stage.instances, LOOK).healthy
        stage.bad()
        assert not stage.probe.look(stage.instances, LOOK).healthy
        stage.good()
        assert stage.probe.look(stage.instances, LOOK).healthy

    def test_what_is_not_well_has_a_reason(self, stage: ProbeStage) -> None:
        """In a few words, on one line; it is never an exception."""
        stage.bad()
        verdict = stage.probe.look(stage.instances, LOOK)
        assert verdict.verdict in {ProbeVerdict.unhealthy, ProbeVerdict.dead}
        assert verdict.reason
        assert verdict.reason.isprintable()

    def test_nothing_to_look_at_is_no_exception(self, stage: ProbeStage) -> None:
        """The instances may all have died a moment ago."""
        stage.good()
        assert isinstance(stage.probe.look([], LOOK), Verdict)

    def test_a_look_ends_in_its_time(self, stage: ProbeStage) -> None:
        """Whatever does not answer is unhealthy then."""
        stage.silent()
        look = in_thread(lambda: stage.probe.look(stage.instances, SHORT_LOOK))
        assert not look.result(SHORT_LOOK + LEEWAY).healthy, "a TimeoutError here is the probe's: it looks for too long"

    def test_it_can_be_aimed_or_says_that_it_cannot(self, stage: ProbeStage) -> None:
        """At an instance itself, in a rehearsal: by a probe with a name, or None."""
        aimed = stage.probe.aimed({8000: 80})
        assert aimed is None or aimed.name


def _pull(backend: Backend, image: ImageRef) -> ImageRef:
    return backend.pull(image, PullPolicy.always, Control())


def _release(stage: ContractStage, image: ImageRef, number: int) -> Release:
    came = _pull(stage.backend, image)
    snapshot = stage.backend.snapshot(came)
    release = Release(f"r{number}", came, snapshot.parts)
    stage.files.keep(release.id, snapshot)
    return release


def _started(stage: ContractStage, tag: str, number: int) -> Release:
    release = _release(stage, stage.publish(tag), number)
    stage.backend.start(release, Control())
    stage.backend.promote(release, Control())
    return release


def _living(backend: Backend, release: Release) -> set[str]:
    return {one.id for one in backend.instances(release) if one.alive}


def _alone(backend: Backend, release: Release, other: Release) -> bool:
    alone = bool(_living(backend, release)) and not _living(backend, other)
    return alone and not backend.others(release)


def _exit_code(backend: Watched, release: Release) -> int | None:
    until = time.monotonic() + PATIENCE
    with backend.watch(release) as watch:
        told: Sequence[Instance] = backend.instances(release)
        while time.monotonic() < until:
            for one in told:
                if one.exit_code is not None and one.status != "running":
                    return one.exit_code
            told = watch.wait(1.0)
    return None
