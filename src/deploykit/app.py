"""An app and its verbs: what the CLI and other people's scripts call."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from threading import Event as Flag
from typing import TYPE_CHECKING, Literal

from deploykit import seam
from deploykit.clock import SystemClock
from deploykit.errors import ConfigError, EngineUnreachable, NoSuchRelease, Outcome, StepFailed
from deploykit.events import Event
from deploykit.health import HealthPolicy
from deploykit.hold import refuse_while_held
from deploykit.hooks import Hooks, NoHooks
from deploykit.inside import Hands
from deploykit.interrupt import Interruption
from deploykit.lock import whoami
from deploykit.plan import Plan, plan
from deploykit.plugins.promises import demand_all_of, held_to_its_word
from deploykit.protocols import (
    Backend,
    Check,
    Clock,
    ClosingObserver,
    Hold,
    Observer,
    Probe,
    PullPolicy,
    StateStore,
)
from deploykit.prune import Pruned, protect, prune
from deploykit.record import Kind, Options, Record, new_row
from deploykit.release import RELEASE_ID, ImageRef, Release, check_tag
from deploykit.result import Result, result_of
from deploykit.session import Parts, Session, open_session
from deploykit.stack import Stack, counts_as_running, fold, rollback_target
from deploykit.status import Marks, Status, look_at, marks_of
from deploykit.store import StateFolder
from deploykit.wanted import by_id_or_tag, check_barrier, check_files, row_to, say_if_it_failed, serves

if TYPE_CHECKING:
    from deploykit.differences import Difference
    from deploykit.images import ImageAtHand, Remote
    from deploykit.protocols import Finding, Offer

_ABORT_POLL = 0.1

Cancel = Flag | Interruption | None


@dataclass(frozen=True, kw_only=True)
class _Defaults:
    image: ImageRef
    tag: Callable[[], str] | None
    auto: bool
    pull: PullPolicy
    rehearse: bool


class App:
    """An app that is deployed: its image, the backend that runs it, the probes that judge it.

    Args:
        name: `[a-z0-9][a-z0-9_-]{0,62}`.
        image: the repository, without a tag.
        backend: the runtime.
        probes: all of them must pass; none means that staying alive is enough.
        health: attempts, interval and the rest, in seconds.
        state: what is remembered between runs; the folder `.deploykit` here, and `.previous_image_tag`, when not said.
        tag: what `deploy` takes without a tag of its own; called only then.
        auto: whether a failed deploy goes back by itself.
        pull: when the registry is asked: `always`, `missing` or `never`.
        rehearse: whether an instance must first prove itself beside what serves.
        keep: how many good releases `prune` leaves.
        observers: get every event of every verb.
        hooks: commands of the user's, run before it starts and when it is over.
        checks: further lines of the checklist.
        clock: time; the machine's own when not said.
        config: the tables of its config file with their defaults, as `deploykit config` shows them.
        target: which of the targets of its config file it is, None for a file without.

    Every verb that changes something takes the lock, and first finishes what a killed run left.
    """

    def __init__(
        self,
        name: str,
        image: str,
        backend: Backend,
        probes: Sequence[Probe] = (),
        health: HealthPolicy = HealthPolicy(),  # noqa: B008 - frozen
        *,
        state: StateStore | None = None,
        tag: Callable[[], str] | None = None,
        auto: bool = True,
        pull: PullPolicy | str = PullPolicy.always,
        rehearse: bool = False,
        keep: int = 10,
        observers: Sequence[Observer] = (),
        hooks: Hooks | None = None,
        checks: Sequence[Check] = (),
        clock: Clock | None = None,
        config: Mapping[str, object] | None = None,
        target: str | None = None,
    ) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,62}", name):
            msg = f"not an app name: {name!r}"
            raise ConfigError(msg, hint="1 to 63 of a-z 0-9 _ and -, the first a letter or a digit.")
        self.name = name
        self.config: dict[str, object] = dict(config or {})
        self.target = target
        self._keep = keep
        self._defaults = _Defaults(
            image=ImageRef.parse(image), tag=tag, auto=auto, pull=_policy(pull, PullPolicy.always), rehearse=rehearse
        )
        self._checks = tuple(checks)
        clock = clock or SystemClock()
        here = Path.cwd()  # a script may go elsewhere before it deploys
        state = state or StateFolder(here / ".deploykit", here / ".previous_image_tag", clock)
        for one, kind in [*((probe, Probe) for probe in probes), *((observer, Observer) for observer in observers)]:
            demand_all_of(one, kind)
        backend = held_to_its_word(backend)
        self._own = Parts(backend, tuple(probes), health, state, clock, tuple(observers), hooks or NoHooks())

    @property
    def _parts(self) -> Parts:
        """What it is made of; what a test has put in its place, while there is a fake."""
        stage = seam.current()
        return stage.parts(self.name, self._defaults.image, self._own, told=not self.config) if stage else self._own

    def close(self) -> None:
        """Wait for observers that have not told all that they have to tell; they limit that themselves."""
        for observer in self._own.observers:
            if isinstance(observer, ClosingObserver):
                with suppress(Exception):  # as with what it raises when it is told
                    observer.close()

    # Verbs that change something.

    def deploy(
        self,
        tag: str | None = None,
        *,
        image: str | None = None,
        message: str = "",
        rollback: bool = True,
        force: bool = False,
        irreversible: bool = False,
        rehearse: bool | None = None,
        pull: str | None = None,
        lock_wait: float = 0,
        cancel: Cancel = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Result:
        """Take an image live, or leave what serves serving. Blocks until it is over; a bad release does not raise.

        `message` says in the history what it is for. `rollback=False` leaves a failed release as it is. `force` deploys
        anew what serves already, and goes back across an `irreversible` one, which nothing else does. `rehearse` and
        `pull` (`always`, `missing`, `never`) override those of the app. `lock_wait` is in seconds. `cancel`, an event
        of another thread, stops it as SIGTERM would. `on_event` hears of all that happens, in this thread.

        With `health.bake`, what went live is then watched for that many seconds, the lock free. Turning unhealthy rolls
        back by a deployment of its own; the result says so, and the row in the history stays what it was.

        Raises:
            ConfigError, EngineUnreachable, Locked, Held: nothing began.
        """
        from deploykit.guard import guard_deployed  # now: once a release is live nothing may be missing

        refuse_while_held(self._parts.state.hold)
        asked = self._asked(tag, image)
        options = self._options(
            message=message, rollback=rollback, force=force, irreversible=irreversible, rehearse=rehearse, pull=pull
        )
        parts, interruption = self._with(on_event), _interruption(cancel)
        with open_session(parts, f"deploy {asked.name}", lock_wait, interruption) as session:
            refuse_while_held(parts.state.hold)  # it may have come while others had their turn
            finish = session.finish_unfinished()
            if finish and finish.last:
                return finish.result
            session.snapshot(asked)
            result = session.begin(new_row(Kind.deploy, asked, options), watched=bool(parts.health.bake))
        if not parts.health.bake or result.outcome is not Outcome.deployed:
            return result
        return guard_deployed(parts, session.identity, result, options, interruption)

    def rollback(
        self,
        to: str | None = None,
        *,
        files: Literal["release", "current"] = "release",
        message: str = "",
        rollback: bool = True,
        force: bool = False,
        lock_wait: float = 0,
        cancel: Cancel = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Result:
        """Go one good release back, or to the one named by tag, deployment or release.

        A deployment of its own: when it fails, what served is restored, unless `rollback=False`.
        `files="current"` runs the old image with today's files. The rest is as of `deploy`.

        Raises:
            NoSuchRelease: there is none to go to; nothing was touched.
            ConfigError, EngineUnreachable, Locked: nothing began.
        """
        options = Options(message=_writable(message), by=who(), auto=rollback, force=force, files=files)
        if to is not None:
            check_tag(to)
        doing = f"rollback {to or ''}".strip()
        with open_session(self._with(on_event), doing, lock_wait, _interruption(cancel)) as session:
            by_hand = session.tools.tag_file.written_by_hand() if to is None else None
            finish = session.finish_unfinished(rollback=to is None and by_hand is None)
            if finish and finish.last:
                return finish.result
            return session.begin(self._rollback_row(session, to, by_hand, options))

    def watch(
        self,
        seconds: float | None = None,
        *,
        cancel: Cancel = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Result:
        """Look on at what serves, for that many seconds, or until `cancel`; go back when it turns unhealthy.

        The same as `health.bake`, by hand: it goes back whatever `auto` says. The lock is free meanwhile, and it ends
        when another deployment begins. Unless it turned unhealthy the outcome is `unchanged`.

        Raises:
            NoSuchRelease: nothing runs.
            ConfigError, EngineUnreachable: nothing began.
        """
        from deploykit.guard import guard_serving

        return guard_serving(self._with(on_event), seconds, who(), _interruption(cancel))

    def recover(
        self,
        *,
        lock_wait: float = 0,
        cancel: Cancel = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Result | None:
        """Finish what a killed run left. None when there is nothing to finish.

        Raises:
            ConfigError, EngineUnreachable, Locked: nothing began.
        """
        with open_session(self._with(on_event), "recover", lock_wait, _interruption(cancel)) as session:
            finish = session.finish_unfinished()
            if finish is None:
                session.tidy_up()
            return finish.result if finish else None

    def abort(self, *, cancel: Cancel = None, on_event: Callable[[Event], None] | None = None) -> Result | None:
        """Stop the running deployment, and wait until what serves is safe. None when nothing ran.

        Of a deployment whose process has died it does what `recover` does. `cancel` ends the waiting, or stops that.
        """
        interruption = _interruption(cancel)
        if not self._parts.state.lock.request_abort():
            return self.recover(cancel=cancel, on_event=on_event)
        self._await_end_of_holder(interruption)
        last = self._last_result()
        if last is None or last.finished or interruption.requested:
            return last
        try:
            return self.recover(cancel=cancel, on_event=on_event)
        except EngineUnreachable:  # it ended for that reason too: then its own end is what is to be told
            return last

    # Verbs that keep house.

    def hold(self, why: str) -> Hold:
        """Let nothing be deployed until `unhold`; rollbacks go on. Takes the place of a hold that is there.

        Raises:
            ConfigError: the state folder cannot be used.
        """
        self._parts.state.prepare()
        hold = Hold(_writable(why), who(), self._parts.clock.time())
        self._parts.state.hold.put(hold)
        return hold

    def unhold(self) -> Hold | None:
        """Let deploys go on. Returns the hold that there was, None for none.

        Raises:
            ConfigError: it cannot be taken down.
        """
        return self._parts.state.hold.lift()

    def protect(self, release: str | None = None, *, on: bool = True, lock_wait: float = 0) -> Release:
        """Keep a release from `prune`, or, `on=False`, no longer: what serves, or the one named by id or tag.

        Raises:
            NoSuchRelease: there is none; nothing was changed.
            ConfigError, EngineUnreachable, Locked: nothing was changed.
        """
        with open_session(self._parts, "protect", lock_wait, Interruption()) as session:
            stack = session.stack()
            found = (
                session.running(stack) if release is None else by_id_or_tag(session.journal, stack, check_tag(release))
            )
            if found is None:
                what = f"there is no release {release!r}" if release else "nothing serves"
                raise NoSuchRelease(what, hint="`deploykit history` lists what there is.")
            protect(session, found, on=on)
            return found

    def prune(
        self, keep: int | None = None, *, lock_wait: float = 0, on_event: Callable[[Event], None] | None = None
    ) -> Pruned:
        """Let go of what the history says is old: images, ended instances and files of releases.

        The newest `keep` good releases stay (`[state] keep` when not said, 2 at least), and with them what serves, what
        is gone back to, what is protected, and every image that anything else on the machine uses.

        Raises:
            ConfigError: a deployment is not finished, or `keep` is not positive; nothing was removed.
            EngineUnreachable, Locked: nothing was removed.
        """
        keep = self._keep if keep is None else keep
        if keep < 1:
            raise ConfigError(f"not a number of releases to keep: {keep}", hint="1 or more; 2 stay in any case.")
        with open_session(self._with(on_event), "prune", lock_wait, Interruption()) as session:
            return prune(session, keep)

    # Verbs that look.

    def status(self) -> Status:
        """Look at what runs, what the journal says, and who holds the lock. Changes nothing.

        Raises:
            ConfigError: the journal cannot be read.
            EngineUnreachable: the runtime does not answer.
        """
        return look_at(self._parts, self.name)

    def plan(
        self,
        tag: str | None = None,
        *,
        image: str | None = None,
        rollback: bool = True,
        force: bool = False,
        irreversible: bool = False,
        rehearse: bool | None = None,
        pull: str | None = None,
    ) -> Plan:
        """Tell what `deploy` with these arguments would do. Changes nothing, takes no lock, and asks no registry.

        Raises:
            ConfigError, EngineUnreachable: `deploy` would not begin either.
        """
        options = self._options(rollback=rollback, force=force, irreversible=irreversible, rehearse=rehearse, pull=pull)
        row = new_row(Kind.deploy, self._asked(tag, image), options)
        return plan(self._parts, self.name, row, PullPolicy(options.pull))

    def images(self) -> "list[ImageAtHand]":
        """Return the versions that are at hand, newest first, with what the journal knows of each.

        Raises:
            EngineUnreachable: the runtime does not answer.
        """
        from deploykit.images import images_at_hand

        return images_at_hand(self._parts)

    def images_in_registry(self, limit: int = 20) -> "Remote":
        """Return what the registry has under `limit` tags at most, newest first, with what the journal knows of each.

        Tags that were deployed go first; a registry does not tell which others are new before each is looked at.

        Raises:
            RegistryFailed: the registry does not tell.
            ConfigError: the backend has no registry, or `limit` is not positive.
            EngineUnreachable: the runtime does not answer.
        """
        from deploykit.images import images_in_registry

        if limit < 1:
            raise ConfigError(f"not a number of tags to look at: {limit}", hint="1 or more.")
        return images_in_registry(self._parts, self._defaults.image.repository, limit)

    def offer(self, tag: str | None = None, *, image: str | None = None) -> "Offer":
        """Return what the registry has of a tag or an image: its content, and how much a pull of all of it takes.

        Raises:
            RegistryFailed: the registry does not tell.
            ConfigError: the backend has no registry, or tag or image is none.
            EngineUnreachable: the runtime does not answer.
        """
        from deploykit.images import stock_of

        return stock_of(self._parts).offer(self._asked(tag, image))

    def check(self, tag: str | None = None, *, image: str | None = None) -> "list[Finding]":
        """Go through the checklist before a deploy of that tag or image. Starts nothing, takes no lock.

        What cannot be looked at is a line that failed; nothing is raised for what is wrong with the world.

        Raises:
            ConfigError: tag or image is none.
        """
        from deploykit.check import check

        try:
            asked = self._asked(tag, image)
        except ConfigError:
            if tag is not None or image is not None:
                raise
            asked = None  # no tag is at hand now; `run` will be given one
        found = list(check(self._parts, self.name, asked, os.environ))
        return [*found, *(one(asked) for one in self._checks if not seam.current())]

    @property
    def by_hand(self) -> Hands:
        """Programs to get at what runs: `exec`, `shell`, `compose`, `logs`. They take no lock; the caller runs them."""
        return Hands(self._parts)

    def release(self, named: str) -> Release:
        """Return the release that is meant by an id or a tag. Asks no engine.

        Raises:
            NoSuchRelease: there is none.
        """
        check_tag(named)
        with self._parts.reading(None) as journal:
            found = by_id_or_tag(journal, fold(journal.ended()), named)
        if found is None:
            raise NoSuchRelease(f"there is no release {named!r}", hint="`deploykit history` lists what there is.")
        return found

    def diff(self, first: Release, second: Release) -> "list[Difference]":
        """Return what two releases differ in: image, and the files that they were kept with. Asks no engine.

        Raises:
            NoSuchRelease: the files of one of them are gone.
        """
        from deploykit.differences import differences

        try:
            kept = [self._parts.state.files.read(one.id) for one in (first, second)]
        except StepFailed as error:
            raise NoSuchRelease(str(error), hint="`prune` removes them; `deploykit protect` keeps them.") from error
        return differences(first, second, (kept[0], kept[1]))

    def failure_log(self, deployment: str) -> str:
        """Return the log that was kept of a deployment that failed, redacted; empty when nothing was written.

        Raises:
            NoSuchRelease: there is no such deployment, or nothing was kept of it.
        """
        log = self._parts.state.logs.read(deployment) if RELEASE_ID.fullmatch(deployment) else None
        if log is None:
            msg = f"no log was kept of {deployment}"
            raise NoSuchRelease(
                msg, hint="`deploykit history` lists the deployments; logs are kept of those that failed."
            )
        return log

    def history(self, limit: int | None = None) -> list[Record]:
        """Return the deployments, newest first, `limit` at most. Asks no engine.

        Raises:
            ConfigError: the journal cannot be read.
        """
        with self._parts.reading(None) as journal:
            return list(islice(journal.records(), limit))

    def result(self, deployment: str) -> Result | None:
        """Return what a deployment came to, as it was told at its end; None when there is none of that id.

        One that still runs has no report. Asks no engine: what no deployment has written down is not in it.
        """
        if not RELEASE_ID.fullmatch(deployment) or deployment.endswith("a"):
            return None
        with self._parts.reading(None) as journal:
            record = journal.get(int(deployment.removeprefix("r")))
            if record is None:
                return None
            until = [one for one in journal.records() if one.number <= record.number]
            stack = fold(one for one in reversed(until) if one.ended)
            previous = rollback_target(stack, counts_as_running(until, record.serving))
            result = result_of(record, journal.moves(record), now=self._parts.clock.time(), previous=previous)
        runs = not record.ended and self._parts.state.lock.holder() is not None
        return replace(result, report=None) if runs else result

    def marks(self) -> Marks:
        """Tell which releases of the history are what serves, what `rollback` brings back, and protected.

        By the journal alone: asks no engine.
        """
        with self._parts.reading(None) as journal:
            return marks_of(journal)

    def health(self) -> list["ProbeAnswer"]:
        """Look once with every probe at what runs; without probes, whether it is alive.

        Raises:
            EngineUnreachable: the runtime does not answer.
        """
        parts = self._parts
        identity = parts.backend.identity()
        answers = []
        for probe in parts.probes:
            check = replace(parts.check(identity.noun), probes=[probe])
            verdict = check.look_now(parts.health.budget)
            answers.append(ProbeAnswer(probe.name, verdict.healthy, verdict.reason, verdict.warnings))
        if not parts.probes:
            verdict = parts.check(identity.noun).look_now(1)
            answers.append(ProbeAnswer("alive", verdict.healthy, verdict.reason, ()))
        return answers

    # What they are made of.

    def _await_end_of_holder(self, interruption: Interruption) -> None:
        lock, clock = self._parts.state.lock, self._parts.clock
        asked = lock.holder()
        while (holder := lock.holder()) and asked and holder.since == asked.since and not interruption.requested:
            clock.sleep(_ABORT_POLL)

    def _last_result(self) -> Result | None:
        with self._parts.reading(None) as journal:
            record = journal.last()
            return result_of(record, journal.moves(record), now=self._parts.clock.time()) if record else None

    def _with(self, on_event: Callable[[Event], None] | None) -> Parts:
        if on_event is None:
            return self._parts
        demand_all_of(on_event, Observer)
        return replace(self._parts, observers=(*self._parts.observers, on_event))

    def _options(
        self,
        *,
        message: str = "",
        rollback: bool,
        force: bool,
        irreversible: bool,
        rehearse: bool | None,
        pull: str | None,
    ) -> Options:
        return Options(
            message=_writable(message),
            by=who(),
            auto=self._defaults.auto and rollback,
            force=force,
            irreversible=irreversible,
            rehearse=self._defaults.rehearse if rehearse is None else rehearse,
            pull=_policy(pull, self._defaults.pull).value,
        )

    def _asked(self, tag: str | None, image: str | None) -> ImageRef:
        base = self._defaults.image if image is None else ImageRef.parse(image)
        if tag is not None and base.digest:
            msg = f"{base.pinned} names its content already: the tag {tag!r} would stand for other content"
            raise ConfigError(msg, hint="Give a digest or --tag, not both.")
        if tag is not None:
            return ImageRef(base.repository, tag)
        if base.tag or base.digest:
            return base
        if self._defaults.tag is None:
            raise ConfigError("no tag to deploy", hint="Pass --tag TAG, or set [app] tag.")
        return ImageRef(base.repository, self._defaults.tag())

    def _rollback_row(self, session: Session, to: str | None, by_hand: str | None, options: Options) -> Record:
        stack = session.stack()
        running = session.running(stack)
        named = by_hand if to is None else to
        target: Release | ImageRef | None
        if named is None:
            target = rollback_target(stack, counts_as_running(session.journal.records(), running))
        else:
            target = self._find(session, stack, named, pullable=by_hand is not None)
        if target is None:
            name = running.image.name if running else "nothing"
            msg = f"there is no earlier good release of {self.name} to go back to ({name} serves)"
            raise NoSuchRelease(
                msg,
                hint="Nothing was touched. `deploykit history` lists what there is; `deploykit run --tag TAG` deploys.",
            )
        if by_hand and serves(target, running):
            msg = f"{self._parts.state.tag_text.name} names {by_hand}, which serves already"
            raise NoSuchRelease(msg, hint="Nothing was touched. Write another tag into it, or delete it.")
        check_files(session, target, options)
        check_barrier(session, target, options)
        return row_to(target, options)

    def _find(self, session: Session, stack: Stack, wanted: str, *, pullable: bool) -> Release | ImageRef:
        if release := by_id_or_tag(session.journal, stack, wanted):
            say_if_it_failed(session, stack, release)
            return release
        image = ImageRef(self._defaults.image.repository, wanted)
        found = self._parts.backend.find(image)
        if found or pullable:
            return found or image
        msg = f"no release {wanted!r} is known, and no image {image.name} is at hand"
        raise NoSuchRelease(
            msg,
            hint=f"Nothing was touched. `deploykit run --tag {wanted}` deploys it from the registry.",
        )


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """What one probe said of what runs."""

    probe: str
    healthy: bool
    reason: str
    warnings: Sequence[str] = field(default_factory=tuple)


def who() -> str:
    """Return who deploys: DEPLOYKIT_BY, GITHUB_ACTOR, SUDO_USER, or the user."""
    named = (os.environ.get(name) for name in ("DEPLOYKIT_BY", "GITHUB_ACTOR", "SUDO_USER"))
    return _writable(next((name for name in named if name), None) or whoami().partition("@")[0])


def _writable(text: str) -> str:
    """Return a text that can be written as UTF-8: arguments and the environment may hold bytes that are none."""
    return text.encode(errors="backslashreplace").decode()


def _policy(named: PullPolicy | str | None, default: PullPolicy) -> PullPolicy:
    try:
        return PullPolicy(named) if named else default
    except ValueError:
        raise ConfigError(f"not a pull policy: {named!r}", hint="It is always, missing or never.") from None


def _interruption(cancel: Cancel) -> Interruption:
    if isinstance(cancel, Interruption):
        return cancel
    return Interruption(event=cancel) if cancel else Interruption()
